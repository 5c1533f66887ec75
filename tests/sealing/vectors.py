"""The published test vectors of version 1: everything that is deterministic is made anew here.

`python -m tests.sealing.vectors` writes tests/data/record-v1.json again. Only the two ciphertexts cannot be made twice:
the HPKE library takes its own randomness. Signatures are ES256 with the nonce of RFC 6979.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from google.protobuf.json_format import MessageToJson

from agent.opening import pack_record
from agent.proto import border, stream
from agent.proto.v1 import record_pb2
from agent.queue.layout import place_holder
from agent.sealing import (
    Bundle,
    CheckpointClaims,
    ClockState,
    Core,
    EpochClaims,
    LostRangeClaims,
    PreviousEpoch,
    Receipt,
    RecipientKeys,
    RecipientPrivateKey,
    TombstoneClaims,
    Validity,
    epoch_start,
    key_id,
    point_of,
    seal_content,
    sign_bundle,
    sign_checkpoint,
    sign_epoch,
    sign_lost_range,
    sign_receipt,
    sign_record,
    sign_tombstone,
)
from agent.sealing.cose import sign1
from agent.sealing.encoding import encode
from agent.sealing.hpke import INFO_PREFIX
from agent.sealing.record import CONTENT_TYPE as RECORD_TYPE
from agent.transfer import Carried, CarriedTombstone, ExportIndex, Piece, pack_piece, sign_index
from tests.sealing.stranger import open_hpke

FILE = Path(__file__).resolve().parents[1] / "data" / "record-v1.json"
KIOSK, TIME_NS = "kiosk-1", 1_760_000_000_000_000_000
SIGNERS = {"record": 1, "new_record": 2, "receipt": 3, "campaign": 4}
PARTS = (("chip/dg1", "application/octet-stream", b"dg1"), ("portrait/still", "image/png", b"\x89PNG"))
ABOUT = "Wire format v1, docs/record.md. Bytes are hexadecimal, times nanoseconds since the Unix epoch."
OPERATOR = border.Operator("operator", "peer uid 1000", border.Verdict.NOT_ASSESSED, "not signed in")

Json = dict[str, Any]  # Any: JSON nests freely


@dataclass(frozen=True)
class FixedKey:
    """An ES256 key that signs the same bytes the same way every time (RFC 6979)."""

    key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, name: str) -> FixedKey:
        """Return the key whose private value is SHA-256 of its name."""
        value = int.from_bytes(hashlib.sha256(f"test vector key {name}".encode()).digest())
        return cls(ec.derive_private_key(value, ec.SECP256R1()))

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public key."""
        return self.key.public_key()

    @property
    def key_id(self) -> bytes:
        """Its id."""
        return key_id(self.public_key)

    def sign(self, data: bytes) -> bytes:
        """Return r || s."""
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32) + s.to_bytes(32)


KEYS = {name: FixedKey.of(name) for name in SIGNERS}


def recipients() -> dict[str, RecipientPrivateKey]:
    """Return the two sealing keys, read from key files as the collector reads them."""
    curve = x25519.X25519PrivateKey.from_private_bytes(hashlib.sha256(b"test vector x25519").digest())
    lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(hashlib.sha512(b"test vector ml-kem-768").digest())
    files = {"x25519": _pem(curve), "mlkem768-x25519": _pem(lattice) + _pem(curve)}
    with TemporaryDirectory() as folder:
        found = {}
        for name, data in files.items():
            path = Path(folder) / name
            path.touch(mode=0o600)
            path.write_bytes(data)
            found[name] = RecipientPrivateKey.load(path)
        return found


def manifest() -> border.Manifest:
    """Return a manifest with something in every field; no map has two entries, whose order protobuf leaves open."""
    salt = bytes(range(32))
    check = border.Check("sharpness", border.Verdict.FAILED, "too soft", 12.5, "lp/mm", 40, True, True)
    return border.Manifest(
        record_id=bytes(range(16)),
        salt=salt,
        parts=tuple(border.PartEntry(n, t, len(d), hashlib.sha256(salt + d).digest()) for n, t, d in PARTS),
        stages=(border.Stage("portrait", border.Verdict.FAILED, "too soft", (check,), {"model": "a"}, 900),),
        operator=OPERATOR,
        policy=border.Policy("policy-1", hashlib.sha256(b"{}").digest()),
        software=border.Software("1.0", {"face.onnx": "ab" * 32}),
        time=border.CaptureTime(TIME_NS, 5_000_000_000, -3_000_000, 60_000_000_000, bytes(range(16, 32))),
        notice=border.Notice("notice", "1", "vi", hashlib.sha256(b"notice").digest(), TIME_NS - 1, border.Answer(1)),
        purpose=border.Purpose("purpose", "basis", "class"),
        member=border.Member("001085000001", "Nguyễn Văn Đức", "1985-02-03", "Chi bộ 1"),
        kiosk=KIOSK,
        station="station",
        visit=border.Visit("visit-2", True, replace(OPERATOR, name="other")),
        discarded_visits=(border.DiscardedVisit("visit-1", TIME_NS - 2, ("chip",), OPERATOR),),
    )


def vectors(ciphertexts: dict[str, bytes] | None = None) -> Json:
    """Return the whole file; `ciphertexts` by suite are taken as they are, or sealed anew when None."""
    private, written = recipients(), manifest().to_bytes()
    content = border.SealedContent(written, tuple(data for _, _, data in PARTS)).to_bytes()
    start = epoch_start(KIOSK, 1, KEYS["record"].key_id)
    records, head = [], start
    for seq, (suite, key) in enumerate(private.items()):
        core = _core(key.key_id, hashlib.sha256(written).digest())
        ciphertext = ciphertexts[suite] if ciphertexts else seal_content(content, core, key.public)
        records.append(_record(suite, core, seq, head, ciphertext))
        head = bytes.fromhex(records[-1]["payload_sha256"])
    return {
        "about": ABOUT,
        "signing_keys": {name: _signing_key(key) for name, key in KEYS.items()},
        "sealing_keys": {suite: _sealing_key(key) for suite, key in private.items()},
        "manifest": written.hex(),
        "manifest_json": json.loads(MessageToJson(record_pb2.Manifest.FromString(written))),
        "parts": [data.hex() for _, _, data in PARTS],
        "content": content.hex(),
        "epoch_start": {"kiosk": KIOSK, "epoch": 1, "head": start.hex()},
        "records": records,
        "statements": _statements(start, head),
        "recipients_bundle": _signed(_bundle(private), "campaign"),
        "export": _export(records, head),
        "refused": _refused(records),
    }


def _core(recipient: bytes, manifest_sha256: bytes) -> Core:
    clock = ClockState(5_000_000_000, -3_000_000)
    return Core(True, KIOSK, bytes(range(16)), recipient, manifest_sha256, TIME_NS, clock)


def _record(suite: str, core: Core, seq: int, prev: bytes, ciphertext: bytes) -> Json:
    signed = sign_record(core, 1, seq, prev, ciphertext, KEYS["record"])
    sent = stream.SealedRecord(seq, signed.cose_sign1, ciphertext)
    info = INFO_PREFIX + hashlib.sha256(core.to_bytes()).digest()
    opening = open_hpke(_sealing_key(recipients()[suite]), ciphertext, info)
    return {
        "suite": suite,
        "seq": seq,
        "prev": prev.hex(),
        "core": core.to_bytes().hex(),
        "core_says": _plain(cbor2.loads(core.to_bytes())),
        "info": info.hex(),
        "shared_secret": opening.shared_secret.hex(),
        "key": opening.key.hex(),
        "base_nonce": opening.base_nonce.hex(),
        "ciphertext": ciphertext.hex(),
        "cose_sign1": signed.cose_sign1.hex(),
        "payload_says": _says(signed.cose_sign1),
        "payload_sha256": signed.payload_sha256.hex(),
        "append_request": stream.encode_request(sent).hex(),
        "file": b"".join(pack_record(sent)).hex(),
    }


def _statements(start: bytes, head: bytes) -> Json:
    record = KEYS["record"]
    lost = TombstoneClaims(KIOSK, 1, 2, head, place_holder(1, 2), False, "damaged on the disk", TIME_NS)
    before = PreviousEpoch(1, 3, lost.payload_sha256, 1)
    secret = hashlib.sha256(b"test vector token").digest()
    epoch = EpochClaims(KIOSK, 2, point_of(KEYS["new_record"].public_key), before, "rotated", None, (2,), TIME_NS)
    by_token = replace(epoch, reason="the key is lost", token_sha256=hashlib.sha256(secret).digest())
    proof, alone = sign_epoch(epoch, KEYS["new_record"], record), sign_epoch(by_token, KEYS["new_record"], None)
    receipt = Receipt("collector", KIOSK, 1, 1, head, (0,), TIME_NS)
    opened = stream.Open(KIOSK, 2, 0, epoch.head, stream.EpochStart(alone.by_new_key, b"", secret))
    return {
        "tombstone": _signed(sign_tombstone(lost, record), "record"),
        "checkpoint": _signed(sign_checkpoint(CheckpointClaims(KIOSK, 1, 2, head, TIME_NS), record), "record"),
        "lost_range": _signed(sign_lost_range(LostRangeClaims(KIOSK, 1, 0, 2, head, TIME_NS), record), "record"),
        "epoch_by_new_key": _signed(proof.by_new_key, "new_record"),
        "epoch_by_old_key": _signed(proof.by_old_key, "record"),
        "epoch_by_token": _signed(alone.by_new_key, "new_record")
        | {"open_request": stream.encode_request(opened).hex()},
        "receipt": _signed(sign_receipt(receipt, KEYS["receipt"]), "receipt"),
    }


def _export(records: list[Json], head: bytes) -> Json:
    """Return what is carried on a disk: both records, and the tombstone of a third one."""
    sent = [Carried(one["seq"], bytes.fromhex(one["cose_sign1"]), bytes.fromhex(one["ciphertext"])) for one in records]
    lost = TombstoneClaims(KIOSK, 1, 2, head, place_holder(1, 2), False, "damaged on the disk", TIME_NS)
    data = b"".join(pack_piece([*sent, CarriedTombstone(2, sign_tombstone(lost, KEYS["record"]))]))
    piece = Piece(f"records-{1:010d}-{0:014d}.kqx", len(data), hashlib.sha256(data).digest(), 0, 3)
    index = ExportIndex(KIOSK, 1, 0, 3, place_holder(1, 2), (2,), (piece,), TIME_NS)
    return _signed(sign_index(index, KEYS["record"]), "record") | {"piece": data.hex()}


def _refused(records: list[Json]) -> list[Json]:
    """Return what must not be stored after record 0, each with the answer that it gets (docs/collector.md)."""
    whole = cbor2.loads(cbor2.loads(bytes.fromhex(records[1]["cose_sign1"])).value[2])
    ordered = encode(whole)
    flipped = bytearray.fromhex(records[1]["cose_sign1"])
    flipped[-1] ^= 1
    cases = [
        ("the signature is wrong", bytes(flipped), "INVALID_RECORD"),
        ("signed by another key", _resigned(ordered, "new_record"), "INVALID_RECORD"),
        ("signed as another number", _resigned(encode(whole | {"seq": 2})), "INVALID_RECORD"),
        ("another ciphertext", _resigned(encode(whole | {"ciphertext": bytes(32)})), "INVALID_RECORD"),
        ("another length", _resigned(encode(whole | {"length": whole["length"] + 1})), "INVALID_RECORD"),
        ("a field too many", _resigned(encode(whole | {"more": 1})), "INVALID_RECORD"),
        ("keys out of order", _resigned(cbor2.dumps(dict(sorted(whole.items())))), "INVALID_RECORD"),
        (
            "a number not in its shortest form",
            _resigned(ordered.replace(b"cseq\x01", b"cseq\x18\x01")),
            "INVALID_RECORD",
        ),
        ("bytes behind the payload", _resigned(ordered + b"\0"), "INVALID_RECORD"),
        ("another content type", sign1(ordered, "application/cbor", KEYS["record"]), "INVALID_RECORD"),
        ("another record before it", _resigned(encode(whole | {"prev": bytes(32)})), "FORK"),
    ]
    return [{"what": what, "seq": 1, "cose_sign1": data.hex(), "answer": answer} for what, data, answer in cases]


def _resigned(payload: bytes, key: str = "record") -> bytes:
    return sign1(payload, RECORD_TYPE, KEYS[key])


def _signed(data: bytes, signer: str) -> Json:
    """Return a COSE_Sign1, who signed it, and what its payload says."""
    return {"cose_sign1": data.hex(), "signed_by": signer, "payload_says": _says(data)}


def _says(data: bytes) -> Json:
    found: Json = _plain(cbor2.loads(cbor2.loads(data).value[2]))
    return found


def _plain(value: Any) -> Any:
    """Return CBOR's value as JSON has it: bytes as hexadecimal."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def _bundle(private: dict[str, RecipientPrivateKey]) -> bytes:
    validity = Validity(TIME_NS, TIME_NS + 10**9)
    body = RecipientKeys(tuple((key.public, validity) for key in private.values())).to_body()
    return sign_bundle(Bundle("recipients", 1, TIME_NS, TIME_NS + 10**9, body), KEYS["campaign"])


def _signing_key(key: FixedKey) -> Json:
    private = key.key.private_numbers().private_value.to_bytes(32)
    return {"private": private.hex(), "point": point_of(key.public_key).hex(), "key_id": key.key_id.hex()}


def _sealing_key(key: RecipientPrivateKey) -> Json:
    seeds = {"x25519_private": hashlib.sha256(b"test vector x25519").hexdigest()}
    if key.public.suite.label != "x25519":
        seeds["mlkem768_seed"] = hashlib.sha512(b"test vector ml-kem-768").hexdigest()
    return seeds | {"suite": int(key.public.suite), "public": key.public.raw.hex(), "key_id": key.key_id.hex()}


def _pem(key: x25519.X25519PrivateKey | mlkem.MLKEM768PrivateKey) -> bytes:
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, layout, serialization.NoEncryption())


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="ascii")

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

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from agent.opening import pack_record
from agent.proto import border, stream
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
from agent.sealing.hpke import INFO_PREFIX

FILE = Path(__file__).resolve().parents[1] / "data" / "record-v1.json"
KIOSK, TIME_NS = "kiosk-1", 1_760_000_000_000_000_000
SIGNERS = {"record": 1, "new_record": 2, "receipt": 3, "campaign": 4}
PARTS = (("chip/dg1", "application/octet-stream", b"dg1"), ("portrait/still", "image/png", b"\x89PNG"))
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
        "about": "Wire format v1, docs/record.md. Bytes are hexadecimal, times nanoseconds since the Unix epoch.",
        "signing_keys": {name: _signing_key(key) for name, key in KEYS.items()},
        "sealing_keys": {suite: _sealing_key(key) for suite, key in private.items()},
        "manifest": written.hex(),
        "parts": [data.hex() for _, _, data in PARTS],
        "content": content.hex(),
        "epoch_start": {"kiosk": KIOSK, "epoch": 1, "head": start.hex()},
        "records": records,
        "statements": _statements(start, head),
        "recipients_bundle": _bundle(private).hex(),
    }


def _core(recipient: bytes, manifest_sha256: bytes) -> Core:
    clock = ClockState(5_000_000_000, -3_000_000)
    return Core(True, KIOSK, bytes(range(16)), recipient, manifest_sha256, TIME_NS, clock)


def _record(suite: str, core: Core, seq: int, prev: bytes, ciphertext: bytes) -> Json:
    signed = sign_record(core, 1, seq, prev, ciphertext, KEYS["record"])
    sent = stream.SealedRecord(seq, signed.cose_sign1, ciphertext)
    return {
        "suite": suite,
        "seq": seq,
        "prev": prev.hex(),
        "core": core.to_bytes().hex(),
        "info": (INFO_PREFIX + hashlib.sha256(core.to_bytes()).digest()).hex(),
        "ciphertext": ciphertext.hex(),
        "cose_sign1": signed.cose_sign1.hex(),
        "payload_sha256": signed.payload_sha256.hex(),
        "append_request": stream.encode_request(sent).hex(),
        "file": b"".join(pack_record(sent)).hex(),
    }


def _statements(start: bytes, head: bytes) -> Json:
    record = KEYS["record"]
    lost = TombstoneClaims(KIOSK, 1, 2, head, bytes(32), False, "damaged on the disk", TIME_NS)
    before = PreviousEpoch(1, 3, bytes(32), 1)
    epoch = EpochClaims(KIOSK, 2, point_of(KEYS["new_record"].public_key), before, "rotated", None, (2,), TIME_NS)
    proof = sign_epoch(epoch, KEYS["new_record"], record)
    receipt = Receipt("collector", KIOSK, 1, 1, head, (0,), TIME_NS)
    return {
        "tombstone": sign_tombstone(lost, record).hex(),
        "checkpoint": sign_checkpoint(CheckpointClaims(KIOSK, 1, 2, head, TIME_NS), record).hex(),
        "lost_range": sign_lost_range(LostRangeClaims(KIOSK, 1, 0, 2, head, TIME_NS), record).hex(),
        "epoch_by_new_key": proof.by_new_key.hex(),
        "epoch_by_old_key": proof.by_old_key.hex(),
        "epoch_head": epoch.head.hex(),
        "receipt": sign_receipt(receipt, KEYS["receipt"]).hex(),
    }


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

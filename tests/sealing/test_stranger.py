"""The published vectors and docs/record.md are enough: everything is checked with nothing of ours but their bytes."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidTag

from tests.sealing.stranger import fields, open_hpke, verify_sign1

FILE = Path(__file__).resolve().parents[1] / "data" / "record-v1.json"
TYPE = "application/vnd.kiosk.{}.v1+cbor"
KINDS = {
    "tombstone": "tombstone",
    "checkpoint": "checkpoint",
    "lost_range": "lost-range",
    "epoch_by_new_key": "epoch",
    "epoch_by_old_key": "epoch",
    "epoch_by_token": "epoch",
    "receipt": "receipt",
}

Json = dict[str, Any]  # Any: JSON nests freely


@pytest.fixture(scope="module")
def vectors() -> Json:
    """Return the file."""
    found: Json = json.loads(FILE.read_text(encoding="ascii"))
    return found


def raw(told: str) -> bytes:
    """Return the bytes of a hexadecimal string."""
    return bytes.fromhex(told)


def plain(value: Any) -> Any:
    """Return CBOR's value as the file has it."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def sha256(*parts: bytes) -> bytes:
    """Return SHA-256 of all parts together."""
    return hashlib.sha256(b"".join(parts)).digest()


def test_signing_key_ids_are_of_the_public_key_info(vectors: Json) -> None:
    """The 26 bytes before a P-256 point are always the same (RFC 5480)."""
    before = raw("3059301306072a8648ce3d020106082a8648ce3d030107034200")
    for key in vectors["signing_keys"].values():
        assert sha256(before, raw(key["point"]))[:16].hex() == key["key_id"]


def test_sealing_key_ids_are_of_kem_and_raw_key(vectors: Json) -> None:
    """As docs/record.md puts them together."""
    for key in vectors["sealing_keys"].values():
        told = cbor2.dumps(["kiosk-recipient-v1", key["suite"], raw(key["public"])])
        assert sha256(told)[:16].hex() == key["key_id"]


def test_signature_chain_and_core_of_every_record(vectors: Json) -> None:
    """From the epoch's start on, each payload names the hash of the one before."""
    start = vectors["epoch_start"]
    kid = raw(vectors["signing_keys"]["record"]["key_id"])
    head = sha256(cbor2.dumps(["kiosk-epoch-v1", start["kiosk"], start["epoch"], kid, None]))
    assert head.hex() == start["head"]
    for seq, record in enumerate(vectors["records"]):
        signed = verify_sign1(raw(record["cose_sign1"]), vectors["signing_keys"]["record"], TYPE.format("record"))
        payload, ciphertext = cbor2.loads(signed), raw(record["ciphertext"])
        assert plain(payload) == record["payload_says"]
        assert (payload["epoch"], payload["seq"], payload["prev"]) == (start["epoch"], seq, head)
        assert (payload["ciphertext"], payload["length"]) == (sha256(ciphertext), len(ciphertext))
        assert payload["core"].hex() == record["core"]
        assert plain(cbor2.loads(payload["core"])) == record["core_says"]
        head = sha256(signed)
        assert head.hex() == record["payload_sha256"]


def test_every_ciphertext_opens_by_the_rfc(vectors: Json) -> None:
    """Step by step, under both KEMs; and not under another core."""
    for record in vectors["records"]:
        key, core = vectors["sealing_keys"][record["suite"]], raw(record["core"])
        assert record["core_says"]["recipient"] == key["key_id"]
        info = b"kiosk-record-v1" + sha256(core)
        assert info.hex() == record["info"]
        opened = open_hpke(key, raw(record["ciphertext"]), info)
        steps = (opened.shared_secret.hex(), opened.key.hex(), opened.base_nonce.hex(), opened.content.hex())
        assert steps == (record["shared_secret"], record["key"], record["base_nonce"], vectors["content"])
        with pytest.raises(InvalidTag):
            open_hpke(key, raw(record["ciphertext"]), b"kiosk-record-v1" + sha256(core + b"\0"))


def test_manifest_and_part_hashes_of_the_opened_content(vectors: Json) -> None:
    """By record.proto: content {1 manifest, 2 parts}, manifest {1 id, 2 salt, 3 parts {3 size, 4 hash}}."""
    content = fields(raw(vectors["content"]))
    (manifest,), parts = content[1], content[2]
    assert isinstance(manifest, bytes)
    assert sha256(manifest).hex() == vectors["records"][0]["core_says"]["manifest"]
    told = fields(manifest)
    assert (told[1], told[12]) == ([raw(vectors["records"][0]["core_says"]["record_id"])], [b"kiosk-1"])
    (salt,) = told[2]
    assert isinstance(salt, bytes)
    assert len(told[3]) == len(parts) == 2
    for entry, part in zip(told[3], parts, strict=True):
        assert isinstance(entry, bytes)
        assert isinstance(part, bytes)
        named = fields(entry)
        assert (named[3], named[4]) == ([len(part)], [sha256(salt, part)])
    assert vectors["manifest_json"]["member"]["fullName"] == "Nguyễn Văn Đức"


def test_the_same_record_on_the_stream_and_in_a_file(vectors: Json) -> None:
    """AppendRequest.record is field 2; a file has a header of 32 bytes."""
    for record in vectors["records"]:
        (sent,) = fields(raw(record["append_request"]))[2]
        assert isinstance(sent, bytes)
        inside = fields(sent)
        assert inside.get(1, [0]) == [record["seq"]]
        assert (inside[2], inside[3]) == ([raw(record["cose_sign1"])], [raw(record["ciphertext"])])
        file = raw(record["file"])
        magic, seq, cose_length, length = struct.unpack_from("<8sQQQ", file)
        assert (magic, seq) == (b"KRECORD1", record["seq"])
        assert file[32 : 32 + cose_length].hex() == record["cose_sign1"]
        assert (file[32 + cose_length :].hex(), len(file)) == (record["ciphertext"], 32 + cose_length + length)


@pytest.mark.parametrize("name", KINDS)
def test_every_statement_says_what_is_published(vectors: Json, name: str) -> None:
    """Under its signer's key and its own content type only."""
    told = vectors["statements"][name]
    key = vectors["signing_keys"][told["signed_by"]]
    payload = verify_sign1(raw(told["cose_sign1"]), key, TYPE.format(KINDS[name]))
    assert plain(cbor2.loads(payload)) == told["payload_says"]
    with pytest.raises(ValueError, match="protected header"):
        verify_sign1(raw(told["cose_sign1"]), key, TYPE.format("record"))


def test_the_place_holder_of_a_lost_record(vectors: Json) -> None:
    """Where its hash is not known the chain goes on from this."""
    says = vectors["statements"]["tombstone"]["payload_says"]
    assert says["known"] is False
    told = b"kiosk-lost-v1" + struct.pack("<QQ", says["epoch"], says["seq"])
    assert says["payload"] == sha256(told).hex()
    assert says["prev"] == vectors["records"][-1]["payload_sha256"]


def test_a_new_epoch_starts_from_the_old_head(vectors: Json) -> None:
    """Both keys signed one payload; the token's hash is in the other one; Open {4 head, 5 start {1, 2, 3}}."""
    statements = vectors["statements"]
    says = statements["epoch_by_new_key"]["payload_says"]
    assert says == statements["epoch_by_old_key"]["payload_says"]
    kid = raw(vectors["signing_keys"]["new_record"]["key_id"])
    before = [says["previous"]["epoch"], says["previous"]["next_seq"], raw(says["previous"]["head"])]
    start = sha256(cbor2.dumps(["kiosk-epoch-v1", says["kiosk"], says["epoch"], kid, before]))
    by_token = statements["epoch_by_token"]
    (greeting,) = fields(raw(by_token["open_request"]))[1]
    assert isinstance(greeting, bytes)
    (head,), (sent,) = fields(greeting)[4], fields(greeting)[5]
    assert isinstance(sent, bytes)
    assert head == start
    proof = fields(sent)
    assert proof[1] == [raw(by_token["cose_sign1"])]
    (token,) = proof[3]
    assert isinstance(token, bytes)
    assert sha256(token).hex() == by_token["payload_says"]["token"]


def test_the_recipients_bundle_lists_the_sealing_keys(vectors: Json) -> None:
    """Signed by the campaign key; its body is CBOR of its own."""
    told = vectors["recipients_bundle"]
    key = vectors["signing_keys"][told["signed_by"]]
    bundle = cbor2.loads(verify_sign1(raw(told["cose_sign1"]), key, TYPE.format("bundle")))
    assert (bundle["kind"], bundle["version"]) == ("recipients", 1)
    listed = [(one["suite"], one["key"].hex()) for one in cbor2.loads(bundle["body"])]
    assert listed == [(one["suite"], one["public"]) for one in vectors["sealing_keys"].values()]


def test_an_export_carries_records_and_the_tombstone(vectors: Json) -> None:
    """The index names the file's hash and the lost number; entries follow one another (docs/queue.md)."""
    told = vectors["export"]
    signed = verify_sign1(raw(told["cose_sign1"]), vectors["signing_keys"]["record"], TYPE.format("export"))
    index, data = cbor2.loads(signed), raw(told["piece"])
    (piece,) = index["pieces"]
    assert (piece["size"], piece["sha256"], index["lost"]) == (len(data), sha256(data), [2])
    at, found = 8, []
    assert data[:at] == b"KQXFER01"
    while at < len(data):
        kind, zero, cose_length, seq, length = struct.unpack_from("<HHIQQ", data, at)
        assert zero == 0
        at += 24
        found.append((kind, seq, data[at : at + cose_length].hex()))
        at += cose_length + length
    records = [(1, record["seq"], record["cose_sign1"]) for record in vectors["records"]]
    kind, seq, tombstone = found.pop()
    assert (found, kind, seq) == (records, 2, 2)
    verify_sign1(raw(tombstone), vectors["signing_keys"]["record"], TYPE.format("tombstone"))

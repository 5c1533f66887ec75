"""The published vectors: made anew byte for byte, opened, and verified by an independent library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cwt import COSE, COSEKey

from agent.proto.border import Manifest
from agent.sealing import Core, open_content, public_key_from_point, verify_record
from agent.sealing.cose import ES256
from tests.sealing.vectors import FILE, manifest, recipients, vectors

Json = dict[str, Any]


@pytest.fixture(scope="module")
def published() -> Json:
    """Return the file."""
    found: Json = json.loads(FILE.read_text(encoding="ascii"))
    return found


def test_everything_deterministic_is_made_anew_byte_for_byte(published: Json) -> None:
    """Whoever changes version 1 by accident learns it here. The ciphertexts alone are taken from the file."""
    ciphertexts = {record["suite"]: bytes.fromhex(record["ciphertext"]) for record in published["records"]}
    assert vectors(ciphertexts) == published


def test_the_published_ciphertexts_open_to_the_published_content(published: Json) -> None:
    """Under both suites, with the published keys."""
    private = recipients()
    for record in published["records"]:
        core = Core.from_bytes(bytes.fromhex(record["core"]))
        opened = open_content(bytes.fromhex(record["ciphertext"]), core, private[record["suite"]])
        assert opened.hex() == published["content"]
        public = public_key_from_point(bytes.fromhex(published["signing_keys"]["record"]["point"]))
        claims = verify_record(bytes.fromhex(record["cose_sign1"]), bytes.fromhex(record["ciphertext"]), public)
        assert claims.payload_sha256.hex() == record["payload_sha256"]


def test_the_published_manifest_has_something_in_every_field(published: Json) -> None:
    """And comes back as it was."""
    assert Manifest.from_bytes(bytes.fromhex(published["manifest"])) == manifest()


def _signed(published: Json) -> Iterator[tuple[str, str]]:
    yield from ((record["cose_sign1"], "record") for record in published["records"])
    others = (*published["statements"].values(), published["recipients_bundle"], published["export"])
    yield from ((one["cose_sign1"], one["signed_by"]) for one in others)


def test_an_independent_library_verifies_every_published_signature(published: Json) -> None:
    """`cwt`, from point and key id; and refuses each under another key."""
    for data, signer in _signed(published):
        key = published["signing_keys"][signer]
        point, kid = bytes.fromhex(key["point"]), bytes.fromhex(key["key_id"])
        members = {1: 2, 2: kid, 3: ES256, -1: 1, -2: point[1:33], -3: point[33:]}
        assert COSE.new().decode(bytes.fromhex(data), COSEKey.new(members))
        changed = bytearray.fromhex(data)
        changed[-1] ^= 1
        with pytest.raises(Exception, match=r"(?i)verify"):
            COSE.new().decode(bytes(changed), COSEKey.new(members))

"""Signatures on the curves that OpenSSL's binding lacks, made by an implementation of its own (see the file)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import keys as asn1_keys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.chip import RecordBinding, ecdsa
from agent.capture.chip.active_authentication import Transcript, answer_bytes, parse_dg15
from agent.capture.chip.active_authentication import verify as verify_answer
from agent.capture.chip.curves import BY_TITLE, Point
from agent.capture.chip.passive_authentication import issued
from agent.capture.chip.signatures import HASHES
from agent.capture.chip.tlv import encode
from agent.capture.chip.trust import key_of, load_certificate
from agent.capture.evidence import Verdict

FILE = Path(__file__).resolve().parents[2] / "data" / "ecdsa" / "brainpool_without_binding.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
MESSAGE = bytes.fromhex(VECTORS["message"])
CASES = [(title, name) for title in VECTORS["signatures"] for name in ("sha1", "sha256", "sha512")]


def key_and_signature(title: str, name: str) -> tuple[Point, bytes]:
    """Return what the file has."""
    case = VECTORS["signatures"][title]
    key = key_of(asn1_keys.PublicKeyInfo.load(bytes.fromhex(case["public_key"])))
    assert isinstance(key, Point)
    return key, bytes.fromhex(case[name])


@pytest.mark.parametrize(("title", "name"), CASES)
class TestPublished:
    """Every curve, hashes shorter and longer than its order."""

    def test_the_signature_holds(self, title: str, name: str) -> None:
        """In DER, and as r || s."""
        key, signature = key_and_signature(title, name)
        ecdsa.verify(key, signature, MESSAGE, HASHES[name])
        size = ecdsa.coordinate_bytes(key)
        plain = b"".join(number.to_bytes(size) for number in decode_dss_signature(signature))
        ecdsa.verify(key, ecdsa.from_plain(key, plain), MESSAGE, HASHES[name])

    def test_nothing_else_does(self, title: str, name: str) -> None:
        """Another message, another key, another hash, numbers out of range."""
        key, signature = key_and_signature(title, name)
        r, s = decode_dss_signature(signature)
        order = key.curve.n
        forged = [(0, s), (r, 0), (r + order, s), (r, s + order), (order, s), (r, order), (s, r), (1, 1)]
        for pair in forged:
            with pytest.raises(InvalidSignature):
                ecdsa.verify(key, encode_dss_signature(*pair), MESSAGE, HASHES[name])
        for other, message in ((key, b"abd"), (key.curve.generator, MESSAGE)):
            with pytest.raises(InvalidSignature):
                ecdsa.verify(other, signature, message, HASHES[name])

    def test_bytes_that_are_no_signature_are_refused(self, title: str, name: str) -> None:
        """Cut anywhere."""
        key, signature = key_and_signature(title, name)
        for end in range(len(signature)):
            with pytest.raises((ValueError, InvalidSignature)):
                ecdsa.verify(key, signature[:end], MESSAGE, HASHES[name])
        with pytest.raises(InvalidSignature):
            ecdsa.from_plain(key, signature)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 2**255))
def test_our_check_agrees_with_openssls(message: bytes, secret: int) -> None:
    """On a curve that both have."""
    private = ec.derive_private_key(secret, ec.BrainpoolP256R1())
    numbers = private.public_key().public_numbers()
    point = Point(BY_TITLE["brainpoolP256r1"], numbers.x, numbers.y)
    signature = private.sign(message, ec.ECDSA(hashes.SHA256()))
    ecdsa.verify(point, signature, message, hashes.SHA256())
    with pytest.raises(InvalidSignature):
        ecdsa.verify(point, signature, message + b"x", hashes.SHA256())


def test_a_chain_of_such_certificates_is_checked() -> None:
    """A signer on 224 bits under a CSCA on 320; a changed one fails."""
    csca = load_certificate(bytes.fromhex(VECTORS["csca_brainpoolP320r1"]))
    signer = bytes.fromhex(VECTORS["signer_brainpoolP224r1"])
    assert issued(csca, csca)
    assert issued(load_certificate(signer), csca)
    assert not issued(csca, load_certificate(signer))
    assert not issued(load_certificate(signer.replace(b"DS 224", b"DS 225")), csca)


def test_a_chip_with_such_a_key_is_judged() -> None:
    """Its answer can be asked for, and a wrong one is a copy's."""
    case = VECTORS["signatures"]["brainpoolP320r1"]
    dg15 = encode(0x6F, bytes.fromhex(case["public_key"]))
    assert answer_bytes(parse_dg15(dg15)) == 2 * 40 + 12
    transcript = Transcript(RecordBinding(), bytes(32), bytes.fromhex(case["sha256"]))
    check = verify_answer(transcript, dg15, None)
    assert (check.verdict, check.reason) == (
        Verdict.FAILED,
        "the chip does not know the private key of DG15: a copy",
    )

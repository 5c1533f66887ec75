from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from agent.capture.chip import ChipDataError, TrustAnchors
from agent.capture.chip.curves import BRAINPOOL_P256R1
from agent.capture.chip.tlv import encode
from agent.capture.chip.trust import load_certificate, public_key

PRIME_FIELD = "1.2.840.10045.1.1"


def certify(key: Any, hash_algorithm: Any = hashes.SHA256()) -> bytes:  # noqa: B008 # immutable
    """Make a self-signed certificate in DER."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "VN")])
    dates = datetime(2021, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, *dates)
    return builder.sign(key, hash_algorithm).public_bytes(serialization.Encoding.DER)


def with_explicit_parameters(der: bytes, prime: int, base: bytes = BRAINPOOL_P256R1.generator.encode()) -> bytes:
    """Replace the named curve by brainpoolP256r1's numbers over `prime`, with the generator `base`; unsigned."""
    curve = BRAINPOOL_P256R1
    field = encode(0x30, core.ObjectIdentifier(PRIME_FIELD).dump() + core.Integer(prime).dump())
    coefficients = encode(0x30, encode(0x04, curve.a.to_bytes(32)) + encode(0x04, curve.b.to_bytes(32)))
    generator = encode(0x04, base)
    order = core.Integer(curve.n).dump() + core.Integer(1).dump()
    parameters = encode(0x30, core.Integer(1).dump() + field + coefficients + generator + order)
    certificate = asn1_x509.Certificate.load(der)
    body = certificate["tbs_certificate"]
    algorithm = core.ObjectIdentifier("1.2.840.10045.2.1").dump() + parameters
    body["subject_public_key_info"] = asn1_x509.PublicKeyInfo.load(
        encode(0x30, encode(0x30, algorithm) + body["subject_public_key_info"]["public_key"].dump())
    )
    return bytes(certificate.dump(force=True))


@pytest.mark.parametrize(
    "curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.BrainpoolP256R1, ec.BrainpoolP384R1, ec.BrainpoolP512R1]
)
def test_keys_on_every_named_curve(curve: Any) -> None:
    """The certificate's key comes out as it went in."""
    key = ec.generate_private_key(curve())
    assert public_key(load_certificate(certify(key))) == key.public_key()


def test_rsa_keys() -> None:
    """The other kind of CSCA."""
    key = rsa.generate_private_key(65537, 2048)
    assert public_key(load_certificate(certify(key))) == key.public_key()


def test_explicit_parameters_are_matched_to_a_named_curve() -> None:
    """As in the known Vietnamese CSCA; the generator may be compressed."""
    key = ec.generate_private_key(ec.BrainpoolP256R1())
    whole = BRAINPOOL_P256R1.generator.encode()
    for base in (whole, bytes([2 + whole[-1] % 2]) + whole[1:33]):
        explicit = load_certificate(with_explicit_parameters(certify(key), BRAINPOOL_P256R1.p, base))
        assert public_key(explicit) == key.public_key()


def test_issuers_are_found_by_name() -> None:
    """All anchors of the name, none of another."""
    key = ec.generate_private_key(ec.SECP256R1())
    anchors = TrustAnchors.from_der([certify(key), certify(key)])
    assert len(anchors.issuers_of(load_certificate(certify(key)))) == 2
    assert TrustAnchors(()).issuers_of(load_certificate(certify(key))) == []


def test_a_name_in_another_string_type_is_the_same_name() -> None:
    """RFC 5280, 7.1: PrintableString and UTF8String of the same text are equal."""
    der = certify(ec.generate_private_key(ec.SECP256R1()))
    assert der.count(b"\x13\x02VN") == 2
    other = load_certificate(der.replace(b"\x13\x02VN", b"\x0c\x02VN"))
    assert len(TrustAnchors.from_der([der]).issuers_of(other)) == 1


class TestUnusableCertificates:
    """What must not become an anchor or a signer."""

    def test_a_false_generator_is_refused(self) -> None:
        """With a generator of one's own choice any private key fits a public one."""
        der = with_explicit_parameters(
            certify(ec.generate_private_key(ec.BrainpoolP256R1())), BRAINPOOL_P256R1.p, b"\x04" + bytes(64)
        )
        with pytest.raises(ChipDataError):
            public_key(load_certificate(der))

    def test_an_unknown_prime_is_refused(self) -> None:
        """Some other field with explicit parameters."""
        der = with_explicit_parameters(certify(ec.generate_private_key(ec.BrainpoolP256R1())), 2**255 - 19)
        with pytest.raises(ChipDataError):
            public_key(load_certificate(der))

    def test_a_named_curve_that_is_not_of_the_standard_is_refused(self) -> None:
        """Bitcoin's, say."""
        with pytest.raises(ChipDataError):
            public_key(load_certificate(certify(ec.generate_private_key(ec.SECP256K1()))))

    def test_other_kinds_of_key_are_refused(self) -> None:
        """Ed25519 signs no travel documents."""
        with pytest.raises(ChipDataError):
            public_key(load_certificate(certify(ed25519.Ed25519PrivateKey.generate(), None)))

    def test_a_point_off_the_curve_is_refused(self) -> None:
        """The certificate parses, its key does not."""
        key = ec.generate_private_key(ec.SECP256R1())
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        der = certify(key).replace(key.public_key().public_bytes(*form), b"\x04" + b"\x11" * 64)
        with pytest.raises(ChipDataError):
            public_key(load_certificate(der))

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """And trailing bytes."""
        der = certify(ec.generate_private_key(ec.SECP256R1()))
        for cut in range(len(der)):
            with pytest.raises(ChipDataError):
                load_certificate(der[:cut])
        with pytest.raises(ChipDataError):
            load_certificate(der + b"\x00")

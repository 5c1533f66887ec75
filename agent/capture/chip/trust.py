"""CSCA trust anchors and the public keys of certificates, explicit curve parameters included."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.capture.chip import curves
from agent.capture.chip.ecdsa import EllipticKey
from agent.capture.chip.errors import ChipDataError

# A Point is the key on a curve that OpenSSL lacks.
PublicKey = EllipticKey | rsa.RSAPublicKey

# RFC 5480, 2.1.1.1; RFC 5639, 4.1
_BY_OID = {
    "1.2.840.10045.3.1.1": "secp192r1",
    "1.3.132.0.33": "secp224r1",
    "1.2.840.10045.3.1.7": "secp256r1",
    "1.3.132.0.34": "secp384r1",
    "1.3.132.0.35": "secp521r1",
    "1.3.36.3.3.2.8.1.1.3": "brainpoolP192r1",
    "1.3.36.3.3.2.8.1.1.5": "brainpoolP224r1",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
    "1.3.36.3.3.2.8.1.1.9": "brainpoolP320r1",
    "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
    "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
}
_BY_PRIME = {curve.p: curve for curve in curves.BY_TITLE.values()}


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL whose signature was checked: the issuer's name, and the serial numbers that it revokes."""

    issuer: x509.Name = field(repr=False)
    serials: frozenset[int] = field(repr=False)
    this_update: datetime

    def lists(self, certificate: x509.Certificate) -> bool:
        """Say whether a certificate is revoked by this list."""
        return bool(self.issuer == certificate.issuer) and certificate.serial_number in self.serials


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The CSCA certificates that document signers are checked against, and what their issuers revoked."""

    certificates: tuple[x509.Certificate, ...] = field(repr=False)
    revoked: tuple[RevocationList, ...] = field(repr=False, default=())

    @classmethod
    def from_der(cls, certificates: list[bytes]) -> TrustAnchors:
        """Parse DER certificates; raise ChipDataError."""
        return cls(tuple(load_certificate(data) for data in certificates))

    def issuers_of(self, certificate: x509.Certificate) -> list[x509.Certificate]:
        """Return the anchors that carry the issuer's name of `certificate`; several after a re-key.

        Names are compared as RFC 5280, 7.1 does: a signer may write in UTF8String what its CSCA has in PrintableString.
        """
        issuer, written = certificate.issuer, certificate.issuer.dump()
        # Most are written alike, and preparing names for comparison takes as long as a signature.
        return [one for one in self.certificates if one.subject.dump() == written or one.subject == issuer]


def load_certificate(data: bytes) -> x509.Certificate:
    """Parse one DER certificate in full; raise ChipDataError."""
    try:
        certificate = x509.Certificate.load(data, strict=True)
        # asn1crypto parses lazily: touch what we use, so that faults show here.
        certificate.native  # noqa: B018
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ChipDataError("not a certificate") from error
    return certificate


def public_key(certificate: x509.Certificate) -> PublicKey:
    """Return a certificate's key; explicit curve parameters are matched to a named curve. Raises ChipDataError."""
    try:
        return key_of(certificate.public_key)
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        raise ChipDataError("public key of a certificate") from error


def key_of(info: Any) -> PublicKey:
    """Return the key of asn1crypto's SubjectPublicKeyInfo; raise ChipDataError, or what makes no sense to libraries."""
    if info.algorithm == "ec":
        curve = curves.BY_TITLE[curve_of(info)]
        if curve.name is None:
            return curve.decode(info["public_key"].native)
        return ec.EllipticCurvePublicKey.from_encoded_point(curve.name, info["public_key"].native)
    key = load_der_public_key(info.dump())
    if not isinstance(key, rsa.RSAPublicKey):
        raise ChipDataError(f"key type {info.algorithm}")
    return key


def curve_of(info: Any) -> str:
    """Return the curve's name by its identifier or its explicit parameters; raise ChipDataError."""
    parameters = info["algorithm"]["parameters"]
    if parameters.name == "named" and parameters.chosen.dotted in _BY_OID:
        return _BY_OID[parameters.chosen.dotted]
    if parameters.name == "specified":
        # Every number must be the named curve's: with a forged generator anybody could sign (CVE-2020-0601).
        chosen = parameters.chosen
        curve = _BY_PRIME.get(chosen["field_id"]["parameters"].native)
        if curve is not None and _same(chosen, curve):
            return curve.title
    raise ChipDataError("unknown curve")


def _same(explicit: Any, curve: curves.Curve) -> bool:
    coefficients = [int.from_bytes(explicit["curve"][name].native) for name in ("a", "b")]
    base = explicit["base"].native
    return (
        coefficients == [curve.a, curve.b]
        and base in (curve.generator.encode(), _compressed(curve))
        and explicit["order"].native == curve.n
    )


def _compressed(curve: curves.Curve) -> bytes:
    x, y = curve.base
    return bytes([2 + y % 2]) + x.to_bytes(curve.coordinate_bytes)

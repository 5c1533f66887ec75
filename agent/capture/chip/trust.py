"""CSCA trust anchors and the public keys of certificates, explicit curve parameters included."""

from __future__ import annotations

from dataclasses import dataclass, field

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.capture.chip.errors import ChipDataError

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_CURVES: tuple[ec.EllipticCurve, ...] = (
    ec.SECP256R1(),
    ec.SECP384R1(),
    ec.SECP521R1(),
    ec.BrainpoolP256R1(),
    ec.BrainpoolP384R1(),
    ec.BrainpoolP512R1(),
)
# The primes tell the curves apart: NIST FIPS 186-4 D.1.2, RFC 5639 3.
_PRIMES = {
    2**256 - 2**224 + 2**192 + 2**96 - 1: _CURVES[0],
    2**384 - 2**128 - 2**96 + 2**32 - 1: _CURVES[1],
    2**521 - 1: _CURVES[2],
    0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377: _CURVES[3],
    0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53: _CURVES[4],
    0xAADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA703308717D4D9B009BC66842AECDA12AE6A380E62881FF2F2D82C68528AA6056583A48F3: _CURVES[  # noqa: E501 # one number
        5
    ],
}

# RFC 5480, 2.1.1.1; RFC 5639, 4.1
_BY_OID = {
    "1.2.840.10045.3.1.7": _CURVES[0],
    "1.3.132.0.34": _CURVES[1],
    "1.3.132.0.35": _CURVES[2],
    "1.3.36.3.3.2.8.1.1.7": _CURVES[3],
    "1.3.36.3.3.2.8.1.1.11": _CURVES[4],
    "1.3.36.3.3.2.8.1.1.13": _CURVES[5],
}


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The CSCA certificates that document signers are checked against."""

    certificates: tuple[x509.Certificate, ...] = field(repr=False)

    @classmethod
    def from_der(cls, certificates: list[bytes]) -> TrustAnchors:
        """Parse DER certificates; raise ChipDataError."""
        return cls(tuple(load_certificate(data) for data in certificates))

    def issuers_of(self, certificate: x509.Certificate) -> list[x509.Certificate]:
        """Return the anchors that carry the issuer's name of `certificate`; several after a re-key."""
        wanted = certificate.issuer.dump()
        return [anchor for anchor in self.certificates if anchor.subject.dump() == wanted]


def load_certificate(data: bytes) -> x509.Certificate:
    """Parse one DER certificate in full; raise ChipDataError."""
    try:
        certificate = x509.Certificate.load(data, strict=True)
        # asn1crypto parses lazily: touch what we use, so that faults show here.
        certificate.native  # noqa: B018
    except (ValueError, TypeError) as error:
        raise ChipDataError("not a certificate") from error
    return certificate


def public_key(certificate: x509.Certificate) -> PublicKey:
    """Return a certificate's key; explicit curve parameters are matched to a named curve. Raises ChipDataError."""
    info = certificate.public_key
    try:
        if info.algorithm == "ec":
            return ec.EllipticCurvePublicKey.from_encoded_point(_curve(info), info["public_key"].native)
        key = load_der_public_key(info.dump())
    except (ValueError, TypeError, KeyError) as error:
        raise ChipDataError("public key of a certificate") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise ChipDataError(f"key type {info.algorithm}")
    return key


def _curve(info: x509.PublicKeyInfo) -> ec.EllipticCurve:
    parameters = info["algorithm"]["parameters"]
    if parameters.name == "named":
        return _BY_OID[parameters.chosen.dotted]
    if parameters.name == "specified":
        prime = parameters.chosen["field_id"]["parameters"].native
        if isinstance(prime, int) and prime in _PRIMES:
            return _PRIMES[prime]
    raise ChipDataError("unknown curve")

"""The proof by a certificate's key that its kiosk asks for the next certificate."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.core import HASH_BYTES
from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import decode_map, encode, take, take_bytes
from agent.sealing.keys import SigningKey

CONTENT_TYPE = "application/vnd.kiosk.renewal.v1+cbor"
_KEYS = frozenset({"kiosk", "serial", "csr"})
_WHAT = "renewal"


@dataclass(frozen=True, slots=True)
class RenewalClaims:
    """Who asks: the kiosk, its present certificate's serial number (hex), and SHA-256 of the CSR for the next one."""

    kiosk: str
    serial: str
    csr_sha256: bytes


def sign_renewal(claims: RenewalClaims, key: SigningKey) -> bytes:
    """Return the proof as COSE_Sign1."""
    values = {"kiosk": claims.kiosk, "serial": claims.serial, "csr": claims.csr_sha256}
    return sign1(encode(values), CONTENT_TYPE, key)


def verify_renewal(data: bytes, public: ec.EllipticCurvePublicKey) -> RenewalClaims:
    """Return the claims if the certificate's key signed them; raise Malformed or SignatureInvalid."""
    values = decode_map(parse_sign1(data, CONTENT_TYPE).verify(public), _KEYS, _WHAT)
    return RenewalClaims(
        kiosk=take(values, "kiosk", str, _WHAT),
        serial=take(values, "serial", str, _WHAT),
        csr_sha256=take_bytes(values, "csr", HASH_BYTES, _WHAT),
    )

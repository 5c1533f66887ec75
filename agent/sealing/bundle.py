"""Bundles: what the offline campaign key signs and kiosks carry. A bundle has a kind, a version and an expiry."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import decode_map, encode, take, take_count
from agent.sealing.errors import WrongBundle
from agent.sealing.keys import SigningKey

CONTENT_TYPE = "application/vnd.kiosk.bundle.v1+cbor"
_KEYS = frozenset({"kind", "version", "issued_at", "expires_at", "body"})
_WHAT = "bundle"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose signature was right, or one about to be signed. Times are nanoseconds since the Unix epoch."""

    kind: str
    version: int
    issued_at_ns: int
    expires_at_ns: int
    body: bytes = field(repr=False)

    def expired(self, now_ns: int) -> bool:
        """Say whether the expiry has passed. It is for people to act on: capture never depends on a right clock."""
        return now_ns >= self.expires_at_ns


def sign_bundle(bundle: Bundle, campaign_key: SigningKey) -> bytes:
    """Return the bundle as COSE_Sign1."""
    payload = encode(
        {
            "kind": bundle.kind,
            "version": bundle.version,
            "issued_at": bundle.issued_at_ns,
            "expires_at": bundle.expires_at_ns,
            "body": bundle.body,
        }
    )
    return sign1(payload, CONTENT_TYPE, campaign_key)


def open_bundle(data: bytes, campaign_key: ec.EllipticCurvePublicKey, kind: str) -> Bundle:
    """Return the bundle; raise Malformed, SignatureInvalid, or WrongBundle for another kind."""
    bundle = _bundle(parse_sign1(data, CONTENT_TYPE).verify(campaign_key))
    if bundle.kind != kind:
        raise WrongBundle(f"{bundle.kind}, not {kind}")
    return bundle


def peek_bundle(data: bytes) -> Bundle:
    """Return what a bundle says of itself, unchecked: for whoever only passes it on. Raises Malformed."""
    return _bundle(parse_sign1(data, CONTENT_TYPE).payload)


def _bundle(payload: bytes) -> Bundle:
    values = decode_map(payload, _KEYS, _WHAT)
    return Bundle(
        kind=take(values, "kind", str, _WHAT),
        version=take_count(values, "version", _WHAT),
        issued_at_ns=take_count(values, "issued_at", _WHAT),
        expires_at_ns=take_count(values, "expires_at", _WHAT),
        body=take(values, "body", bytes, _WHAT),
    )

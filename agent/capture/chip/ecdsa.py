"""Checking ECDSA signatures: by OpenSSL, and here on the curves that it lacks. Nothing in here is secret."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from agent.capture.chip import complete_addition
from agent.capture.chip.curves import Point

EllipticKey = ec.EllipticCurvePublicKey | Point


def coordinate_bytes(key: EllipticKey) -> int:
    """Return the length of one number of a plain signature: that of a coordinate, which is that of the order."""
    return key.curve.coordinate_bytes if isinstance(key, Point) else (key.key_size + 7) // 8


def verify(key: EllipticKey, signature: bytes, message: bytes, chosen: hashes.HashAlgorithm) -> None:
    """Check a signature in DER (RFC 3279, 2.2.3); raise InvalidSignature, ValueError for other bytes."""
    if isinstance(key, Point):
        _verify(key, *decode_dss_signature(signature), message, chosen)
    else:
        key.verify(signature, message, ec.ECDSA(chosen))


def from_plain(key: EllipticKey, signature: bytes) -> bytes:
    """Turn r || s, each as long as the order (BSI TR-03111, 5.2.1), into DER; raise InvalidSignature."""
    size = coordinate_bytes(key)
    if len(signature) != 2 * size:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))


def _verify(key: Point, r: int, s: int, message: bytes, chosen: hashes.HashAlgorithm) -> None:
    """Check as BSI TR-03111, 4.2.1.2 says (FIPS 186-5, 6.4.2)."""
    curve = key.curve
    if not (1 <= r < curve.n and 1 <= s < curve.n):
        raise InvalidSignature
    inverse = pow(s, -1, curve.n)
    products = (
        (curve.base, _truncated(message, chosen, curve.n) * inverse % curve.n),
        ((key.x, key.y), r * inverse % curve.n),
    )
    x = complete_addition.x_of_sum(curve.p, curve.a, curve.b, curve.n, products)
    if x is None or x % curve.n != r:
        raise InvalidSignature


def _truncated(message: bytes, chosen: hashes.HashAlgorithm, order: int) -> int:
    """Return the hash's leftmost bits, as many as the order has."""
    context = hashes.Hash(chosen)
    context.update(message)
    return int.from_bytes(context.finalize()) >> max(0, 8 * chosen.digest_size - order.bit_length())

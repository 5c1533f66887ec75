"""Points on the curves of PACE and chip authentication. Scalar multiplication stays in OpenSSL where it has the curve.

For Q = kP, OpenSSL's ECDH gives x(kP) and x((k+1)P), and from these
y_Q = ((x_P x_Q + a)(x_P + x_Q) + 2b - x_{Q+P} (x_P - x_Q)^2) / (2 y_P).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec

from agent.capture.chip import complete_addition, tlv
from agent.capture.chip.domain_numbers import CURVES
from agent.capture.chip.errors import ChipDataError

PUBLIC_POINT = 0x86  # in a public key data object (BSI TR-03110-3, D.3.3)


@dataclass(frozen=True, slots=True)
class Curve:
    """Domain parameters of y^2 = x^3 + ax + b over p, of prime order n (cofactor 1).

    `name` is OpenSSL's, None where OpenSSL lacks the curve.
    """

    title: str
    name: ec.EllipticCurve | None
    p: int
    a: int
    b: int
    n: int
    base: tuple[int, int]

    @property
    def coordinate_bytes(self) -> int:
        """Length of one coordinate."""
        return (self.p.bit_length() + 7) // 8

    @property
    def generator(self) -> Point:
        """The standard generator."""
        return Point(self, *self.base)

    def decode(self, data: bytes) -> Point:
        """Parse an uncompressed point (BSI TR-03111, 3.2.1); raise ChipDataError when it is not on the curve."""
        size = self.coordinate_bytes
        if len(data) != 1 + 2 * size or data[0] != 0x04:
            raise ChipDataError("not an uncompressed point")
        point = Point(self, int.from_bytes(data[1 : 1 + size]), int.from_bytes(data[1 + size :]))
        # OpenSSL reduces coordinates, so that one point would have several writings.
        if max(point.x, point.y) >= self.p:
            raise ChipDataError("a coordinate is beyond the field")
        point.check()
        return point

    def draw(self, random: Callable[[int], bytes]) -> int:
        """Return a secret number in 1 .. n-2, without bias that matters (64 bits more than the order)."""
        return int.from_bytes(random(self.coordinate_bytes + 8)) % (self.n - 2) + 1


@dataclass(frozen=True, slots=True)
class Point:
    """An affine point; never infinity."""

    curve: Curve
    x: int
    y: int

    def encode(self) -> bytes:
        """Return 04 || x || y."""
        size = self.curve.coordinate_bytes
        return b"\x04" + self.x.to_bytes(size) + self.y.to_bytes(size)

    def key_object(self) -> bytes:
        """Return the data object of a public key data object."""
        return tlv.encode(PUBLIC_POINT, self.encode())

    def check(self) -> None:
        """Raise ChipDataError when the point is not on the curve; with cofactor 1 there are no small subgroups."""
        curve = self.curve
        if (self.y**2 - (self.x**3 + curve.a * self.x + curve.b)) % curve.p:
            raise ChipDataError("the point is not on the curve")

    def times(self, scalar: int) -> Point:
        """Return scalar * self for 1 <= scalar <= n - 2; raise ChipDataError for a degenerate point."""
        curve, p = self.curve, self.curve.p
        if not 1 <= scalar <= curve.n - 2:
            raise ChipDataError("scalar out of range")
        if curve.name is None:
            return Point(curve, *complete_addition.multiply(p, curve.a, curve.b, curve.n, (self.x, self.y), scalar))
        if (self.x, self.y) == curve.base:
            # OpenSSL's key pair is this product itself, for a quarter of the work.
            numbers = private_key(curve.title, scalar).public_key().public_numbers()
            return Point(curve, numbers.x, numbers.y)
        x_q = self.x_times(scalar)
        x_next = self.x_times(scalar + 1)
        numerator = ((self.x * x_q + curve.a) * (self.x + x_q) + 2 * curve.b - x_next * (self.x - x_q) ** 2) % p
        return Point(curve, x_q, numerator * pow(2 * self.y, -1, p) % p)

    def x_times(self, scalar: int) -> int:
        """Return the x coordinate of scalar * self."""
        if self.curve.name is None:
            return self.times(scalar).x
        public = ec.EllipticCurvePublicNumbers(self.x, self.y, self.curve.name).public_key()
        return int.from_bytes(private_key(self.curve.title, scalar).exchange(ec.ECDH(), public))

    def agree(self, scalar: int) -> bytes:
        """Return the shared secret with the owner of this public key: the x coordinate."""
        return self.x_times(scalar).to_bytes(self.curve.coordinate_bytes)

    def mirrors(self, other: Point) -> bool:
        """Say whether both give the same shared secrets: a point and its opposite do."""
        return self.x == other.x

    def plus(self, other: Point) -> Point:
        """Return self + other for points with different x; raise ChipDataError when the sum would be infinity."""
        p = self.curve.p
        if self.x == other.x:
            raise ChipDataError("the mapped generator degenerates")
        slope = (other.y - self.y) * pow(other.x - self.x, -1, p) % p
        x = (slope * slope - self.x - other.x) % p
        return Point(self.curve, x, (slope * (self.x - x) - self.y) % p)


_IN_OPENSSL: dict[str, ec.EllipticCurve] = {
    "secp192r1": ec.SECP192R1(),
    "secp224r1": ec.SECP224R1(),
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}


def _curve(title: str) -> Curve:
    p, a, b, n, x, y = (int(number, 16) for number in CURVES[title])
    return Curve(title, _IN_OPENSSL.get(title), p, a, b, n, (x, y))


BY_TITLE = {title: _curve(title) for title in CURVES}
BRAINPOOL_P256R1 = BY_TITLE["brainpoolP256r1"]


@lru_cache(maxsize=2)
def private_key(title: str, scalar: int) -> ec.EllipticCurvePrivateKey:
    """Return OpenSSL's key pair, which costs a multiplication of its own; protocols use one number two or three times.

    Only within `forgetting_secrets`, which every protocol's run is, or secrets would outlive it here.
    """
    return ec.derive_private_key(scalar, _IN_OPENSSL[title])


@contextmanager
def forgetting_secrets() -> Iterator[None]:
    """Run a protocol, and keep none of its secret numbers after it."""
    try:
        yield
    finally:
        private_key.cache_clear()


def generator(curve: Curve) -> Point:
    """Return the curve's standard generator."""
    return curve.generator

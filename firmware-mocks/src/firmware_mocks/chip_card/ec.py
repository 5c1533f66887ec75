"""Points of the standardised curves with plain integers.

The mappings of PACE need sums of points and multiples of them; OpenSSL's interface in `cryptography` offers neither. A
mock has no secrets worth protecting, so nothing here runs in constant time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from firmware_mocks.chip_card.domain_numbers import CURVES


class PointError(ValueError):
    """The bytes are no usable element of the group, or a result is its neutral element."""


class Affine(NamedTuple):
    """Coordinates; infinity has none, it raises PointError where it would appear."""

    x: int
    y: int


@dataclass(frozen=True)
class Curve:
    """A curve y^2 = x^3 + ax + b over p."""

    name: str
    p: int
    a: int
    b: int
    order: int
    generator: Affine

    @property
    def size(self) -> int:
        """Bytes of one coordinate."""
        return -(-self.p.bit_length() // 8)

    def decode(self, data: bytes) -> Affine:
        """Read 04 || x || y (BSI TR-03111, 3.2.1); raises PointError off the curve."""
        if len(data) != 1 + 2 * self.size or data[0] != 4:
            raise PointError("not an uncompressed point of this curve")
        x, y = (int.from_bytes(half, "big") for half in (data[1 : 1 + self.size], data[1 + self.size :]))
        if x >= self.p or y >= self.p or (y * y - (x * x * x + self.a * x + self.b)) % self.p:
            raise PointError("not on the curve")
        return Affine(x, y)

    def encode(self, point: Affine) -> bytes:
        """Write 04 || x || y."""
        return b"\x04" + point.x.to_bytes(self.size, "big") + point.y.to_bytes(self.size, "big")

    def secret(self, point: Affine) -> bytes:
        """Return what key agreement makes of a common point: its x coordinate."""
        return point.x.to_bytes(self.size, "big")

    def add(self, left: Affine, right: Affine) -> Affine:
        """Add two points; raises PointError where the sum is infinity."""
        if left.x == right.x:
            if (left.y + right.y) % self.p == 0:
                raise PointError("sum is the point at infinity")
            slope = (3 * left.x * left.x + self.a) * pow(2 * left.y, -1, self.p)
        else:
            slope = (right.y - left.y) * pow(right.x - left.x, -1, self.p)
        x = (slope * slope - left.x - right.x) % self.p
        return Affine(x, (slope * (left.x - x) - left.y) % self.p)

    def multiply(self, scalar: int, point: Affine) -> Affine:
        """Take `scalar` times `point`, 0 < scalar < order, in Jacobian coordinates; raises PointError else."""
        if not 0 < scalar < self.order:
            raise PointError("scalar out of range")
        total = (point.x, point.y, 1)
        for bit in bin(scalar)[3:]:
            total = self._double(total)
            if bit == "1":
                total = self._add_affine(total, point)
        if total[2] == 0:
            raise PointError("multiple is the point at infinity")
        inverse = pow(total[2], -1, self.p)
        square = inverse * inverse % self.p
        return Affine(total[0] * square % self.p, total[1] * square * inverse % self.p)

    def _double(self, point: tuple[int, int, int]) -> tuple[int, int, int]:
        x, y, z = point
        p = self.p
        yy = y * y % p
        s, m = 4 * x * yy % p, (3 * x * x + self.a * pow(z, 4, p)) % p
        new_x = (m * m - 2 * s) % p
        return new_x, (m * (s - new_x) - 8 * yy * yy) % p, 2 * y * z % p

    def _add_affine(self, left: tuple[int, int, int], right: Affine) -> tuple[int, int, int]:
        x, y, z = left
        p = self.p
        if z == 0:
            return right.x, right.y, 1
        zz = z * z % p
        h, r = (right.x * zz - x) % p, (right.y * zz * z - y) % p
        if h == 0:
            return self._double(left) if r == 0 else (1, 1, 0)
        hh = h * h % p
        hhh, v = h * hh % p, x * hh % p
        new_x = (r * r - hhh - 2 * v) % p
        return new_x, (r * (v - new_x) - y * hhh) % p, z * h % p


def _curve(name: str) -> Curve:
    p, a, b, order, x, y = (int(number, 16) for number in CURVES[name])
    return Curve(name, p, a, b, order, Affine(x, y))


BY_NAME = {name: _curve(name) for name in CURVES}
BRAINPOOL_P256R1 = BY_NAME["brainpoolP256r1"]

"""Scalar multiplication for the curves that OpenSSL lacks: brainpool of 192, 224 and 320 bits.

Complete addition in homogeneous coordinates (Renes, Costello, Batina: "Complete addition formulas for prime order
elliptic curves", 2016, algorithm 1) and a ladder: whatever the scalar, the same operations in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Affine = tuple[int, int]
_Projective = tuple[int, int, int]
_INFINITY: _Projective = (0, 1, 0)


@dataclass(frozen=True, slots=True)
class _Field:
    p: int
    a: int
    b3: int

    def add(self, left: _Projective, right: _Projective) -> _Projective:
        """Add any two points, equal ones and infinity included."""
        p, a, b3 = self.p, self.a, self.b3
        (x1, y1, z1), (x2, y2, z2) = left, right
        xx, yy, zz = x1 * x2 % p, y1 * y2 % p, z1 * z2 % p
        xy = ((x1 + y1) * (x2 + y2) - xx - yy) % p
        xz = ((x1 + z1) * (x2 + z2) - xx - zz) % p
        yz = ((y1 + z1) * (y2 + z2) - yy - zz) % p
        sum_z = (b3 * zz + a * xz) % p
        low, high = yy - sum_z, yy + sum_z
        crossed = (b3 * xz + a * (xx - a * zz)) % p
        tripled = (3 * xx + a * zz) % p
        x = (xy * low - yz * crossed) % p
        y = (high * low + tripled * crossed) % p
        z = (yz * high + xy * tripled) % p
        return x, y, z


def multiply(p: int, a: int, b: int, n: int, point: Affine, scalar: int) -> Affine:
    """Return scalar * point, 1 <= scalar < n, on y^2 = x^3 + ax + b over p of prime order n."""
    x, y, z = _product(_Field(p, a, 3 * b % p), n, point, scalar)
    inverse = pow(z, -1, p)
    return x * inverse % p, y * inverse % p


def x_of_sum(p: int, a: int, b: int, n: int, products: Iterable[tuple[Affine, int]]) -> int | None:
    """Return the x coordinate of the sum of scalar * point, 0 <= scalar < n; None for infinity."""
    field = _Field(p, a, 3 * b % p)
    whole = _INFINITY
    for point, scalar in products:
        whole = field.add(whole, _product(field, n, point, scalar))
    x, _, z = whole
    return x * pow(z, -1, p) % p if z else None


def _product(field: _Field, n: int, point: Affine, scalar: int) -> _Projective:
    # Both have one bit more than the order, so that the ladder has one length.
    fixed = scalar + n if (scalar + n) >> n.bit_length() else scalar + 2 * n
    rungs: list[_Projective] = [_INFINITY, (*point, 1)]
    for place in reversed(range(n.bit_length() + 1)):
        bit = fixed >> place & 1
        both = field.add(rungs[0], rungs[1])
        rungs[bit] = field.add(rungs[bit], rungs[bit])
        rungs[1 - bit] = both
    return rungs[0]

"""Points of brainpoolP256r1 with plain integers.

The generic mapping of PACE needs s*G + H and then multiples of that point; OpenSSL's interface in `cryptography`
offers neither. A mock has no secrets worth protecting, so nothing here runs in constant time.
"""

from __future__ import annotations

from typing import NamedTuple

# RFC 5639, 3.4
P = 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377
A = 0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9
B = 0x26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6
ORDER = 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7
SIZE_BYTES = 32


class PointError(ValueError):
    """The bytes are no usable point of the curve, or a result is the point at infinity."""


class Point(NamedTuple):
    """An affine point; infinity has no Point, it raises PointError where it would appear."""

    x: int
    y: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Point:
        """Read the uncompressed form 04 || x || y (BSI TR-03111, 3.2.1); raises PointError off the curve."""
        if len(data) != 1 + 2 * SIZE_BYTES or data[0] != 4:
            raise PointError("not an uncompressed point of 256-bit coordinates")
        x = int.from_bytes(data[1 : 1 + SIZE_BYTES], "big")
        y = int.from_bytes(data[1 + SIZE_BYTES :], "big")
        if x >= P or y >= P or (y * y - (x * x * x + A * x + B)) % P:
            raise PointError("not on the curve")
        return cls(x, y)

    def to_bytes(self) -> bytes:
        """04 || x || y, 65 bytes."""
        return b"\x04" + self.x.to_bytes(SIZE_BYTES, "big") + self.y.to_bytes(SIZE_BYTES, "big")


GENERATOR = Point(
    0x8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262,
    0x547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997,
)


def add(left: Point, right: Point) -> Point:
    """Add two points; raises PointError where the sum is infinity."""
    if left.x == right.x:
        if (left.y + right.y) % P == 0:
            raise PointError("sum is the point at infinity")
        slope = (3 * left.x * left.x + A) * pow(2 * left.y, -1, P)
    else:
        slope = (right.y - left.y) * pow(right.x - left.x, -1, P)
    x = (slope * slope - left.x - right.x) % P
    return Point(x, (slope * (left.x - x) - left.y) % P)


def multiply(scalar: int, point: Point) -> Point:
    """Take `scalar` times `point`, 0 < scalar < ORDER; raises PointError for other scalars."""
    if not 0 < scalar < ORDER:
        raise PointError("scalar out of range")
    result = point
    for bit in bin(scalar)[3:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result

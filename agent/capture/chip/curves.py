"""Points on the curves of PACE. Scalar multiplication stays in OpenSSL; only the glue is ours.

For Q = kP, OpenSSL's ECDH gives x(kP) and x((k+1)P), and from these
y_Q = ((x_P x_Q + a)(x_P + x_Q) + 2b - x_{Q+P} (x_P - x_Q)^2) / (2 y_P).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from agent.capture.chip.errors import ChipDataError


@dataclass(frozen=True, slots=True)
class Curve:
    """Domain parameters of y^2 = x^3 + ax + b over p, of prime order n (cofactor 1)."""

    name: ec.EllipticCurve
    p: int
    a: int
    b: int
    n: int
    generator: tuple[int, int]

    @property
    def coordinate_bytes(self) -> int:
        """Length of one coordinate."""
        return (self.p.bit_length() + 7) // 8


# RFC 5639, 3.4
BRAINPOOL_P256R1 = Curve(
    name=ec.BrainpoolP256R1(),
    p=0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
    a=0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9,
    b=0x26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6,
    n=0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    generator=(
        0x8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262,
        0x547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997,
    ),
)


@dataclass(frozen=True, slots=True)
class Point:
    """An affine point; never infinity."""

    curve: Curve
    x: int
    y: int

    @classmethod
    def decode(cls, curve: Curve, data: bytes) -> Point:
        """Parse an uncompressed point (BSI TR-03111, 3.2.1); raise ChipDataError when it is not on the curve."""
        size = curve.coordinate_bytes
        if len(data) != 1 + 2 * size or data[0] != 0x04:
            raise ChipDataError("not an uncompressed point")
        point = cls(curve, int.from_bytes(data[1 : 1 + size]), int.from_bytes(data[1 + size :]))
        point.public_key()
        return point

    def encode(self) -> bytes:
        """Return 04 || x || y."""
        size = self.curve.coordinate_bytes
        return b"\x04" + self.x.to_bytes(size) + self.y.to_bytes(size)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the point as OpenSSL's key, which checks that it is on the curve; raise ChipDataError."""
        try:
            return ec.EllipticCurvePublicNumbers(self.x, self.y, self.curve.name).public_key()
        except ValueError as error:
            raise ChipDataError("the point is not on the curve") from error

    def times(self, scalar: int) -> Point:
        """Return scalar * self for 1 <= scalar <= n - 2; raise ChipDataError for a degenerate point."""
        curve, p = self.curve, self.curve.p
        x_q = self.x_times(scalar)
        x_next = self.x_times(scalar + 1)
        numerator = ((self.x * x_q + curve.a) * (self.x + x_q) + 2 * curve.b - x_next * (self.x - x_q) ** 2) % p
        return Point(curve, x_q, numerator * pow(2 * self.y, -1, p) % p)

    def x_times(self, scalar: int) -> int:
        """Return the x coordinate of scalar * self."""
        private = ec.derive_private_key(scalar, self.curve.name)
        return int.from_bytes(private.exchange(ec.ECDH(), self.public_key()))

    def plus(self, other: Point) -> Point:
        """Return self + other for points with different x; raise ChipDataError when the sum would be infinity."""
        p = self.curve.p
        if self.x == other.x:
            raise ChipDataError("the mapped generator degenerates")
        slope = (other.y - self.y) * pow(other.x - self.x, -1, p) % p
        x = (slope * slope - self.x - other.x) % p
        return Point(self.curve, x, (slope * (self.x - x) - self.y) % p)


def generator(curve: Curve) -> Point:
    """Return the curve's standard generator."""
    return Point(curve, *curve.generator)

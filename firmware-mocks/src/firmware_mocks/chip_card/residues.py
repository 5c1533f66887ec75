"""The groups of PACE and chip authentication in Diffie-Hellman form: residues modulo a prime (RFC 5114)."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_mocks.chip_card.domain_numbers import MODULAR_GROUPS
from firmware_mocks.chip_card.ec import PointError


@dataclass(frozen=True)
class Residues:
    """The subgroup of order `order` of the residues modulo `p`."""

    name: str
    p: int
    generator: int
    order: int

    @property
    def size(self) -> int:
        """Bytes of the prime."""
        return -(-self.p.bit_length() // 8)

    def decode(self, data: bytes) -> int:
        """Read an unsigned integer; raises PointError outside the subgroup."""
        value = int.from_bytes(data, "big")
        if not 1 < value < self.p - 1 or pow(value, self.order, self.p) != 1:
            raise PointError("not in the subgroup")
        return value

    def encode(self, value: int) -> bytes:
        """Write the unsigned integer in as few bytes as it needs."""
        return value.to_bytes(-(-value.bit_length() // 8), "big")

    def secret(self, value: int) -> bytes:
        """Return what key agreement makes of a common residue: all of it, as long as the prime."""
        return value.to_bytes(self.size, "big")

    def add(self, left: int, right: int) -> int:
        """Combine two residues: the product."""
        return left * right % self.p

    def multiply(self, scalar: int, value: int) -> int:
        """Take a residue to a power."""
        return pow(value, scalar, self.p)


def _residues(number: int) -> Residues:
    p, generator, order = (int(text, 16) for text in MODULAR_GROUPS[number])
    return Residues(f"RFC 5114 group {number}", p, generator, order)


BY_NUMBER = {number: _residues(number) for number in MODULAR_GROUPS}

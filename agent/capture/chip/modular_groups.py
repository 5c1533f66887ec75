"""The multiplicative groups of PACE and chip authentication in Diffie-Hellman form (RFC 5114; Doc 9303-11, 9.5.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.capture.chip import tlv
from agent.capture.chip.domain_numbers import MODULAR_GROUPS
from agent.capture.chip.errors import ChipDataError

PUBLIC_VALUE = 0x84  # in a public key data object (BSI TR-03110-3, D.3.2)


@dataclass(frozen=True, slots=True)
class ModularGroup:
    """Residues modulo the prime p, in the subgroup of prime order q that g generates."""

    title: str
    p: int
    g: int
    q: int

    @property
    def generator(self) -> Residue:
        """The standard generator."""
        return Residue(self, self.g)

    @property
    def coordinate_bytes(self) -> int:
        """Length of the prime."""
        return (self.p.bit_length() + 7) // 8

    def decode(self, data: bytes) -> Residue:
        """Parse an unsigned integer; raise ChipDataError when it is not in the subgroup."""
        # Leading zeros are no part of the number; the standard's own examples have one.
        residue = Residue(self, int.from_bytes(data))
        if len(data.lstrip(b"\0")) > self.coordinate_bytes:
            raise ChipDataError("a public value is beyond the group")
        residue.check()
        return residue

    def draw(self, random: Callable[[int], bytes]) -> int:
        """Return a secret number in 1 .. q-2, without bias that matters (64 bits more than the order)."""
        return int.from_bytes(random((self.q.bit_length() + 7) // 8 + 8)) % (self.q - 2) + 1


@dataclass(frozen=True, slots=True)
class Residue:
    """An element of the group."""

    group: ModularGroup
    value: int

    def encode(self) -> bytes:
        """Return the unsigned integer without leading zeros (BSI TR-03110-3, D.2.1.1)."""
        return self.value.to_bytes((self.value.bit_length() + 7) // 8)

    def key_object(self) -> bytes:
        """Return the data object of a public key data object."""
        return tlv.encode(PUBLIC_VALUE, self.encode())

    def check(self) -> None:
        """Raise ChipDataError for 0, 1, p-1, and whatever lies outside the subgroup, where a secret would leak."""
        p, q = self.group.p, self.group.q
        if not 1 < self.value < p - 1 or pow(self.value, q, p) != 1:
            raise ChipDataError("a public value is not in the subgroup")

    def times(self, scalar: int) -> Residue:
        """Return this element to the power of `scalar`."""
        return Residue(self.group, pow(self.value, scalar, self.group.p))

    def agree(self, scalar: int) -> bytes:
        """Return the shared secret with the owner of this public key, as long as the prime."""
        secret = self.times(scalar).value
        if secret == 1:
            raise ChipDataError("the shared secret degenerates")
        return secret.to_bytes(self.group.coordinate_bytes)

    def mirrors(self, other: Residue) -> bool:
        """Say whether both give the same shared secrets."""
        return self.value == other.value

    def plus(self, other: Residue) -> Residue:
        """Return the product; raise ChipDataError when it is 1."""
        product = self.value * other.value % self.group.p
        if product == 1:
            raise ChipDataError("the mapped generator degenerates")
        return Residue(self.group, product)


_TITLES = {
    0: "1024-bit MODP, 160-bit subgroup",
    1: "2048-bit MODP, 224-bit subgroup",
    2: "2048-bit MODP, 256-bit subgroup",
}


def _group(number: int) -> ModularGroup:
    p, g, q = (int(text, 16) for text in MODULAR_GROUPS[number])
    return ModularGroup(_TITLES[number], p, g, q)


BY_NUMBER = {number: _group(number) for number in MODULAR_GROUPS}

"""All standardised domain parameters by their number (ICAO Doc 9303-11, table 6)."""

from __future__ import annotations

from typing import Any, Protocol

from firmware_mocks.chip_card import ec, residues


class Group(Protocol):
    """A group for key agreement. Elements are whatever the group makes of them."""

    @property
    def generator(self) -> Any:
        """The standard generator."""
        ...

    @property
    def order(self) -> int:
        """How many multiples the generator has."""
        ...

    @property
    def p(self) -> int:
        """The prime."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the prime."""
        ...

    def decode(self, data: bytes) -> Any:
        """Read an element; raises PointError."""
        ...

    def encode(self, element: Any) -> bytes:
        """Write an element."""
        ...

    def secret(self, element: Any) -> bytes:
        """Make a shared secret of an element."""
        ...

    def add(self, left: Any, right: Any) -> Any:
        """Combine two elements."""
        ...

    def multiply(self, scalar: int, element: Any) -> Any:
        """Combine an element with itself, `scalar` times."""
        ...


_CURVES = {
    8: "secp192r1",
    9: "brainpoolP192r1",
    10: "secp224r1",
    11: "brainpoolP224r1",
    12: "secp256r1",
    13: "brainpoolP256r1",
    14: "brainpoolP320r1",
    15: "secp384r1",
    16: "brainpoolP384r1",
    17: "brainpoolP512r1",
    18: "secp521r1",
}
GROUPS: dict[int, Group] = {
    **residues.BY_NUMBER,
    **{number: ec.BY_NAME[name] for number, name in _CURVES.items()},
}


def is_curve(group: Group) -> bool:
    """Say whether elements are points."""
    return isinstance(group, ec.Curve)

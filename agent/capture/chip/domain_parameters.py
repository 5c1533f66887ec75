"""The standardised domain parameters by number (Doc 9303-11, 9.5.1)."""

from __future__ import annotations

from agent.capture.chip import curves, modular_groups
from agent.capture.chip.curves import Curve, Point
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.modular_groups import ModularGroup, Residue

Group = Curve | ModularGroup
Element = Point | Residue

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
STANDARDISED: dict[int, Group] = {
    **modular_groups.BY_NUMBER,
    **{number: curves.BY_TITLE[title] for number, title in _CURVES.items()},
}


def plus(left: Element, right: Element) -> Element:
    """Return the sum (product, in a modular group) of two elements of one group; raise ChipDataError."""
    if isinstance(left, Point) and isinstance(right, Point):
        return left.plus(right)
    if isinstance(left, Residue) and isinstance(right, Residue):
        return left.plus(right)
    raise ChipDataError("elements of different groups")


def mirrors(left: Element, right: Element) -> bool:
    """Say whether two public keys of one group give the same shared secrets."""
    if isinstance(left, Point) and isinstance(right, Point):
        return left.mirrors(right)
    return isinstance(left, Residue) and isinstance(right, Residue) and left.mirrors(right)

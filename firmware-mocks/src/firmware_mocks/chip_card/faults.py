"""What can be wrong with a card or with the way it lies on the reader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self


class FaultError(ValueError):
    """There is no such fault, or its value makes no sense."""


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of one card; the default has none.

    `forged_sod` and `lying_length` name the data group they befall ("DG1"), the counts are APDUs and answers.
    """

    forged_sod: str | None = None
    lying_length: str | None = None
    foreign_csca: bool = False
    cloned: bool = False
    no_dg2: bool = False
    no_card_access: bool = False
    no_extended_length: bool = False
    wrong_mac_after: int | None = None
    vanish_after: int | None = None
    slow_ms: int = 0

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Read `--fault` words such as "forged-sod", "forged-sod=DG13", "slow=80"; raises FaultError."""
        faults = cls()
        for word in words:
            name, _, value = word.partition("=")
            faults = faults._with(name, value)
        return faults

    def _with(self, name: str, value: str) -> Self:  # noqa: PLR0911 - one return per fault
        match name:
            case "forged-sod":
                return replace(self, forged_sod=_data_group(value or "DG1"))
            case "lying-length":
                return replace(self, lying_length=_data_group(value or "DG2"))
            case "foreign-csca" if not value:
                return replace(self, foreign_csca=True)
            case "cloned" if not value:
                return replace(self, cloned=True)
            case "no-dg2" if not value:
                return replace(self, no_dg2=True)
            case "no-card-access" if not value:
                return replace(self, no_card_access=True)
            case "no-extended-length" if not value:
                return replace(self, no_extended_length=True)
            case "wrong-mac-after":
                return replace(self, wrong_mac_after=_count(name, value))
            case "vanish-after":
                return replace(self, vanish_after=_count(name, value))
            case "slow":
                return replace(self, slow_ms=_count(name, value))
        raise FaultError(f"no fault {name!r} with value {value!r}; there are: {', '.join(NAMES)}")


NAMES = (
    "forged-sod[=DGn]",
    "lying-length[=DGn]",
    "foreign-csca",
    "cloned",
    "no-dg2",
    "no-card-access",
    "no-extended-length",
    "wrong-mac-after=N",
    "vanish-after=N",
    "slow=MS",
)


def _data_group(value: str) -> str:
    if value not in ("DG1", "DG2", "DG13"):
        raise FaultError(f"{value!r} is not one of DG1, DG2, DG13")
    return value


def _count(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 6:
        raise FaultError(f"{name} needs a number, not {value!r}")
    return int(value)

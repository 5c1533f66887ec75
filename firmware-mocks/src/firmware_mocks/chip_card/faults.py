"""What can be wrong with a card or with the way it lies on the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from firmware_mocks.chip_card.link_model import BIT_RATES


class FaultError(ValueError):
    """There is no such fault, or its value makes no sense."""


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of one card; the default has none.

    `forged_sod` and `lying_length` name the data group they befall ("DG1"); the counts are APDUs and answers.
    `kbit_s` and `slow_ms` make the link slow, `lost_at` lifts the card once in that command and puts it back.
    """

    forged_sod: str | None = None
    lying_length: str | None = None
    swapped_dg2: bool = False
    foreign_csca: bool = False
    cloned: bool = False
    no_dg2: bool = False
    no_card_access: bool = False
    no_extended_length: bool = False
    wrong_mac_after: int | None = None
    short_read: int | None = None
    exact_le: bool = False
    wire_6c: bool = False
    pieces: int | None = None
    lost_at: int | None = None
    vanish_after: int | None = None
    slow_ms: int = 0
    kbit_s: int = 0

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Read `--fault` words such as "forged-sod", "forged-sod=DG13", "slow=80"; raises FaultError."""
        faults = cls()
        for word in words:
            name, equals, value = word.partition("=")
            if name not in _READERS or (equals and not value):
                raise _unknown(word)
            faults = replace(faults, **_READERS[name](name, value))
        return faults


NAMES = (
    "forged-sod[=DGn]",
    "lying-length[=DGn]",
    "swapped-dg2",
    "foreign-csca",
    "cloned",
    "no-dg2",
    "no-card-access",
    "no-extended-length",
    "wrong-mac-after=N",
    "short-read=N",
    "exact-le",
    "wire-6c",
    "pieces=N",
    "lost-at=N",
    "vanish-after=N",
    "slow=MS",
    "bit-rate=KBIT",
)


def _unknown(word: str) -> FaultError:
    return FaultError(f"no fault {word!r}; there are: {', '.join(NAMES)}")


def _group(default: str) -> Callable[[str, str], dict[str, Any]]:
    def read(name: str, value: str) -> dict[str, Any]:
        group = value or default
        if group not in ("DG1", "DG2", "DG13"):
            raise FaultError(f"{value!r} is not one of DG1, DG2, DG13")
        return {name.replace("-", "_"): group}

    return read


def _flag(name: str, value: str) -> dict[str, Any]:
    if value:
        raise _unknown(f"{name}={value}")
    return {name.replace("-", "_"): True}


def _count(key: str, least: int = 0) -> Callable[[str, str], dict[str, Any]]:
    def read(name: str, value: str) -> dict[str, Any]:
        if not value.isascii() or not value.isdigit() or len(value) > 6 or int(value) < least:
            raise FaultError(f"{name} needs a number from {least} on, not {value!r}")
        return {key: int(value)}

    return read


def _rate(name: str, value: str) -> dict[str, Any]:
    if value not in map(str, BIT_RATES):
        raise FaultError(f"{name} is one of {', '.join(map(str, BIT_RATES))}, not {value!r}")
    return {"kbit_s": int(value)}


_READERS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "forged-sod": _group("DG1"),
    "lying-length": _group("DG2"),
    **dict.fromkeys(("swapped-dg2", "foreign-csca", "cloned", "no-dg2", "no-card-access", "no-extended-length"), _flag),
    **dict.fromkeys(("exact-le", "wire-6c"), _flag),
    "wrong-mac-after": _count("wrong_mac_after"),
    "short-read": _count("short_read", 8),
    "pieces": _count("pieces", 8),
    "lost-at": _count("lost_at"),
    "vanish-after": _count("vanish_after"),
    "slow": _count("slow_ms"),
    "bit-rate": _rate,
}

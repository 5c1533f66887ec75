"""What opens a chip: card access number, machine-readable zone, PIN or PUK (Doc 9303-11, 9.7.3)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from agent.capture.chip.errors import ChipError, WrongCan, WrongMrz, WrongPin
from agent.capture.chip.identity import CardAccessNumber, MrzInformation, Pin, Puk


class Reference(IntEnum):
    """The password as MSE:Set AT names it."""

    MRZ = 0x01
    CAN = 0x02
    PIN = 0x03
    PUK = 0x04


_REFUSED: dict[Reference, type[WrongCan | WrongMrz | WrongPin]] = {
    Reference.MRZ: WrongMrz,
    Reference.CAN: WrongCan,
    Reference.PIN: WrongPin,
    Reference.PUK: WrongPin,
}

AccessKey = CardAccessNumber | MrzInformation | Pin | Puk


@dataclass(frozen=True, slots=True)
class Password:
    """A password: its `reference` and the K that keys come from; of an MRZ, BAC's K_seed is its beginning."""

    reference: Reference
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, key: AccessKey) -> Password:
        """Take what was typed, scanned or known."""
        if isinstance(key, MrzInformation):
            return cls.from_mrz_information(key.text)
        if isinstance(key, CardAccessNumber):
            return cls.from_can(key)
        return cls(Reference.PIN if isinstance(key, Pin) else Reference.PUK, key.digits.encode("ascii"))

    @classmethod
    def from_can(cls, can: CardAccessNumber) -> Password:
        """Take the six digits as they are."""
        return cls(Reference.CAN, can.digits.encode("ascii"))

    @classmethod
    def from_mrz_information(cls, text: str) -> Password:
        """Take document number, birth and expiry date, each with its check digit."""
        return cls(Reference.MRZ, hashlib.sha1(text.encode("ascii"), usedforsecurity=False).digest())

    @property
    def counted(self) -> bool:
        """Whether chips count the tries and block the password."""
        return self.reference in (Reference.PIN, Reference.PUK)

    def refused(self, sw: int) -> ChipError:
        """Return the error for a chip's refusal of this password."""
        return _REFUSED[self.reference](sw)

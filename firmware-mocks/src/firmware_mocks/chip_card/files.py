"""The chip's file system: elementary files by identifier and short identifier (ICAO Doc 9303-10, 3.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_mocks.chip_card.apdu import Refused, Sw

CARD_ACCESS = 0x011C
COM = 0x011E
SOD = 0x011D
CARD_SECURITY = 0x011D  # of the master file
APPLICATION = bytes.fromhex("A0000002471001")  # LDS1 eMRTD, 9303-10, 3.11.1


def data_group(number: int) -> int:
    """Return the file identifier of data group `number`."""
    return 0x0100 | number


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Files of the master file and of the eMRTD application; `denied` exist but can never be read here."""

    master: Mapping[int, bytes] = field(repr=False)
    application: Mapping[int, bytes] = field(repr=False)
    denied: frozenset[int] = frozenset()

    def find(self, identifier: int, *, in_application: bool, authenticated: bool) -> bytes:
        """Return the content of a file.

        Raises Refused: 6A82 where there is none, 6982 where the security status does not allow it.
        """
        if identifier in self.master and not (in_application and identifier in self.application):
            if identifier != CARD_ACCESS and not authenticated:
                raise Refused(Sw.NOT_AUTHENTICATED)
            return self.master[identifier]
        if not in_application:
            raise Refused(Sw.FILE_NOT_FOUND)
        if not authenticated or identifier in self.denied:
            raise Refused(Sw.NOT_AUTHENTICATED)
        if identifier not in self.application:
            raise Refused(Sw.FILE_NOT_FOUND)
        return self.application[identifier]

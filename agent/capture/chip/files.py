"""Reading elementary files: by short identifier, as large pieces as the chip allows, progress by bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.capture.chip import apdu, tlv
from agent.capture.chip.apdu import Command
from agent.capture.chip.errors import ChipDataError, StatusError
from agent.capture.chip.secure_messaging import SecureSession

EMRTD_APPLICATION = bytes.fromhex("A0000002471001")
MAX_FILE_BYTES = 512 * 1024
# Largest piece first; a chip or reader that refuses extended length gets short ones.
PIECES = (16384, 4096, 231)
ODD_FROM = 0x8000
_REFUSALS = {apdu.WRONG_LENGTH, apdu.WRONG_DATA, 0x6F00, 0x6C00, 0x6D00}

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ElementaryFile:
    """A file by name, short identifier (Doc 9303-10, table 38) and outer tag."""

    name: str
    short_id: int
    tag: int


SOD = ElementaryFile("EF.SOD", 0x1D, 0x77)
DG1 = ElementaryFile("DG1", 0x01, 0x61)
DG2 = ElementaryFile("DG2", 0x02, 0x75)
DG13 = ElementaryFile("DG13", 0x0D, 0x6D)


class FileReader:
    """Reads files of the selected application over a secure session; remembers the piece that works."""

    def __init__(self, session: SecureSession, check: Callable[[], None]) -> None:
        self._session, self._check = session, check
        self._piece = 0

    def select_application(self) -> None:
        """Select the eMRTD application; raise StatusError."""
        _, sw = self._session.send(Command(apdu.SELECT, 0x04, 0x0C, EMRTD_APPLICATION))
        if sw != apdu.OK:
            raise StatusError("SELECT eMRTD", sw)

    def read(self, file: ElementaryFile, progress: Progress) -> bytes | None:
        """Return a file whole, or None when the chip does not have it.

        `progress` gets bytes read and bytes in all. Raises StatusError, ChipDataError, SessionBroken, DeviceError.
        """
        data, sw = self._first(file)
        if sw == apdu.NOT_FOUND:
            return None
        if sw not in (apdu.OK, apdu.END_OF_FILE):
            raise StatusError(f"READ {file.name}", sw)
        header = tlv.read_header(data)
        total = header.header_bytes + header.length
        if header.tag != file.tag or total > MAX_FILE_BYTES:
            raise ChipDataError(f"{file.name} claims tag {header.tag:X} and {total} bytes")
        while len(data) < total:
            progress(len(data), total)
            self._check()
            data += self._next(file, len(data), total - len(data))
        progress(total, total)
        return data[:total]

    def _first(self, file: ElementaryFile) -> tuple[bytes, int]:
        """Read from the start by short identifier, which selects the file too."""
        while True:
            self._check()
            data, sw = self._session.send(
                Command(apdu.READ_BINARY, 0x80 | file.short_id, 0, expected=PIECES[self._piece])
            )
            if sw not in _REFUSALS or not self._smaller():
                return data, sw

    def _next(self, file: ElementaryFile, offset: int, missing: int) -> bytes:
        while True:
            wanted = min(missing, PIECES[self._piece])
            data, sw = self._session.send(_read_at(offset, wanted))
            if sw in (apdu.OK, apdu.END_OF_FILE):
                break
            if sw not in _REFUSALS or not self._smaller():
                raise StatusError(f"READ {file.name} at {offset}", sw)
        if offset >= ODD_FROM:
            data = tlv.need(data, 0x53)
        if not data or len(data) > wanted:
            raise ChipDataError(f"{file.name}: {len(data)} bytes at {offset}")
        return data

    def _smaller(self) -> bool:
        if self._piece + 1 == len(PIECES):
            return False
        self._piece += 1
        return True


def _read_at(offset: int, wanted: int) -> Command:
    if offset < ODD_FROM:
        return Command(apdu.READ_BINARY, offset >> 8, offset & 0xFF, expected=wanted)
    # Offsets beyond 15 bits travel in a data object (ISO 7816-4, 7.2.3); the answer's wrapping takes some bytes.
    where = tlv.encode(0x54, offset.to_bytes(3))
    return Command(apdu.READ_BINARY_ODD, 0, 0, where, expected=min(65535, wanted + 8))

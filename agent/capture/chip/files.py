"""Reading elementary files: by short identifier, as large pieces as the chip allows, and on from where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.capture.chip import apdu, tlv
from agent.capture.chip.apdu import Command
from agent.capture.chip.errors import ChipDataError, StatusError
from agent.capture.chip.pieces import Ladder
from agent.capture.chip.secure_messaging import SecureSession

EMRTD_APPLICATION = bytes.fromhex("A0000002471001")
MAX_FILE_BYTES = 512 * 1024
# Offsets beyond 15 bits travel in a data object (ISO/IEC 7816-4, 7.2.3).
ODD_FROM = 0x8000
# What is read again before going on, to know the file by.
BEGINNING_BYTES = 16
# What chips and readers say to a length that they cannot do.
REFUSED_LENGTHS = frozenset({apdu.WRONG_LENGTH, apdu.WRONG_DATA, 0x6D00, 0x6F00})

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
CARD_SECURITY = ElementaryFile("EF.CardSecurity", 0x1D, 0x30)
# DG3 and DG4 need terminal authentication, for which this kiosk has no certificates: they are never asked for.
DATA_GROUPS = {
    1: DG1,
    2: DG2,
    7: ElementaryFile("DG7", 0x07, 0x67),
    11: ElementaryFile("DG11", 0x0B, 0x6B),
    12: ElementaryFile("DG12", 0x0C, 0x6C),
    13: DG13,
    14: ElementaryFile("DG14", 0x0E, 0x6E),
    15: ElementaryFile("DG15", 0x0F, 0x6F),
    16: ElementaryFile("DG16", 0x10, 0x70),
}


@dataclass(slots=True)
class PartialFile:
    """A file as far as it was read; `total` is 0 until its header came."""

    file: ElementaryFile
    data: bytearray = field(default_factory=bytearray, repr=False)
    total: int = 0

    @property
    def whole(self) -> bool:
        """Whether everything that the header claims is there."""
        return 0 < self.total <= len(self.data)

    def begin(self, data: bytes) -> None:
        """Take the first piece; raise ChipDataError when its header is not this file's or claims too much."""
        header = tlv.read_header(data)
        total = header.header_bytes + header.length
        if header.tag != self.file.tag or total > MAX_FILE_BYTES:
            raise ChipDataError(f"{self.file.name} claims tag {header.tag:X} and {total} bytes")
        self.data += data[:total]
        self.total = total


class FileReader:
    """Reads files of the selected application over one secure session."""

    def __init__(self, session: SecureSession, ladder: Ladder) -> None:
        self.session, self._ladder = session, ladder
        self._selected: ElementaryFile | None = None

    @property
    def longest(self) -> int:
        """The most bytes that one answer is known to carry."""
        return self._ladder.piece

    def select_application(self) -> None:
        """Select the eMRTD application; raise StatusError."""
        _, sw = self.session.send(Command(apdu.SELECT, 0x04, 0x0C, EMRTD_APPLICATION))
        if sw != apdu.OK:
            raise StatusError("SELECT eMRTD", sw)
        self._selected = None

    def read(self, partial: PartialFile, progress: Progress) -> bool:
        """Complete `partial`; False when the chip does not have the file.

        `progress` gets bytes read and bytes in all. Raises StatusError, ChipDataError, SessionBroken, DeviceError;
        `partial` then keeps what came before.
        """
        if not partial.total and not self._begin(partial):
            return False
        if self._selected is not partial.file:
            self._find_again(partial)
        while not partial.whole:
            progress(len(partial.data), partial.total)
            partial.data += self._piece(partial)
        progress(partial.total, partial.total)
        return True

    def starts_with(self, file: ElementaryFile, beginning: bytes) -> bool:
        """Read a few bytes of a file again and say whether it begins so; raise SessionBroken, DeviceError."""
        data, _ = self.session.send(_by_short_id(file, len(beginning)))
        self._selected = file
        # A chip may give fewer bytes than it was asked for.
        return bool(data) and beginning.startswith(data)

    def _begin(self, partial: PartialFile) -> bool:
        """Read from the start by short identifier, which selects the file too."""
        data, sw = self._send(lambda piece: _by_short_id(partial.file, piece))
        if sw == apdu.NOT_FOUND:
            return False
        if sw not in (apdu.OK, apdu.END_OF_FILE):
            raise StatusError(f"READ {partial.file.name}", sw)
        partial.begin(data)
        self._selected = partial.file
        return True

    def _find_again(self, partial: PartialFile) -> None:
        beginning = bytes(partial.data[:BEGINNING_BYTES])
        data, sw = self.session.send(_by_short_id(partial.file, len(beginning)))
        if sw not in (apdu.OK, apdu.END_OF_FILE):
            raise StatusError(f"READ {partial.file.name}", sw)
        if not data or not beginning.startswith(data):
            raise ChipDataError(f"{partial.file.name} is another file than before")
        self._selected = partial.file

    def _piece(self, partial: PartialFile) -> bytes:
        offset, missing = len(partial.data), partial.total - len(partial.data)
        name = partial.file.name
        data, sw = self._send(lambda piece: _read_at(offset, missing, piece))
        if sw not in (apdu.OK, apdu.END_OF_FILE):
            raise StatusError(f"READ {name} at {offset}", sw)
        if offset >= ODD_FROM:
            data = tlv.only(data, 0x53)
        if not data or len(data) > missing:
            raise ChipDataError(f"{name}: {len(data)} bytes at {offset}, {missing} are missing")
        return data

    def _send(self, command: Callable[[int], Command]) -> tuple[bytes, int]:
        """Send a read of the ladder's size, of a smaller one as long as the chip refuses the size."""
        data, sw = self.session.send(command(self._ladder.piece))
        while sw in REFUSED_LENGTHS and self._ladder.descend():
            data, sw = self.session.send(command(self._ladder.piece))
        if sw >> 8 == apdu.WRONG_EXPECTED:
            data, sw = self.session.send(command(sw & 0xFF or apdu.SHORT_MAX))
        return data, sw


def _by_short_id(file: ElementaryFile, size: int) -> Command:
    return Command(apdu.READ_BINARY, 0x80 | file.short_id, 0, expected=size)


def _read_at(offset: int, missing: int, piece: int) -> Command:
    size = min(missing, piece)
    if offset < ODD_FROM:
        return Command(apdu.READ_BINARY, offset >> 8, offset & 0xFF, expected=size)
    # Here Le counts tag and length of the answer's data object, too.
    expected = min(piece, len(tlv.encode(0x53, bytes(size))))
    return Command(apdu.READ_BINARY_ODD, 0, 0, tlv.encode(0x54, offset.to_bytes(3)), expected=expected)

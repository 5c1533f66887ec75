from __future__ import annotations

from collections.abc import Callable

import pytest
from firmware_mocks.chip_card.apdu import Command as ChipCommand
from firmware_mocks.chip_card.apdu import Sw
from firmware_mocks.chip_card.secure_messaging import Session as ChipSession
from firmware_mocks.chip_card.secure_messaging import SessionKeys as ChipKeys
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError, SessionBroken, StatusError
from agent.capture.chip.files import DG1, DG2, DG13, MAX_FILE_BYTES, SOD, ElementaryFile, FileReader, PartialFile
from agent.capture.chip.pieces import RUNGS, Ladder, PieceMemory
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys
from agent.capture.chip.tlv import encode

KEYS = bytes(range(16)), bytes(range(16, 32))
Refuse = Callable[[ChipCommand], int | None]


class FileChip:
    """A chip with one file, that gives at most `most` bytes at once and may `refuse` a command with a status word."""

    def __init__(self, content: bytes, most: int = 65000, refuse: Refuse = lambda _: None) -> None:
        self._content, self._most, self._refuse = content, most, refuse
        self._session = ChipSession(ChipKeys(*KEYS))
        self.commands: list[ChipCommand] = []

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Serve a protected READ BINARY."""
        command = self._session.unprotect(ChipCommand.parse(apdu))
        self.commands.append(command)
        refused = self._refuse(command)
        data, sw = (b"", refused) if refused else self._read(command)
        answer = self._session.protect(command, data, Sw.OK if sw == 0x9000 else sw)
        return answer[:-2], int.from_bytes(answer[-2:])

    def _read(self, command: ChipCommand) -> tuple[bytes, int]:
        if command.ins == 0xB1:
            offset = int.from_bytes(command.data[2:])
            room = command.le - (2 if command.le < 130 else 3 if command.le < 259 else 4)
            wrapped = encode(0x53, self._content[offset : offset + min(room, self._most)])
            return wrapped, 0x9000
        offset = command.p2 if command.p1 & 0x80 else command.p1 << 8 | command.p2
        if offset >= len(self._content):
            return b"", 0x6B00
        piece = self._content[offset : offset + min(command.le, self._most)]
        return piece, 0x9000 if len(piece) == min(command.le, self._most) else 0x6282


def reader_of(chip: FileChip, ladder: Ladder | None = None) -> FileReader:
    """Open a session with the chip."""
    return FileReader(SecureSession(chip, SessionKeys(*KEYS)), ladder or Ladder())


def read_whole(chip: FileChip, file: ElementaryFile = DG2, ladder: Ladder | None = None) -> bytes | None:
    """Read a file from the start."""
    partial = PartialFile(file)
    return bytes(partial.data) if reader_of(chip, ladder).read(partial, lambda _done, _total: None) else None


@pytest.mark.parametrize(
    ("file", "short_id", "tag"), [(SOD, 0x1D, 0x77), (DG1, 1, 0x61), (DG2, 2, 0x75), (DG13, 13, 0x6D)]
)
def test_files_have_the_standards_identifiers(file: ElementaryFile, short_id: int, tag: int) -> None:
    """Doc 9303-10, tables 38 and 39."""
    assert (file.short_id, file.tag) == (short_id, tag)
    chip = FileChip(encode(tag, b"x"))
    read_whole(chip, file)
    assert (chip.commands[0].ins, chip.commands[0].p1, chip.commands[0].p2) == (0xB0, 0x80 | short_id, 0)


@pytest.mark.parametrize("size", [0, 1, 100, 219, 220, 255, 256, 5000, 16380, 16381, 32768, 33000, 70000])
@pytest.mark.parametrize("rung", [0, 2, 3, 5])
def test_files_of_every_size_are_read_whole(size: int, rung: int) -> None:
    """Also across the 15-bit offset, in large and in small pieces."""
    content = encode(0x75, bytes(i & 0xFF for i in range(size)))
    assert read_whole(FileChip(content), ladder=Ladder(rung)) == content


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000) | st.integers(32700, 32800), st.integers(300, 700))
@example(300, 4)
def test_a_chip_that_gives_less_than_asked_is_read_on(size: int, most: int) -> None:
    """Short reads are ordinary; the header needs four bytes."""
    content = encode(0x75, bytes(size))
    assert read_whole(FileChip(content, most)) == content


def test_a_small_file_takes_one_command() -> None:
    """No SELECT, and no command for the header alone."""
    chip = FileChip(encode(0x61, bytes(93)))
    read_whole(chip, DG1)
    assert len(chip.commands) == 1


def test_what_lies_behind_the_files_end_is_cut_off() -> None:
    """A file may be larger than its data object."""
    assert read_whole(FileChip(encode(0x61, b"abc") + bytes(50)), DG1) == encode(0x61, b"abc")


def test_progress_counts_bytes() -> None:
    """It never goes back and ends with everything."""
    content = encode(0x75, bytes(3000))
    told: list[tuple[int, int]] = []
    reader = reader_of(FileChip(content), Ladder(2))
    reader.read(PartialFile(DG2), lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (len(content), len(content))


def test_a_missing_file_is_no_error() -> None:
    """6A82."""
    assert read_whole(FileChip(b"", refuse=lambda _: 0x6A82)) is None


def test_a_refused_file_names_status_and_file() -> None:
    """6982 for fingerprints, say."""
    with pytest.raises(StatusError, match=r"READ DG2: 6982"):
        read_whole(FileChip(b"", refuse=lambda _: 0x6982))


def test_a_selected_application_is_asked_for_by_its_name() -> None:
    """SELECT by A0000002471001 under secure messaging; a refusal names its status."""
    chip = FileChip(b"", refuse=lambda command: 0x6A82 if command.data.hex() == "a0000002471001" else 0x6F00)
    with pytest.raises(StatusError, match="SELECT eMRTD: 6A82"):
        reader_of(chip).select_application()


class TestLadder:
    """How large the pieces are."""

    @pytest.mark.parametrize("most", [4096, 256, 223, 160, 128])
    @pytest.mark.parametrize("sw", [0x6700, 0x6A80, 0x6F00])
    def test_refused_lengths_lead_to_the_next_smaller(self, most: int, sw: int) -> None:
        """The rung that works is kept for the files that follow."""
        chip = FileChip(encode(0x75, bytes(1000)), refuse=lambda command: sw if command.le > most else None)
        ladder = Ladder()
        assert read_whole(chip, ladder=ladder) == encode(0x75, bytes(1000))
        assert ladder.piece == most

    def test_a_named_length_is_asked_for_at_once(self) -> None:
        """6Cxx does not move the ladder: it speaks of this file."""
        chip = FileChip(encode(0x61, bytes(20)), refuse=lambda command: 0x6C16 if command.le != 0x16 else None)
        ladder = Ladder()
        assert read_whole(chip, DG1, ladder) == encode(0x61, bytes(20))
        assert (ladder.piece, len(chip.commands)) == (RUNGS[0], 2)

    def test_a_chip_that_refuses_every_length_is_given_up(self) -> None:
        """One attempt per rung."""
        chip = FileChip(b"", refuse=lambda _: 0x6700)
        with pytest.raises(StatusError, match="6700"):
            read_whole(chip)
        assert len(chip.commands) == len(RUNGS)

    def test_the_rung_is_remembered_by_card_family(self) -> None:
        """By ATR; a family never seen starts at the top."""
        memory = PieceMemory()
        memory.remember(b"\x3b\x80", 3)
        assert (memory.recall(b"\x3b\x80"), memory.recall(b"\x3b\x81")) == (3, 0)

    def test_223_bytes_are_the_most_that_fit_a_short_answer(self) -> None:
        """One more takes another block, and the answer has more than 256 bytes."""
        for size, fits in ((223, True), (224, False)):
            protected = ChipSession(ChipKeys(*KEYS)).protect(ChipCommand(0, 0xB0, 0, 0), bytes(size), 0x9000)
            assert (len(protected) - 2 <= 256) is fits


class TestResuming:
    """Going on with a file in a new session."""

    @pytest.mark.parametrize("kept", [4, 20, 1000, 32767, 32768, 39000])
    def test_reading_goes_on_where_it_stopped(self, kept: int) -> None:
        """Only the beginning is read again, to select the file and to know it."""
        content = encode(0x75, bytes(i % 251 for i in range(40000)))
        partial = PartialFile(DG2)
        partial.begin(content[:kept])
        chip = FileChip(content)
        assert reader_of(chip).read(partial, lambda _done, _total: None)
        assert bytes(partial.data) == content
        assert chip.commands[0].le == min(16, kept)
        assert len(chip.commands) <= 1 + -(-(len(content) - kept) // RUNGS[0]) + 1

    def test_another_file_is_not_mixed_in(self) -> None:
        """Somebody put a different card on the reader."""
        partial = PartialFile(DG2)
        partial.begin(encode(0x75, b"A" * 1000)[:500])
        with pytest.raises(ChipDataError, match="another file"):
            reader_of(FileChip(encode(0x75, b"B" * 1000))).read(partial, lambda _done, _total: None)

    def test_a_file_that_can_no_longer_be_read_is_told(self) -> None:
        """The chip's refusal to the beginning."""
        partial = PartialFile(DG2)
        partial.begin(encode(0x75, b"A" * 1000)[:500])
        with pytest.raises(StatusError, match="6982"):
            reader_of(FileChip(b"", refuse=lambda _: 0x6982)).read(partial, lambda _done, _total: None)


class TestHostileChip:
    """Files that lie about themselves."""

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x75",
            b"\x75\x82\x10",
            b"\x75\x80",
            b"\x61\x02ab",
            b"\x75\x84\x7f\xff\xff\xff" + bytes(100),
            b"\x75\x83" + (MAX_FILE_BYTES - 4).to_bytes(3) + bytes(100),
        ],
        ids=["empty", "tag only", "length cut", "indefinite", "another file's tag", "2 GiB", "just beyond the limit"],
    )
    def test_unbelievable_beginnings_are_refused_after_one_command(self, content: bytes) -> None:
        """Nothing more is read of a file that claims nonsense."""
        chip = FileChip(content)
        with pytest.raises((ChipDataError, StatusError)):
            read_whole(chip)
        assert len(chip.commands) == 1

    def test_a_file_that_ends_before_its_length_is_refused(self) -> None:
        """It claims 1,000 bytes and has 500."""
        with pytest.raises(StatusError, match="READ DG2 at 500: 6B00"):
            read_whole(FileChip(encode(0x75, bytes(1000))[:500]), ladder=Ladder(3))

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut of a file is taken for a whole."""
        content = encode(0x61, bytes(90))
        for cut in range(len(content)):
            with pytest.raises((ChipDataError, StatusError)):
                read_whole(FileChip(content[:cut]), DG1)

    def test_an_empty_piece_is_refused(self) -> None:
        """9000 without a byte would go on for ever."""

        class Silent(FileChip):
            def _read(self, command: ChipCommand) -> tuple[bytes, int]:
                return super()._read(command) if command.p1 & 0x80 else (b"", 0x9000)

        chip = Silent(encode(0x75, bytes(40000)))
        with pytest.raises(ChipDataError, match="0 bytes at"):
            read_whole(chip)
        assert len(chip.commands) == 2

    def test_more_than_asked_for_is_refused(self) -> None:
        """A chip that sends too much sends something else."""

        class Generous(FileChip):
            def _read(self, command: ChipCommand) -> tuple[bytes, int]:
                return super()._read(command) if command.p1 & 0x80 else (bytes(2000), 0x9000)

        with pytest.raises(ChipDataError, match="2000 bytes at"):
            read_whole(Generous(encode(0x75, bytes(1000))), ladder=Ladder(3))

    @pytest.mark.parametrize("answer", [b"", b"\x53", b"\x53\x05ab", b"\x54\x01a", b"\x53\x01a\x00"])
    def test_unusable_wrappings_beyond_15_bits_are_refused(self, answer: bytes) -> None:
        """Nothing, cut, lying length, another tag, trailing bytes."""

        class Wrapping(FileChip):
            def _read(self, command: ChipCommand) -> tuple[bytes, int]:
                return (answer, 0x9000) if command.ins == 0xB1 else super()._read(command)

        with pytest.raises((ChipDataError, SessionBroken)):
            read_whole(Wrapping(encode(0x75, bytes(40000))))

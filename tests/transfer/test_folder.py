"""Files of records and the folder that holds them, as hostile as a disk from outside can be."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transfer import (
    Carried,
    CarriedItem,
    CarriedTombstone,
    ExportDamaged,
    ExportFolder,
    ExportIncomplete,
    ExportUnreadable,
    Piece,
    find_exports,
    pack_piece,
    unpack_piece,
)

NAME = "records-0000000001-00000000000000.kqx"
RECORDS: list[CarriedItem] = [
    *(Carried(seq, bytes([seq]) * 20, os.urandom(100 * seq)) for seq in range(4)),
    CarriedTombstone(4, b"t" * 20),
]
DATA = b"".join(pack_piece(RECORDS))
PIECE = Piece(NAME, len(DATA), hashlib.sha256(DATA).digest(), 0, 5)


def test_records_come_back_as_they_were_packed() -> None:
    """Empty ciphertexts and empty files too."""
    assert list(unpack_piece(DATA)) == RECORDS
    assert list(unpack_piece(b"".join(pack_piece([])))) == []


def test_a_file_cut_at_any_byte_gives_whole_records_or_is_refused() -> None:
    """Never a part of one."""
    ends = {8}
    for record in RECORDS:
        ends.add(max(ends) + sum(map(len, pack_piece([record])[1:])))
    for length in range(len(DATA)):
        if length in ends:
            found = list(unpack_piece(DATA[:length]))
            assert found == RECORDS[: len(found)]
        else:
            with pytest.raises(ExportDamaged):
                list(unpack_piece(DATA[:length]))


def test_a_tombstone_carries_no_content() -> None:
    """Whoever puts a ciphertext behind one wants it to be skipped."""
    entry = struct.pack("<HHIQQ", 2, 0, 3, 0, 5)
    assert list(unpack_piece(DATA[:8] + struct.pack("<HHIQQ", 2, 0, 3, 7, 0) + b"abc")) == [CarriedTombstone(7, b"abc")]
    with pytest.raises(ExportDamaged, match="kind 2"):
        list(unpack_piece(DATA[:8] + entry + b"abc" + b"fives"))


@given(st.binary(max_size=100))
def test_whatever_is_in_a_file_only_our_error_comes_out(data: bytes) -> None:
    """Lying lengths and unknown kinds."""
    with pytest.raises(ExportDamaged):
        list(unpack_piece(DATA[:8] + b"\x03" + data.ljust(1, b"\0")))


def test_a_file_is_believed_only_by_its_hash(tmp_path: Path) -> None:
    """Every byte, and its length."""
    folder = ExportFolder(tmp_path)
    (tmp_path / NAME).write_bytes(DATA)
    assert folder.records(PIECE) == RECORDS
    for wrong in (DATA[:-1], DATA + b"\0", b"", DATA[:50] + b"\xff" + DATA[51:]):
        (tmp_path / NAME).write_bytes(wrong)
        with pytest.raises(ExportDamaged):
            folder.records(PIECE)
    (tmp_path / NAME).unlink()
    with pytest.raises(ExportDamaged, match="missing"):
        folder.records(PIECE)


def test_links_pipes_and_folders_in_place_of_a_file_are_refused(tmp_path: Path) -> None:
    """A disk must not lead the reader elsewhere or hold it for ever."""
    folder = ExportFolder(tmp_path)
    (tmp_path / "target").write_bytes(DATA)
    (tmp_path / NAME).symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "index.cose")
    (tmp_path / "receipt.cose").mkdir()
    with pytest.raises(ExportUnreadable):
        folder.records(PIECE)
    with pytest.raises(ExportUnreadable, match="regular"):
        folder.index()
    with pytest.raises(ExportUnreadable):
        folder.receipt()


def test_an_export_without_its_index_is_incomplete(tmp_path: Path) -> None:
    """The index is written last."""
    (tmp_path / NAME).write_bytes(DATA)
    with pytest.raises(ExportIncomplete):
        ExportFolder(tmp_path).index()
    assert ExportFolder(tmp_path).receipt() is None


def test_exports_are_found_by_kiosk(tmp_path: Path) -> None:
    """The folder itself, or those of several kiosks on one disk."""
    with pytest.raises(ExportIncomplete):
        find_exports(tmp_path)
    with pytest.raises(ExportUnreadable):
        find_exports(tmp_path / "gone")
    for kiosk in ("b", "a"):
        (tmp_path / f"kiosk-export-{kiosk}").mkdir()
    (tmp_path / "kiosk-export-file").write_bytes(b"")
    assert [found.path.name for found in find_exports(tmp_path)] == ["kiosk-export-a", "kiosk-export-b"]
    (tmp_path / "kiosk-export-a" / "index.cose").write_bytes(b"x")
    assert find_exports(tmp_path / "kiosk-export-a") == [ExportFolder(tmp_path / "kiosk-export-a")]

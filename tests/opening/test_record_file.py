"""One record as a file: exactly one, whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.opening import NotARecordFile, pack_record, parse_record, read_record
from agent.proto.stream import SealedRecord

RECORD = SealedRecord(7, b"cose", b"ciphertext")
WHOLE = b"".join(pack_record(RECORD))


@given(st.builds(SealedRecord, st.integers(0, 2**63 - 1), st.binary(max_size=50), st.binary(max_size=50)))
def test_a_record_comes_back(record: SealedRecord) -> None:
    """Empty parts too."""
    assert parse_record(b"".join(pack_record(record))) == record


def test_a_file_cut_at_any_byte_or_with_more_behind_it_is_refused(tmp_path: Path) -> None:
    """Named as what it is."""
    path = tmp_path / "x.record"
    for data in [*(WHOLE[:length] for length in range(len(WHOLE))), WHOLE + b"\0", b"KRECORD0" + WHOLE[8:]]:
        path.write_bytes(data)
        with pytest.raises(NotARecordFile, match=r"x\.record"):
            read_record(path)
    path.write_bytes(WHOLE)
    assert read_record(path) == RECORD


@given(st.binary(max_size=80))
def test_any_bytes_are_a_record_or_not(data: bytes) -> None:
    """Lying lengths behind a good beginning."""
    for hostile in (data, WHOLE[:8] + data):
        parse_record(hostile)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(NotARecordFile, match="missing"):
        read_record(tmp_path / "missing")

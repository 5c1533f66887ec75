"""The signed index of an export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sealing import FileSigningKey, Malformed, SignatureInvalid
from agent.transfer import ExportIndex, Piece, index_payload, parse_index, parse_index_payload, sign_index

FIRST = Piece("records-0000000001-00000000000003.kqx", 1000, bytes(32), 3, 7)
SECOND = Piece("records-0000000001-00000000000007.kqx", 500, bytes(range(32)), 7, 9)
INDEX = ExportIndex("kiosk-1", 1, 3, 9, b"h" * 32, (4,), (FIRST, SECOND), 1_700_000_000 * 10**9)


@pytest.fixture
def key(tmp_path: Path) -> FileSigningKey:
    """Return a kiosk's record key."""
    return FileSigningKey.create(tmp_path / "record.key")


def test_the_index_comes_back_as_it_was_signed(key: FileSigningKey) -> None:
    """With the right key; unverified only on demand."""
    data = sign_index(INDEX, key)
    assert parse_index(data, key.public_key) == INDEX
    assert parse_index(data, None) == INDEX
    assert parse_index_payload(index_payload(INDEX)) == INDEX


def test_another_key_is_refused(key: FileSigningKey, tmp_path: Path) -> None:
    """Whoever finds a disk cannot sign for the kiosk."""
    other = FileSigningKey.create(tmp_path / "other.key")
    with pytest.raises(SignatureInvalid):
        parse_index(sign_index(INDEX, other), key.public_key)


def test_a_changed_byte_is_refused_wherever_it_is(key: FileSigningKey) -> None:
    """Every single byte counts."""
    data = sign_index(INDEX, key)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises((Malformed, SignatureInvalid)):
            parse_index(changed, key.public_key)


def test_an_index_cut_at_any_byte_is_refused(key: FileSigningKey) -> None:
    """And one with something behind it."""
    data = sign_index(INDEX, key)
    for length in range(len(data)):
        with pytest.raises(Malformed):
            parse_index(data[:length], key.public_key)
    with pytest.raises(Malformed):
        parse_index(data + b"\0", key.public_key)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(INDEX, pieces=()),
        replace(INDEX, pieces=(FIRST,)),
        replace(INDEX, pieces=(SECOND, FIRST)),
        replace(INDEX, pieces=(FIRST, SECOND, replace(SECOND, first_seq=9, next_seq=9))),
        replace(INDEX, pieces=(FIRST, replace(SECOND, first_seq=8))),
        replace(INDEX, pieces=(replace(FIRST, name="../../etc/passwd"), SECOND)),
        replace(INDEX, pieces=(replace(FIRST, name=FIRST.name + "/x"), SECOND)),
        replace(INDEX, next_seq=10),
        replace(INDEX, first_seq=2),
        replace(INDEX, lost=(9,)),
        replace(INDEX, lost=(2,)),
    ],
)
def test_pieces_that_do_not_make_up_the_records_are_neither_signed_nor_believed(
    wrong: ExportIndex, key: FileSigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gaps, overlaps, other orders, and names that lead out of the folder."""
    with pytest.raises(ValueError, match=r"pieces|lost"):
        sign_index(wrong, key)
    monkeypatch.setattr("agent.transfer.index._require_whole", lambda _: None)
    data = sign_index(wrong, key)
    monkeypatch.undo()
    with pytest.raises(Malformed):
        parse_index(data, key.public_key)


def test_a_size_that_no_reader_could_hold_is_refused() -> None:
    """A disk from outside must not fill the collector's memory."""
    payload = index_payload(replace(INDEX, pieces=(replace(FIRST, size_bytes=2**40), SECOND)))
    with pytest.raises(Malformed, match="size"):
        parse_index_payload(payload)


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_parsed_or_refused(data: bytes) -> None:
    """The daemon signs nothing that it cannot read."""
    with pytest.raises(Malformed):
        parse_index_payload(data)

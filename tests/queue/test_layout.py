"""The bytes on the disk, offset by offset as docs/queue.md gives them, and parsers that believe nothing."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.queue.entry import Entry
from agent.queue.errors import OtherVersion
from agent.queue.layout import (
    BLOCK,
    FRAME_HEADER_BYTES,
    STAMP_OFFSET,
    AckSlot,
    FrameHeader,
    LostHeader,
    SegmentHeader,
    frame_bytes,
    is_torn,
    pack_stamp,
    place_holder,
    unpack_stamp,
)

HEAD, PREV, PAYLOAD = (bytes([n]) * 32 for n in (1, 2, 3))
COUNT = st.integers(0, 2**64 - 1)
HASH = st.binary(min_size=32, max_size=32)
SEGMENT = SegmentHeader(7, 11, HEAD, 123, 4096 * 16)
SLOT = AckSlot(5, 7, 11, HEAD, 123)
LOST = LostHeader(7, 3, 5, PAYLOAD, 4096)
ENTRY = Entry(7, 11, PREV, PAYLOAD, b"cose" * 100, b"cipher" * 500)
FRAME = FrameHeader.of(ENTRY, 1_700_000_000_000_000_000, 123)


def with_crc(fields: bytes) -> bytes:
    """Return fields followed by their CRC-32."""
    return fields + struct.pack("<I", zlib.crc32(fields))


def test_the_segment_header_has_the_documented_bytes_twice() -> None:
    """At 0 and at 1024 of the first block."""
    expected = with_crc(b"KQSG" + struct.pack("<HHQQ", 1, 0, 7, 11) + HEAD + struct.pack("<QQ", 123, 4096 * 16))
    block = SEGMENT.pack()
    assert len(block) == BLOCK
    assert block[: len(expected)] == block[1024 : 1024 + len(expected)] == expected
    assert block.count(b"\0" * 900) >= 1


def test_the_frame_header_has_the_documented_bytes() -> None:
    """Its length is the offset of the body."""
    expected = with_crc(
        b"KQFR"
        + struct.pack("<HHQQ", 1, 0, 7, 11)
        + PREV
        + PAYLOAD
        + struct.pack("<QQIQ", 1_700_000_000_000_000_000, 123, 400, 3000)
        + hashlib.sha256(ENTRY.ciphertext).digest()
        + struct.pack("<I", zlib.crc32(ENTRY.cose_sign1))
    )
    assert FRAME.pack() == expected
    assert len(expected) == FRAME_HEADER_BYTES == 156


def test_slots_stamps_and_quarantine_headers_have_the_documented_bytes() -> None:
    """Little-endian, each with its CRC."""
    slot = with_crc(b"KQAK" + struct.pack("<HHQQQ", 1, 0, 5, 7, 11) + HEAD + struct.pack("<Q", 123))
    lost = with_crc(b"KQLO" + struct.pack("<HHQQQ", 1, 0, 7, 3, 5) + PAYLOAD + struct.pack("<Q", 4096))
    assert SLOT.pack() == slot.ljust(BLOCK, b"\0")
    assert LOST.pack() == lost.ljust(BLOCK, b"\0")
    assert pack_stamp(99) == with_crc(b"KQRC" + struct.pack("<HHQ", 1, 0, 99))


@given(COUNT, COUNT, HASH, COUNT, COUNT)
def test_headers_survive_the_round_trip(epoch: int, seq: int, head: bytes, total: int, size: int) -> None:
    """All values that 64 bits hold."""
    segment = SegmentHeader(epoch, seq, head, total, size)
    assert SegmentHeader.unpack(segment.pack()) == segment
    slot = AckSlot(epoch, seq, total, head, size)
    assert AckSlot.unpack(slot.pack()) == slot
    lost = LostHeader(epoch, seq, total, head, size)
    assert LostHeader.unpack(lost.pack()) == lost


PARSERS: list[tuple[str, bytes, Callable[[bytes], object]]] = [
    ("segment", SEGMENT.pack()[:76], SegmentHeader.unpack),
    ("frame", FRAME.pack(), FrameHeader.unpack),
    ("slot", SLOT.pack()[:76], AckSlot.unpack),
    ("lost", LOST.pack()[:76], LostHeader.unpack),
    ("stamp", bytes(STAMP_OFFSET) + pack_stamp(99), unpack_stamp),
]


@pytest.mark.parametrize(("data", "parse"), [case[1:] for case in PARSERS], ids=[case[0] for case in PARSERS])
def test_headers_cut_or_flipped_at_any_byte_are_none(data: bytes, parse: Callable[[bytes], object]) -> None:
    """Every byte is under the CRC; a segment of another version says so."""
    assert parse(data) is not None
    start = STAMP_OFFSET if parse == unpack_stamp else 0
    for length in range(len(data)):
        assert parse(data[:length]) is None
    for place in range(start, len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            if parse == SegmentHeader.unpack and place in {4, 5}:
                with pytest.raises(OtherVersion):
                    parse(bytes(damaged))
            else:
                assert parse(bytes(damaged)) is None


@given(st.binary(max_size=300))
def test_parsers_take_any_bytes(data: bytes) -> None:
    """Garbage is None, never an exception."""
    for parse in (FrameHeader.unpack, AckSlot.unpack, LostHeader.unpack, unpack_stamp, SegmentHeader.unpack):
        assert parse(data) is None


def test_a_body_flipped_or_cut_at_any_byte_is_no_record() -> None:
    """The CRC covers the signature, the hash the ciphertext."""
    body = ENTRY.cose_sign1 + ENTRY.ciphertext
    assert FRAME.entry(body) == ENTRY
    for place in range(0, len(body), 7):
        damaged = bytearray(body)
        damaged[place] ^= 1
        assert FRAME.entry(bytes(damaged)) is None
        assert FRAME.entry(body[:place]) is None
    assert FRAME.entry(body + b"\0") is None


def test_frames_take_whole_blocks() -> None:
    """The next one starts on a boundary."""
    fits = BLOCK - FRAME_HEADER_BYTES
    assert [frame_bytes(0, 0), frame_bytes(1, fits - 1), frame_bytes(1, fits)] == [BLOCK, BLOCK, 2 * BLOCK]


def test_a_clock_before_1970_counts_as_1970() -> None:
    """The field is unsigned."""
    assert FrameHeader.of(ENTRY, -5, 0).appended_at_ns == 0
    assert unpack_stamp(bytes(STAMP_OFFSET) + pack_stamp(-5)) == 0


def test_unwritten_space_is_what_makes_a_write_torn() -> None:
    """A run of zeros inside, or zeros at the end; sealed data has neither."""
    sealed = hashlib.shake_256(b"sealed").digest(10_000)
    assert not is_torn(sealed)
    assert is_torn(sealed[:5000] + bytes(64) + sealed[5064:])
    assert is_torn(sealed[:-16] + bytes(16))
    assert is_torn(bytes(512))


def test_place_holders_differ_and_are_documented() -> None:
    """SHA-256 of the label, epoch and seq."""
    assert place_holder(7, 3) == hashlib.sha256(b"kiosk-lost-v1" + struct.pack("<QQ", 7, 3)).digest()
    assert len({place_holder(7, 3), place_holder(7, 4), place_holder(8, 3)}) == 3

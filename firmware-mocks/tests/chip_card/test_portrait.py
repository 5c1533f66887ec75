from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.portrait import PortraitError, dg2, drawn_portrait, facial_record, frame
from hypothesis import given
from hypothesis import strategies as st


def test_portrait_is_found_through_all_its_envelopes(portrait: bytes) -> None:
    """75, 7F61, 7F60, 5F2E, facial record, and there the very JPEG."""
    group = tlv.decode(tlv.single(tlv.single(dg2(portrait), 0x75), 0x7F61))
    assert group[0] == (0x02, b"\x01")
    template = dict(tlv.decode(group[1][1]))
    assert dict(tlv.decode(template[0xA1]))[0x88] == b"\x00\x08"
    assert template[0x5F2E].endswith(portrait)


def test_lengths_inside_the_facial_record_add_up(portrait: bytes) -> None:
    """Record and facial data lengths, width, height and colour space are true (ISO/IEC 19794-5, 5.4-5.7)."""
    record = facial_record(portrait)
    assert record[:8] == b"FAC\x00" + b"010\x00"
    assert struct.unpack_from(">IH", record, 8) == (len(record), 1)
    assert struct.unpack_from(">I", record, 14) == (len(record) - 14,)
    assert struct.unpack_from(">BBHHB", record, 34) == (1, 0, 240, 320, 3)
    assert record[46:] == portrait


def test_colour_jpeg_is_marked_as_such() -> None:
    """Three components are 24-bit RGB."""
    coded = cv2.imencode(".jpg", np.full((40, 30, 3), 90, np.uint8))[1].tobytes()
    assert frame(coded) == (30, 40, 3)
    assert facial_record(coded)[40] == 1


@given(st.binary(max_size=80))
def test_anything_but_a_jpeg_is_refused(data: bytes) -> None:
    """Random bytes after the start marker do not pass for a picture by accident, nor crash."""
    with pytest.raises(PortraitError):
        frame(data)


def test_cut_header_is_refused(portrait: bytes) -> None:
    """Truncation before the frame header at every byte is refused."""
    start = portrait.index(b"\xff\xc0")
    for size in range(start + 9):
        with pytest.raises(PortraitError):
            frame(portrait[:size])


def test_drawn_portraits_differ_by_seed() -> None:
    """Two holders do not share one picture."""
    assert drawn_portrait(1) != drawn_portrait(2)
    assert drawn_portrait(1) == drawn_portrait(1)

"""Frames: what the reader sends becomes the picture, whatever the blocks; what cannot be right is refused."""

from __future__ import annotations

import numpy as np
import pytest
from firmware_mocks.fingerprint_pad import frame as device
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices.errors import PadPictureDamaged
from agent.devices.fingerprint_pad_frame import HEADER_BYTES, HEIGHT, WIDTH, Block, RawFrame, upright
from agent.devices.seams import Pixels

# The header of a recorded frame of a U.are.U 4500.
RECORDED_BLOCKS = "0248 0001 0231 0101 0001 0231 0001 0274"
RECORDED_HEADER = (
    bytes.fromhex("1040 8001 2101 00 00c47a10c0005700c7")
    + bytes.fromhex(RECORDED_BLOCKS).ljust(30, b"\0")
    + bytes.fromhex("00003826054d0206057b0000050218401031")
)
FINGER = synthetic_finger(1)


def key_of(number: int) -> int:
    """Return a reader's key by its number."""
    return (number * 0x9E3779B1 + 0x544409D6) & 0xFFFFFFFF


def shown(sent: bytes) -> Pixels:
    """Return what the host makes of a frame."""
    return upright(RawFrame.parse(sent).descrambled(key_of).assembled(), rotated=True)


@st.composite
def layouts(draw: st.DrawFn) -> list[device.Block]:
    """Any list of blocks with 1 to 289 present and at most 290 lines."""
    blocks: list[device.Block] = []
    left = HEIGHT
    for _ in range(draw(st.integers(1, 15))):
        if left == 0:
            break
        lines = draw(st.integers(1, min(left, 255)))
        blocks.append(
            device.Block(
                draw(
                    st.sampled_from([a | b | c | d for a in (0, 1) for b in (0, 2) for c in (0, 4) for d in (0, 0x80)])
                ),
                lines,
            )
        )
        left -= lines
    present = sum(block.lines for block in blocks if not block.absent)
    if not 0 < present < HEIGHT:
        return [device.Block(0x02, 250), device.Block(0x02, 39), device.Block(0x01, 1)]
    return blocks


def test_recorded_header() -> None:
    """The recorded header is key 0, 289 lines, eight blocks that sum to 290 lines, one of them absent."""
    parsed = RawFrame.parse(RECORDED_HEADER + bytes(289 * WIDTH))
    assert parsed.key_number == 0
    assert parsed.data.shape == (289, WIDTH)
    flags_and_lines = [(2, 72), (0, 1), (2, 49), (1, 1), (0, 1), (2, 49), (0, 1), (2, 116)]
    assert parsed.blocks == tuple(Block(*pair) for pair in flags_and_lines)


@pytest.mark.parametrize("layout", [device.RECORDED, device.RECORDED_OTHER], ids=["4500", "other"])
def test_recorded_layouts_come_back_bit_for_bit(layout: list[device.Block]) -> None:
    """All pixels are those on the glass, but for the absent line and the last pixel of each scrambled block."""
    picture = shown(device.frame(FINGER, layout, 5, key_of))
    assert np.array_equal(picture, device.delivered(FINGER, layout))
    different = picture != FINGER
    absent_row = HEIGHT - 1 - sum(block.lines for block in layout[:3])
    rows = set(np.flatnonzero(different.any(axis=1)).tolist())
    ends = np.cumsum([block.lines for block in layout])[[i for i, b in enumerate(layout) if b.scrambled]]
    assert rows <= {absent_row} | {HEIGHT - int(end) for end in ends}
    assert different[:, 1:].sum() <= WIDTH


@settings(max_examples=60, deadline=None)
@given(layouts(), st.integers(0, 255))
def test_any_layout_comes_back(layout: list[device.Block], number: int) -> None:
    """Scrambled or not, absent, with key changes or without advance: the picture is what the reader delivers."""
    assert np.array_equal(shown(device.frame(FINGER, layout, number, key_of)), device.delivered(FINGER, layout))


def test_keys_are_asked_for_in_order_and_only_when_needed() -> None:
    """A key change asks for the next number; a plain frame for none."""
    asked: list[int] = []

    def asking(number: int) -> int:
        asked.append(number)
        return key_of(number)

    changing = device.layout("0264 8264 0259 0101")
    RawFrame.parse(device.frame(FINGER, changing, 0xFF, key_of)).descrambled(asking)
    assert asked == [0xFF, 0x00]
    asked.clear()
    RawFrame.parse(device.frame(FINGER, device.PLAIN, 3, key_of)).descrambled(asking)
    assert asked == []


def test_clear_lines_under_a_scrambled_flag_are_seen_to_be_clear() -> None:
    """Older firmware sends plain lines: they are not noise, so nothing is undone."""
    plain = device.frame(FINGER, device.PLAIN, 0, key_of)
    sent = device.header(289, 0, device.layout("02f0 0231 0101")) + plain[HEADER_BYTES:]
    assert np.array_equal(shown(sent), device.delivered(FINGER, device.PLAIN))


def test_only_some_models_stand_on_their_head() -> None:
    """Ridges are bright in raw pixels; only 05ba:000a is turned by 180 degrees."""
    raw = np.arange(HEIGHT * WIDTH, dtype=np.uint32).astype(np.uint8).reshape(HEIGHT, WIDTH)
    assert np.array_equal(upright(raw, rotated=False), 255 - raw)
    assert np.array_equal(upright(raw, rotated=True), (255 - raw)[::-1, ::-1])


class TestHostileFrames:
    """Nothing that a reader, or whoever plays one, sends is believed."""

    @pytest.mark.parametrize("length", range(HEADER_BYTES + 1))
    def test_truncated_at_every_byte_of_the_header(self, length: int) -> None:
        """A frame without all its header, or with nothing after it, is refused."""
        with pytest.raises(PadPictureDamaged):
            RawFrame.parse(device.frame(FINGER, device.RECORDED, 0, key_of)[:length])

    def test_one_byte_short(self) -> None:
        """Every line must be whole."""
        with pytest.raises(PadPictureDamaged):
            RawFrame.parse(device.frame(FINGER, device.RECORDED, 0, key_of)[:-1])

    @pytest.mark.parametrize("lines", [0, 290, 291, 0xFFFF])
    def test_impossible_line_counts(self, lines: int) -> None:
        """No lines, or 290 and more, are refused before anything is read."""
        sent = RECORDED_HEADER[:4] + lines.to_bytes(2, "little") + RECORDED_HEADER[6:] + bytes(300 * WIDTH)
        with pytest.raises(PadPictureDamaged):
            RawFrame.parse(sent)

    @pytest.mark.parametrize("blocks", ["", "02ff", "02ff02ff", "0121", "0290 0191 0101"], ids=str)
    def test_blocks_that_do_not_account_for_the_lines(self, blocks: str) -> None:
        """Present lines must be those that are there, all lines must fit the picture."""
        pairs = bytes.fromhex(blocks).ljust(30, b"\0")
        sent = RECORDED_HEADER[:16] + pairs + RECORDED_HEADER[46:] + bytes(289 * WIDTH)
        with pytest.raises(PadPictureDamaged):
            RawFrame.parse(sent)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(min_size=64, max_size=64), st.integers(0, 290))
    def test_any_header_is_read_or_refused(self, header: bytes, lines: int) -> None:
        """No header makes anything but a picture of the right size or a clear refusal."""
        sent = header[:4] + lines.to_bytes(2, "little") + header[6:] + bytes(lines * WIDTH)
        try:
            picture = RawFrame.parse(sent).descrambled(key_of).assembled()
        except PadPictureDamaged:
            return
        assert picture.shape == (HEIGHT, WIDTH)

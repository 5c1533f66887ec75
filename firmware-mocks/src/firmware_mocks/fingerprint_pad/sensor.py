"""The glass and the picture behind it: what lies on it, and the frames it makes, faulty ones too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_mocks.fingerprint_pad import frame
from firmware_mocks.fingerprint_pad.faults import Faults
from firmware_mocks.fingerprint_pad.frame import HEADER_BYTES, PLAIN, WIDTH, Block
from firmware_mocks.fingerprint_pad.scrambling import Pixels

_EMPTY_GREY = 250
# Keys of recorded sessions by key number.
RECORDED_KEYS = {0x00: 0x544409D6, 0x05: 0x8A634E7B ^ 0xDB896F5F}


def key_of(number: int) -> int:
    """Return the reader's 32-bit key with this number."""
    return RECORDED_KEYS.get(number, (number * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF)


def empty_glass(number: int) -> Pixels:
    """Return the picture without a finger: almost white, a little noise that differs by frame."""
    random = np.random.default_rng(number)
    return (_EMPTY_GREY + random.integers(-2, 3, (frame.HEIGHT, WIDTH))).astype(np.uint8)


def through(picture: Pixels, faults: Faults) -> Pixels:
    """Return what a worn sensor sees of the picture: darker to the right by `uneven` greys, dead lines black."""
    seen = picture
    if faults.uneven:
        shade = np.linspace(0, faults.uneven, WIDTH)
        seen = np.clip(picture - shade[None, :], 0, 255).astype(np.uint8)
    if faults.dead_rows or faults.dead_columns:
        seen = seen.copy()
        seen[list(faults.dead_rows)] = 0
        seen[:, list(faults.dead_columns)] = 0
    return seen


def frame_bytes(picture: Pixels, faults: Faults, key_number: int, keys: Callable[[int], int] = key_of) -> bytes:
    """Return the frame for `picture`; one-off faults are used up."""
    picture = through(picture, faults)
    blocks = PLAIN if faults.plain else faults.layout
    data = frame.frame(picture, blocks, key_number, keys)
    if faults.short_frames:
        faults.short_frames -= 1
        return data[: HEADER_BYTES + 100 * WIDTH]
    if faults.too_many_lines:
        faults.too_many_lines -= 1
        return data[:4] + frame.HEIGHT.to_bytes(2, "little") + data[6:] + bytes(WIDTH)
    if faults.damaged:
        faults.damaged -= 1
        return frame.header(289, key_number, [Block(0x02, 255), Block(0x02, 255)]) + data[HEADER_BYTES:]
    return data

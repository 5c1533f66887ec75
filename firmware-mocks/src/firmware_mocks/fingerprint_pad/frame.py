"""Frames as the reader sends them: 64 bytes of header, then the lines, scrambled block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from firmware_mocks.fingerprint_pad.scrambling import Pixels, key_stream, scrambled

WIDTH, HEIGHT = 384, 290
HEADER_BYTES = 64
MAX_FRAME_BYTES = HEADER_BYTES + WIDTH * HEIGHT
MAX_BLOCKS = 15

# Bytes of a real frame whose meaning is not known.
_BEGIN, _BEFORE_BLOCKS = bytes.fromhex("1040"), bytes.fromhex("00c47a10c0005700c7")
_AFTER_BLOCKS = bytes.fromhex("00003826054d0206057b0000050218401031")


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines that are treated alike."""

    flags: int
    lines: int

    @property
    def absent(self) -> bool:
        """Whether the lines are left out of the data."""
        return bool(self.flags & 0x01)

    @property
    def scrambled(self) -> bool:
        """Whether the lines are hidden by the key stream."""
        return self.flags & 0x06 == 0x02

    @property
    def advances(self) -> bool:
        """Whether the key stream moves on by the lines' bytes."""
        return not self.flags & 0x04

    @property
    def new_key(self) -> bool:
        """Whether the next key begins with this block."""
        return bool(self.flags & 0x80)


Layout = Sequence[Block]


def layout(text: str) -> list[Block]:
    """Read a layout as hexadecimal pairs of flags and lines, as in "0248 0001"; raises ValueError."""
    data = bytes.fromhex(text)
    if len(data) % 2 or not 0 < len(data) <= 2 * MAX_BLOCKS:
        raise ValueError(f"a layout is 1 to {MAX_BLOCKS} pairs of flags and lines")
    return [Block(flags, lines) for flags, lines in zip(data[::2], data[1::2], strict=True)]


# As recorded from a U.are.U 4500 and from another reader of the family.
RECORDED = layout("0248 0001 0231 0101 0001 0231 0001 0274")
RECORDED_OTHER = layout("0243 0001 0231 0101 0001 0231 0001 0279")
PLAIN = layout("00f0 0031 0101")


def as_read(picture: Pixels) -> Pixels:
    """Turn a picture as people see it (dark ridges, upright) into the sensor's own view, and back."""
    return 255 - np.rot90(picture, 2)


def delivered(picture: Pixels, blocks: Layout) -> Pixels:
    """Return what a host can know of `picture`.

    Lines left out show the lines that follow them, the last pixel of every scrambled block is lost (white), and so is
    what no block covers.
    """
    raw, seen = as_read(picture), np.zeros((HEIGHT, WIDTH), np.uint8)
    for block, top in _placed(blocks):
        if block.absent:
            continue
        seen[top : top + block.lines] = raw[top : top + block.lines]
        if block.scrambled:
            seen[top + block.lines - 1, WIDTH - 1] = 0
    present = _present_rows(blocks)
    taken = 0
    for block, top in _placed(blocks):
        if block.absent:
            rows = present[taken : taken + block.lines]
            seen[top : top + len(rows)] = seen[rows]
        else:
            taken += block.lines
    return as_read(seen)


def frame(picture: Pixels, blocks: Layout, key_number: int, key_of: Callable[[int], int]) -> bytes:
    """Return the whole frame for `picture` (290 x 384); `key_of` gives the key with a number."""
    raw, lines = as_read(picture), list[Pixels]()
    number, key, position = key_number, key_of(key_number), 0
    for block, top in _placed(blocks):
        if block.new_key:
            number = (number + 1) & 0xFF
            key, position = key_of(number), 0
        size = block.lines * WIDTH
        run = raw[top : top + block.lines].reshape(-1)
        if block.scrambled and not block.absent:
            run = scrambled(run, key_stream(key, position + size)[position:])
        position += size if block.advances else 0
        if not block.absent:
            lines.append(run)
    present = sum(block.lines for block in blocks if not block.absent)
    return header(present, key_number, blocks) + np.concatenate(lines or [raw[:0].reshape(-1)]).tobytes()


def header(lines: int, key_number: int, blocks: Layout) -> bytes:
    """Return the 64 bytes before the lines."""
    pairs = b"".join(bytes([block.flags, block.lines]) for block in blocks).ljust(2 * MAX_BLOCKS, b"\0")
    sizes = WIDTH.to_bytes(2, "little") + lines.to_bytes(2, "little")
    return _BEGIN + sizes + bytes([key_number]) + _BEFORE_BLOCKS + pairs + _AFTER_BLOCKS


def _placed(blocks: Layout) -> Iterator[tuple[Block, int]]:
    top = 0
    for block in blocks:
        yield block, top
        top += block.lines


def _present_rows(blocks: Layout) -> list[int]:
    return [top + row for block, top in _placed(blocks) if not block.absent for row in range(block.lines)]

"""One frame of the reader: header, blocks, undoing the scrambling, and the picture that people see. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from agent.devices.errors import PadPictureDamaged
from agent.devices.fingerprint_pad_scrambling import descramble, key_stream
from agent.devices.seams import Pixels

WIDTH: Final = 384
HEIGHT: Final = 290
HEADER_BYTES: Final = 64
MAX_FRAME_BYTES: Final = HEADER_BYTES + HEIGHT * WIDTH
MAX_BLOCKS: Final = 15
_BLOCKS_AT: Final = 16

# Two scrambled lines added up vary by about 10900 between columns, two lines of a finger by far less.
NOISE_OF_ONE_LINE: Final = 2500


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines that share their flags."""

    flags: int
    lines: int

    @property
    def absent(self) -> bool:
        """The lines are not in the data; they look like the lines that follow."""
        return bool(self.flags & 0x01)

    @property
    def scrambled(self) -> bool:
        """The lines are hidden by the key stream."""
        return self.flags & 0x06 == 0x02

    @property
    def advances(self) -> bool:
        """The key stream moves on by the lines' bytes, present or not."""
        return not self.flags & 0x04

    @property
    def changes_key(self) -> bool:
        """The next key begins with this block."""
        return bool(self.flags & 0x80)


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as sent: `data` is lines x 384, scrambled where the blocks say so."""

    key_number: int
    blocks: tuple[Block, ...]
    data: Pixels = field(repr=False)

    @classmethod
    def parse(cls, sent: bytes) -> Self:
        """Read a bulk transfer.

        Raises PadPictureDamaged when it is shorter than its header says, claims 290 lines or more or none, or when its
        blocks do not account for exactly the lines that are there.
        """
        if len(sent) < HEADER_BYTES:
            raise PadPictureDamaged(f"{len(sent)} bytes, shorter than a header")
        lines = int.from_bytes(sent[4:6], "little")
        if not 0 < lines < HEIGHT:
            raise PadPictureDamaged(f"{lines} lines")
        size = HEADER_BYTES + lines * WIDTH
        if len(sent) < size:
            raise PadPictureDamaged(f"{len(sent)} bytes for {lines} lines")
        data = np.frombuffer(sent, np.uint8, lines * WIDTH, HEADER_BYTES)
        return cls(sent[6], tuple(_blocks(sent, lines)), data.reshape(lines, WIDTH))

    def looks_scrambled(self) -> bool:
        """Say whether the lines that may be scrambled are noise; older firmware sends them in the clear.

        As libfprint does, the first two such lines are added up, and their variance over the columns is looked at.
        """
        hidden = [self.data[at : at + b.lines] for b, at in self._placed() if b.scrambled and not b.absent]
        if not hidden:
            return False
        lines = np.concatenate(hidden)[:2]
        total = lines.sum(axis=0, dtype=np.int64)
        mean = int(total.sum()) // WIDTH
        return int(((total - mean) ** 2).sum()) // WIDTH >= NOISE_OF_ONE_LINE * len(lines)

    def descrambled(self, key_of: Callable[[int], int]) -> Self:
        """Return the frame in the clear. `key_of` is asked for each key number that is needed, in order.

        The last pixel of every scrambled block is lost and reads 0.
        """
        if not self.looks_scrambled():
            return self
        plain = self.data.copy()
        number, position = self.key_number, 0
        stream = key_stream(key_of(number), HEIGHT * WIDTH)
        for block, row in self._placed():
            if block.changes_key:
                number, position = (number + 1) & 0xFF, 0
                stream = key_stream(key_of(number), HEIGHT * WIDTH)
            size = block.lines * WIDTH
            if block.scrambled and not block.absent:
                hidden = self.data[row : row + block.lines].reshape(-1)
                shown = descramble(hidden, stream[position : position + size])
                plain[row : row + block.lines] = shown.reshape(-1, WIDTH)
            position += size if block.advances else 0
        return type(self)(self.key_number, self.blocks, plain)

    def assembled(self) -> Pixels:
        """Return 290 x 384 raw pixels: absent lines repeat the lines that follow, what no block covers is 0."""
        picture = np.zeros((HEIGHT, WIDTH), np.uint8)
        top = 0
        for block, row in self._placed():
            lines = self.data[row : row + block.lines]
            picture[top : top + len(lines)] = lines
            top += block.lines
        return picture

    def _placed(self) -> Iterator[tuple[Block, int]]:
        """Give each block with its first row in the data."""
        row = 0
        for block in self.blocks:
            yield block, row
            row += 0 if block.absent else block.lines


def upright(raw: Pixels, *, rotated: bool) -> Pixels:
    """Turn raw pixels (bright ridges on dark) into what people expect: dark ridges on light, not on its head."""
    return 255 - (np.rot90(raw, 2) if rotated else raw)


def _blocks(sent: bytes, lines: int) -> list[Block]:
    """Read the block list up to its end; bytes after that are stale."""
    found, present, total = list[Block](), 0, 0
    for at in range(_BLOCKS_AT, _BLOCKS_AT + 2 * MAX_BLOCKS, 2):
        block = Block(sent[at], sent[at + 1])
        if block.lines == 0 or present == lines:
            break
        found.append(block)
        total += block.lines
        present += 0 if block.absent else block.lines
    if present != lines or total > HEIGHT:
        raise PadPictureDamaged(f"blocks of {present} present and {total} lines in all, for {lines} lines")
    return found

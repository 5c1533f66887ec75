"""The reader's key stream: a 32-bit Fibonacci shift register, computed for a whole frame at once. Pure.

It hides nothing from anyone on the bus and proves nothing; it only has to be undone.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.devices.seams import Pixels

REGISTER_BITS: Final = 32
# The new top bit is the parity of these bits of the state (mask 0x9248144d).
TAPS: Final = (0, 2, 3, 6, 10, 12, 19, 22, 25, 28, 31)
# Bit i of an output byte is this bit of the state before the step.
OUTPUT_BITS: Final = (4, 8, 11, 14, 18, 21, 24, 29)
# A frame has at most 290 lines of 384 bytes; the stream of one key is never longer.
LONGEST_STREAM: Final = 290 * 384


def key_stream(key: int, length: int) -> Pixels:
    """Return the first `length` bytes of the stream of a 32-bit `key`; at most LONGEST_STREAM."""
    if not 0 <= length <= LONGEST_STREAM:
        raise ValueError(f"a key stream of {length} bytes")
    chosen = _key_bits()[: length + REGISTER_BITS] & np.uint32(key)
    bits = np.bitwise_count(chosen) & 1
    stream = np.zeros(length, np.uint8)
    for place, offset in enumerate(OUTPUT_BITS):
        stream |= bits[offset : offset + length] << np.uint8(place)
    return stream


def descramble(hidden: Pixels, stream: Pixels) -> Pixels:
    """Return the pixels of one block (1-D): each came one place late, so the last one is lost and reads 0."""
    plain = np.zeros_like(hidden)
    plain[:-1] = hidden[1:] ^ stream[: len(hidden) - 1]
    return plain


@cache
def _key_bits() -> NDArray[np.uint32]:
    """Say for every bit of the sequence which bits of the key it is the XOR of.

    The register is linear, so this table serves all keys. Its recurrence b[m + 32] = XOR b[m + t] may be squared:
    b[m + 32 s] = XOR b[m + t s] for s = 2, 4, 8, …, which makes s bits at a time once 32 s are known.
    """
    length = LONGEST_STREAM + REGISTER_BITS
    table = np.zeros(length, np.uint32)
    table[:REGISTER_BITS] = np.uint32(1) << np.arange(REGISTER_BITS, dtype=np.uint32)
    known, step = REGISTER_BITS, 1
    while known < length:
        if known >= 2 * step * REGISTER_BITS:
            step *= 2
        made, base = min(step, length - known), known - REGISTER_BITS * step
        for tap in TAPS:
            start = base + tap * step
            table[known : known + made] ^= table[start : start + made]
        known += made
    return table

"""The reader's scrambling, written from the device's side: whole bit sequences as Python integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

TAPS = (0, 2, 3, 6, 10, 12, 19, 22, 25, 28, 31)
OUTPUT_BITS = (4, 8, 11, 14, 18, 21, 24, 29)


def key_stream(key: int, length: int) -> Pixels:
    """Return the first `length` bytes that `key` makes."""
    bits = _sequence(key, length + 32)
    raw = np.frombuffer(bits.to_bytes((length + 39) // 8, "little"), np.uint8)
    single = np.unpackbits(raw, bitorder="little")
    stream = np.zeros(length, np.uint8)
    for place, offset in enumerate(OUTPUT_BITS):
        stream |= single[offset : offset + length] << place
    return stream


def scrambled(plain: Pixels, stream: Pixels) -> Pixels:
    """Hide a run of pixels: each byte moves one place on, the first place is filled with what means nothing."""
    hidden = np.empty_like(plain)
    hidden[0] = 0xA5
    hidden[1:] = plain[:-1] ^ stream[: len(plain) - 1]
    return hidden


def _sequence(key: int, length: int) -> int:
    """Return `length` bits of the register's sequence, the first one lowest.

    The feedback polynomial squared is again a feedback of the sequence, so a step may make 2**j bits at once.
    """
    bits, known, stride = key & 0xFFFFFFFF, 32, 1
    while known < length:
        while stride * 64 <= known:
            stride *= 2
        base, fresh = known - 32 * stride, 0
        for tap in TAPS:
            fresh ^= bits >> (base + tap * stride)
        bits |= (fresh & ((1 << stride) - 1)) << known
        known += stride
    return bits & ((1 << length) - 1)

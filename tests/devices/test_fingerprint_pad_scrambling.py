"""The key stream and its undoing, against the register stepped bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices.fingerprint_pad_scrambling import LONGEST_STREAM, descramble, key_stream

# The key of a recorded U.are.U 4500 session: register value 05ae28f2 XOR host seed 51ea2124.
RECORDED_KEY = 0x05AE28F2 ^ 0x51EA2124


def stepped(key: int, length: int) -> bytes:
    """Step the register as its description has it: shift right, the new top bit is a parity."""
    state, out = key, bytearray()
    for _ in range(length):
        out.append(sum((state >> bit & 1) << place for place, bit in enumerate((4, 8, 11, 14, 18, 21, 24, 29))))
        state = state >> 1 | ((state & 0x9248144D).bit_count() & 1) << 31
    return bytes(out)


def test_recorded_key() -> None:
    """The key exchange of the recording gives the recorded key."""
    assert RECORDED_KEY == 0x544409D6


def test_stream_of_the_recorded_key_over_a_whole_frame() -> None:
    """Computed at once, the stream is the same as stepped 111360 times."""
    assert key_stream(RECORDED_KEY, LONGEST_STREAM).tobytes() == stepped(RECORDED_KEY, LONGEST_STREAM)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 700))
def test_any_key_and_length(key: int, length: int) -> None:
    """Every key gives the stepped stream, at every length."""
    assert key_stream(key, length).tobytes() == stepped(key, length)


@given(st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=900))
def test_descrambling_undoes_scrambling_but_for_the_last_pixel(key: int, plain: bytes) -> None:
    """cipher[i + 1] = plain[i] XOR out[i]: the last pixel is not sent and reads 0."""
    pixels = np.frombuffer(plain, np.uint8)
    stream = key_stream(key, len(pixels))
    hidden = np.concatenate([[0x86], pixels[:-1] ^ stream[:-1]]).astype(np.uint8)
    assert descramble(hidden, stream).tobytes() == plain[:-1] + b"\0"


@pytest.mark.parametrize("length", [-1, LONGEST_STREAM + 1])
def test_a_stream_longer_than_a_frame_is_refused(length: int) -> None:
    """No caller may ask for more than one frame needs."""
    with pytest.raises(ValueError, match="key stream"):
        key_stream(1, length)

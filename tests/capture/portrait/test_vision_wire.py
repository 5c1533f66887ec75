"""Messages between daemon and worker: what is none is refused, whatever it is."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.portrait import vision_wire as wire
from agent.capture.portrait.measures import Analysis, Encoded, Measure, Still

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)
MEASURES = st.builds(
    Measure,
    st.text(max_size=20),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.none() | st.integers(0, 100),
    st.text(max_size=20),
)
FOUR = st.tuples(*[st.floats(-1e4, 1e4)] * 4)


@pytest.fixture(scope="module")
def memory() -> Iterator[wire.VisionMemory]:
    """Return shared memory."""
    made = wire.VisionMemory.create()
    yield made
    made.close()


@given(faces=st.integers(0, 9), measures=st.lists(MEASURES, max_size=5), face=st.none() | FOUR, beyond=FOUR)
def test_an_analysis_comes_back_as_it_was(faces: int, measures: list[Measure], face: Any, beyond: Any) -> None:
    """Through JSON and back nothing is lost."""
    analysis = Analysis(faces, {one.name: one for one in measures}, face, beyond)
    assert wire.decode_analysis(json.loads(json.dumps(wire.encode_analysis(analysis)))) == analysis


@given(measures=JSON, face=JSON, beyond=JSON, faces=JSON)
def test_what_is_no_analysis_is_refused(measures: Any, face: Any, beyond: Any, faces: Any) -> None:
    """Any JSON in any field gives an analysis or a ValueError, never another error."""
    message = {"faces": faces, "face": face, "beyond": beyond, "measures": measures}
    try:
        assert isinstance(wire.decode_analysis(message), Analysis)
    except ValueError:
        return


def test_missing_fields_are_refused(memory: wire.VisionMemory) -> None:
    """An empty answer is neither an analysis nor a still."""
    with pytest.raises(ValueError, match="analysis"):
        wire.decode_analysis({})
    with pytest.raises(ValueError, match="still"):
        wire.decode_still({}, memory)


@given(jpegs=JSON)
def test_what_is_no_still_is_refused(jpegs: Any) -> None:
    """Any JSON in the place of sizes and qualities gives a still or a ValueError, and reads nothing it must not."""
    message = {**wire.encode_analysis(Analysis(0)), "jpegs": jpegs}
    memory = wire.VisionMemory.create()
    try:
        assert isinstance(wire.decode_still(message, memory), Still)
    except ValueError:
        return
    finally:
        memory.close()


def test_a_still_comes_back_as_it_was(memory: wire.VisionMemory) -> None:
    """Both pictures with their qualities; an absent crop stays absent."""
    still = Still(Analysis(1), Encoded(b"first", 95), Encoded())
    told = json.loads(json.dumps(wire.encode_still(still, memory)))
    assert wire.decode_still(told, memory) == still


@pytest.mark.parametrize("sizes", [(-1, 5), (5, -1), (wire.SIZE, 0), (0, 2**63)])
def test_pictures_of_impossible_sizes_are_refused(memory: wire.VisionMemory, sizes: tuple[int, int]) -> None:
    """A worker that lies about lengths reads nothing out of the memory."""
    with pytest.raises(ValueError, match="bytes"):
        memory.jpegs(*sizes)


def test_frames_and_pictures_lie_side_by_side(memory: wire.VisionMemory) -> None:
    """Writing pictures leaves the frame as it is, and the other way round."""
    frame = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    memory.put_frame(frame)
    memory.put_jpegs(b"first", b"", b"second")
    seen = memory.frame(90, 160).copy()
    assert np.array_equal(seen, frame)
    assert memory.jpegs(5, 0, 6) == [b"first", b"", b"second"]


def test_pictures_that_do_not_fit_are_refused(memory: wire.VisionMemory) -> None:
    """More than the memory holds is a ValueError before a byte is written."""
    with pytest.raises(ValueError, match="large"):
        memory.put_jpegs(bytes(wire.SIZE))


@pytest.mark.parametrize("data", [b"x", b"[]", b"1", b'"a"', b"\xff\xfe", b"{"])
def test_packets_that_are_no_messages_are_refused(data: bytes) -> None:
    """Only a JSON object is a message."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.send(data)
        with pytest.raises(ValueError):  # noqa: PT011 # the text is json's own
            wire.receive(ours)


def test_a_closed_end_is_the_end() -> None:
    """Nothing more to come is EOFError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        theirs.close()
        with pytest.raises(EOFError):
            wire.receive(ours)

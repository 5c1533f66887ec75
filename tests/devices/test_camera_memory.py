"""Frames in shared memory: the newest, whole, or none."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.devices.camera_memory import FrameMemory
from agent.devices.seams import Frame, Pixels

CAPACITY = 64 * 48


@pytest.fixture
def memory() -> Iterator[FrameMemory]:
    """Return memory for small frames."""
    made = FrameMemory.create(CAPACITY)
    yield made
    made.close()


def _picture(value: int, height: int = 48, width: int = 64) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def test_before_the_first_frame_there_is_none(memory: FrameMemory) -> None:
    """Number 0, no frame, taken never."""
    assert (memory.newest(), memory.read(), memory.taken_s) == (0, None, -math.inf)


@given(frames=st.lists(st.tuples(st.integers(0, 255), st.integers(1, 48), st.integers(1, 64)), min_size=1, max_size=6))
def test_the_newest_frame_is_read_as_it_was_written(frames: list[tuple[int, int, int]]) -> None:
    """Whatever sizes came before, the last one is there, with its number and time."""
    memory = FrameMemory.create(CAPACITY)
    for number, (value, height, width) in enumerate(frames, 1):
        memory.write(_picture(value, height, width), number / 2)
        frame = memory.read()
        assert frame is not None
        assert (frame.number, frame.taken_s, memory.taken_s) == (number, number / 2, number / 2)
        assert np.array_equal(frame.pixels, _picture(value, height, width))
    memory.close()


def test_a_frame_that_does_not_fit_is_refused(memory: FrameMemory) -> None:
    """One pixel too many is a ValueError, and the frame before stays."""
    memory.write(_picture(1), 1.0)
    with pytest.raises(ValueError, match="pixels"):
        memory.write(_picture(2, 1, CAPACITY + 1), 2.0)
    assert memory.newest() == 1


def test_frames_that_were_read_stay(memory: FrameMemory) -> None:
    """A frame in hand does not change when new ones come, nor when the memory is closed."""
    other = FrameMemory.create(CAPACITY)
    other.write(_picture(7), 1.0)
    frame = other.read()
    for value in range(4):
        other.write(_picture(value), 2.0)
    other.close()
    assert frame is not None
    assert np.array_equal(frame.pixels, _picture(7))


def test_a_writer_that_died_in_the_middle_leaves_the_frame_before(memory: FrameMemory) -> None:
    """A half-written place is never shown, and the next writer goes on with the numbers."""
    memory.write(_picture(1), 1.0)
    place = memory._at(2)
    memory._words[place] = 0  # what a writer does first; then it is killed
    memory._picture(2, 48, 64)[:20] = 99
    frame = memory.read()
    assert frame is not None
    assert np.array_equal(frame.pixels, _picture(1))
    again = FrameMemory(os.dup(memory.handle), CAPACITY)
    again.write(_picture(2), 2.0)
    again.close()
    frame = memory.read()
    assert frame is not None
    assert frame.number == 2
    assert np.array_equal(frame.pixels, _picture(2))


@given(number=st.integers(0, 2**64 - 1), height=st.integers(0, 2**64 - 1), width=st.integers(0, 2**64 - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nonsense_in_the_header_reads_no_foreign_memory(
    memory: FrameMemory, number: int, height: int, width: int
) -> None:
    """Whatever a broken worker writes there, a reader gets a frame that fits or none."""
    place = memory._at(number)
    memory._words[0] = number
    memory._words[place : place + 3] = number, height, width
    frame = memory.read()
    assert frame is None or frame.pixels.size <= CAPACITY * 3


def test_a_reader_never_gets_a_torn_frame() -> None:
    """While another thread writes as fast as it can, every frame read is of one piece and in order."""
    memory = FrameMemory.create(640 * 480)
    stopping = Event()

    def write() -> None:
        number = 0
        pictures = [_picture(value, 480, 640) for value in range(8)]
        while not stopping.is_set():
            number += 1
            memory.write(pictures[number % 8], float(number))

    writer = Thread(target=write)
    writer.start()
    try:
        read: list[Frame] = []
        while len(read) < 300:
            frame = memory.read()
            if frame is not None:
                assert frame.pixels.min() == frame.pixels.max() == frame.number % 8
                assert frame.taken_s == frame.number
                assert not read or frame.number >= read[-1].number
                read.append(Frame(frame.pixels[:1, :1], frame.number, frame.taken_s))
    finally:
        stopping.set()
        writer.join()
        memory.close()
    assert len({frame.number for frame in read}) > 1


def test_the_same_pixels_are_recognised(memory: FrameMemory) -> None:
    """Equal means every pixel: one changed value in the last row, or another shape, is another picture."""
    assert not memory.shows(_picture(5))
    memory.write(_picture(5), 1.0)
    assert memory.shows(_picture(5))
    changed = _picture(5)
    changed[47, 63, 2] = 6
    assert not memory.shows(changed)
    assert not memory.shows(_picture(5, 24, 64))


def test_a_still_is_wished_for_given_once_and_its_memory_given_back() -> None:
    """Beside the frames, which go on; nobody gets it twice."""
    memory = FrameMemory.create(100, still_capacity=400)
    try:
        memory.write(np.full((10, 10, 3), 5, np.uint8), 1.0)
        assert memory.still_wanted == 0
        wish = memory.want_still()
        assert memory.still_wanted == wish
        assert not memory.still_taken(wish)
        memory.answer_still(wish, np.full((20, 20, 3), 7, np.uint8), 2.0)
        assert memory.still_taken(wish)
        assert memory.still_wanted == 0
        frame = memory.take_still()
        assert frame is not None
        assert (frame.pixels.shape, frame.taken_s, int(frame.pixels.min())) == ((20, 20, 3), 2.0, 7)
        assert memory.take_still() is None
        shown = memory.read()
        assert shown is not None
        assert shown.pixels.max() == 5
    finally:
        memory.close()


def test_an_answer_that_comes_late_is_not_the_next_wishs() -> None:
    """A picture that was taken for somebody who gave up must not become somebody else's."""
    memory = FrameMemory.create(100, still_capacity=400)
    try:
        late = memory.want_still()
        memory.give_up_still()
        assert memory.still_wanted == 0
        wish = memory.want_still()
        memory.answer_still(late, np.zeros((20, 20, 3), np.uint8), 1.0)
        assert not memory.still_taken(wish)
        assert memory.still_wanted == wish
    finally:
        memory.close()


@pytest.mark.parametrize("pixels", [None, np.zeros((30, 30, 3), np.uint8)], ids=["none", "too large"])
def test_no_still_is_an_answer_too(pixels: Pixels | None) -> None:
    """The reader does not wait for what will not come."""
    memory = FrameMemory.create(100, still_capacity=400)
    try:
        wish = memory.want_still()
        memory.answer_still(wish, pixels, 1.0)
        assert memory.still_taken(wish)
        assert memory.take_still() is None
    finally:
        memory.close()

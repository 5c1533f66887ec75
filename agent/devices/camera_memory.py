"""The newest frame in anonymous shared memory: two places, written in turn, each with a number while it is whole.

One writer, any readers, no lock: a writer that is killed or stopped in the middle of a frame holds nobody up. It
relies on stores becoming visible in the order in which they are made, as x86-64 does.
"""

from __future__ import annotations

import math
import mmap
import os
from typing import Self

import numpy as np

from agent.devices.seams import Frame, Pixels

PLACES = 2
# Newest number; then per place: number, height, width, time taken; then the reader's wish and the writer's answer.
_HEAD_BYTES = 128
_WISH = 1 + 4 * PLACES
_ANSWER = _WISH + 1
# The still: the reader's count of wishes, the writer's of answers; then height, width (0: there is none) and time.
_STILL_WISH = _ANSWER + 1
_STILL = _STILL_WISH + 1
_WORDS = _STILL + 4
# The answer is 0 while nothing is locked, else this with the bits of the controls that are.
_LOCKED = 2**32
CHANNELS = 3


class FrameMemory:
    """A view of the memory, for frames of at most `capacity` pixels. A reader never gets a half-written frame.

    Beside the frames there is room for one still of at most `still_capacity` pixels, which takes memory only while it
    is there: the reader wishes for one, and the writer answers.

    The memory has no name, so nobody else can open it; it goes with the last process that maps it.
    """

    def __init__(self, handle: int, capacity: int, still_capacity: int = 0) -> None:
        self.handle, self.capacity, self.still_capacity = handle, capacity, still_capacity
        self._map = mmap.mmap(handle, self.size(capacity, still_capacity))
        self._words = np.frombuffer(self._map, np.uint64, _WORDS)
        self._times = self._words.view(np.float64)
        self._wishes = 0
        self._pictures = np.frombuffer(self._map, np.uint8, PLACES * capacity * CHANNELS, _HEAD_BYTES).reshape(
            PLACES, capacity * CHANNELS
        )

    @classmethod
    def create(cls, capacity: int, still_capacity: int = 0) -> Self:
        """Return new memory; its `handle` is a file descriptor to hand to the writer."""
        handle = os.memfd_create("camera")
        os.ftruncate(handle, cls.size(capacity, still_capacity))
        return cls(handle, capacity, still_capacity)

    @staticmethod
    def size(capacity: int, still_capacity: int = 0) -> int:
        """Return the bytes that frames of `capacity` pixels and a still of `still_capacity` need."""
        return _still_at(capacity) + still_capacity * CHANNELS

    def close(self) -> None:
        """Give the memory back; frames that were read stay valid."""
        del self._words, self._times, self._pictures
        self._map.close()
        os.close(self.handle)

    def write(self, pixels: Pixels, taken_s: float) -> None:
        """Put a frame (height x width x 3) into the place that readers are not pointed at; raise ValueError."""
        height, width = pixels.shape[:2]
        if height * width > self.capacity:
            raise ValueError(f"{width}x{height} is more than {self.capacity} pixels")
        number = self.newest() + 1
        at = self._at(number)
        self._words[at] = 0
        self._words[at + 1 : at + 3] = height, width
        self._times[at + 3] = taken_s
        np.copyto(self._picture(number, height, width), pixels)
        self._words[at] = number
        self._words[0] = number

    def newest(self) -> int:
        """Return the number of the newest whole frame; 0 before the first."""
        return int(self._words[0])

    def read(self) -> Frame | None:
        """Return the newest frame, or None when there is none or it was just being replaced."""
        number = self.newest()
        at = self._at(number)
        if number == 0 or int(self._words[at]) != number:
            return None
        height, width, taken_s = int(self._words[at + 1]), int(self._words[at + 2]), float(self._times[at + 3])
        if not (height and width and height * width <= self.capacity):
            return None  # a broken worker wrote this
        pixels = self._picture(number, height, width).copy()
        if int(self._words[at]) != number:
            return None
        return Frame(pixels, number, taken_s)

    @property
    def lock_wanted(self) -> bool:
        """The reader wants the camera's controls locked."""
        return bool(self._words[_WISH])

    def want_lock(self, wanted: bool) -> None:
        """Ask the writer to lock the camera's controls, or to let go. For the reader."""
        self._words[_WISH] = wanted

    @property
    def locked(self) -> int | None:
        """Bits of the controls that are locked; None while the writer has locked nothing."""
        answer = int(self._words[_ANSWER])
        return answer & (_LOCKED - 1) if answer else None

    def tell_locked(self, bits: int | None) -> None:
        """Answer which controls are locked now. For the writer."""
        self._words[_ANSWER] = 0 if bits is None else _LOCKED | bits

    def want_still(self) -> int:
        """Wish for a still; return the wish's number. For the reader."""
        # Never a number twice: an answer that comes after its wish was given up must not be taken for the next one's.
        self._wishes += 1
        self._words[_STILL_WISH] = self._wishes
        return self._wishes

    def still_taken(self, wish: int) -> bool:
        """Say whether the wish was answered. For the reader."""
        return int(self._words[_STILL]) >= wish

    def give_up_still(self) -> None:
        """Wish for no still any more. For the reader."""
        self._words[_STILL_WISH] = 0

    @property
    def still_wanted(self) -> int:
        """The number of the wish that is not answered yet; 0 when there is none."""
        wish = int(self._words[_STILL_WISH])
        return wish if wish > int(self._words[_STILL]) else 0

    def answer_still(self, wish: int, pixels: Pixels | None, taken_s: float) -> None:
        """Answer a wish; None, or a still that is too large for the memory, says that there is none. For the writer."""
        if pixels is None or pixels.shape[0] * pixels.shape[1] > self.still_capacity:
            self._words[_STILL + 1 : _STILL + 3] = 0, 0
        else:
            height, width = pixels.shape[:2]
            np.copyto(self._still(height, width), pixels)
            self._words[_STILL + 1 : _STILL + 3] = height, width
            self._times[_STILL + 3] = taken_s
        self._words[_STILL] = wish

    def take_still(self) -> Frame | None:
        """Return the still of the last answer and give its memory back; None when there is none. For the reader."""
        height, width = int(self._words[_STILL + 1]), int(self._words[_STILL + 2])
        if not (height and width and height * width <= self.still_capacity):
            return None
        frame = Frame(self._still(height, width).copy(), self.newest(), float(self._times[_STILL + 3]))
        self._words[_STILL + 1 : _STILL + 3] = 0, 0
        self._map.madvise(mmap.MADV_REMOVE, _still_at(self.capacity), self.still_capacity * CHANNELS)
        return frame

    def _still(self, height: int, width: int) -> Pixels:
        at = _still_at(self.capacity)
        return np.frombuffer(self._map, np.uint8, height * width * CHANNELS, at).reshape(height, width, CHANNELS)

    def shows(self, pixels: Pixels) -> bool:
        """Say whether the newest frame has these very pixels. For the writer."""
        number = self.newest()
        at = self._at(number)
        if number == 0 or tuple(self._words[at + 1 : at + 3]) != pixels.shape[:2]:
            return False
        last = self._picture(number, *pixels.shape[:2])
        # A few rows tell nearly always, at a fraction of the cost.
        return np.array_equal(pixels[::64], last[::64]) and np.array_equal(pixels, last)

    @property
    def taken_s(self) -> float:
        """When the newest frame was taken (time.monotonic()); minus infinity before the first."""
        number = self.newest()
        return float(self._times[self._at(number) + 3]) if number else -math.inf

    @staticmethod
    def _at(number: int) -> int:
        return 1 + 4 * (number % PLACES)

    def _picture(self, number: int, height: int, width: int) -> Pixels:
        return self._pictures[number % PLACES, : height * width * CHANNELS].reshape(height, width, CHANNELS)


def _still_at(capacity: int) -> int:
    """Return where the still lies: at the beginning of a page, so that it can be given back by itself."""
    end = _HEAD_BYTES + PLACES * capacity * CHANNELS
    return -(-end // mmap.PAGESIZE) * mmap.PAGESIZE

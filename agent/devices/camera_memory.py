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
_WORDS = _ANSWER + 1
# The answer is 0 while nothing is locked, else this with the bits of the controls that are.
_LOCKED = 2**32
CHANNELS = 3


class FrameMemory:
    """A view of the memory, for frames of at most `capacity` pixels. A reader never gets a half-written frame.

    The memory has no name, so nobody else can open it; it goes with the last process that maps it.
    """

    def __init__(self, handle: int, capacity: int) -> None:
        self.handle, self.capacity = handle, capacity
        self._map = mmap.mmap(handle, self.size(capacity))
        self._words = np.frombuffer(self._map, np.uint64, _WORDS)
        self._times = self._words.view(np.float64)
        self._pictures = np.frombuffer(self._map, np.uint8, offset=_HEAD_BYTES).reshape(PLACES, capacity * CHANNELS)

    @classmethod
    def create(cls, capacity: int) -> Self:
        """Return new memory; its `handle` is a file descriptor to hand to the writer."""
        handle = os.memfd_create("camera")
        os.ftruncate(handle, cls.size(capacity))
        return cls(handle, capacity)

    @staticmethod
    def size(capacity: int) -> int:
        """Return the bytes that frames of `capacity` pixels need."""
        return _HEAD_BYTES + PLACES * capacity * CHANNELS

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

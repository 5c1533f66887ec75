"""The camera's regulation stands still while the gates hold, where the camera can; else the evidence says so."""

from __future__ import annotations

from threading import Event

import numpy as np

from agent.capture.portrait.locking import FACT, NOT_OFFERED, SeriesLock, series_lock
from agent.devices.seams import Frame


class PlainCamera:
    """A FrameSource without a lock."""

    def newest(self, after: int, deadline: float, cancelled: Event) -> Frame:
        """Return a black frame."""
        return Frame(np.zeros((1, 1, 3), np.uint8), after + 1, 0.0)


class LockableCamera(PlainCamera):
    """A FrameSource with a lock; it remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def lock(self, *, on: bool) -> None:
        """Remember the order."""
        self.asked.append(on)

    def locked(self) -> str:
        """Say what a camera without a focus motor says."""
        return "exposure locked, white balance locked, focus refused"


def test_a_source_without_a_lock_says_so() -> None:
    """Nothing is asked and nothing claimed."""
    lock = SeriesLock(PlainCamera())
    lock.hold(True)
    assert lock.facts() == {FACT: NOT_OFFERED}


def test_each_change_is_asked_once() -> None:
    """Ten good frames are one order; what the camera answered is the fact."""
    camera = LockableCamera()
    lock = SeriesLock(camera)
    for _ in range(10):
        lock.hold(True)
    assert camera.asked == [True]
    assert lock.facts() == {FACT: "exposure locked, white balance locked, focus refused"}


def test_nothing_is_claimed_without_a_lock_in_force() -> None:
    """Before the gates held, and after they held no longer, the fact says that nothing is locked."""
    lock = SeriesLock(LockableCamera())
    assert "never locked" in lock.facts()[FACT]
    lock.hold(True)
    lock.hold(False)
    assert "let go" in lock.facts()[FACT]


def test_the_camera_gets_its_regulation_back_whatever_happens() -> None:
    """Also after an error in the middle; a lock that was never set is not undone."""
    camera = LockableCamera()
    try:
        with series_lock(camera) as lock:
            lock.hold(True)
            raise RuntimeError
    except RuntimeError:
        pass
    assert camera.asked == [True, False]
    with series_lock(camera):
        pass
    assert camera.asked == [True, False]

"""Locking a camera's controls: against cameras that can, cannot, and lie."""

from __future__ import annotations

import cv2
import pytest

from agent.devices._camera_worker import follow
from agent.devices.camera_controls import Control, ControlLock
from agent.devices.camera_memory import FrameMemory

ALL = Control.EXPOSURE | Control.WHITE_BALANCE | Control.FOCUS
AUTOMATIC = {cv2.CAP_PROP_AUTO_EXPOSURE: 3.0, cv2.CAP_PROP_AUTO_WB: 1.0, cv2.CAP_PROP_AUTOFOCUS: 1.0}
VALUES = {cv2.CAP_PROP_EXPOSURE: 156.0, cv2.CAP_PROP_WB_TEMPERATURE: 4600.0, cv2.CAP_PROP_FOCUS: 30.0}


class Uvc:
    """A UVC camera's controls as V4L2 has them; manual mode jumps to a default until the value is set again."""

    def __init__(self, *refused: int, deaf: int = -1) -> None:
        self.values = AUTOMATIC | VALUES
        self._refused, self._deaf = refused, deaf
        self.log: list[tuple[int, float]] = []

    def get(self, propId: int, /) -> float:  # noqa: N803 # cv2's name
        """Return a value, -1 for a control that is not there."""
        return -1.0 if propId in self._refused else self.values[propId]

    def set(self, propId: int, value: float, /) -> bool:  # noqa: N803 # cv2's name
        """Take a value; a deaf control says yes and keeps its own."""
        if propId in self._refused:
            return False
        self.log.append((propId, value))
        if propId != self._deaf:
            self.values[propId] = value
        if propId == cv2.CAP_PROP_AUTO_EXPOSURE and value == 1:
            self.values[cv2.CAP_PROP_EXPOSURE] = 1.0
        return True


def test_all_is_locked_at_its_present_value_and_given_back() -> None:
    """Manual mode with the very values that the regulation had found; then automatic as it was."""
    camera = Uvc()
    lock = ControlLock(camera)
    assert lock.lock() == ALL
    assert {name: camera.values[name] for name in VALUES} == VALUES
    assert [camera.values[name] for name in AUTOMATIC] == [1.0, 0.0, 0.0]
    lock.release()
    assert {name: camera.values[name] for name in AUTOMATIC} == AUTOMATIC


def test_a_network_camera_refuses_everything() -> None:
    """Nothing is held, nothing is touched at the release."""
    camera = Uvc(*AUTOMATIC, *VALUES)
    lock = ControlLock(camera)
    assert lock.lock() == Control(0)
    lock.release()
    assert camera.log == []


@pytest.mark.parametrize(
    ("camera", "held"),
    [
        (Uvc(cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS), ALL - Control.FOCUS),
        (Uvc(cv2.CAP_PROP_WB_TEMPERATURE), ALL - Control.WHITE_BALANCE),
        (Uvc(deaf=cv2.CAP_PROP_AUTO_EXPOSURE), ALL - Control.EXPOSURE),
    ],
    ids=["no focus motor", "no temperature", "says yes and goes on"],
)
def test_only_what_is_really_held_is_claimed(camera: Uvc, held: Control) -> None:
    """A control that is missing, cannot keep its value, or did not switch, is not locked."""
    assert ControlLock(camera).lock() == held


def test_locking_twice_keeps_the_way_back() -> None:
    """The second lock must not take manual for what was there before."""
    camera = Uvc()
    lock = ControlLock(camera)
    lock.lock()
    lock.lock()
    lock.release()
    assert {name: camera.values[name] for name in AUTOMATIC} == AUTOMATIC


def test_the_worker_follows_the_wish_and_answers_once() -> None:
    """Through the shared memory: a wish is done once, its answer read by the other side, and undone once."""
    memory, camera = FrameMemory.create(16), Uvc(cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS)
    lock = ControlLock(camera)
    follow(memory, lock)
    assert (memory.locked, camera.log) == (None, [])
    memory.want_lock(True)
    follow(memory, lock)
    assert memory.locked == Control.EXPOSURE | Control.WHITE_BALANCE
    done = len(camera.log)
    follow(memory, lock)
    assert len(camera.log) == done
    memory.want_lock(False)
    follow(memory, lock)
    assert memory.locked is None
    assert {name: camera.values[name] for name in AUTOMATIC} == AUTOMATIC
    memory.close()


def test_nothing_held_is_an_answer_too() -> None:
    """A camera that refuses all is asked once, not with every frame."""
    memory, camera = FrameMemory.create(16), Uvc(*AUTOMATIC, *VALUES)
    memory.want_lock(True)
    follow(memory, ControlLock(camera))
    assert memory.locked == 0
    memory.close()

"""A reader for a whole visit: opened when needed, and again after it was unplugged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event

import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.frame import RECORDED, delivered
from firmware_mocks.fingerprint_pad.registers import Mode
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.usbip.backend import get_backend

from agent.devices.errors import DeviceTimeout, NoPad, PadBusy, PadLost
from agent.devices.fingerprint_pad_hotplug import HotplugPad

FINGER = synthetic_finger(1)


def soon() -> float:
    """Return a deadline that only a fault meets."""
    return time.monotonic() + 30


@pytest.fixture
def bus() -> Iterator[PadOnBus]:
    """Put a quick reader on the bus."""
    with PadOnBus(frame_s=0.02) as pad:
        yield pad


@pytest.fixture
def pad(bus: PadOnBus) -> Iterator[HotplugPad]:
    """Make the reader, not yet opened."""
    with HotplugPad(lambda: get_backend(bus.address), 512, 512) as pad:
        yield pad


def test_it_is_opened_when_it_is_needed(bus: PadOnBus, pad: HotplugPad) -> None:
    """Nothing touches the bus before the first wait."""
    assert bus.device.controls == 0
    bus.device.put_finger(FINGER)
    pad.wait_for_finger(soon(), Event())
    assert np.array_equal(pad.next_frame(soon(), Event()).pixels, delivered(FINGER, RECORDED))


def test_it_is_switched_off_at_the_end(bus: PadOnBus) -> None:
    """Leaving the visit leaves the reader free."""
    with HotplugPad(lambda: get_backend(bus.address), 512, 512) as pad:
        pad.wait_for_lift(soon(), Event())
    assert (bus.device.mode, bus.device.waiting) == (Mode.OFF, (0, 0))


def test_unplugged_and_plugged_in_again(bus: PadOnBus, pad: HotplugPad) -> None:
    """The loss is told once, then that there is none, and then it works again."""
    pad.wait_for_lift(soon(), Event())
    bus.server.unplug()
    with pytest.raises(PadLost):
        pad.wait_for_finger(soon(), Event())
    with pytest.raises(NoPad):
        pad.wait_for_finger(soon(), Event())
    with pytest.raises(PadLost):
        pad.next_frame(soon(), Event())
    bus.server.plug()
    bus.device.put_finger(FINGER)
    pad.wait_for_finger(soon(), Event())
    assert np.array_equal(pad.next_frame(soon(), Event()).pixels, delivered(FINGER, RECORDED))


def test_a_time_out_keeps_it_open(bus: PadOnBus, pad: HotplugPad) -> None:
    """Waiting in vain is no reason to start the reader anew."""
    with pytest.raises(DeviceTimeout):
        pad.wait_for_finger(time.monotonic() + 0.1, Event())
    controls = bus.device.controls
    pad.wait_for_lift(soon(), Event())
    assert bus.device.controls == controls + 1


def test_busy_is_told_at_once_and_may_be_tried_again(bus: PadOnBus, pad: HotplugPad) -> None:
    """When the other program lets go, it works."""
    bus.server.hold(True)
    with pytest.raises(PadBusy):
        pad.wait_for_lift(soon(), Event())
    bus.server.hold(False)
    pad.wait_for_lift(soon(), Event())


def test_a_reader_that_does_not_wake_is_let_go(bus: PadOnBus, pad: HotplugPad) -> None:
    """A failed start leaves nothing claimed."""
    bus.device.faults.slow_wake = 10_000
    with pytest.raises(DeviceTimeout):
        pad.wait_for_lift(time.monotonic() + 0.1, Event())
    assert bus.device.waiting == (0, 0)
    bus.device.faults.set("healthy")
    pad.wait_for_lift(soon(), Event())

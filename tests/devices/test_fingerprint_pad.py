"""The driver against a reader on the wire: pyusb, USB/IP, and every quirk that readers are known to have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import structlog
from firmware_mocks.fingerprint_pad import frame as device_frame
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.faults import Faults, Moment
from firmware_mocks.fingerprint_pad.registers import Interrupt, Mode
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.usbip.backend import UsbipBackend, get_backend

from agent.devices.errors import (
    Cancelled,
    DeviceError,
    DeviceTimeout,
    PadFault,
    PadLost,
    PadPictureDamaged,
)
from agent.devices.fingerprint_pad import Uru4500
from agent.devices.fingerprint_pad_usb import open_usb_pad
from agent.devices.seams import Pixels

FRAME_S = 0.02
BULK_MS = 400
FINGER = synthetic_finger(1)
Open = Callable[[], Uru4500]


def soon() -> float:
    """Return a deadline that only a fault meets."""
    return time.monotonic() + 30


@pytest.fixture
def faults() -> Faults:
    """Make a healthy reader, unless a test changes it."""
    return Faults()


@pytest.fixture
def bus(faults: Faults) -> Iterator[PadOnBus]:
    """Put a reader on the bus; at the end the host has kept the order of modes and transfers."""
    with PadOnBus(faults, FRAME_S) as pad:
        yield pad
        assert pad.state()["violations"] == []


@pytest.fixture
def opened(bus: PadOnBus) -> Iterator[Open]:
    """Open the reader, not yet awake; close what was opened."""
    pads: list[Uru4500] = []

    def open_pad() -> Uru4500:
        pads.append(Uru4500(open_usb_pad(get_backend(bus.address)), 512, 500, bulk_ms=BULK_MS))
        return pads[-1]

    yield open_pad
    for pad in pads:
        pad.close()


@pytest.fixture
def pad(opened: Open) -> Uru4500:
    """Open a reader and wake it."""
    driver = opened()
    driver.wake(soon(), Event())
    return driver


def when(bus: PadOnBus, ready: Callable[[], bool], action: Callable[[], object]) -> Thread:
    """Do something as soon as the reader is in some state."""

    def run() -> None:
        with bus.device.changed:
            assert bus.device.changed.wait_for(ready, 30)
        action()

    thread = Thread(target=run)
    thread.start()
    return thread


def delivered(picture: Pixels, layout: device_frame.Layout = device_frame.RECORDED) -> Pixels:
    """Return what the reader lets a host know of a picture."""
    return device_frame.delivered(picture, layout)


def touched(pad: Uru4500) -> Pixels:
    """Wait for the finger and take its picture."""
    pad.wait_for_finger(soon(), Event())
    return pad.next_frame(soon(), Event()).pixels


class TestOneFinger:
    """The ordinary way."""

    def test_the_picture_is_what_lies_on_the_glass(self, bus: PadOnBus, pad: Uru4500) -> None:
        """Bit for bit, with the resolution that was configured."""
        thread = when(bus, lambda: bus.device.mode == Mode.AWAIT_FINGER_ON, lambda: bus.device.put_finger(FINGER))
        pad.wait_for_finger(soon(), Event())
        image = pad.next_frame(soon(), Event())
        thread.join()
        assert np.array_equal(image.pixels, delivered(FINGER))
        assert (image.x_ppi, image.y_ppi) == (512, 500)

    def test_frames_go_on_while_the_finger_stays(self, bus: PadOnBus, pad: Uru4500) -> None:
        """For a preview: picture after picture without a new mode, each what is there then."""
        bus.device.put_finger(FINGER)
        assert np.array_equal(touched(pad), delivered(FINGER))
        controls = bus.device.controls
        other = synthetic_finger(2)
        bus.device.put_finger(other)
        pictures = [pad.next_frame(soon(), Event()).pixels for _ in range(3)]
        assert np.array_equal(pictures[-1], delivered(other))
        assert bus.device.controls == controls + 3 * 2

    def test_a_lift_is_waited_for(self, bus: PadOnBus, pad: Uru4500) -> None:
        """Returns when the finger goes, and at once when none is there."""
        bus.device.put_finger(FINGER)
        touched(pad)
        thread = when(bus, lambda: bus.device.mode == Mode.AWAIT_FINGER_OFF, bus.device.lift)
        pad.wait_for_lift(soon(), Event())
        thread.join()
        pad.wait_for_lift(soon(), Event())

    def test_a_wait_may_be_cut_into_pieces(self, bus: PadOnBus, pad: Uru4500) -> None:
        """A finger that comes between two waits is seen by the second, even if the reader tells it only once."""
        with pytest.raises(DeviceTimeout):
            pad.wait_for_finger(time.monotonic() + 0.05, Event())
        controls = bus.device.controls
        bus.device.put_finger(FINGER)
        pad.wait_for_finger(soon(), Event())
        assert bus.device.controls == controls

    def test_the_next_finger_is_another_one(self, bus: PadOnBus, pad: Uru4500) -> None:
        """Touch after touch gives the finger that is there then."""
        for seed in (1, 2, 3):
            bus.device.put_finger(synthetic_finger(seed))
            assert np.array_equal(touched(pad), delivered(synthetic_finger(seed)))
            bus.device.lift()
            pad.wait_for_lift(soon(), Event())

    def test_the_seed_of_the_recording(self, bus: PadOnBus) -> None:
        """With the recorded seed the register holds the recorded value, and the picture is right."""
        usb = open_usb_pad(get_backend(bus.address))
        with Uru4500(usb, 512, 512, random=lambda n: 0x51EA2124.to_bytes(n, "little")) as pad:
            pad.wake(soon(), Event())
            bus.device.put_finger(FINGER)
            assert np.array_equal(touched(pad), delivered(FINGER))
            assert usb.read_registers(0x34, 4) == 0x05AE28F2.to_bytes(4, "little")

    def test_closing_switches_off(self, bus: PadOnBus, opened: Open) -> None:
        """The last mode is OFF, and no transfer stays behind."""
        driver = opened()
        driver.wake(soon(), Event())
        driver.close()
        assert (bus.device.mode, bus.device.waiting) == (Mode.OFF, (0, 0))

    def test_versions(self, pad: Uru4500) -> None:
        """The version words are those of the recorded reader."""
        assert pad.versions == "0010 0115"


class TestQuirks:
    """What real readers do, each as the reader's own behaviour."""

    @pytest.mark.parametrize(
        "words",
        [
            ["wake-ms=0"],
            ["wake-ms=0,0,0,0"],
            ["wake-ms=150"],
            ["slow-wake=3"],
            ["silent-wakes=2"],
            ["reboot-loop"],
            ["reboot-loop", "slow-wake=2", "silent-wakes=1"],
        ],
        ids=str,
    )
    def test_wakes(self, words: list[str]) -> None:
        """Early, repeated, late and missing wake-up interrupts, slow power and the reboot loop."""
        with PadOnBus(Faults.parse(words), FRAME_S) as quirky:
            usb = open_usb_pad(get_backend(quirky.address))
            with Uru4500(usb, 512, 512) as pad:
                pad.wake(soon(), Event())
                quirky.device.put_finger(FINGER)
                assert np.array_equal(touched(pad), delivered(FINGER))

    def test_never_waking_is_a_fault(self, faults: Faults, opened: Open) -> None:
        """Three tries without an interrupt end with the cause."""
        faults.silent_wakes = 99
        with pytest.raises(PadFault, match="wake-up"):
            opened().wake(soon(), Event())

    def test_endless_low_power_is_a_fault(self, faults: Faults, opened: Open) -> None:
        """A reader that does not power up is not waited for for ever."""
        faults.slow_wake = 10_000
        with pytest.raises(PadFault, match="low power"):
            opened().wake(soon(), Event())

    def test_repeated_wake_ups_and_unknown_interrupts_are_no_finger(self, bus: PadOnBus, pad: Uru4500) -> None:
        """Only a finger ends the wait for a finger."""
        for kind in (Interrupt.SCAN_POWER_ON, Interrupt.UNKNOWN_1000, Interrupt.FINGER_OFF, Interrupt.UNKNOWN_8000):
            bus.device.interrupt(kind)
        with pytest.raises(DeviceTimeout):
            pad.wait_for_finger(time.monotonic() + 0.2, Event())

    def test_a_finger_of_before_does_not_count(self, bus: PadOnBus, pad: Uru4500) -> None:
        """A finger that was there and has gone is not there now."""
        bus.device.interrupt(Interrupt.FINGER_ON)
        pad.wait_for_lift(soon(), Event())
        with pytest.raises(DeviceTimeout):
            pad.wait_for_finger(time.monotonic() + 0.2, Event())

    @pytest.mark.parametrize("word", ["short-frames=3", "too-many-lines=2", "damaged=2"])
    def test_damaged_frames_are_passed_over(self, bus: PadOnBus, pad: Uru4500, faults: Faults, word: str) -> None:
        """The next good picture counts."""
        faults.set(word)
        bus.device.put_finger(FINGER)
        with structlog.testing.capture_logs() as logs:
            assert np.array_equal(touched(pad), delivered(FINGER))
        assert [event["event"] for event in logs].count("pad.picture_damaged") >= 2

    def test_only_damaged_frames_are_a_fault(self, bus: PadOnBus, pad: Uru4500, faults: Faults) -> None:
        """After some tries the reader is said to be damaged, with what was wrong last."""
        faults.short_frames = 99
        bus.device.put_finger(FINGER)
        with pytest.raises(PadPictureDamaged, match="bytes for"):
            touched(pad)

    def test_death_and_an_empty_picture(self, bus: PadOnBus, pad: Uru4500, faults: Faults) -> None:
        """After 0x0800 and 0 bytes the reader is woken anew and the picture taken after all."""
        faults.death = 1
        bus.device.put_finger(FINGER)
        assert np.array_equal(touched(pad), delivered(FINGER))

    def test_a_warning_alone_wakes_the_reader_anew(self, bus: PadOnBus, pad: Uru4500, faults: Faults) -> None:
        """0x0800 with a good picture: the picture counts, and the next wait begins with a new start."""
        faults.warning = 1
        bus.device.put_finger(FINGER)
        assert np.array_equal(touched(pad), delivered(FINGER))
        controls = bus.device.controls
        pad.wait_for_finger(soon(), Event())
        assert bus.device.controls - controls > 4

    def test_a_reader_that_stays_dead_is_a_fault(self, bus: PadOnBus, pad: Uru4500, faults: Faults) -> None:
        """Waking it again and again has an end."""
        faults.death = 99
        bus.device.put_finger(FINGER)
        with pytest.raises(PadFault, match="sends nothing"):
            touched(pad)

    @pytest.mark.parametrize("layout", ["0264 8264 0259 0101", "02fa 8227 0101", "0001 8032 04ee", "0620 02f0 0110"])
    def test_other_layouts(self, bus: PadOnBus, pad: Uru4500, faults: Faults, layout: str) -> None:
        """Key changes in mid frame, plain lines, lines without advance."""
        faults.set(f"layout={layout}")
        bus.device.put_finger(FINGER)
        assert np.array_equal(touched(pad), delivered(FINGER, device_frame.layout(layout)))

    def test_plain_frames(self, bus: PadOnBus, pad: Uru4500, faults: Faults) -> None:
        """Older firmware needs no key, and none is asked for."""
        faults.plain = True
        bus.device.put_finger(FINGER)
        pad.wait_for_finger(soon(), Event())
        controls = bus.device.controls
        assert np.array_equal(pad.next_frame(soon(), Event()).pixels, delivered(FINGER, device_frame.PLAIN))
        assert bus.device.controls == controls + 1

    def test_lifted_during_the_transfer(self, bus: PadOnBus, pad: Uru4500, faults: Faults) -> None:
        """The picture is taken to its end before the mode changes."""
        faults.lift_in_bulk = True
        bus.device.put_finger(FINGER)
        assert np.array_equal(touched(pad), delivered(FINGER))
        pad.wait_for_lift(soon(), Event())

    def test_an_unclean_end_before(self, bus: PadOnBus) -> None:
        """A host that died in the middle leaves a reader that works for the next one."""
        first = open_usb_pad(get_backend(bus.address))
        first.write_registers(0x07, b"\x81")
        first.close()
        with Uru4500(open_usb_pad(get_backend(bus.address)), 512, 512) as pad:
            pad.wake(soon(), Event())
            bus.device.put_finger(FINGER)
            assert np.array_equal(touched(pad), delivered(FINGER))

    def test_a_stalled_request_is_a_fault(self, pad: Uru4500, faults: Faults) -> None:
        """The reader refuses a register: said, not guessed around."""
        faults.stall = 1
        with pytest.raises(PadFault, match="pipe"):
            pad.wait_for_finger(soon(), Event())

    def test_no_picture_at_all_is_a_fault(self, bus: PadOnBus, pad: Uru4500, faults: Faults) -> None:
        """A transfer that never ends is given up by its own time-out."""
        faults.no_frames = True
        bus.device.put_finger(FINGER)
        with pytest.raises(PadFault, match="no picture"):
            touched(pad)


class TestUnplugged:
    """The cable may be pulled at any moment; the reader can then be opened again."""

    @pytest.mark.parametrize("moment", list(Moment))
    def test_at_every_phase(self, bus: PadOnBus, opened: Open, faults: Faults, moment: Moment) -> None:
        """The error says so, closing is quiet, and after plugging in it all works."""
        faults.unplug_at = moment
        if moment is not Moment.WAITING:
            bus.device.put_finger(FINGER)
        driver = opened()
        with pytest.raises(PadLost):
            self._session(driver)
        driver.close()
        bus.server.plug()
        bus.device.put_finger(FINGER)
        again = opened()
        again.wake(soon(), Event())
        assert np.array_equal(touched(again), delivered(FINGER))

    @pytest.mark.parametrize("controls", range(12))
    def test_after_every_request(self, bus: PadOnBus, opened: Open, faults: Faults, controls: int) -> None:
        """However many register accesses went well before."""
        bus.device.put_finger(FINGER)
        driver = opened()
        faults.unplug_after = controls
        with pytest.raises(PadLost):
            self._sessions(driver)

    def test_while_waiting_for_a_finger(self, bus: PadOnBus, pad: Uru4500) -> None:
        """With only the interrupt read outstanding."""
        thread = when(bus, lambda: bus.device.mode == Mode.AWAIT_FINGER_ON, bus.server.unplug)
        with pytest.raises(PadLost):
            pad.wait_for_finger(soon(), Event())
        thread.join()

    def _sessions(self, driver: Uru4500) -> None:
        while True:
            self._session(driver)

    def _session(self, driver: Uru4500) -> None:
        driver.wake(soon(), Event())
        touched(driver)
        with suppress(DeviceTimeout):
            driver.wait_for_lift(time.monotonic() + 0.05, Event())


class TestWaitsEnd:
    """Every wait has a deadline and can be cancelled."""

    def _endless(self, pad: Uru4500, bus: PadOnBus, phase: str) -> Callable[[float, Event], Any]:
        bus.device.put_finger(FINGER)
        if phase == "wake":
            bus.device.faults.slow_wake = 10_000
            return pad.wake
        if phase == "finger":
            bus.device.lift()
            return pad.wait_for_finger
        if phase == "frame":
            bus.device.faults.no_frames = True
            return pad.next_frame
        return pad.wait_for_lift

    @pytest.mark.parametrize("phase", ["wake", "finger", "frame", "lift"])
    def test_at_the_deadline(self, bus: PadOnBus, pad: Uru4500, phase: str) -> None:
        """DeviceTimeout, and the reader is as good as before."""
        wait = self._endless(pad, bus, phase)
        with pytest.raises(DeviceTimeout):
            wait(time.monotonic() + 0.15, Event())
        self._works_again(bus, pad)

    @pytest.mark.parametrize("phase", ["wake", "finger", "frame", "lift"])
    def test_when_cancelled(self, bus: PadOnBus, pad: Uru4500, phase: str) -> None:
        """Cancelled, and the reader is as good as before."""
        wait = self._endless(pad, bus, phase)
        cancelled = Event()
        controls = bus.device.controls
        thread = when(bus, lambda: bus.device.controls > controls, cancelled.set)
        with pytest.raises(Cancelled):
            wait(soon(), cancelled)
        thread.join()
        self._works_again(bus, pad)

    @pytest.mark.parametrize("phase", ["wake", "finger", "frame", "lift"])
    def test_before_it_begins(self, bus: PadOnBus, pad: Uru4500, phase: str) -> None:
        """A wait that is over before it begins ends at once, too."""
        wait = self._endless(pad, bus, phase)
        cancelled = Event()
        cancelled.set()
        with pytest.raises(Cancelled):
            wait(soon(), cancelled)
        self._works_again(bus, pad)

    def _works_again(self, bus: PadOnBus, pad: Uru4500) -> None:
        bus.device.faults.set("healthy")
        bus.device.put_finger(FINGER)
        pad.wake(soon(), Event())
        assert np.array_equal(touched(pad), delivered(FINGER))


def test_a_read_that_comes_late_loses_a_picture_but_not_its_meaning(bus: PadOnBus, pad: Uru4500) -> None:
    """If the mode ever overtakes the read, what arrives is refused and the next picture taken."""
    bus.device.put_finger(FINGER)
    pad.wait_for_finger(soon(), Event())
    pad._usb.write_registers(0x4E, bytes([Mode.CAPTURE]))
    pad._mode = None
    assert np.array_equal(pad.next_frame(soon(), Event()).pixels, delivered(FINGER))


def test_errors_speak_both_languages() -> None:
    """Every error of the reader has words and a remedy of its own or of its kind."""
    kinds = [kind for kind in DeviceError.__subclasses__() if kind.code.startswith("pad.")]
    assert len(kinds) >= 7
    for kind in kinds:
        assert kind.words.vi
        assert kind.words.en
        assert kind.remedy != DeviceError.remedy


def test_the_backend_is_a_whole_one() -> None:
    """Of a backend, pyusb asks all transfer kinds, even those it does not use."""
    assert isinstance(get_backend("127.0.0.1:1"), UsbipBackend)

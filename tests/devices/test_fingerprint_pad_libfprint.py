"""libfprint as second driver, against its own virtual image device; skipped where it is not installed."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from firmware_mocks.fingers import Impression, master, press

from agent.devices.errors import Cancelled, DeviceTimeout, NoPad, PadFault
from agent.devices.fingerprint_pad_endpoints import Patience
from agent.devices.fingerprint_pad_errors import NoLibfprint, PictureRefused
from agent.devices.fingerprint_pad_libfprint import LibfprintPad, Mindtct, list_libfprint_pads
from agent.devices.fingerprint_pad_libfprint_process import LibfprintProcess
from agent.devices.seams import DeviceState, Pixels

FINGER = press(master(3), Impression())
# Orders of libfprint's virtual image device, in place of a width.
RETRY, ERROR = -1, -2


def soon() -> float:
    """Return a deadline that only a fault meets."""
    return time.monotonic() + 60


@pytest.fixture(scope="module")
def installed() -> None:
    """Skip where libfprint is not."""
    try:
        list_libfprint_pads()
    except NoLibfprint as error:
        pytest.skip(str(error))


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """Return where the virtual device listens once it is open."""
    return tmp_path / "image"


@pytest.fixture
def pad(device: Path) -> Iterator[LibfprintPad]:
    """Make a pad on the virtual device, not yet open."""
    with LibfprintPad(512, 500, "virtual_image", {"FP_VIRTUAL_IMAGE": str(device)}) as opened:
        yield opened


def orders(device: Path, *messages: bytes) -> Thread:
    """Send these to the device as soon as it is there, each on a connection of its own."""

    def run() -> None:
        for message in messages:
            _connected(device, message)

    thread = Thread(target=run)
    thread.start()
    return thread


def _connected(device: Path, message: bytes) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(device))
                connection.sendall(message)
                return
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.01)


def shown(pixels: Pixels) -> bytes:
    """Return the order to show a picture."""
    return struct.pack("ii", pixels.shape[1], pixels.shape[0]) + pixels.tobytes()


@pytest.mark.usefixtures("installed")
class TestPad:
    """The same Protocol as the other driver's."""

    def test_a_touch_is_one_picture(self, pad: LibfprintPad, device: Path) -> None:
        """Bit for bit, at the configured resolution as this device states none; a second frame does not come."""
        thread = orders(device, shown(FINGER))
        pad.wait_for_finger(soon(), Event())
        image = pad.next_frame(soon(), Event())
        thread.join()
        assert np.array_equal(image.pixels, FINGER)
        assert (image.x_ppi, image.y_ppi) == (512, 500)
        with pytest.raises(DeviceTimeout):
            pad.next_frame(soon(), Event())
        pad.wait_for_lift(soon(), Event())

    def test_touch_after_touch(self, pad: LibfprintPad, device: Path) -> None:
        """The device stays open."""
        for picture in (FINGER, 255 - FINGER):
            thread = orders(device, shown(picture))
            pad.wait_for_finger(soon(), Event())
            assert np.array_equal(pad.next_frame(soon(), Event()).pixels, picture)
            thread.join()

    def test_a_wait_may_be_cut_into_pieces(self, pad: LibfprintPad, device: Path) -> None:
        """The finger that comes later is taken by the capture that was begun."""
        while not device.exists():
            with pytest.raises(DeviceTimeout):
                pad.wait_for_finger(time.monotonic() + 0.02, Event())
        orders(device, shown(FINGER)).join()
        pad.wait_for_finger(soon(), Event())
        assert np.array_equal(pad.next_frame(soon(), Event()).pixels, FINGER)

    def test_a_picture_that_libfprint_refuses_is_taken_again(self, pad: LibfprintPad, device: Path) -> None:
        """The person just touches once more."""
        thread = orders(device, struct.pack("ii", RETRY, 0), shown(FINGER))
        pad.wait_for_finger(soon(), Event())
        assert np.array_equal(pad.next_frame(soon(), Event()).pixels, FINGER)
        thread.join()

    def test_an_error_of_the_device(self, pad: LibfprintPad, device: Path) -> None:
        """It is a fault with libfprint's words; afterwards the next wait starts anew."""
        orders(device, struct.pack("ii", ERROR, 0))
        with pytest.raises(PadFault):
            pad.wait_for_finger(soon(), Event())
        orders(device, shown(FINGER))
        pad.wait_for_finger(soon(), Event())

    def test_cancelled(self, pad: LibfprintPad) -> None:
        """Before and during a wait."""
        cancelled = Event()
        cancelled.set()
        with pytest.raises(Cancelled):
            pad.wait_for_finger(soon(), cancelled)
        with pytest.raises(Cancelled):
            pad.wait_for_lift(soon(), cancelled)

    def test_no_such_reader(self) -> None:
        """Without the virtual device there is none here; it is never offered as a reader."""
        with LibfprintPad(512, 512, "no_such_driver") as pad, pytest.raises(NoPad):
            pad.wait_for_finger(soon(), Event())

    def test_the_virtual_device_is_not_listed(self, device: Path) -> None:
        """A list is for people who look for a reader."""
        found = list_libfprint_pads({"FP_VIRTUAL_IMAGE": str(device)})
        assert not [one for one in found if "virtual" in one.driver]

    def test_the_configured_driver_is_listed(self, device: Path) -> None:
        """With the driver that serves it; the virtual one only by name."""
        environment = {"FP_VIRTUAL_IMAGE": str(device)}
        (found,) = list_libfprint_pads(environment, driver="virtual_image")
        assert (found.driver, found.state) == ("libfprint virtual_image", DeviceState.READY)
        assert not [one for one in list_libfprint_pads(environment, driver="") if "virtual" in one.driver]

    def test_opening_names_the_driver(self, pad: LibfprintPad) -> None:
        """Without a finger; a second time it is just open."""
        assert pad.open(soon(), Event()) == "virtual_image"
        assert pad.open(soon(), Event()) == "virtual_image"

    def test_opening_what_is_not_there(self) -> None:
        """The reader's own word."""
        with LibfprintPad(512, 512, "no_such_driver") as pad, pytest.raises(NoPad):
            pad.open(soon(), Event())


@pytest.mark.usefixtures("installed")
class TestMindtct:
    """Minutiae of any picture."""

    def test_a_finger_has_some_and_an_empty_glass_is_refused(self) -> None:
        """One process counts one picture after the other, of any size."""
        with Mindtct() as mindtct:
            count = mindtct.count(FINGER, soon(), Event())
            assert 10 <= count <= 120
            assert mindtct.count(FINGER, soon(), Event()) == count
            with pytest.raises(PictureRefused):
                mindtct.count(np.full((300, 200), 250, np.uint8), soon(), Event())
            assert mindtct.count(FINGER[:, :300], soon(), Event()) > 0

    def test_the_deadline_ends_it_and_it_works_again(self) -> None:
        """A count that is given up leaves nothing behind."""
        with Mindtct() as mindtct:
            with pytest.raises(DeviceTimeout):
                mindtct.count(FINGER, time.monotonic(), Event())
            assert mindtct.count(FINGER, soon(), Event()) > 0


class TestHostileProcess:
    """A worker that is not what it should be."""

    @pytest.mark.parametrize(
        "said",
        ["", "nonsense\\n", "[]\\n", '{\\"size\\": -1}\\n', '{\\"size\\": 99999999999}\\n', "x" * 70_000],
        ids=["nothing", "text", "list", "negative", "huge", "endless"],
    )
    def test_it_is_a_fault(self, tmp_path: Path, said: str) -> None:
        """Never a hang, never a crash."""
        program = tmp_path / "python3"
        program.write_text(f'#!/bin/sh\nprintf "{said}"\n', encoding="utf-8")
        program.chmod(0o755)
        with LibfprintProcess(python=program) as process, pytest.raises(PadFault):
            process.answer(Patience(soon(), Event()))

    def test_no_python(self, tmp_path: Path) -> None:
        """The remedy names the packages."""
        with pytest.raises(NoLibfprint) as caught:
            LibfprintProcess(python=tmp_path / "missing")
        assert "gir1.2-fprint-2.0" in caught.value.remedy.en

    def test_without_libfprint(self, tmp_path: Path) -> None:
        """What the worker says on a system without PyGObject."""
        program = tmp_path / "python3"
        message = '{\\"error\\": \\"missing\\", \\"detail\\": \\"No module named gi\\", \\"size\\": 0}\\n'
        program.write_text(f'#!/bin/sh\nprintf "{message}"\n', encoding="utf-8")
        program.chmod(0o755)
        with LibfprintPad(512, 512, python=program) as pad, pytest.raises(NoLibfprint, match="No module named gi"):
            pad.wait_for_finger(soon(), Event())

"""The mock reader by itself: program, orders, frames, registers, prints."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import usb.core
import usb.util
from firmware_mocks.fingerprint_pad import MockPad, PadError, frame, picture, sensor, synthetic_finger
from firmware_mocks.fingerprint_pad.desk import OrderError, PadOnBus
from firmware_mocks.fingerprint_pad.device import PadDevice
from firmware_mocks.fingerprint_pad.faults import NAMES, FaultError, Faults
from firmware_mocks.fingerprint_pad.registers import Interrupt, Mode
from firmware_mocks.fingerprint_pad.scrambling import key_stream
from firmware_mocks.usbip.backend import get_backend
from firmware_mocks.usbip.connection import Attachment, TransferError
from firmware_mocks.usbip.device import InTransfer, Setup, Stall


@pytest.fixture
def device() -> Iterator[PadDevice]:
    """Make a reader without a bus."""
    made = PadDevice(frame_s=0.01)
    yield made
    made.end()


def write(device: PadDevice, register: int, values: bytes) -> None:
    """Write registers."""
    device.control(Setup(0x40, 4, register, 0, len(values)), values)


def read(device: PadDevice, register: int, count: int) -> bytes:
    """Read registers."""
    return device.control(Setup(0xC0, 4, register, 0, count), b"")


def reading(device: PadDevice, endpoint: int, length: int, into: list[bytes]) -> None:
    """Put a host's read on an endpoint."""
    device.submit(InTransfer(endpoint, length, into.append, lambda _: None))


class TestDevice:
    """Registers, interrupts and frames."""

    def test_recorded_key_exchange(self, device: PadDevice) -> None:
        """Both recordings: key register = key XOR seed."""
        for number, seed, answer in ((0, 0x51EA2124, 0x05AE28F2), (5, 0x8A634E7B, 0xDB896F5F)):
            write(device, 0x33, bytes([number]) + struct.pack("<I", seed))
            assert struct.unpack("<I", read(device, 0x34, 4)) == (answer,)

    def test_recorded_information(self, device: PadDevice) -> None:
        """Register 0xf0 and the descriptors are those of a real reader."""
        assert read(device, 0xF0, 16).hex() == "1a0a1a0a0115000000200010" + "8b211130"
        assert (len(device.device_descriptor), len(device.configuration_descriptor)) == (18, 32)

    def test_the_wake_up_interrupt_comes_before_the_write_ends(self, device: PadDevice) -> None:
        """As recorded; the payload goes on with the firmware's table."""
        came: list[bytes] = []
        reading(device, 0x81, 64, came)
        write(device, 0x07, b"\x81")
        assert came == []
        write(device, 0x07, b"\x01")
        assert came[0][:2] == b"\x56\xaa"
        assert (len(came[0]), read(device, 0x07, 1)) == (64, b"\x01")
        assert Interrupt.FINGER_ON.payload().startswith(bytes.fromhex("0101020008001000200080" + "0056aa"))

    def test_a_frame_without_a_waiting_read_loses_its_start(self, device: PadDevice) -> None:
        """The order that hosts must keep matters."""
        came: list[bytes] = []
        write(device, 0x4E, bytes([Mode.CAPTURE]))
        reading(device, 0x82, frame.MAX_FRAME_BYTES, came)
        with device.changed:
            assert device.changed.wait_for(lambda: came, 30)
        assert len(came[0]) < 111040
        assert not came[0].startswith(b"\x10\x40")

    def test_a_mode_change_during_a_frame_is_noted(self, device: PadDevice) -> None:
        """Hosts that do it are found out."""
        reading(device, 0x82, frame.MAX_FRAME_BYTES, [])
        # Held, so that the whole frame cannot be through before the second write.
        with device.changed:
            write(device, 0x4E, bytes([Mode.CAPTURE]))
            write(device, 0x4E, bytes([Mode.AWAIT_FINGER_OFF]))
        assert device.violations == ["mode 12 while a bulk transfer is in flight"]

    @pytest.mark.parametrize("setup", [Setup(0xC0, 5, 7, 0, 1), Setup(0xC0, 4, 7, 1, 1), Setup(0x41, 4, 7, 0, 0)])
    def test_other_requests_stall(self, device: PadDevice, setup: Setup) -> None:
        """Only register accesses are served."""
        with pytest.raises(Stall):
            device.control(setup, b"")

    def test_real_timing_is_the_default(self) -> None:
        """One frame takes 127.5 ms, as recorded."""
        with MockPad("--finger", "1") as pad:
            assert pad.state()["frames_sent"] == 0
        assert pytest.approx(0.1275) == PadDevice.__init__.__defaults__[1]  # type: ignore[index]


class TestFrames:
    """What is sent for a picture."""

    def test_size_and_header(self) -> None:
        """289 of 290 lines, 111040 bytes, the recorded unknown bytes."""
        sent = frame.frame(synthetic_finger(1), frame.RECORDED, 0, lambda _: 1)
        assert len(sent) == 111040
        assert sent[:16].hex() == "1040800121010000c47a10c0005700c7"
        assert sum(block.lines for block in frame.RECORDED) == sum(block.lines for block in frame.RECORDED_OTHER) == 290

    def test_the_stream_is_that_of_a_register_stepped_bit_by_bit(self) -> None:
        """Taps and output bits as described."""
        state, out = 0x544409D6, bytearray()
        for _ in range(2000):
            out.append(sum((state >> bit & 1) << place for place, bit in enumerate((4, 8, 11, 14, 18, 21, 24, 29))))
            state = state >> 1 | ((state & 0x9248144D).bit_count() & 1) << 31
        assert key_stream(0x544409D6, 2000).tobytes() == bytes(out)

    def test_what_a_host_cannot_know(self) -> None:
        """Only the absent line and one pixel of each scrambled block differ."""
        finger = synthetic_finger(4)
        assert (frame.delivered(finger, frame.RECORDED) != finger).sum() <= 384 + 4

    @pytest.mark.parametrize("text", ["", "02", "0g01", "0001" * 16])
    def test_unusable_layouts(self, text: str) -> None:
        """A layout is one to fifteen pairs."""
        with pytest.raises(ValueError, match=r"layout|hex"):
            frame.layout(text)


class TestWornSensor:
    """What a reader sees that is no longer new."""

    def test_dead_lines_are_black_and_the_rest_is_as_it_was(self) -> None:
        """Rows and columns of the upright picture."""
        finger = synthetic_finger(2)
        seen = sensor.through(finger, Faults.parse(["dead-rows=5,200", "dead-columns=17"]))
        assert not seen[[5, 200]].any()
        assert not seen[:, 17].any()
        assert np.array_equal(seen[6:200, 18:], finger[6:200, 18:])

    def test_uneven_light_darkens_to_the_right(self) -> None:
        """Nothing at the left edge, all of it at the right one."""
        seen = sensor.through(np.full((290, 384), 250, np.uint8), Faults.parse(["uneven=40"]))
        assert (seen[0, 0], seen[0, -1]) == (250, 210)

    def test_a_healthy_reader_changes_nothing(self) -> None:
        """The same pixels."""
        finger = synthetic_finger(2)
        assert sensor.through(finger, Faults()) is finger


class TestPrints:
    """Synthetic fingers and pictures."""

    def test_a_seed_is_a_finger(self) -> None:
        """The same seed the same pixels, another seed others."""
        assert np.array_equal(synthetic_finger(7), synthetic_finger(7))
        assert np.abs(synthetic_finger(7).astype(int) - synthetic_finger(8)).mean() > 20

    def test_ridges_are_as_far_apart_as_in_people(self) -> None:
        """The strongest period lies at about 9 pixels."""
        spectrum = np.abs(np.fft.fft2(synthetic_finger(5) - np.float64(127)))
        distance = np.hypot(np.fft.fftfreq(290)[:, None], np.fft.fftfreq(384)[None, :])
        spectrum[distance < 0.03] = 0
        strongest = distance.reshape(-1)[np.argsort(spectrum.reshape(-1))[-400:]]
        assert 8 < 1 / np.median(strongest) < 11

    def test_pictures_are_fitted_without_scaling(self) -> None:
        """Right-sized ones stay as they are; others are cut or framed around the middle."""
        exact = synthetic_finger(1)
        assert np.array_equal(picture.fitted(exact), exact)
        assert np.array_equal(picture.fitted(np.pad(exact, 10)), exact)
        assert picture.fitted(np.zeros((10, 10), np.uint8)).sum() == (290 * 384 - 100) * 255

    @pytest.mark.parametrize("data", [b"", b"no picture", b"P5 0 0 255 "])
    def test_what_is_no_picture(self, data: bytes) -> None:
        """It is refused."""
        with pytest.raises(picture.PictureError):
            picture.from_file(data)


class TestOrders:
    """Moved at run time."""

    @pytest.mark.parametrize(
        "order",
        [
            {},
            {"do": "dance"},
            {"do": "put_finger"},
            {"do": "put_finger", "file": "/nonexistent"},
            {"do": "fault", "word": "x"},
        ],
        ids=str,
    )
    def test_unusable_orders(self, order: dict[str, object]) -> None:
        """Each is refused with words."""
        with PadOnBus() as pad, pytest.raises(OrderError):
            pad.obey(order)

    @pytest.mark.parametrize("word", ["nonsense", "death=x", "plain=maybe", "unplug-at=dawn", "layout=zz"])
    def test_unusable_faults(self, word: str) -> None:
        """A fault that cannot be is refused."""
        with pytest.raises(FaultError):
            Faults.parse([word])

    def test_every_fault_has_a_word(self) -> None:
        """The list in the help is what is understood."""
        values = {
            "ROW,ROW,...": "3,4",
            "COLUMN,COLUMN,...": "7",
            "GREYS": "12",
            "MS,MS,...": "0,8",
            "N": "2",
            "MOMENT": "bulk",
            "HEX": "02f00131",
            "": "",
        }
        for name in NAMES:
            word, _, value = name.partition("=")
            Faults.parse([f"{word}={values[value]}" if value else word])


class TestProgram:
    """A process of its own."""

    def test_orders_reach_it(self, tmp_path: Path) -> None:
        """Fingers by seed, file and pixels; faults; unplug and plug."""
        with MockPad("--frame-ms", "10") as pad:
            cv2.imwrite(str(tmp_path / "finger.png"), synthetic_finger(3))
            for finger in (3, tmp_path / "finger.png", synthetic_finger(3)):
                pad.put_finger(finger)
                assert self._picture(pad.address) == frame.frame(
                    synthetic_finger(3), frame.RECORDED, 0, lambda _: 0x544409D6
                )
            pad.lift()
            pad.fault("plain")
            pad.auto(5)
            pad.auto(None)
            pad.unplug()
            assert usb.core.find(backend=get_backend(pad.address)) is None
            pad.plug()
            pad.hold(True)
            with pytest.raises(TransferError):
                Attachment(self._place(pad.address), "1-1")
            pad.hold(False)
            with pytest.raises(PadError, match="no fault"):
                pad.fault("nonsense")
            assert pad.state()["violations"] == []

    def test_it_ends_by_sigterm(self) -> None:
        """Exit status 0."""
        process, _ = self._started()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.communicate()

    def test_it_ends_with_its_starter(self) -> None:
        """Even one that is killed."""
        code = (
            "import subprocess, sys, time\n"
            "subprocess.Popen([sys.executable, '-m', 'firmware_mocks.fingerprint_pad'])\n"
            "time.sleep(600)\n"
        )
        starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert starter.stdout is not None
        ready = json.loads(starter.stdout.readline())
        starter.kill()
        starter.wait()
        assert starter.stdout.read() == b"", "the end of its output is the end of the program"
        starter.stdout.close()
        with pytest.raises(usb.core.USBError):
            usb.core.find(backend=get_backend(ready["address"]))

    @pytest.mark.parametrize(
        "arguments", [["--fault", "nonsense"], ["--picture", "/nonexistent"]], ids=["fault", "picture"]
    )
    def test_unusable_arguments(self, arguments: list[str]) -> None:
        """Exit status 2 and words."""
        command = [sys.executable, "-m", "firmware_mocks.fingerprint_pad", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert "nonsense" in done.stderr or "nonexistent" in done.stderr

    def test_a_reader_that_is_no_more(self) -> None:
        """Orders to it say so."""
        with MockPad() as pad:
            os.kill(pad.pid, signal.SIGKILL)
            with pytest.raises(PadError):
                self._until_refused(pad)

    def _until_refused(self, pad: MockPad) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            pad.state()

    def _started(self) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "firmware_mocks.fingerprint_pad"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] == "fingerprint-pad"
        return process, ready["address"]

    def _place(self, address: str) -> tuple[str, int]:
        host, _, port = address.partition(":")
        return host, int(port)

    def _picture(self, address: str) -> bytes:
        """Take one frame as a host would."""
        attachment = Attachment(self._place(address), "1-1")
        attachment.control(struct.pack("<BBHHH", 0x40, 4, 0x4E, 0, 1), b"\x20", 30)
        attachment.transfer_in(0x82, frame.MAX_FRAME_BYTES, 30)
        sent = attachment.transfer_in(0x82, frame.MAX_FRAME_BYTES, 30)
        attachment.close()
        return sent

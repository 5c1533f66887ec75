"""The U.are.U 4500's driver: wakes it, waits for fingers, takes their pictures. No judgement."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from types import TracebackType
from typing import Final, Self

import structlog

from agent.devices.errors import DeviceError, DeviceTimeout, PadFault, PadPictureDamaged
from agent.devices.fingerprint_pad_calibration import PadCalibration
from agent.devices.fingerprint_pad_endpoints import FrameReader, InterruptReader, Patience
from agent.devices.fingerprint_pad_frame import MAX_FRAME_BYTES, RawFrame, upright
from agent.devices.fingerprint_pad_registers import (
    ALIVE,
    LOW_POWER,
    REBOOT_LOOP,
    WAKE_MASK,
    Interrupt,
    Mode,
    Register,
)
from agent.devices.fingerprint_pad_usb import UsbPad
from agent.devices.seams import FingerImage

log = structlog.get_logger()

WAKE_S: Final = 0.3
WAKE_TRIES: Final = 3
STATUS_READS: Final = 100
STATUS_PAUSE_S: Final = 0.01
BULK_MS: Final = 5000
# So many damaged or missing pictures in a row, and the reader is called faulty.
PICTURE_TRIES: Final = 8

Random = Callable[[int], bytes]


class Uru4500:
    """A reader that is awake. A context manager and a FingerprintPad.

    `x_ppi` and `y_ppi` are the resolution, pixels per inch, of a reader without `calibration`, which corrects each
    picture, too. `random(n)` gives the seeds of the key exchange. The methods are for one thread at a time. After
    PadLost only closing is left; open a new one.
    """

    def __init__(
        self,
        usb: UsbPad,
        x_ppi: float,
        y_ppi: float,
        random: Random = os.urandom,
        bulk_ms: int = BULK_MS,
        calibration: PadCalibration | None = None,
    ) -> None:
        self._usb, self._random = usb, random
        self._calibration = calibration or PadCalibration("", x_ppi, y_ppi)
        self._mode: Mode | None = None
        self._closed = False
        # The interrupt read is on the bus before the first register is read, and stays there until the end.
        self._interrupts = InterruptReader(usb.read_interrupt)
        self._frames = FrameReader(lambda: usb.read_bulk(MAX_FRAME_BYTES, bulk_ms))
        self.versions = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Switch the reader off and let go of it; a reader that is gone is no news here."""
        if self._closed:
            return
        self._closed = True
        self._frames.settle()
        with suppress(DeviceError):
            self._enter(Mode.OFF)
        self._interrupts.stop()
        self._frames.stop()
        self._usb.close()

    def wake(self, deadline: float, cancelled: Event) -> None:
        """Bring the reader up, from whatever state it was left in.

        Raises PadFault when it does not wake, PadLost, DeviceTimeout or Cancelled.
        """
        patience = Patience(deadline, cancelled)
        for _ in range(WAKE_TRIES):
            self._interrupts.forget(Interrupt.DEATH)
            self._interrupts.forget(Interrupt.SCAN_POWER_ON)
            self._power_up(self._end_reboot_loop(patience), patience)
            if self._woke(patience):
                self._mode = None
                info = self._usb.read_registers(Register.DEVICE_INFO, 16)
                self.versions = f"{info[10:12].hex()} {info[4:6].hex()}"
                return
        raise PadFault(f"no wake-up interrupt after {WAKE_TRIES} tries")

    def wait_for_finger(self, deadline: float, cancelled: Event) -> None:
        """Return when a finger lies on the reader. `deadline` is on time.monotonic().

        Raises DeviceTimeout, Cancelled, PadLost or PadFault.
        """
        self._recover(deadline, cancelled)
        # A wait that goes on after a time-out leaves the mode alone, or a finger between the two would be lost.
        if self._mode is not Mode.AWAIT_FINGER_ON:
            self._interrupts.forget(Interrupt.FINGER_ON)
            self._enter(Mode.AWAIT_FINGER_ON)
        self._interrupts.wait(Interrupt.FINGER_ON, Patience(deadline, cancelled))
        self._mode = None

    def next_frame(self, deadline: float, cancelled: Event) -> FingerImage:
        """Return what the reader sees now; call it again for the next picture, about 8 a second.

        Damaged pictures are passed over. Raises PadPictureDamaged or PadFault when no good one comes, PadLost,
        DeviceTimeout or Cancelled.
        """
        cause: DeviceError = PadFault("the reader sends nothing")
        for _ in range(PICTURE_TRIES):
            sent = self._read_frame(Patience(deadline, cancelled))
            if not sent:
                # The reader announced its death and sends nothing: only waking it anew helps.
                log.warning("pad.empty_picture")
                self.wake(deadline, cancelled)
                continue
            try:
                return self._picture(sent)
            except PadPictureDamaged as error:
                log.warning("pad.picture_damaged", detail=error.detail)
                cause = error
        raise cause

    def wait_for_lift(self, deadline: float, cancelled: Event) -> None:
        """Return when no finger lies on the reader; raises DeviceTimeout, Cancelled, PadLost or PadFault."""
        self._recover(deadline, cancelled)
        self._interrupts.forget(Interrupt.FINGER_OFF)
        self._enter(Mode.AWAIT_FINGER_OFF)
        self._interrupts.wait(Interrupt.FINGER_OFF, Patience(deadline, cancelled))

    def _read_frame(self, patience: Patience) -> bytes:
        patience.check()
        # First the read, then the mode: the other way round the start of the picture is lost.
        if self._mode is not Mode.CAPTURE:
            self._frames.settle()
            self._frames.ask()
            self._enter(Mode.CAPTURE, settled=True)
        else:
            self._frames.ask()
        return self._frames.take(patience)

    def _picture(self, sent: bytes) -> FingerImage:
        taken_s = time.monotonic()
        raw = RawFrame.parse(sent).descrambled(self._key).assembled()
        known = self._calibration
        pixels = known.corrected(upright(raw, rotated=self._usb.model.rotated))
        return FingerImage(pixels, known.x_ppi, known.y_ppi, taken_s)

    def _key(self, number: int) -> int:
        """Exchange keys: the reader answers with its key, XORed with our seed."""
        seed = self._random(4)
        self._usb.write_registers(Register.SCRAMBLE_INDEX, bytes([number]) + seed)
        answer = self._usb.read_registers(Register.SCRAMBLE_KEY, 4)
        return int.from_bytes(answer, "little") ^ int.from_bytes(seed, "little")

    def _enter(self, mode: Mode, *, settled: bool = False) -> None:
        """Change the mode, never while a picture is on its way."""
        if not settled:
            self._frames.settle()
        self._mode = None
        self._usb.write_registers(Register.MODE, bytes([mode]))
        self._mode = mode

    def _recover(self, deadline: float, cancelled: Event) -> None:
        """Wake a reader anew that said it is about to die."""
        if self._interrupts.came(Interrupt.DEATH):
            self._frames.settle()
            self.wake(deadline, cancelled)

    def _status(self) -> int:
        return self._usb.read_registers(Register.HWSTAT, 1)[0]

    def _set_status(self, value: int) -> None:
        self._usb.write_registers(Register.HWSTAT, bytes([value]))

    def _end_reboot_loop(self, patience: Patience) -> int:
        """Return the status, after ending the loop that an unclean end can leave behind."""
        status = self._status()
        if status & REBOOT_LOOP != REBOOT_LOOP:
            return status
        log.warning("pad.reboot_loop", status=f"{status:02x}")
        self._set_status(status & WAKE_MASK)
        for _ in range(STATUS_READS):
            status = self._status()
            if status & ALIVE:
                return status
            patience.pause(STATUS_PAUSE_S)
        raise PadFault("the reader stays in its reboot loop")

    def _power_up(self, status: int, patience: Patience) -> None:
        """Send the reader to sleep if it is awake, and wake it: only that makes it send its interrupt."""
        if not status & LOW_POWER:
            self._set_status(status | LOW_POWER)
        for _ in range(STATUS_READS):
            self._set_status(status & WAKE_MASK)
            if not self._status() & LOW_POWER:
                return
            patience.pause(STATUS_PAUSE_S)
        raise PadFault("the reader stays in low power")

    def _woke(self, patience: Patience) -> bool:
        limit = min(patience.deadline, time.monotonic() + WAKE_S)
        try:
            self._interrupts.wait(Interrupt.SCAN_POWER_ON, Patience(limit, patience.cancelled))
        except DeviceTimeout:
            patience.check()
            return False
        return True

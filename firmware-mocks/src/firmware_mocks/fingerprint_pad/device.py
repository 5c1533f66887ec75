"""The reader itself: registers, interrupts and frames of a U.are.U 4500, as a USB device made in software."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, RLock

from firmware_mocks.fingerprint_pad import registers, sensor
from firmware_mocks.fingerprint_pad.faults import Faults, Moment
from firmware_mocks.fingerprint_pad.registers import ALIVE, BULK_IN, INTERRUPT_IN, LOW_POWER, Interrupt, Mode, Register
from firmware_mocks.fingerprint_pad.scrambling import Pixels
from firmware_mocks.fingerprint_pad.timeline import Timeline
from firmware_mocks.usbip.device import InTransfer, Setup, Stall

FRAME_S = 0.1275  # from the mode register to the last byte, as recorded
REBOOT_READS = 3
HELD_INTERRUPTS = 8


class PadDevice:
    """A `UsbDevice`. `unplug` is called when a fault takes it off the bus. `frame_s` is the time of one frame."""

    def __init__(self, faults: Faults | None = None, frame_s: float = FRAME_S) -> None:
        self.faults = faults or Faults()
        self.unplug: Callable[[], None] = lambda: None
        self.key_number = 0
        self.changed = Condition(RLock())
        self._timeline = Timeline(self.changed)
        self._frame_s = frame_s
        self._status = registers.REBOOTING if self.faults.reboot_loop else ALIVE
        self._reboot_reads = self._wake_reads = 0
        self._mode = Mode.INIT
        self._index, self._seed = 0, 0
        self._finger: Pixels | None = None
        self._next_finger: Callable[[], Pixels] | None = None
        self._put_s = self._lift_s = 0.0
        self._interrupts: deque[InTransfer] = deque()
        self._bulks: deque[InTransfer] = deque()
        self._held: deque[Interrupt] = deque(maxlen=HELD_INTERRUPTS)
        self._session = 0
        self._frame_due = self._dead = self._greeted = False
        self.frames_sent = self.controls = 0
        self.violations: list[str] = []

    @property
    def device_descriptor(self) -> bytes:
        """A real reader's 18 bytes."""
        return registers.DEVICE_DESCRIPTOR

    @property
    def configuration_descriptor(self) -> bytes:
        """A real reader's 32 bytes."""
        return registers.CONFIGURATION_DESCRIPTOR

    @property
    def strings(self) -> Sequence[str]:
        """Manufacturer, product and serial number."""
        return registers.STRINGS

    @property
    def mode(self) -> int:
        """Last value of the mode register."""
        return self._mode

    @property
    def waiting(self) -> tuple[int, int]:
        """Interrupt and bulk transfers that hosts have outstanding."""
        return len(self._interrupts), len(self._bulks)

    def end(self) -> None:
        """Stop the device's clock."""
        self._timeline.end()

    def put_finger(self, picture: Pixels) -> None:
        """Lay a finger on the glass: 290 x 384 pixels, dark ridges on white, upright."""
        with self.changed:
            self._finger = picture
            if self._mode == Mode.AWAIT_FINGER_ON:
                self._interrupt(Interrupt.FINGER_ON)
            self.changed.notify_all()

    def lift(self) -> None:
        """Take the finger away."""
        with self.changed:
            if self._finger is None:
                return
            self._finger = None
            if self._mode == Mode.AWAIT_FINGER_OFF:
                self._interrupt(Interrupt.FINGER_OFF)
            self.changed.notify_all()

    def interrupt(self, kind: Interrupt) -> None:
        """Send an interrupt out of turn."""
        with self.changed:
            self._interrupt(kind)

    def obey_by_itself(self, next_finger: Callable[[], Pixels] | None, put_s: float = 0.0, lift_s: float = 0.0) -> None:
        """Put the next finger whenever the host waits for one and lift it when the host waits for that."""
        with self.changed:
            self._next_finger, self._put_s, self._lift_s = next_finger, put_s, lift_s
            self._act_by_itself()

    def control(self, setup: Setup, data: bytes) -> bytes:
        """Read or write registers; everything else stalls."""
        with self.changed:
            self.controls += 1
            self._count_down_to_unplug()
            if setup.request != registers.REQUEST or setup.index != 0 or self.faults.stall:
                self.faults.stall = max(0, self.faults.stall - 1)
                raise Stall
            if setup.request_type == registers.READ:
                return bytes(self._read(setup.value + place) for place in range(setup.length))
            if setup.request_type == registers.WRITE:
                self._write(setup.value, data)
                return b""
            raise Stall

    def submit(self, transfer: InTransfer) -> None:
        """Take a host's read of the interrupt or the bulk endpoint."""
        with self.changed:
            if transfer.endpoint == INTERRUPT_IN:
                self._interrupts.append(transfer)
                self._flush()
            elif transfer.endpoint == BULK_IN:
                self._bulks.append(transfer)
                if self._frame_due:
                    self._begin_frame()
            else:
                raise Stall
            self.changed.notify_all()

    def withdraw(self, transfer: InTransfer) -> bool:
        """Forget a read that the host takes back; False when it was answered before."""
        with self.changed:
            waiting = next((ones for ones in (self._interrupts, self._bulks) if transfer in ones), None)
            if waiting is None:
                return False
            waiting.remove(transfer)
            self.changed.notify_all()
            return True

    def _read(self, place: int) -> int:
        if place == Register.HWSTAT:
            return self._read_status()
        if Register.SCRAMBLE_KEY <= place < Register.SCRAMBLE_KEY + 4:
            key = sensor.key_of(self._index) ^ self._seed
            return key.to_bytes(4, "little")[place - Register.SCRAMBLE_KEY]
        if Register.DEVICE_INFO <= place < Register.DEVICE_INFO + 16:
            return registers.DEVICE_INFORMATION[place - Register.DEVICE_INFO]
        return 0

    def _read_status(self) -> int:
        self._at(Moment.INIT)
        if not self._greeted and not self._interrupts:
            self.violations.append("status read before the first interrupt transfer")
        self._greeted = True
        if self._reboot_reads:
            self._reboot_reads -= 1
            self._status = 0x00 if self._reboot_reads else ALIVE
        return self._status

    def _write(self, place: int, data: bytes) -> None:
        if place == Register.HWSTAT and len(data) == 1:
            self._write_status(data[0])
        elif place == Register.MODE and len(data) == 1:
            self._change_mode(data[0])
        elif place == Register.SCRAMBLE_INDEX and len(data) == 5:
            self._at(Moment.KEY)
            self._index, self._seed = data[0], int.from_bytes(data[1:], "little")

    def _write_status(self, value: int) -> None:
        if self._status == registers.REBOOTING and self.faults.reboot_loop:
            self.faults.reboot_loop, self._reboot_reads = False, REBOOT_READS
        elif value & LOW_POWER:
            self._status, self._wake_reads = value, self.faults.slow_wake
        elif self._wake_reads and self.faults.slow_wake:
            self._wake_reads -= 1
        elif self._status & LOW_POWER:
            self._wake(value)

    def _wake(self, status: int) -> None:
        self._status, self._dead = status | ALIVE, False
        if self.faults.silent_wakes:
            self.faults.silent_wakes -= 1
            return
        for delay_ms in self.faults.wake_ms:
            if delay_ms == 0:
                self._interrupt(Interrupt.SCAN_POWER_ON)
            else:
                self._timeline.after(delay_ms / 1000, lambda: self._interrupt(Interrupt.SCAN_POWER_ON))

    def _change_mode(self, value: int) -> None:
        if self._bulks and self._mode == Mode.CAPTURE != value:
            self.violations.append(f"mode {value:02x} while a bulk transfer is in flight")
        self._session += 1
        self._mode, self._frame_due = Mode(value) if value in list(Mode) else Mode.INIT, False
        if self._mode is Mode.CAPTURE:
            self._at(Moment.CAPTURE)
            self._begin_frame(start_lost=not self._bulks)
        elif self._mode is Mode.AWAIT_FINGER_ON:
            self._at(Moment.WAITING)
            if self._finger is not None:
                self._interrupt(Interrupt.FINGER_ON)
        elif self._mode is Mode.AWAIT_FINGER_OFF:
            self._at(Moment.LIFTING)
            if self._finger is None:
                self._interrupt(Interrupt.FINGER_OFF)
        elif self._mode is Mode.OFF:
            self._greeted = False
        self._act_by_itself()
        self.changed.notify_all()

    def _act_by_itself(self) -> None:
        session = self._session
        if self._next_finger is None:
            return
        if self._mode is Mode.AWAIT_FINGER_ON and self._finger is None:
            self._timeline.after(self._put_s, lambda: self._put_by_itself(session))
        elif self._mode is Mode.AWAIT_FINGER_OFF:
            self._timeline.after(self._lift_s, self.lift)

    def _put_by_itself(self, session: int) -> None:
        if session == self._session and self._next_finger is not None:
            self.put_finger(self._next_finger())

    def _begin_frame(self, *, start_lost: bool = False) -> None:
        self._frame_due = False
        session, faults = self._session, self.faults
        if faults.no_frames:
            return
        if faults.warning or faults.death:
            self._interrupt(Interrupt.DEATH)
        if faults.death:
            faults.death, self._dead = faults.death - 1, True
        faults.warning = max(0, faults.warning - 1)
        picture = self._finger if self._finger is not None else sensor.empty_glass(self.frames_sent)
        data = b"" if self._dead else sensor.frame_bytes(picture, faults, self.key_number)
        if start_lost:
            data = data[len(data) // 3 :]
        self._timeline.after(self._frame_s / 2, lambda: self._half_way(session))
        self._timeline.after(self._frame_s, lambda: self._finish_frame(session, data))

    def _half_way(self, session: int) -> None:
        if session == self._session:
            self._at(Moment.BULK)
            if self.faults.lift_in_bulk:
                self.faults.lift_in_bulk = False
                self.lift()

    def _finish_frame(self, session: int, data: bytes) -> None:
        if session != self._session:
            return
        if self._bulks:
            self.frames_sent += 1
            self._bulks.popleft().complete(data)
        # Without a reader the next frame waits: the endpoint answers NAK.
        if self._bulks:
            self._begin_frame()
        else:
            self._frame_due = True
        self.changed.notify_all()

    def _interrupt(self, kind: Interrupt) -> None:
        self._held.append(kind)
        self._flush()

    def _flush(self) -> None:
        while self._held and self._interrupts:
            self._interrupts.popleft().complete(self._held.popleft().payload())

    def _at(self, moment: Moment) -> None:
        if self.faults.unplug_at is moment:
            self._go()

    def _count_down_to_unplug(self) -> None:
        if self.faults.unplug_after is None:
            return
        self.faults.unplug_after -= 1
        if self.faults.unplug_after < 0:
            self._go()

    def _go(self) -> None:
        self.faults.unplug_at = self.faults.unplug_after = None
        self.unplug()

"""The reader's two IN endpoints, each with a thread of its own: pyusb's reads block, and both must wait at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Event, Thread

import structlog

from agent.devices.errors import Cancelled, DeviceError, DeviceTimeout, PadFault
from agent.devices.fingerprint_pad_registers import Interrupt

log = structlog.get_logger()

# A read is cut into such pieces, because pyusb cannot take a read back. The reader keeps an interrupt until asked.
INTERRUPT_PIECE_MS = 100
# How soon a cancel is heard.
PIECE_S = 0.05
# Between "the thread is about to read" and the transfer on the bus. pyusb does not tell when it is there; the thread
# holds the interpreter until libusb has it, so a context switch is all that is left.
ARMING_S = 0.002


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a wait may last, and who may end it. `deadline` is on time.monotonic()."""

    deadline: float
    cancelled: Event

    def check(self) -> None:
        """Raise Cancelled or DeviceTimeout when it is over."""
        if self.cancelled.is_set():
            raise Cancelled
        if time.monotonic() >= self.deadline:
            raise DeviceTimeout

    def pause(self, seconds: float) -> None:
        """Wait that long; raise Cancelled or DeviceTimeout."""
        self.cancelled.wait(min(seconds, max(0.0, self.deadline - time.monotonic())))
        self.check()

    def until(self, changed: Condition, ready: Callable[[], bool]) -> None:
        """Wait, holding `changed`, until `ready`; raise Cancelled or DeviceTimeout."""
        while not ready():
            self.check()
            changed.wait(min(PIECE_S, max(0.0, self.deadline - time.monotonic())))


class InterruptReader:
    """Keeps one interrupt read outstanding and remembers what came. `read(timeout_ms)` raises DeviceTimeout.

    When it is made, the first read is on the bus.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._changed = Condition()
        self._seen: set[int] = set()
        self._error: DeviceError | None = None
        self._stopping = False
        self._armed = Event()
        self._thread = Thread(target=self._run, name="pad-interrupts", daemon=True)
        self._thread.start()
        self._armed.wait()
        time.sleep(ARMING_S)

    def forget(self, kind: Interrupt) -> None:
        """Drop what came so far: only a new interrupt of this kind counts."""
        with self._changed:
            self._seen.discard(kind)

    def came(self, kind: Interrupt) -> bool:
        """Say whether this kind came since it was last forgotten."""
        with self._changed:
            return kind in self._seen

    def wait(self, kind: Interrupt, patience: Patience) -> None:
        """Return when an interrupt of this kind came since it was forgotten.

        Raises PadLost or another DeviceError of the endpoint, DeviceTimeout or Cancelled.
        """
        with self._changed:
            patience.until(self._changed, lambda: kind in self._seen or self._error is not None)
            if self._error is not None:
                raise self._error

    def stop(self) -> None:
        """End the thread; returns when no read is outstanding."""
        self._stopping = True
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._armed.set()
            try:
                data = self._read(INTERRUPT_PIECE_MS)
            except DeviceTimeout:
                continue
            except DeviceError as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            self._note(data)

    def _note(self, data: bytes) -> None:
        kind = int.from_bytes(data[:2], "big")
        if kind == Interrupt.DEATH or kind not in list(Interrupt):
            log.warning("pad.interrupt", kind=f"{kind:04x}")
        with self._changed:
            self._seen.add(kind)
            self._changed.notify_all()


class FrameReader:
    """Reads frames when asked to, in the background. `read()` blocks for one bulk transfer and raises DeviceError."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._changed = Condition()
        self._asked = self._reading = self._stopping = False
        self._result: bytes | DeviceError | None = None
        self._thread = Thread(target=self._run, name="pad-frames", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Put a read on the bus, unless one is there, and return when it is there; older results are dropped."""
        with self._changed:
            self._result = None
            if self._reading:
                return
            self._asked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._reading or self._result is not None)
        time.sleep(ARMING_S)

    def take(self, patience: Patience) -> bytes:
        """Return the frame asked for; raise what the read raised, DeviceTimeout or Cancelled."""
        with self._changed:
            patience.until(self._changed, lambda: self._result is not None)
            result, self._result = self._result, None
        if isinstance(result, DeviceTimeout):
            raise PadFault("no picture came")
        if isinstance(result, DeviceError):
            raise result
        return result or b""

    def settle(self) -> None:
        """Return when no read is on the bus; every read ends by its own time-out."""
        with self._changed:
            self._changed.wait_for(lambda: not self._reading and not self._asked)
            self._result = None

    def stop(self) -> None:
        """End the thread; returns when no read is outstanding."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._stopping)
                if self._stopping:
                    return
                self._asked, self._reading = False, True
                self._changed.notify_all()
            result = self._frame()
            with self._changed:
                self._reading, self._result = False, result
                self._changed.notify_all()

    def _frame(self) -> bytes | DeviceError:
        try:
            return self._read()
        except DeviceError as error:
            return error

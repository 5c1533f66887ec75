"""Card readers through pcscd (PC/SC). The only module that imports pyscard."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Self, TypeVar

from smartcard import scard

from agent.devices.errors import (
    Cancelled,
    CardLost,
    CardServiceNotPermitted,
    DeviceError,
    DeviceTimeout,
    NoCard,
    NoPcscd,
    NoReader,
    ReaderBusy,
)
from agent.devices.seams import DeviceInfo, DeviceState

# A wait is cut into such pieces: SCardCancel from another thread races with the call.
PIECE_MS = 200
RETRY_S = 0.2
HEAR_CANCEL_S = 0.1
# Other programs look at every new card for a moment.
BUSY_GRACE_S = 2.0
# pcscd looks at a reader every 0.4 s; until then it calls a lost card present.
SETTLE_S = 0.6
# The longest that one command may take; 16 KiB at 106 kbit/s take 1.5 s, a chip's PACE step under a second.
ANSWER_WITHIN_S = 10.0
SERVICE_WITHIN_S = 5.0
CLOSE_WITHIN_S = 2.0

_NO_SERVICE = {
    scard.SCARD_E_NO_SERVICE,
    scard.SCARD_E_SERVICE_STOPPED,
    scard.SCARD_E_INVALID_HANDLE,
    scard.SCARD_F_COMM_ERROR,
    scard.SCARD_F_INTERNAL_ERROR,
}
_NO_READER = {
    scard.SCARD_E_NO_READERS_AVAILABLE,
    scard.SCARD_E_UNKNOWN_READER,
    scard.SCARD_E_READER_UNAVAILABLE,
}

Result = TypeVar("Result")


def list_readers() -> list[DeviceInfo]:
    """Return every reader that pcscd knows; raise NoPcscd when it does not run, DeviceTimeout when it hangs."""
    caller = _Caller()
    try:
        return caller.call(_list_readers, time.monotonic() + SERVICE_WITHIN_S, Event())
    finally:
        caller.end(lambda: None)


def _list_readers() -> list[DeviceInfo]:
    with _Context() as context:
        return [_described(name, state) for name, state in context.states(context.readers())]


def _described(name: str, state: int) -> DeviceInfo:
    if not state & scard.SCARD_STATE_PRESENT:
        return DeviceInfo("card_reader", name, "", DeviceState.READY, "no card")
    if state & scard.SCARD_STATE_EXCLUSIVE:
        return DeviceInfo("card_reader", name, "", DeviceState.BUSY, "card in use")
    mute = state & scard.SCARD_STATE_MUTE
    return DeviceInfo("card_reader", name, "", DeviceState.READY, "card does not answer" if mute else "card in")


class CardReader:
    """Waits for cards. `reader` is a part of the reader's PC/SC name; None takes the first with a card."""

    def __init__(self, reader: str | None = None, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._wanted = (reader or "").casefold()
        self._answer_within_s = answer_within_s

    def wait_for_card(self, deadline: float, cancelled: Event) -> CardSession:
        """Return a connection to the card when one lies on the reader; `cancelled` ends its commands, too.

        A restarted pcscd and a reader that comes back are waited for. `deadline` is on time.monotonic(). Raises
        NoPcscd, NoReader, NoCard (whichever is true at the deadline), ReaderBusy, Cancelled, or DeviceTimeout when
        pcscd hangs.
        """
        session = CardSession(self._wanted, self._answer_within_s)
        try:
            session.reconnect(deadline, cancelled)
        except BaseException:
            session.close()
            raise
        return session


class CardSession:
    """A connection to one card, held exclusively; a CardLink that can wait for a lost card; a context manager."""

    def __init__(self, wanted: str, answer_within_s: float) -> None:
        self._wanted, self._answer_within_s = wanted, answer_within_s
        self._connection = _Connection()
        self._caller = _Caller()
        self._cancelled = Event()
        self.reader = ""
        self.atr = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut the card's power, which ends its secure channel, and let go of it; a hanging call is left behind."""
        self._caller.end(self._connection.close)

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU.

        Raises CardLost, NoReader or NoPcscd when card, reader or service went away, DeviceTimeout when no answer came,
        Cancelled.
        """
        within = time.monotonic() + self._answer_within_s
        return self._caller.call(lambda: self._connection.transmit(apdu), within, self._cancelled)

    def reconnect(self, deadline: float, cancelled: Event) -> None:
        """Let go of the card, wait for one and power it; deadline and errors as CardReader.wait_for_card."""
        self._cancelled = cancelled
        if self._connection.lost:
            cancelled.wait(min(SETTLE_S, max(0.0, deadline - time.monotonic())))
        cause: DeviceError = NoCard()
        busy_until = time.monotonic() + BUSY_GRACE_S
        while True:
            if cancelled.is_set():
                raise Cancelled
            if time.monotonic() >= deadline:
                raise cause
            try:
                if self._try(deadline, cancelled):
                    return
                cause = NoCard()
                continue
            except ReaderBusy as error:
                if time.monotonic() >= busy_until:
                    raise
                cause = error
            except (NoPcscd, CardServiceNotPermitted, NoReader, NoCard) as error:
                # pcscd restarts on demand (and refuses for a moment while it does), and readers are plugged in again:
                # keep trying, remember the cause.
                cause = error
            except CardLost:
                cause = NoCard()
            cancelled.wait(min(RETRY_S, max(0.0, deadline - time.monotonic())))

    def _try(self, deadline: float, cancelled: Event) -> bool:
        left_ms = max(0, min(PIECE_MS, round((deadline - time.monotonic()) * 1000)))
        found = self._caller.call(
            lambda: self._connection.connect(self._wanted, left_ms),
            max(deadline, time.monotonic()) + SERVICE_WITHIN_S,
            cancelled,
        )
        if found is None:
            return False
        self.reader, self.atr = found
        return True


class _Caller:
    """A thread that makes PC/SC's calls, since none of them has a deadline.

    A pcscd that hangs, a reader's firmware, or a chip that asks for more time again and again hold a call for ever.
    """

    def __init__(self) -> None:
        self._orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._hangs = False
        self._thread = Thread(target=self._run, name="pcsc", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], Result], deadline: float, cancelled: Event) -> Result:
        """Return what `function` does in the thread, or raise what it raises, DeviceTimeout or Cancelled."""
        if self._hangs:
            raise DeviceTimeout("an earlier call to the card reader hangs")
        if cancelled.is_set():
            raise Cancelled
        outcome: SimpleQueue[tuple[Result] | BaseException] = SimpleQueue()
        self._orders.put(lambda: outcome.put(_outcome(function)))
        told = self._wait(outcome, deadline, cancelled)
        if isinstance(told, BaseException):
            raise told
        return told[0]

    def _wait(
        self, outcome: SimpleQueue[tuple[Result] | BaseException], deadline: float, cancelled: Event
    ) -> tuple[Result] | BaseException:
        self._hangs = True
        while True:
            try:
                told = outcome.get(timeout=HEAR_CANCEL_S)
            except Empty:
                if cancelled.is_set():
                    raise Cancelled from None
                if time.monotonic() >= deadline:
                    raise DeviceTimeout("pcscd or the card reader hangs") from None
                continue
            self._hangs = False
            return told

    def end(self, last: Callable[[], None]) -> None:
        """Do `last` in the thread and end it; a call that hangs is not waited for, `last` comes after it."""
        self._orders.put(last)
        self._orders.put(None)
        if not self._hangs:
            self._thread.join(CLOSE_WITHIN_S)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            order()


def _outcome(function: Callable[[], Result]) -> tuple[Result] | BaseException:
    try:
        return (function(),)
    except BaseException as error:
        return error


class _Connection:
    """PC/SC's side of a session: a context and a card's handle. Any method may hang, so only a _Caller calls them."""

    def __init__(self) -> None:
        self._context: _Context | None = None
        self._card: int | None = None
        self._pci = scard.SCARD_PCI_T1
        self.lost = False

    def connect(self, wanted: str, timeout_ms: int) -> tuple[str, bytes] | None:
        """Return reader and ATR of a card that lies there or comes within `timeout_ms`, powered; else None."""
        self.close()
        # A restarted pcscd makes a context useless, so every attempt has its own.
        self._context = _Context()
        names = self._context.matching(wanted)
        if not names:
            raise NoReader(f"looking for {wanted!r}" if wanted else "")
        name = self._context.wait_present(names, timeout_ms)
        return None if name is None else (name, self._power(self._context, name))

    def _power(self, context: _Context, name: str) -> bytes:
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, card, protocol = scard.SCardConnect(context.handle, name, scard.SCARD_SHARE_EXCLUSIVE, protocols)
        _check(code)
        self._card, self.lost = card, False
        self._pci = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        code, _, _, _, atr = scard.SCardStatus(card)
        _check(code)
        return bytes(atr)

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU."""
        if self._card is None:
            raise CardLost("not connected")
        self.lost = True
        code, answer = scard.SCardTransmit(self._card, self._pci, list(apdu))
        _check(code)
        if len(answer) < 2:
            raise CardLost("the reader gave no status word")
        self.lost = False
        return bytes(answer[:-2]), answer[-2] << 8 | answer[-1]

    def close(self) -> None:
        """Unpower the card and release the context; failing to say goodbye to a lost card is no news."""
        if self._card is not None:
            # Unpowering a card that went and came back makes pcscd call the reader empty until it goes again.
            scard.SCardDisconnect(self._card, scard.SCARD_LEAVE_CARD if self.lost else scard.SCARD_UNPOWER_CARD)
            self._card = None
        if self._context is not None:
            self._context.close()
            self._context = None


class _Context:
    """One PC/SC context."""

    def __init__(self) -> None:
        code, self.handle = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        _check(code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        scard.SCardReleaseContext(self.handle)

    def readers(self) -> list[str]:
        code, names = scard.SCardListReaders(self.handle, [])
        if code == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        _check(code)
        return list(names)

    def matching(self, wanted: str) -> list[str]:
        """Return the readers whose name contains `wanted`, which is casefolded."""
        return [name for name in self.readers() if wanted in name.casefold()]

    def states(self, names: list[str]) -> list[tuple[str, int]]:
        """Return each reader with its SCARD_STATE bits as they are now."""
        if not names:
            return []
        code, told = scard.SCardGetStatusChange(self.handle, 0, [(n, scard.SCARD_STATE_UNAWARE) for n in names])
        _check(code)
        return [(name, state) for name, state, _ in told]

    def wait_present(self, names: list[str], timeout_ms: int) -> str | None:
        """Return the first reader with a card, waiting at most `timeout_ms` for a change; NoCard for a mute one."""
        states = self.states(names)
        found = _with_card(states)
        if found is None and timeout_ms:
            known = [(name, state & ~scard.SCARD_STATE_CHANGED) for name, state in states]
            code, told = scard.SCardGetStatusChange(self.handle, timeout_ms, known)
            if code != scard.SCARD_E_TIMEOUT:
                _check(code)
                states = [(name, state) for name, state, _ in told]
                found = _with_card(states)
        if found is None and any(state & scard.SCARD_STATE_MUTE for _, state in states):
            raise NoCard("a card lies there and does not answer")
        return found


def _with_card(states: list[tuple[str, int]]) -> str | None:
    return next((n for n, s in states if s & scard.SCARD_STATE_PRESENT and not s & scard.SCARD_STATE_MUTE), None)


def _check(code: int) -> None:
    if code == scard.SCARD_S_SUCCESS:
        return
    text = str(scard.SCardGetErrorMessage(code)).strip()
    if code in _NO_SERVICE:
        raise NoPcscd(text)
    if code == scard.SCARD_W_SECURITY_VIOLATION:
        raise CardServiceNotPermitted(text)
    if code in _NO_READER:
        raise NoReader(text)
    if code == scard.SCARD_E_SHARING_VIOLATION:
        raise ReaderBusy(text)
    raise CardLost(text)

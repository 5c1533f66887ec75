"""Card readers through pcscd (PC/SC). The only module that imports pyscard."""

from __future__ import annotations

import time
from threading import Event
from types import TracebackType
from typing import Self

from smartcard import scard

from agent.devices.errors import (
    Cancelled,
    CardLost,
    DeviceError,
    NoCard,
    NoPcscd,
    NoReader,
    ReaderBusy,
)
from agent.devices.seams import DeviceInfo, DeviceState

# A wait is cut into such pieces so that a cancel is heard: SCardCancel from another thread races with the call.
PIECE_MS = 200
RETRY_S = 0.2

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
_BUSY = {scard.SCARD_E_SHARING_VIOLATION}


def list_readers() -> list[DeviceInfo]:
    """Return every reader that pcscd knows; raise NoPcscd when it does not answer."""
    with _Context() as context:
        found = []
        for name in context.readers():
            present = context.card_present(name)
            found.append(DeviceInfo("card_reader", name, "", DeviceState.READY, "card in" if present else "no card"))
        return found


class CardReader:
    """Waits for cards. `reader` is a part of the reader's PC/SC name; None takes the first with a card."""

    def __init__(self, reader: str | None = None) -> None:
        self._wanted = (reader or "").casefold()

    def wait_for_card(self, deadline: float, cancelled: Event) -> CardSession:
        """Return a connection to the card when one lies on the reader.

        A restarted pcscd and a reader that comes back are waited for, too. `deadline` is on time.monotonic(). Raises
        NoPcscd, NoReader, NoCard (whichever is true at the deadline), ReaderBusy or Cancelled.
        """
        cause: DeviceError = NoCard()
        while True:
            if cancelled.is_set():
                raise Cancelled
            if time.monotonic() >= deadline:
                raise cause
            try:
                session = self._try(deadline)
            except (NoPcscd, NoReader, CardLost) as error:
                # pcscd restarts on demand and readers are plugged in again: keep trying, remember the cause.
                cause = error if not isinstance(error, CardLost) else NoCard()
                cancelled.wait(min(RETRY_S, max(0.0, deadline - time.monotonic())))
                continue
            if session is not None:
                return session
            cause = NoCard()

    def wait_for_removal(self, deadline: float, cancelled: Event) -> None:
        """Return when no card lies on any matching reader; raise DeviceTimeout's kin or Cancelled."""
        while not cancelled.is_set():
            with _Context() as context:
                if not any(context.card_present(name) for name in self._matching(context)):
                    return
            if time.monotonic() >= deadline:
                raise ReaderBusy("the card is still there")
            cancelled.wait(RETRY_S)
        raise Cancelled

    def _try(self, deadline: float) -> CardSession | None:
        context = _Context()
        try:
            names = self._matching(context)
            if not names:
                raise NoReader(f"looking for {self._wanted!r}" if self._wanted else "")
            left_ms = max(0, round((deadline - time.monotonic()) * 1000))
            name = context.wait_present(names, min(PIECE_MS, left_ms))
            if name is not None:
                session = CardSession(context, name)
                return session
        except BaseException:
            context.close()
            raise
        context.close()
        return None

    def _matching(self, context: _Context) -> list[str]:
        return [name for name in context.readers() if self._wanted in name.casefold()]


class CardSession:
    """A connection to one card, held exclusively; a CardLink and a context manager."""

    def __init__(self, context: _Context, reader: str) -> None:
        self._context = context
        self.reader = reader
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, self._card, protocol = scard.SCardConnect(context.handle, reader, scard.SCARD_SHARE_EXCLUSIVE, protocols)
        _check(code)
        self._pci = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        code, _, _, _, atr = scard.SCardStatus(self._card)
        _check(code)
        self.atr = bytes(atr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Cutting the card's power ends its secure channel. Failing to say goodbye to a lost card is no news.
        scard.SCardDisconnect(self._card, scard.SCARD_UNPOWER_CARD)
        self._context.close()

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU; raise CardLost when the card or the reader is gone."""
        code, answer = scard.SCardTransmit(self._card, self._pci, list(apdu))
        if code != scard.SCARD_S_SUCCESS:
            raise CardLost(_text(code))
        if len(answer) < 2:
            raise CardLost("the reader gave no status word")
        return bytes(answer[:-2]), answer[-2] << 8 | answer[-1]


class _Context:
    """One PC/SC context; a restarted pcscd makes it useless, so it is never kept for long."""

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

    def card_present(self, name: str) -> bool:
        return self.wait_present([name], 0) is not None

    def wait_present(self, names: list[str], timeout_ms: int) -> str | None:
        """Return the first reader with a card, waiting at most `timeout_ms` for a change."""
        states = [(name, scard.SCARD_STATE_UNAWARE) for name in names]
        code, told = scard.SCardGetStatusChange(self.handle, 0, states)
        _check(code)
        found = _with_card(told)
        if found is None and timeout_ms:
            known = [(name, state & ~scard.SCARD_STATE_CHANGED) for name, state, _ in told]
            code, told = scard.SCardGetStatusChange(self.handle, timeout_ms, known)
            if code == scard.SCARD_E_TIMEOUT:
                return None
            _check(code)
            found = _with_card(told)
        return found


def _with_card(told: list[tuple[str, int, list[int]]]) -> str | None:
    return next((n for n, s, _ in told if s & scard.SCARD_STATE_PRESENT and not s & scard.SCARD_STATE_MUTE), None)


def _check(code: int) -> None:
    if code == scard.SCARD_S_SUCCESS:
        return
    if code in _NO_SERVICE:
        raise NoPcscd(_text(code))
    if code in _NO_READER:
        raise NoReader(_text(code))
    if code in _BUSY:
        raise ReaderBusy(_text(code))
    raise CardLost(_text(code))


def _text(code: int) -> str:
    return str(scard.SCardGetErrorMessage(code)).strip()

"""Fingers that cannot be taken, and why: told by the operator before or while the finger is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from agent.capture.fingerprint.errors import FingersSettled, NotAFinger
from agent.capture.fingerprint.names import FINGERS
from agent.words import Words


class Reason(StrEnum):
    """Why a finger is not taken. None of them ever counts as passed."""

    MISSING = "missing"
    BANDAGED = "bandaged"
    WORN = "worn"
    WORN_FOR_NOW = "worn_for_now"

    @property
    def words(self) -> Words:
        """The reason as a phrase."""
        return _WORDS[self]

    @property
    def permanent(self) -> bool:
        """Whether waiting would not help."""
        return self in (Reason.MISSING, Reason.WORN)


_WORDS = {
    Reason.MISSING: Words("mất vĩnh viễn", "missing permanently"),
    Reason.BANDAGED: Words("đang băng bó, tạm thời", "temporarily bandaged"),
    Reason.WORN: Words("vân tay mòn vĩnh viễn", "worn permanently"),
    Reason.WORN_FOR_NOW: Words("vân tay tạm thời mòn hoặc trầy xước", "temporarily worn or scratched"),
}


@dataclass(frozen=True, slots=True)
class FingerException:
    """One finger's exception; `photo` is a JPEG of it, where one was taken."""

    reason: Reason
    photo: bytes | None = field(default=None, repr=False)


class FingerExceptions:
    """The exceptions of one person. Any thread may declare; the capture looks between its waits."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._declared: dict[str, FingerException] = {}
        self._settled = False

    def declare(self, finger: str, exception: FingerException) -> None:
        """Except a finger of `FINGERS`; the newest word counts. Raises NotAFinger, FingersSettled."""
        if finger not in FINGERS:
            raise NotAFinger(f"one of {', '.join(FINGERS)}")
        with self._unsettled():
            self._declared[finger] = exception

    def withdraw(self, finger: str) -> None:
        """Ask for this finger after all, if it is still to come. Raises FingersSettled."""
        with self._unsettled():
            self._declared.pop(finger, None)

    def settle(self) -> None:
        """Take nothing any more: whoever is told that an exception was taken finds it in the record."""
        with self._lock:
            self._settled = True

    def of(self, finger: str) -> FingerException | None:
        """Return a finger's exception, if it has one."""
        with self._lock:
            return self._declared.get(finger)

    @contextmanager
    def _unsettled(self) -> Iterator[None]:
        with self._lock:
            if self._settled:
                raise FingersSettled
            yield

"""Looks whether the preferred collector answers again, beside the stream to another one."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


class Scout:
    """`found` never waits: the looking is done in a thread of its own, one at a time."""

    def __init__(self, due: Callable[[], bool], answers: Callable[[], bool]) -> None:
        """`due` says whether it is time to look; `answers` looks, and may take seconds."""
        self._due, self._answers = due, answers
        self._thread: Thread | None = None
        self._found = False

    def found(self) -> bool:
        """Say, once, that the preferred collector answers; start looking when it is time."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._thread = None
        if self._found:
            self._found = False
            return True
        if self._due():
            self._thread = Thread(target=self._look, name="uplink-scout", daemon=True)
            self._thread.start()
        return False

    def _look(self) -> None:
        self._found = self._answers()

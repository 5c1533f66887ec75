"""The spare segment: zero-filled in the background, so that no person waits for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from agent.queue.storage import Storage

NAME = "spare.kq"


class Spare:
    """At most one zero-filled file ahead of need. `may_grow` is asked before one is made in the background."""

    def __init__(self, storage: Storage, folder: Path, size: int, may_grow: Callable[[], bool]) -> None:
        self._storage, self._path, self.size, self._may_grow = storage, folder / NAME, size, may_grow
        self._taken = folder / "taken.new"
        self._lock = Lock()
        self._closed = False
        self.ready = False

    def adopt(self) -> None:
        """Take over the spare that an earlier run left, or remove it when it has another size; raise OSError."""
        try:
            handle = self._storage.open(self._path)
        except FileNotFoundError:
            return
        try:
            self.ready = self._storage.size(handle) == self.size
        finally:
            self._storage.close(handle)
        if not self.ready:
            self._storage.remove(self._path)

    def make(self) -> None:
        """Make the spare now unless it is there; raise OSError (nothing is left behind)."""
        with self._lock:
            self._make()

    def make_in_background(self) -> None:
        """Make it beside the caller; a failure shows when it is needed."""
        if not self.ready:
            self._storage.in_background(self._make_quietly)

    def take(self) -> Path:
        """Hand out the spare, made if it must be; the caller renames it or removes it. Raises OSError.

        It gets another name first: a fill under way elsewhere must not put the next spare in its place.
        """
        with self._lock:
            self._make()
            self._storage.rename(self._path, self._taken)
            self.ready = False
        return self._taken

    def close(self) -> None:
        """Wait for a fill that is under way; none begins afterwards."""
        with self._lock:
            self._closed = True

    def _make(self) -> None:
        if not self.ready and not self._closed:
            self._storage.create_zeroed(self._path, self.size)
            self.ready = True

    def _make_quietly(self) -> None:
        try:
            if self._may_grow():
                self.make()
        except OSError:
            # ensure_room makes it again in the foreground and tells the reason before a visit starts.
            return

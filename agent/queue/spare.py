"""The spare segment: zero-filled in the background, so that no person waits for it."""

from __future__ import annotations

from pathlib import Path
from threading import Lock, Thread

from agent.queue.storage import Storage

NAME = "spare.kq"


class Spare:
    """At most one zero-filled file ahead of need."""

    def __init__(self, storage: Storage, folder: Path, size: int) -> None:
        self._storage, self._path, self._size = storage, folder / NAME, size
        self._making = self._path.with_suffix(".new")
        self._lock = Lock()
        self._thread: Thread | None = None
        self._making.unlink(missing_ok=True)
        if self._path.exists() and self._path.stat().st_size != size:
            self._path.unlink()

    @property
    def ready(self) -> bool:
        """Whether the spare is there."""
        return self._path.exists()

    def make(self) -> None:
        """Make the spare now unless it is there; raise OSError (nothing is left behind)."""
        with self._lock:
            if not self._path.exists():
                self._storage.create_zeroed(self._making, self._size)
                self._storage.rename(self._making, self._path)

    def make_in_background(self) -> None:
        """Make it in a thread of its own; a failure shows when it is needed."""
        if self.ready or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = Thread(target=self._make_quietly, name="queue-spare", daemon=True)
        self._thread.start()

    def path(self) -> Path:
        """Return the spare's path, made if it must be; raise OSError."""
        self.make()
        return self._path

    def close(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join()

    def _make_quietly(self) -> None:
        try:
            self.make()
        except OSError:
            # ensure_room makes it again in the foreground and tells the reason before a visit starts.
            return

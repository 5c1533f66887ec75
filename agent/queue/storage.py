"""Every call to the disk that the queue makes, in one place, so that tests can count them and make them fail."""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE = 0o600
FILL_BYTES = 2**20


class Storage:
    """The real disk. Methods raise OSError."""

    def create_zeroed(self, path: Path, size: int) -> None:
        """Make a file of `size` zero bytes on stable storage, folder entry included; leave nothing behind on failure.

        Real zeros, not holes: later writes inside change no file metadata, so one fdatasync is enough for each.
        """
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE)
        try:
            zeros = bytes(FILL_BYTES)
            for offset in range(0, size, FILL_BYTES):
                os.pwrite(handle, zeros[: size - offset], offset)
            os.fsync(handle)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        self.sync_folder(path.parent)

    def open(self, path: Path) -> int:
        """Open a file for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def write(self, handle: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(handle, view, offset)
            view, offset = view[written:], offset + written

    def sync_data(self, handle: int) -> None:
        """Return when the file's data is on stable storage."""
        os.fdatasync(handle)

    def sync_folder(self, folder: Path) -> None:
        """Return when the folder's entries are on stable storage."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        """Rename and make the new name durable."""
        old.rename(new)
        self.sync_folder(new.parent)

    def unlink(self, path: Path) -> None:
        """Remove a file and make that durable."""
        path.unlink(missing_ok=True)
        self.sync_folder(path.parent)

    def free_bytes(self, folder: Path) -> int:
        """Return what an ordinary user may still write."""
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize

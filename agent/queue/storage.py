"""Every call to the disk that the queue makes, in one place: tests count them, fail them and cut the power."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

PRIVATE = 0o600
PRIVATE_FOLDER = 0o700
FILL_BYTES = 2**20
_ZEROS = bytes(FILL_BYTES)
# A symbolic link in the queue's folder is never ours.
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class Storage:
    """The real disk. Methods raise OSError. The steps come first; what is put together from them comes last."""

    def lock(self, path: Path) -> int:
        """Take the folder for this process; raise BlockingIOError whose `strerror` names the holder's pid."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, PRIVATE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            os.close(handle)
            raise BlockingIOError(error.errno, f"held by process {holder or 'unknown'}") from error
        # A full disk must not keep the queue from opening; then the holder's pid is not told, that is all.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
        return handle

    def make_folder(self, folder: Path) -> None:
        """Make a folder (0700) and what is missing above it, durably; raise PermissionError when it is not private."""
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(PRIVATE_FOLDER)
            self.sync_folder(path.parent)
        status = folder.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise PermissionError(errno.EPERM, f"uid {status.st_uid}, mode {mode:04o}: must be ours alone (0700)")

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted."""
        return sorted(os.listdir(folder))

    def create(self, path: Path) -> int:
        """Make an empty file, or empty the one that is there, for writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | _FLAGS, PRIVATE)

    def open(self, path: Path, *, writing: bool = False) -> int:
        """Open an existing file."""
        return os.open(path, (os.O_RDWR if writing else os.O_RDONLY) | _FLAGS)

    def close(self, handle: int) -> None:
        """Close a file."""
        os.close(handle)

    def size(self, handle: int) -> int:
        """Return a file's length in bytes."""
        return os.fstat(handle).st_size

    def read(self, handle: int, length: int, offset: int) -> bytes:
        """Return up to `length` bytes at `offset`; fewer only at the file's end."""
        return os.pread(handle, length, offset)

    def write(self, handle: int, pieces: Sequence[bytes], offset: int) -> None:
        """Write all pieces, one behind the other, at `offset`."""
        written = os.pwritev(handle, pieces, offset)
        rest = memoryview(b"".join(pieces))[written:] if written < sum(map(len, pieces)) else memoryview(b"")
        while rest:
            offset += written
            written = os.pwrite(handle, rest, offset)
            if written == 0:
                raise OSError(errno.EIO, "the disk took nothing")
            rest = rest[written:]

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
        """Give a file another name; not durable before `sync_folder`."""
        old.rename(new)

    def unlink(self, path: Path) -> None:
        """Remove a file if it is there; not durable before `sync_folder`."""
        path.unlink(missing_ok=True)

    def free_bytes(self, folder: Path) -> int:
        """Return what an ordinary user may still write."""
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize

    def in_background(self, work: Callable[[], None]) -> None:
        """Run `work` beside the caller."""
        Thread(target=work, name="queue-spare", daemon=True).start()

    def publish(self, scratch: Path, path: Path) -> None:
        """Give a finished, synced file its name, durably."""
        self.rename(scratch, path)
        self.sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file durably."""
        self.unlink(path)
        self.sync_folder(path.parent)

    def write_new(self, path: Path, pieces: Sequence[bytes]) -> None:
        """Make a file with this content on stable storage, its name included; leave nothing behind on failure."""
        scratch = path.with_suffix(".new")
        try:
            handle = self.create(scratch)
            try:
                self.write(handle, pieces, 0)
                self.sync_data(handle)
            finally:
                self.close(handle)
            self.publish(scratch, path)
        except OSError:
            self._clear(scratch)
            raise

    def create_zeroed(self, path: Path, size: int) -> None:
        """Make a file of `size` zero bytes on stable storage, its name included; leave nothing behind on failure.

        Real zeros, not holes: later writes inside change no file metadata, so one fdatasync is enough for each.
        """
        scratch = path.with_suffix(".new")
        try:
            handle = self.create(scratch)
            try:
                for offset in range(0, size, FILL_BYTES):
                    self.write(handle, [_ZEROS[: size - offset]], offset)
                self.sync_data(handle)
            finally:
                self.close(handle)
            self.publish(scratch, path)
        except OSError:
            self._clear(scratch)
            raise

    def _clear(self, scratch: Path) -> None:
        # The failure that led here is the one to tell; what stays behind is removed at the next start.
        with suppress(OSError):
            self.unlink(scratch)

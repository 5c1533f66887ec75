"""A disk in memory whose power can be cut: it knows what was synced, and loses or tears what was not."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.queue import Storage

SECTOR = 512


class PowerCut(Exception):
    """The power went at this step."""


@dataclass(eq=False)
class File:
    """`now` is what a reader sees; `synced` is what a power cut leaves; `dirty` are the writes between the two."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    dirty: list[tuple[int, bytes]] = field(default_factory=list)


def lay(content: bytearray, data: bytes, offset: int) -> None:
    """Write into a file's content, longer if it must be."""
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data


@dataclass
class MemoryDisk(Storage):
    """Implements every step of Storage. `steps` counts the ones that change something or sync."""

    capacity: int = 2**40
    steps: list[str] = field(default_factory=list)
    files: dict[Path, File] = field(default_factory=dict)
    synced_files: dict[Path, File] = field(default_factory=dict)
    # Changes of names since the folder was last synced, in order: a journal keeps the order.
    pending: list[Callable[[dict[Path, File]], None]] = field(default_factory=list)
    handles: dict[int, File] = field(default_factory=dict)
    # Step number -> what happens there instead.
    faults: dict[int, Exception] = field(default_factory=dict)
    bad_blocks: set[tuple[Path, int]] = field(default_factory=set)
    read_only: bool = False
    _next_handle: int = 100

    def crash(self, choose: random.Random | None, *, reorder: bool = False) -> MemoryDisk:
        """Return the disk after a power cut. None: all that was not synced is gone; else a random part of it is.

        With `reorder` unsynced changes of names do not keep their order either, as without a journal.
        """
        after = MemoryDisk(self.capacity)
        for change in self._surviving(choose, reorder=reorder):
            # Without its predecessor it changes nothing.
            with suppress(KeyError):
                change(self.synced_files)
        for path, file in self.synced_files.items():
            content = bytearray(file.synced)
            for offset, data in file.dirty:
                for begin in range(0, len(data), SECTOR):
                    if choose is not None and choose.random() < 0.5:
                        lay(content, data[begin : begin + SECTOR], offset + begin)
            after.files[path] = File(bytearray(content), bytearray(content))
        after.synced_files = dict(after.files)
        return after

    def _surviving(self, choose: random.Random | None, *, reorder: bool) -> list[Callable[[dict[Path, File]], None]]:
        if choose is None:
            return []
        if not reorder:
            return self.pending[: choose.randint(0, len(self.pending))]
        kept = [change for change in self.pending if choose.random() < 0.5]
        choose.shuffle(kept)
        return kept

    def restart(self) -> MemoryDisk:
        """Return the disk after kill -9: everything written is still there, synced or not."""
        after = MemoryDisk(self.capacity, files=self.files, synced_files=self.synced_files, pending=self.pending)
        after.read_only = self.read_only
        return after

    def step(self, name: str) -> None:
        """Count a step and have its fault."""
        self.steps.append(name)
        fault = self.faults.get(len(self.steps) - 1)
        if fault is not None:
            raise fault
        if self.read_only:
            raise OSError(errno.EROFS, "Read-only file system")

    def lock(self, path: Path) -> int:
        """Take it always: one process, one queue."""
        return self._opened(File())

    def make_folder(self, folder: Path) -> None:
        """Folders are names only; each is durable."""
        if self.read_only:
            raise OSError(errno.EROFS, "Read-only file system")

    def names(self, folder: Path) -> list[str]:
        """Return the files in a folder and the folders that have files."""
        inside = [path.relative_to(folder).parts[0] for path in self.files if path.is_relative_to(folder)]
        if not inside and folder.name == "quarantine":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return sorted(set(inside))

    def create(self, path: Path) -> int:
        """Make an empty file in place of any other."""
        self.step(f"create {path.name}")
        file = File()
        self._change(lambda names: names.__setitem__(path, file))
        return self._opened(file)

    def open(self, path: Path, *, writing: bool = False) -> int:
        """Open a file that is there."""
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return self._opened(self.files[path])

    def close(self, handle: int) -> None:
        """Forget the handle; closing twice is an error, as in the real world."""
        if handle not in self.handles:
            raise OSError(errno.EBADF, "Bad file descriptor")
        del self.handles[handle]

    def size(self, handle: int) -> int:
        """Return the length."""
        return len(self.handles[handle].now)

    def read(self, handle: int, length: int, offset: int) -> bytes:
        """Return what was written last; raise EIO on a bad block."""
        file = self.handles[handle]
        for path, block in self.bad_blocks:
            if self.files.get(path) is file and offset < (block + 1) * 4096 and block * 4096 < offset + length:
                raise OSError(errno.EIO, "Input/output error")
        return bytes(file.now[offset : offset + length])

    def write(self, handle: int, pieces: Sequence[bytes], offset: int) -> None:
        """Write into the page cache. A fault strikes when half of it is written."""
        file, data = self.handles[handle], b"".join(pieces)
        grown = max(0, offset + len(data) - len(file.now))
        if grown and self.used() + grown > self.capacity:
            self.steps.append("write")
            raise OSError(errno.ENOSPC, "No space left on device")
        try:
            self.step("write")
        except Exception:
            self._put(file, data[: len(data) // 2], offset)
            raise
        self._put(file, data, offset)

    def sync_data(self, handle: int) -> None:
        """Make a file's content durable. After an error its pages count as clean, as in Linux: never synced."""
        file = self.handles[handle]
        try:
            self.step("sync")
        except OSError:
            file.dirty.clear()
            raise
        for offset, data in file.dirty:
            lay(file.synced, data, offset)
        file.dirty.clear()

    def sync_folder(self, folder: Path) -> None:
        """Make names durable."""
        self.step("sync folder")
        self.synced_files = dict(self.files)
        self.pending.clear()

    def rename(self, old: Path, new: Path) -> None:
        """Rename."""
        self.step(f"rename {new.name}")
        if old not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self._change(lambda names: names.__setitem__(new, names.pop(old)))

    def unlink(self, path: Path) -> None:
        """Remove the name."""
        self.step(f"unlink {path.name}")

        def forget(names: dict[Path, File]) -> None:
            names.pop(path, None)

        self._change(forget)

    def free_bytes(self, folder: Path) -> int:
        """Return what is left."""
        return self.capacity - self.used()

    def in_background(self, work: Callable[[], None]) -> None:
        """Run it at once: the order of steps is the same in every run."""
        work()

    def used(self) -> int:
        """Return the bytes in all files."""
        return sum(len(file.now) for file in self.files.values())

    def content(self, path: Path) -> bytearray:
        """Return a file's bytes for damaging; call `settle` afterwards."""
        return self.files[path].now

    def settle(self) -> None:
        """Make everything as it is now durable."""
        for file in self.files.values():
            file.synced, file.dirty = bytearray(file.now), []
        self.synced_files, self.pending = dict(self.files), []

    def _put(self, file: File, data: bytes, offset: int) -> None:
        lay(file.now, data, offset)
        file.dirty.append((offset, data))

    def _change(self, change: Callable[[dict[Path, File]], None]) -> None:
        change(self.files)
        self.pending.append(change)

    def _opened(self, file: File) -> int:
        self._next_handle += 1
        self.handles[self._next_handle] = file
        return self._next_handle

"""The real disk: modes, the lock, folder syncs in the right order, and a disk that is really full."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from agent.queue import DiskFailing, Entry, FolderNotPrivate, NoRoom, Queue, QueueLocked, Storage
from tests.queue.records import SETTINGS, START, acknowledge, append, open_queue, take_people_in

ROOT = Path(__file__).resolve().parents[2]


class Recorder(Storage):
    """The real disk, with a list of what was done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def sync_data(self, handle: int) -> None:
        """Note the file's name at the time of the sync."""
        self.done.append(f"sync {Path(os.readlink(f'/proc/self/fd/{handle}')).name}")
        super().sync_data(handle)

    def sync_folder(self, folder: Path) -> None:
        """Note the folder."""
        self.done.append(f"sync folder {folder.name}")
        super().sync_folder(folder)

    def rename(self, old: Path, new: Path) -> None:
        """Note both names."""
        self.done.append(f"rename {old.name} {new.name}")
        super().rename(old, new)

    def unlink(self, path: Path) -> None:
        """Note the name."""
        self.done.append(f"unlink {path.name}")
        super().unlink(path)

    def in_background(self, work: Callable[[], None]) -> None:
        """At once, so that the list has one order."""
        work()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a place two folders deep that does not exist yet."""
    return tmp_path / "data" / "queue"


def test_a_new_queue_syncs_every_folder_it_makes_and_every_name(folder: Path) -> None:
    """A name counts only after its folder's sync; a file is synced before it gets its name."""
    storage = Recorder()
    with open_queue(storage, folder):
        pass
    first = f"segment-{START.epoch:010d}-{0:014d}-0000.kq"
    assert storage.done == [
        f"sync folder {folder.parent.parent.name}",
        "sync folder data",
        *("sync spare.new", "rename spare.new spare.kq", "sync folder queue"),
        *("rename spare.kq taken.new", "sync taken.new", f"rename taken.new {first}", "sync folder queue"),
        *("sync acknowledged.new", "rename acknowledged.new acknowledged", "sync folder queue"),
        *("sync spare.new", "rename spare.new spare.kq", "sync folder queue"),
    ]


def test_a_purge_syncs_the_folder(folder: Path) -> None:
    """Segments go one by one, oldest first, so that a power cut leaves no hole."""
    storage = Recorder()
    with Queue.open(folder, start=START, settings=SETTINGS, storage=storage, clock=lambda: 0) as queue:
        entries = append(queue, 25)
        storage.done.clear()
        acknowledge(queue, entries[-1], 0)
        acknowledge(queue, append(queue)[0], 10**18)
    removed = [index for index, step in enumerate(storage.done) if step.startswith("unlink segment")]
    assert len(removed) == 2
    assert all(storage.done[index + 1] == "sync folder queue" for index in removed)
    assert storage.done[removed[0]] < storage.done[removed[1]]


def test_everything_is_private(folder: Path) -> None:
    """Folders 0700, files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with open_queue(Storage(), folder) as queue:
            append(queue, 15)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_folder_open_to_others_is_refused(folder: Path, mode: int) -> None:
    """Somebody else could exchange the files."""
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.raises(FolderNotPrivate, match=f"{mode:04o}"):
        open_queue(Storage(), folder)


def test_a_symbolic_link_in_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """A link in place of the position file must not make the queue write elsewhere."""
    with open_queue(Storage(), folder):
        pass
    target = tmp_path / "elsewhere"
    target.write_bytes(b"untouched")
    (folder / "acknowledged").unlink()
    (folder / "acknowledged").symlink_to(target)
    with pytest.raises(DiskFailing):
        open_queue(Storage(), folder)
    assert target.read_bytes() == b"untouched"


def test_a_second_opener_is_told_who_holds_the_folder(folder: Path) -> None:
    """In this process or another; after the close, the folder is free."""
    with open_queue(Storage(), folder), pytest.raises(QueueLocked, match=f"process {os.getpid()}"):
        open_queue(Storage(), folder)
    with open_queue(Storage(), folder):
        pass


def test_a_failed_start_leaves_no_lock_and_no_open_file(folder: Path) -> None:
    """The next attempt in the same process finds everything free."""
    with open_queue(Storage(), folder) as queue:
        append(queue)
    (folder / "acknowledged").unlink()
    (folder / "acknowledged").symlink_to("nowhere")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(DiskFailing):
            open_queue(Storage(), folder)
    assert len(os.listdir("/proc/self/fd")) == before
    (folder / "acknowledged").unlink()
    with open_queue(Storage(), folder) as queue:
        assert queue.position.next_seq == 1


def test_a_long_backlog_needs_no_file_handles(folder: Path) -> None:
    """Thousands of segments must not meet the limit on open files."""
    # A spare that is being filled beside us would be counted.
    with open_queue(Recorder(), folder) as queue:
        append(queue, 15)
        before = _open_segments()
        entries = append(queue, 100)
        assert [queue.read(entry.seq) for entry in entries] == entries
        assert _open_segments() == before


def _open_segments() -> int:
    """Count this process's handles on segments; the spare may be in the making."""
    handles = Path("/proc/self/fd")
    return sum("segment-" in os.readlink(one) for one in handles.iterdir() if os.path.lexists(one))


@pytest.mark.parametrize("most", [1, 7, 4096])
def test_a_write_that_takes_only_a_part_is_continued(
    tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may write less than asked, across pieces too."""
    plain = os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda handle, pieces, offset: plain(handle, b"".join(pieces)[:most], offset))
    monkeypatch.setattr(os, "pwrite", lambda handle, data, offset: plain(handle, bytes(data)[:most], offset))
    storage = Storage()
    handle = storage.create(tmp_path / "file")
    pieces = [os.urandom(10), os.urandom(5000), b"", os.urandom(3)]
    storage.write(handle, pieces, 100)
    assert storage.read(handle, 10_000, 100) == b"".join(pieces)
    storage.close(handle)


def test_a_file_that_cannot_be_filled_leaves_nothing_behind(tmp_path: Path) -> None:
    """Half a spare would eat the space that records need."""

    class Full(Storage):
        def write(self, handle: int, pieces: Sequence[bytes], offset: int) -> None:
            if offset:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().write(handle, pieces, offset)

    with pytest.raises(OSError, match="No space"):
        Full().create_zeroed(tmp_path / "spare.kq", 5 * 2**20)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MiB; skip where that is not allowed."""
    place = tmp_path / "small"
    place.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_on_a_really_full_disk_visits_are_refused_and_receipts_make_room_again(small_disk: Path) -> None:
    """Every record that was let in is stored; draining goes on; then people can be taken in again."""
    with Queue.open(small_disk / "queue", start=START, settings=SETTINGS) as queue:
        entries: list[Entry] = []
        with pytest.raises(NoRoom):
            take_people_in(queue, entries, SETTINGS.max_record_bytes)
        assert len(entries) >= 20
        assert [queue.read(seq) for seq in range(len(entries))] == entries
        acknowledge(queue, entries[-1])
        queue.ensure_room(1)
        append(queue)


def test_a_file_size_limit_is_told_as_a_failing_disk(folder: Path) -> None:
    """EFBIG and the like are no reason to crash."""
    program = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "from agent.queue import DiskFailing, Storage\nfrom tests.queue.records import open_queue\n"
        "try:\n    open_queue(Storage(), Path(sys.argv[1]))\nexcept DiskFailing as error:\n    print(error.detail)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "File too large" in told.stdout
    assert [path.name for path in folder.iterdir()] == ["lock"]

"""The real kernel: a disk that is full at every write, the order of its calls as strace sees it, and LazyFS."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.queue import DiskFailing, Entry, NoRoom, Queue, StorageFailed
from tests.queue.records import SETTINGS, START, acknowledge, record
from tests.torture.queue_cycles import InOrder

ROOT = Path(__file__).resolve().parents[2]
RECORDS = 9
WITHIN_S = 60.0
# Five segments of 128 KiB and the small files fit.
DISK_BYTES = 800 * 1024


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Mount a disk of 800 KiB; skip where that is not allowed."""
    place.mkdir(mode=0o700, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


class Filled(InOrder):
    """The real disk; before write number `full_at` somebody else takes all that is free."""

    def __init__(self, place: Path, full_at: int) -> None:
        self._ballast, self._full_at, self.writes = place / "ballast", full_at, 0

    def write(self, handle: int, pieces: Sequence[bytes], offset: int) -> None:
        """Count, and fill the disk when it is time."""
        if self.writes == self._full_at:
            self.fill()
        self.writes += 1
        super().write(handle, pieces, offset)

    def fill(self) -> None:
        """Take every free byte."""
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)


def work(place: Path, storage: Filled) -> tuple[list[Entry], int]:
    """Take people in on a disk that fills up; return what was answered and through where it was acknowledged."""
    answered, acknowledged = list[Entry](), 0
    queue = _opened(place, storage)
    if queue is None:
        storage.empty()
        queue = _opened(place, storage)
    assert queue is not None
    with queue:
        for number in range(RECORDS):
            if _allowed(lambda: queue.ensure_room(1)):
                entry = record(queue.position, 6000 + 3000 * (number % 4))
                # A visit that was let in is stored: that is the promise of ensure_room.
                queue.append(entry)
                answered.append(entry)
            else:
                storage.empty()
            if number % 3 == 2 and answered:
                acknowledge(queue, answered[-1])
                acknowledged = answered[-1].seq + 1
    return answered, acknowledged


def _opened(place: Path, storage: Filled) -> Queue | None:
    try:
        return Queue.open(place / "queue", start=START, settings=SETTINGS, storage=storage, clock=lambda: 0)
    except DiskFailing:
        return None


def _allowed(action: Callable[[], None]) -> bool:
    try:
        action()
    except (NoRoom, StorageFailed, DiskFailing):
        return False
    return True


def test_a_disk_that_is_full_at_any_write_refuses_visits_and_stores_everyone_it_let_in(tmp_path: Path) -> None:
    """Really full, by the kernel; acknowledging goes on; after room was made the kiosk takes people in again."""
    full_at = 0
    with small_disk(tmp_path / "disk") as place:
        while True:
            for path in place.iterdir():
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True) if path.exists() else None
            storage = Filled(place, full_at)
            answered, acknowledged = work(place, storage)
            storage.empty()
            assert len(answered) >= RECORDS - 1
            with Queue.open(place / "queue", start=START, settings=SETTINGS, storage=InOrder()) as queue:
                assert queue.position.next_seq == len(answered)
                assert queue.acknowledged == acknowledged
                assert [queue.read(seq) for seq in range(queue.oldest_kept, len(answered))] == answered[
                    queue.oldest_kept :
                ]
            if storage.writes <= full_at:
                break
            full_at += 1
    assert full_at > 20


def test_the_kernel_sees_each_sync_before_the_answer(tmp_path: Path) -> None:
    """By strace: what was written is synced, and what was renamed has its folder synced, before the next answer."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.torture.queue_cycles import work\n"
        "work(Path(sys.argv[1]), 14, lambda line: print(line, flush=True))\n"
    )
    calls = "trace=pwritev,pwrite64,write,fdatasync,fsync,rename,unlink,openat"
    command = ["strace", "-f", "-y", "-e", calls, "-o", str(trace), sys.executable, "-c", program]
    done = subprocess.run([*command, str(tmp_path / "queue")], cwd=ROOT, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr.lower() and done.returncode:
        pytest.skip("ptrace is not allowed here")
    assert done.returncode == 0, done.stderr[-2000:]
    answers = _replay(trace.read_text(encoding="utf-8", errors="replace").splitlines(), str(tmp_path / "queue"))
    assert answers >= 14


def _replay(lines: list[str], folder: str) -> int:
    """Go through the calls; return how many answers were given, each with nothing unsynced behind it."""
    unsynced: set[str] = set()
    answers = 0
    for line in lines:
        call = re.match(r"\d+ +(\w+)\((?:AT_FDCWD[^,]*, )?(\d+<([^>]*)>|\"([^\"]*)\")", line)
        if call is None:
            continue
        name, path = call.group(1), call.group(3) or call.group(4) or ""
        if name in ("pwritev", "pwrite64") and path.startswith(folder) and not path.endswith("/lock"):
            unsynced.add(path)
        elif name in ("rename", "unlink") and path.startswith(folder):
            unsynced.add(folder)
        elif name in ("fdatasync", "fsync"):
            unsynced.discard(path)
        elif (name == "write" and '"stored ' in line) or '"acknowledged ' in line:
            assert not unsynced, f"answered with {unsynced} unsynced"
            answers += 1
    return answers


LAZYFS = os.environ.get("LAZYFS", "lazyfs")


@contextmanager
def lazy_disk(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Mount LazyFS over a folder; yield the mount and the pipe that takes its commands."""
    root, mount, pipe, config = (tmp_path / name for name in ("root", "mount", "faults.fifo", "lazyfs.toml"))
    for folder in (root, mount):
        folder.mkdir(mode=0o700)
    config.write_text(
        f'[faults]\nfifo_path="{pipe}"\n[cache]\napply_eviction=false\n'
        '[cache.simple]\ncustom_size="0.5GB"\nblocks_per_page=1\n[filesystem]\nlog_all_operations=false\n',
        encoding="utf-8",
    )
    command = [LAZYFS, str(mount), "--config-path", str(config), "-o", "allow_other", "-o", "modules=subdir"]
    with subprocess.Popen([*command, "-o", f"subdir={root}", "-f"], stdout=subprocess.DEVNULL) as server:
        try:
            _until(lambda: os.path.ismount(mount))
            yield mount, pipe
        finally:
            subprocess.run(["fusermount3", "-u", str(mount)], check=False)
            server.wait(WITHIN_S)


def _until(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.torture
def test_records_answered_on_lazyfs_survive_the_loss_of_its_cache(tmp_path: Path) -> None:
    """A file system that loses what was not synced: the writer is killed, the cache dropped, every answer holds."""
    if shutil.which(LAZYFS) is None:
        pytest.skip("LazyFS is not installed: docs/reliability.md says how (set LAZYFS to its program)")
    with lazy_disk(tmp_path) as (mount, pipe):
        command = [sys.executable, "-m", "tests.queue.kill_writer", str(mount / "queue")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(60)]
            writer.kill()
        # LazyFS gives no sign when it is done, but what was not synced is gone then.
        (mount / "probe").write_bytes(b"not synced")
        pipe.write_text("lazyfs::clear-cache\n", encoding="utf-8")
        _until(lambda: (mount / "probe").read_bytes() != b"not synced")
        answered = max(int(line.split()[1]) for line in told if line.startswith("stored")) + 1
        with Queue.open(mount / "queue", start=START, settings=SETTINGS) as queue:
            assert queue.position.next_seq >= answered
            assert queue.lost == []
            for seq in range(queue.oldest_kept, answered):
                queue.read(seq)

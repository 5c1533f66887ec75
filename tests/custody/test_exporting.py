"""Carrying records away on a disk: atomic, synced, resumable, and a full disk is told."""

from __future__ import annotations

import errno
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.custody.errors import ExportBusy, ExportDiskFailing, ExportDiskFull
from agent.custody.exporting import Exported
from agent.queue import RecordLost, Storage
from agent.sealing import verify_tombstone
from agent.transfer import CarriedTombstone, ExportFolder, ExportIncomplete, ExportIndex, folder_name, parse_index
from tests.collector.world import KIOSK
from tests.custody.carrying import export
from tests.queue.test_storage import Recorder
from tests.uplink.kiosk import Kiosk

FOLDER = folder_name(KIOSK)


class Stopped(Exception):
    """The power went."""


class Cut(Storage):
    """The real disk; the step with this number is the last one."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def _step(self) -> None:
        if self.left == 0:
            raise Stopped
        self.left -= 1

    def write(self, handle: int, pieces: Sequence[bytes], offset: int) -> None:
        """Write half of it at the last step."""
        if self.left == 0:
            data = b"".join(pieces)
            super().write(handle, [data[: len(data) // 2]], offset)
        self._step()
        super().write(handle, pieces, offset)

    def sync_data(self, handle: int) -> None:
        """Count."""
        self._step()
        super().sync_data(handle)

    def rename(self, old: Path, new: Path) -> None:
        """Count."""
        self._step()
        super().rename(old, new)

    def unlink(self, path: Path) -> None:
        """Count."""
        self._step()
        super().unlink(path)


def carried(kiosk: Kiosk, disk: Path) -> tuple[ExportIndex, list[int]]:
    """Read the export back as the collector does; return its index and the seqs in it."""
    folder = ExportFolder(disk / FOLDER)
    index = parse_index(folder.index(), kiosk.trust.record_key.public_key)
    items = [item for piece in index.pieces for item in folder.records(piece)]
    for item in items:
        if isinstance(item, CarriedTombstone):
            assert verify_tombstone(item.cose_sign1, kiosk.trust.record_key.public_key).seq == item.seq
            continue
        entry = kiosk.queue.read(item.seq)
        assert (item.cose_sign1, item.ciphertext) == (entry.cose_sign1, entry.ciphertext)
    return index, [item.seq for item in items]


def must(exported: Exported | None) -> Exported:
    """Return what was exported."""
    assert exported is not None
    return exported


def acknowledge(kiosk: Kiosk, seq: int) -> None:
    """Acknowledge everything through a record."""
    kiosk.queue.acknowledge(seq, kiosk.queue.read(seq).payload_sha256)


def test_everything_that_waits_is_carried(kiosk: Kiosk, disk: Path) -> None:
    """Beside the queue that goes on; the index names the chain's head and every file by hash."""
    kiosk.enqueue(20)
    acknowledge(kiosk, 3)
    exported = must(export(kiosk, disk))
    index, seqs = carried(kiosk, disk)
    assert seqs == list(range(4, 20))
    assert (index.kiosk, index.first_seq, index.next_seq, index.lost) == (KIOSK, 4, 20, ())
    assert index.head == kiosk.queue.position.head
    assert (exported.records, exported.kept, exported.lost) == (16, 0, ())
    assert exported.pieces == len(index.pieces) > 2
    assert exported.bytes == sum(path.stat().st_size for path in (disk / FOLDER).glob("*.kqx"))


def test_nothing_waits_nothing_is_written(kiosk: Kiosk, disk: Path) -> None:
    """Not even a folder."""
    kiosk.enqueue(3)
    acknowledge(kiosk, 2)
    assert export(kiosk, disk) is None
    assert list(disk.iterdir()) == []


def test_each_file_is_synced_before_it_has_its_name_and_the_index_comes_last(kiosk: Kiosk, disk: Path) -> None:
    """And each name before the next file."""
    kiosk.enqueue(10)
    storage = Recorder()
    export(kiosk, disk, storage)
    assert storage.done[0] == f"sync folder {disk.name}"
    steps = storage.done[1:]
    names = [step.split()[2] for step in steps if step.startswith("rename")]
    assert names == [*sorted(names[:-1]), "index.cose"]
    for name in names:
        scratch = name.partition(".")[0] + ".new"
        at = steps.index(f"sync {scratch}")
        assert steps[at + 1 : at + 3] == [f"rename {scratch} {name}", f"sync folder {FOLDER}"]


def test_an_export_cut_off_anywhere_is_no_export_and_the_next_one_goes_on(kiosk: Kiosk, disk: Path) -> None:
    """Files that are whole are kept; the end is the same as without the cut."""
    kiosk.enqueue(12)
    kept = set()
    for steps in range(1000):
        shutil.rmtree(disk / FOLDER, ignore_errors=True)
        try:
            export(kiosk, disk, Cut(steps))
            break
        except Stopped:
            pass
        if not (disk / FOLDER / "index.cose").exists():
            with pytest.raises(ExportIncomplete):
                ExportFolder(disk / FOLDER).index()
        kept.add(must(export(kiosk, disk)).kept)
        assert carried(kiosk, disk)[1] == list(range(12))
        assert not list((disk / FOLDER).glob("*.new"))
    assert steps > 10
    assert kept >= {0, 1, 2}


def test_an_export_killed_by_kill_9_is_gone_on_with(kiosk: Kiosk, disk: Path) -> None:
    """No lock stays behind."""
    kiosk.enqueue(5)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom agent.queue import Storage\n"
        "Storage().lock(Path(sys.argv[1]))\nprint('locked', flush=True)\ntime.sleep(600)\n"
    )
    (disk / FOLDER).mkdir()
    command = [sys.executable, "-c", program, str(disk / FOLDER / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ExportBusy, match=f"process {other.pid}"):
            export(kiosk, disk)
        other.kill()
    must(export(kiosk, disk))


def test_a_second_export_adds_what_is_new(kiosk: Kiosk, disk: Path) -> None:
    """What is on the disk stays; the new index covers both."""
    kiosk.enqueue(9)
    first = must(export(kiosk, disk))
    before = {path.name: path.stat().st_mtime_ns for path in (disk / FOLDER).glob("*.kqx")}
    kiosk.enqueue(4)
    second = must(export(kiosk, disk))
    assert (second.kept, second.records) == (first.pieces, 13)
    assert carried(kiosk, disk)[1] == list(range(13))
    after = {path.name: path.stat().st_mtime_ns for path in (disk / FOLDER).glob("*.kqx")}
    assert before.items() <= after.items()


def test_files_of_records_that_are_acknowledged_meanwhile_go(kiosk: Kiosk, disk: Path) -> None:
    """The network came back for a while between two exports."""
    kiosk.enqueue(12)
    export(kiosk, disk)
    acknowledge(kiosk, 8)
    must(export(kiosk, disk))
    index, seqs = carried(kiosk, disk)
    assert seqs == list(range(index.first_seq, 12))
    assert index.first_seq <= 9
    assert len(list((disk / FOLDER).glob("*.kqx"))) == len(index.pieces)


@pytest.mark.parametrize("at", [0, 10, 40, 3000, -1])
def test_a_damaged_file_on_the_disk_is_written_again(kiosk: Kiosk, disk: Path, at: int) -> None:
    """A cheap disk may give back something else: every byte is compared with what is signed."""
    kiosk.enqueue(9)
    export(kiosk, disk)
    for path in (disk / FOLDER).glob("*.kqx"):
        data = bytearray(path.read_bytes())
        data[at] ^= 0xFF
        path.write_bytes(data)
    assert must(export(kiosk, disk)).kept == 0
    assert carried(kiosk, disk)[1] == list(range(9))


def test_another_kiosks_or_a_forged_file_is_not_kept(kiosk: Kiosk, disk: Path) -> None:
    """Only our own records count."""
    kiosk.enqueue(9)
    export(kiosk, disk)
    paths = sorted((disk / FOLDER).glob("*.kqx"))
    shutil.copy(paths[1], paths[0])
    paths[1].unlink()
    paths[1].symlink_to(paths[0])
    assert must(export(kiosk, disk)).kept == 0
    assert carried(kiosk, disk)[1] == list(range(9))


def test_a_lost_record_is_carried_as_its_tombstone(kiosk: Kiosk, disk: Path, queue_folder: Path) -> None:
    """It is set aside for good: nothing is both carried and told lost."""
    kiosk.enqueue(9)
    (path,) = queue_folder.glob("segment-*")
    whole = path.read_bytes()
    data = bytearray(whole)
    at = data.index(kiosk.queue.read(4).ciphertext)
    data[at] ^= 0xFF
    path.write_bytes(data)
    for _ in range(2):
        exported = must(export(kiosk, disk))
        assert (exported.lost, exported.records) == ((4,), 8)
        with pytest.raises(RecordLost):
            kiosk.queue.read(4)
    index, seqs = carried(kiosk, disk)
    assert (index.lost, seqs) == ((4,), list(range(9)))
    path.write_bytes(whole)
    with pytest.raises(RecordLost):
        kiosk.queue.read(4)


def test_a_file_with_a_damaged_signature_is_not_kept(kiosk: Kiosk, disk: Path) -> None:
    """The collector would refuse the record: kept is what is ours byte for byte."""
    kiosk.enqueue(9)
    export(kiosk, disk)
    path = min((disk / FOLDER).glob("*.kqx"))
    data = bytearray(path.read_bytes())
    data[data.index(kiosk.queue.read(0).cose_sign1) + len(kiosk.queue.read(0).cose_sign1) - 1] ^= 1
    path.write_bytes(data)
    assert must(export(kiosk, disk)).kept == 0
    assert carried(kiosk, disk)[1] == list(range(9))


class TestTheDisk:
    """Full, small, read-only or gone."""

    def test_too_little_room_is_told_before_anything_is_written(
        self, kiosk: Kiosk, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With what is free and what is needed."""
        kiosk.enqueue(9)
        monkeypatch.setattr(Storage, "free_bytes", lambda *_: 5000)
        with pytest.raises(ExportDiskFull, match="5000 bytes free"):
            export(kiosk, disk)
        assert not list((disk / FOLDER).glob("*.kqx"))

    @pytest.mark.parametrize(
        ("number", "told"),
        [(errno.ENOSPC, ExportDiskFull), (errno.EIO, ExportDiskFailing), (errno.EROFS, ExportDiskFailing)],
    )
    def test_a_disk_that_fails_on_the_way_is_told_and_the_next_attempt_goes_on(
        self, kiosk: Kiosk, disk: Path, number: int, told: type[Exception]
    ) -> None:
        """What is whole stays."""

        class Failing(Storage):
            writes = 0

            def write(self, handle: int, pieces: Sequence[bytes], offset: int) -> None:
                self.writes += 1
                if self.writes == 3:
                    raise OSError(number, "refused")
                super().write(handle, pieces, offset)

        kiosk.enqueue(12)
        with pytest.raises(told):
            export(kiosk, disk, Failing())
        assert must(export(kiosk, disk)).kept == 2

    def test_a_disk_that_is_not_there_is_told(self, kiosk: Kiosk, tmp_path: Path) -> None:
        """It was pulled out."""
        kiosk.enqueue(1)
        with pytest.raises(ExportDiskFailing):
            export(kiosk, tmp_path / "gone")

    def test_a_really_full_disk_is_told(self, kiosk: Kiosk, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The free space was misjudged; then room is made and it goes on."""
        kiosk.enqueue(40, size=30_000)
        monkeypatch.setattr(Storage, "free_bytes", lambda *_: 2**40)
        with pytest.raises(ExportDiskFull):
            export(kiosk, small_disk, piece_bytes=200_000)
        assert len(list((small_disk / FOLDER).glob("*.kqx"))) == 4
        subprocess.run(["mount", "-o", "remount,size=3m", str(small_disk)], check=True)
        assert must(export(kiosk, small_disk, piece_bytes=200_000)).kept == 4
        assert carried(kiosk, small_disk)[1] == list(range(40))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MiB; skip where that is not allowed."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_hashes_are_of_what_is_on_the_disk(kiosk: Kiosk, disk: Path) -> None:
    """Not of what should be there."""
    kiosk.enqueue(9)
    export(kiosk, disk)
    index, _ = carried(kiosk, disk)
    for piece in index.pieces:
        assert hashlib.sha256((disk / FOLDER / piece.name).read_bytes()).digest() == piece.sha256

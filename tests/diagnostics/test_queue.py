"""The queue's checks on real queue folders, whole and broken, with and without a daemon that holds them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.diagnostics.finding import Verdict
from agent.queue import Queue
from agent.queue.layout import BLOCK
from tests.diagnostics.conftest import Kiosk, ToldDaemon, assert_fault, checks_of
from tests.queue.records import SETTINGS, START, acknowledge, append


class Filled(NamedTuple):
    """A kiosk whose queue holds 30 records in several segments, the first five acknowledged; and its folder."""

    kiosk: Kiosk
    folder: Path


def fill(kiosk: Kiosk, now_ns: int | None = None) -> Queue:
    """Open the kiosk's queue and put records in."""
    clock: Callable[[], int] = time.time_ns if now_ns is None else lambda: now_ns
    queue = Queue.open(kiosk.data / "queue", start=START, settings=SETTINGS, clock=clock)
    entries = append(queue, 30)
    acknowledge(queue, entries[4])
    return queue


@pytest.fixture
def filled(kiosk: Kiosk) -> Filled:
    """Return a kiosk that was stopped."""
    kiosk.configure("[queue]\nsegment_mib = 16\n")
    fill(kiosk).close()
    return Filled(kiosk, kiosk.data / "queue")


def segments(folder: Path) -> list[Path]:
    """Return the segment files, oldest first."""
    return sorted(folder.glob("segment-*"))


def damage(path: Path, offset: int, length: int = 64) -> None:
    """Overwrite bytes inside a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


def test_a_healthy_queue(filled: Filled) -> None:
    """All is well but what only a daemon knows, and the figures are true."""
    findings = {f.check: f for f in filled.kiosk.findings("queue")}
    assert findings.pop("queue.rejected").verdict is Verdict.NOT_ASSESSED
    assert {f.verdict for f in findings.values()} == {Verdict.OK}, findings
    assert findings["queue.depth"].evidence.startswith("25 records")
    assert findings["queue.chain"].evidence == "30 records in order; 25 of 25 waiting ones read in full"
    assert findings["queue.receipt"].evidence == "up to record 4"


def test_beside_a_daemon_that_holds_it(kiosk: Kiosk) -> None:
    """The folder is only read: the open queue goes on, and no file changes."""
    queue = fill(kiosk)
    before = {path: path.stat().st_mtime_ns for path in (kiosk.data / "queue").iterdir()}
    assert kiosk.finding("queue.chain").verdict is Verdict.OK
    assert {path: path.stat().st_mtime_ns for path in (kiosk.data / "queue").iterdir()} == before
    append(queue, 1)
    assert kiosk.finding("queue.depth").evidence.startswith("26 records")
    queue.close()


def test_before_the_first_start(kiosk: Kiosk) -> None:
    """One error names the folder; the others refer to it."""
    findings = {f.check: f for f in kiosk.findings("queue")}
    assert_fault(findings["queue.folder"], "queue.folder.missing")
    assert findings["queue.depth"].verdict is Verdict.SKIPPED
    assert "queue.folder" in findings["queue.depth"].cause.en


def test_a_folder_open_to_others(filled: Filled) -> None:
    """The daemon would refuse it."""
    filled.folder.chmod(0o755)
    assert_fault(filled.kiosk.finding("queue.folder"), "queue.folder.not_private")


def test_a_foreign_file(filled: Filled) -> None:
    """It is named."""
    (filled.folder / "notes.txt").touch()
    found = filled.kiosk.finding("queue.folder")
    assert_fault(found, "queue.folder.foreign_file")
    assert found.evidence == "notes.txt"


def test_a_damaged_body(filled: Filled) -> None:
    """The record's number is told."""
    damage(segments(filled.folder)[1], BLOCK + 2000)
    found = filled.kiosk.finding("queue.chain")
    assert_fault(found, "queue.chain.damaged")
    assert found.evidence.startswith("record ")


def test_a_damaged_frame_header(filled: Filled) -> None:
    """The gap's record is told, although the frames behind it are whole."""
    damage(segments(filled.folder)[1], BLOCK)
    assert_fault(filled.kiosk.finding("queue.chain"), "queue.chain.damaged")


def test_a_segment_that_is_gone(filled: Filled) -> None:
    """Records that were not acknowledged are missing: the chain is broken."""
    segments(filled.folder)[1].unlink()
    found = filled.kiosk.finding("queue.chain")
    assert found.code in {"queue.chain.broken", "queue.chain.damaged"}
    assert found.verdict is Verdict.ERROR


def test_a_segment_of_another_queue(filled: Filled, tmp_path: Path) -> None:
    """Whole in itself, but it does not continue the one before."""
    other = Queue.open(tmp_path / "other", start=START, settings=SETTINGS)
    append(other, 30, salt=7)
    other.close()
    path = segments(filled.folder)[2]
    path.write_bytes((tmp_path / "other" / path.name).read_bytes())
    assert_fault(filled.kiosk.finding("queue.chain"), "queue.chain.broken")


def test_another_version_of_the_software(filled: Filled) -> None:
    """Told with its own code; nothing of the folder is judged."""
    for path in segments(filled.folder):
        data = bytearray(path.read_bytes())
        for place in (4, 1024 + 4):
            data[place : place + 2] = b"\x09\x00"
        path.write_bytes(data)
    assert_fault(filled.kiosk.finding("queue.chain"), "queue.other_version")


def test_a_quarantined_record(filled: Filled) -> None:
    """The number is told until the folder is cleared."""
    damage(segments(filled.folder)[1], BLOCK + 2000)
    queue = Queue.open(filled.folder, start=START, settings=SETTINGS)
    lost = [finding.place for finding in queue.verify()]
    for seq in range(5, 30):
        try:
            queue.read(seq)
        except Exception as error:
            lost.append(str(error))
    queue.close()
    assert lost
    assert_fault(filled.kiosk.finding("queue.lost"), "queue.lost.records")
    assert filled.kiosk.finding("queue.chain").verdict is Verdict.OK


def test_a_missing_position(filled: Filled) -> None:
    """A warning: records are sent again, which does no harm."""
    (filled.folder / "acknowledged").unlink()
    found = filled.kiosk.finding("queue.receipt")
    assert_fault(found, "queue.receipt.position_missing")
    assert found.verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("hours", "code"), [(2, "queue.age.hour"), (30, "queue.age.day"), (-2, "queue.age.future"), (0.5, "queue.age")]
)
def test_the_age_of_the_oldest(filled: Filled, hours: float, code: str) -> None:
    """By the machine's clock, which may also have been turned back."""
    filled.kiosk.machine.now_s = time.time() + hours * 3600
    assert filled.kiosk.finding("queue.age").code == code


def test_more_than_a_day_waits(kiosk: Kiosk) -> None:
    """A warning that sends the technician to the network."""
    queue = Queue.open(kiosk.data / "queue", start=START, settings=SETTINGS)
    append(queue, 456, size=10)
    queue.close()
    found = kiosk.finding("queue.depth")
    assert_fault(found, "queue.depth.more_than_a_day")
    assert "network" in found.remedy.en


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("max_folder_gib = 0.001", "queue.space.none"),
        ("max_folder_gib = 0.02", "queue.space.less_than_a_day"),
        ("keep_free_mib = 999999999", "queue.space.none"),
    ],
)
def test_little_room(filled: Filled, settings: str, code: str) -> None:
    """Judged by the configured limits as well as by the disk."""
    kiosk = filled.kiosk
    if code.endswith("a_day"):
        # Records of 2 MB: a day of them is 910 MB.
        for path in filled.folder.iterdir():
            path.unlink()
        queue = Queue.open(filled.folder, start=START, settings=SETTINGS)
        queue.close()
        settings = "max_folder_gib = 0.1"
    kiosk.configure(f"[queue]\nsegment_mib = 16\n{settings}\n")
    assert_fault(kiosk.finding("queue.space"), code)


def test_what_the_daemon_tells(filled: Filled) -> None:
    """Records that the collector cannot use, and a visit that was cut off."""
    uplink = {"quarantined": [3, 9]}
    filled.kiosk.daemon = ToldDaemon({"uplink": uplink, "unfinished_visit": True})
    rejected = filled.kiosk.finding("queue.rejected")
    assert_fault(rejected, "queue.rejected.records")
    assert rejected.evidence == "records 3, 9"
    assert_fault(filled.kiosk.finding("queue.visit"), "queue.visit.unfinished")
    filled.kiosk.daemon = ToldDaemon(use={"visit_open": True})
    assert filled.kiosk.finding("queue.visit").verdict is Verdict.SKIPPED
    assert filled.kiosk.finding("queue.rejected").verdict is Verdict.OK


def test_an_unfinished_visit_without_a_daemon(filled: Filled) -> None:
    """Something lies in the journal's folder; it is not opened."""
    journal = filled.kiosk.data / "journal"
    journal.mkdir()
    assert filled.kiosk.finding("queue.visit").verdict is Verdict.OK
    (journal / "visit").write_bytes(os.urandom(32))
    assert_fault(filled.kiosk.finding("queue.visit"), "queue.visit.unfinished")


@pytest.mark.parametrize("cut", [0, 1, 100, 4095, 4096, 4200, 9000])
def test_a_truncated_segment_is_no_bug(filled: Filled, cut: int) -> None:
    """Every check answers with a verdict of its own, never with a broken check."""
    path = segments(filled.folder)[1]
    os.truncate(path, cut)
    findings = filled.kiosk.findings("queue")
    assert len(findings) == len(checks_of("queue"))
    assert not [f for f in findings if f.code.endswith(".broken") and f.code != "queue.chain.broken"], findings
    assert {f.check: f for f in findings}["queue.chain"].verdict is Verdict.ERROR

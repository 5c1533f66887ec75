"""kill -9 at every write point of a visit: its journal, its record in a real queue, the journal's end.

After each kill the kiosk starts again and the operator goes on with what was cut off. One person, one record: never
none once the journal was begun, never two, and a stage that was finished is not done again.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections import Counter
from datetime import date
from pathlib import Path

from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.intake.desk import Caller, Desk
from agent.intake.discards import Discards
from agent.intake.journal import Journal, JournalKey
from agent.intake.policy import NoticeText, Policy, Rules
from agent.intake.record import Setting
from agent.intake.stages import Context, Outcome
from agent.intake.submission import Submission
from agent.intake.visit import OperatorIdentity, Visit
from agent.queue import EpochStart, Queue
from agent.roster import Member, Roster
from agent.sealing import FileRecordKey, RecipientKeys, RecipientPrivateKey, Validity, epoch_start, peek_record
from tests.torture.failpoints import ENDED_WITHIN_S, Child, Failpoints, Tell
from tests.torture.path_cycles import SETTINGS
from tests.torture.queue_cycles import InOrder, note

KIOSK, EPOCH = "kiosk-1", 1
MEMBER = Member("001085000001", "Nguyễn Văn Đức", date(1985, 2, 3), "Chi bộ 1", True)
OPERATOR = OperatorIdentity("tester", "peer uid 0")
STAGES = ("chip", "portrait", "fingerprints")
POLICY = Policy(
    version="test-1",
    notice=NoticeText(id="n", version="1", vi="Thông báo", en="Notice"),
    purpose="test",
    legal_basis="test",
    retention_class="test",
    may_fail=frozenset(),
    answer_wait_s=60,
)


class Performed:
    """A stage that passes and tells that it was done."""

    def __init__(self, name: str, tell: Tell) -> None:
        self.name, self._tell = name, tell

    def perform(self, context: Context) -> Outcome:
        """Give evidence of some size."""
        self._tell(f"performed {self.name}")
        part = Part(f"{self.name}/picture", "image/png", self.name.encode() * 3000)
        return Outcome(Evidence(self.name, (Check(self.name, Verdict.PASSED),), (part,)))


class Kiosk:
    """Desk, journal, queue and keys in one folder, as the daemon puts them together."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        key, recipient = FileRecordKey.load(folder / "record.key"), RecipientPrivateKey.load(folder / "recipient.key")
        start = EpochStart(EPOCH, epoch_start(KIOSK, EPOCH, key.key_id))
        self.queue = Queue.open(folder / "queue", start=start, settings=SETTINGS, storage=InOrder())
        rules = Rules(POLICY, bytes(32))
        setting = Setting(KIOSK, "station", rules, dict)
        recipients = RecipientKeys(((recipient.public, Validity(0, 2**62)),))
        discards = Discards(folder / "journal")
        submission = Submission(self.queue, key, recipients, setting, True, lambda: None, discards)
        self.desk = Desk(
            load_roster=lambda: Roster({MEMBER.number: MEMBER}),
            stages=[Performed(name, tell) for name in STAGES],
            rules=rules,
            submit=submission,
            ensure_room=lambda: self.queue.ensure_room(1),
            journal=Journal(folder / "journal", JournalKey.load(None, folder / "journal.key")),
            newest_record_id=submission.newest_record_id,
            discards=discards,
        )

    def finish(self, visit: Visit) -> None:
        """Answer yes to everything until the visit ends."""
        seen, closed, began = 0, False, time.monotonic()
        while not closed:
            assert time.monotonic() - began < ENDED_WITHIN_S
            events, closed = visit.events.after(seen, 1)
            for event in events:
                seen = event.number
                if event.kind == "question":
                    visit.answer(int(str(event.payload["question"])), "yes")
        self.desk.close(ENDED_WITHIN_S)

    def record_ids(self) -> list[bytes]:
        """Return the ids of all records."""
        seqs = range(self.queue.oldest_kept, self.queue.position.next_seq)
        return [peek_record(self.queue.read(seq).cose_sign1).core.record_id for seq in seqs]


def take_in(folder: Path, kill_at: int | None) -> Child:
    """Take one person in; the kiosk dies at a failpoint."""

    def work(tell: Tell) -> None:
        Failpoints(folder, kill_at, tell).install()
        kiosk = Kiosk(folder, tell)
        tell("open")
        kiosk.finish(kiosk.desk.open(Caller(MEMBER.number), OPERATOR, "vi"))
        tell("done")

    child = Child.start(work)
    child.wait()
    return child


def go_on(folder: Path, kill_at: int | None) -> Child:
    """Start the kiosk again and go on with what was cut off; it may die once more."""

    def work(tell: Tell) -> None:
        Failpoints(folder, kill_at, tell).install()
        kiosk = Kiosk(folder, tell)
        if kiosk.desk.unfinished():
            tell("resumed")
            kiosk.finish(kiosk.desk.resume(OPERATOR))
        ids = kiosk.record_ids()
        assert len(ids) == len(set(ids)), "one record twice"
        tell(f"records {len(ids)}")
        left = [path.name for path in (folder / "journal").iterdir()]
        assert not kiosk.desk.unfinished()
        assert left == [], left

    child = Child.start(work)
    child.wait()
    return child


def one(folder: Path, kill_at: int | None, again_at: int | None, before: int) -> tuple[Child, int]:
    """Take one person in with a kill, and perhaps one at the restart; return the first child and the records now."""
    first = take_in(folder, kill_at)
    children = [first]
    if again_at is not None:
        children.append(go_on(folder, again_at))
    children.append(go_on(folder, None))
    lines = [line for child in children for line in child.lines]
    now = int(next(line for line in reversed(lines) if line.startswith("records")).split()[1])
    begun = "performed chip" in lines
    assert now - before <= 1, f"{now - before} records for one visit"
    assert now - before == 1 or not begun or not first.lines or "done" not in first.lines, "a finished visit is lost"
    _no_stage_is_lost(lines, now - before)
    return first, now


def _no_stage_is_lost(lines: list[str], records: int) -> None:
    """Once a stage was begun the visit ends in a record; each stage is done once, the one under way at most again."""
    times = Counter(line for line in lines if line.startswith("performed"))
    kills = sum(line.startswith("killed") for line in lines)
    if not times:
        return
    assert records == 1, "a visit with its journal begun is lost"
    assert all(times[f"performed {stage}"] >= 1 for stage in STAGES)
    assert times.total() <= len(STAGES) + kills, "a finished stage was done again"


def prepare(folder: Path) -> None:
    """Make the keys."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    FileRecordKey.create(folder / "record.key")
    RecipientPrivateKey.create(folder / "recipient.key")


def every_point(folder: Path, points: Counter[str]) -> int:
    """Kill once at each write point of a first visit on a new kiosk; return how many there are."""
    kill_at = 0
    while True:
        prepare(folder)
        child, _ = one(folder, kill_at, None, 0)
        note(points, child)
        if not child.killed:
            return kill_at
        kill_at += 1


def random_points(folder: Path, kills: int, chance: random.Random, points: Counter[str]) -> int:
    """One visit after another on one kiosk, with kills in the visit and at the restart; return how many visits."""
    prepare(folder)
    visits = records = done = 0
    while done < kills:
        again_at = chance.randint(0, 25) if chance.random() < 0.5 else None
        child, records = one(folder, chance.randint(0, 45), again_at, records)
        note(points, child)
        done, visits = done + child.killed, visits + 1
    return visits


def main() -> None:
    """Run from the command line, a process of its own: it forks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=50, help="kills at random points, after one at every point")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    points: Counter[str] = Counter()
    every = every_point(arguments.folder / "every", points)
    chance = random.Random(arguments.seed)  # noqa: S311 # choices, no secrets
    visits = random_points(arguments.folder / "random", arguments.kills, chance, points)
    print(f"kills={points.total()} points={every} visits={visits} lost=0 doubled=0")
    for name, times in sorted(points.items()):
        print(f"  {times:6} {name}")


if __name__ == "__main__":
    main()

"""Seal, sign, enqueue: what a finished visit becomes, opened again with the collector's key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.intake.discards import Discard, Discards
from agent.intake.errors import RecordTooLarge, TooManyWaiting
from agent.intake.journal_entry import FinishedStage
from agent.intake.policy import Policy, QueueRules, Rules
from agent.intake.record import Setting
from agent.intake.submission import ClockOffset, Submission
from agent.intake.visit import OperatorIdentity, VisitFile
from agent.proto import border
from agent.queue import EpochStart, Queue, QueueSettings, StorageFailed
from agent.sealing import (
    FileSigningKey,
    RecipientKeys,
    RecipientPrivateKey,
    Validity,
    epoch_start,
    open_content,
    verify_record,
)
from tests.intake.conftest import MEMBER

NOW_NS, MONOTONIC_NS = 1_700_000_000 * 10**9, 50 * 10**9
OPERATOR, OPENER = OperatorIdentity("tester", "peer uid 7"), OperatorIdentity("opener", "peer uid 8")
CHIP = Evidence(
    "chip", (Check("passive_authentication", Verdict.PASSED),), (Part("chip/sod", "application/cms", b"s"),)
)
FILE = VisitFile(bytes(16), MEMBER, OPERATOR, "vi", 5, (FinishedStage(CHIP, 12),), "v1", True, OPENER)
NOTE = Discard("v0", 9, ("chip",), "tester", "peer uid 7")


@dataclass
class Kiosk:
    """A submission, and what opens its records."""

    submission: Submission
    recipient: RecipientPrivateKey
    offset: ClockOffset | None = None
    models: Mapping[str, str] = field(default_factory=dict)

    def under(self, rules: QueueRules) -> None:
        """Put other rules for the queue in force."""
        setting = self.submission.setting
        policy = setting.rules.policy.model_copy(update={"queue": rules})
        self.submission.setting = replace(setting, rules=Rules(policy, setting.rules.sha256))

    def take(self, file: VisitFile = FILE) -> border.Manifest:
        """Submit a visit and return the manifest of the record that it became."""
        stored = self.submission(file)
        entry = self.submission.queue.read(stored.seq)
        claims = verify_record(entry.cose_sign1, entry.ciphertext, self.submission.record_key.public_key)
        content = border.SealedContent.from_bytes(open_content(entry.ciphertext, claims.core, self.recipient))
        return border.Manifest.from_bytes(content.manifest)


@pytest.fixture
def kiosk(tmp_path: Path, policy: Policy) -> Iterator[Kiosk]:
    """Return a kiosk with a queue on the disk."""
    key, recipient = FileSigningKey.create(tmp_path / "r.key"), RecipientPrivateKey.create(tmp_path / "s.key")
    start = EpochStart(1, epoch_start("kiosk-1", 1, key.key_id))
    with Queue.open(tmp_path / "queue", start=start, settings=QueueSettings(2**20, 2**18)) as queue:
        submission = Submission(
            queue=queue,
            record_key=key,
            recipients=RecipientKeys(((recipient.public, Validity(0, 2 * NOW_NS)),)),
            setting=Setting("kiosk-1", "station", Rules(policy, bytes(32)), lambda: made.models, b"b" * 16),
            test=True,
            collector_offset=lambda: made.offset,
            discards=Discards(tmp_path / "journal"),
            wall_ns=lambda: NOW_NS,
            monotonic_ns=lambda: MONOTONIC_NS,
        )
        made = Kiosk(submission, recipient)
        yield made


def test_a_record_tells_how_its_visit_went(kiosk: Kiosk) -> None:
    """Resumed after a cut-off, by another operator than the one who opened it; no account is taken for a person."""
    manifest = kiosk.take()
    assert (manifest.visit.id, manifest.visit.resumed) == ("v1", True)
    assert (manifest.visit.opened_by.name, manifest.operator.name) == ("opener", "tester")
    assert manifest.operator.verdict is border.Verdict.NOT_ASSESSED
    assert manifest.operator.reason


def test_a_record_tells_which_models_were_in_use_when_it_was_made(kiosk: Kiosk) -> None:
    """Models that are installed while the kiosk runs are in the records from then on."""
    assert kiosk.take().software.models == {}
    kiosk.models = {"face.onnx": "ab"}
    assert kiosk.take(replace(FILE, record_id=b"2" * 16)).software.models == {"face.onnx": "ab"}


def test_a_record_tells_how_good_the_clock_was(kiosk: Kiosk) -> None:
    """Never measured is not zero; the offset comes with its age, and the monotonic clock with its boot."""
    assert kiosk.take().time == border.CaptureTime(NOW_NS, MONOTONIC_NS, None, None, b"b" * 16)
    kiosk.offset = ClockOffset(-3, MONOTONIC_NS - 4)
    assert kiosk.take().time == border.CaptureTime(NOW_NS, MONOTONIC_NS, -3, 4, b"b" * 16)


def test_discarded_visits_are_carried_by_the_next_record_once(kiosk: Kiosk) -> None:
    """With who discarded them, and what was finished."""
    kiosk.submission.discards.add(NOTE)
    (told,) = kiosk.take().discarded_visits
    assert (told.visit_id, told.discarded_at_ns, told.stages, told.operator.name) == ("v0", 9, ("chip",), "tester")
    assert kiosk.take().discarded_visits == ()


def test_a_record_larger_than_the_policy_allows_is_refused_and_uses_no_number(kiosk: Kiosk) -> None:
    """Nothing is stored; the visit's journal still has everything."""
    kiosk.under(QueueRules(max_record_bytes=2**16))
    portrait = Evidence("portrait", (), (Part("portrait/still", "image/png", bytes(2**16)),))
    large = replace(FILE, stages=(FinishedStage(portrait, 12),))
    with pytest.raises(RecordTooLarge, match="65536 allowed"):
        kiosk.take(large)
    assert kiosk.submission.queue.position.next_seq == 0
    kiosk.take()


def test_nobody_new_is_taken_in_while_too_many_records_wait(kiosk: Kiosk) -> None:
    """As many as the policy says; the next one is taken in once some were acknowledged."""
    kiosk.under(QueueRules(max_waiting_records=2))
    for _ in range(2):
        kiosk.submission.ensure_room()
        kiosk.take()
    with pytest.raises(TooManyWaiting, match="2 wait, 2 allowed"):
        kiosk.submission.ensure_room()
    queue = kiosk.submission.queue
    queue.acknowledge(0, queue.read(0).payload_sha256)
    kiosk.submission.ensure_room()


def test_a_record_that_was_not_stored_carries_nothing_away(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The note waits for one that is durable."""
    kiosk.submission.discards.add(NOTE)

    def refuse(_entry: object) -> None:
        raise StorageFailed

    with monkeypatch.context() as patch:
        patch.setattr(kiosk.submission.queue, "append", refuse)
        with pytest.raises(StorageFailed):
            kiosk.submission(FILE)
    assert kiosk.submission.discards.pending() == (NOTE,)
    assert len(kiosk.take().discarded_visits) == 1


def test_the_newest_record_is_known_by_its_id(kiosk: Kiosk) -> None:
    """So that a visit that is durable already is not taken up again."""
    assert kiosk.submission.newest_record_id() is None
    kiosk.take(replace(FILE, record_id=b"i" * 16))
    assert kiosk.submission.newest_record_id() == b"i" * 16

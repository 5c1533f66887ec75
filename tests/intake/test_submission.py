"""What the desk asks of the queue after a restart."""

from __future__ import annotations

from pathlib import Path

from agent.intake.policy import NoticeText, Policy, Rules
from agent.intake.record import Setting
from agent.intake.submission import Submission
from agent.queue import EpochStart, Queue
from agent.sealing import FileRecordKey, epoch_start, peek_record
from tests.collector.world import EPOCH, KIOSK, World

POLICY = Policy(
    version="test-1",
    notice=NoticeText(id="n", version="1", vi="Thông báo", en="Notice"),
    purpose="test",
    legal_basis="test",
    retention_class="test",
)


def test_the_newest_record_is_named_and_a_damaged_one_does_not_stop_the_kiosk(tmp_path: Path) -> None:
    """Before the first record none; when the newest is damaged that person is taken in again."""
    world = World.make(tmp_path)
    key = FileRecordKey.load(tmp_path / "trust" / KIOSK / "record.key")
    with Queue.open(tmp_path / "queue", start=EpochStart(EPOCH, epoch_start(KIOSK, EPOCH, key.key_id))) as queue:
        submission = Submission(
            queue,
            key,
            world.trust().recipient,
            Setting(KIOSK, "station", Rules(POLICY, bytes(32)), {}),
            True,
            lambda: None,
        )
        assert submission.newest_record_id() is None
        entry = world.chain().entry()
        queue.append(entry)
        assert submission.newest_record_id() == peek_record(entry.cose_sign1).core.record_id
        (path,) = (tmp_path / "queue").glob("segment-*")
        data = bytearray(path.read_bytes())
        data[data.index(entry.ciphertext)] ^= 0xFF
        path.write_bytes(data)
        assert submission.newest_record_id() is None

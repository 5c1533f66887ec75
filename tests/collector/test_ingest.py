"""Judging what arrives: every lie is refused by its name, whoever signed it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.proto.stream import Checkpoint, LostAtCollector, RejectCode, SealedRecord, Tombstone
from agent.sealing import (
    CheckpointClaims,
    FileSigningKey,
    LostRangeClaims,
    TombstoneClaims,
    point_of,
    sign_checkpoint,
    sign_lost_range,
    sign_tombstone,
)
from agent.sealing.cose import sign1
from agent.sealing.encoding import encode
from agent.sealing.statements import TOMBSTONE_TYPE
from collector.embedded_store import EmbeddedStore
from collector.ingest import Refused, Rules, judge, judge_checkpoint, judge_lost_range, judge_tombstone
from collector.store import KioskPosition

KIOSK, EPOCH, SEQ = "kiosk-1", 1, 5
HEAD, AFTER = bytes([1]) * 32, bytes([2]) * 32
VECTORS = Path(__file__).resolve().parents[1] / "data" / "record-v1.json"
TOMBSTONE = TombstoneClaims(KIOSK, EPOCH, SEQ, HEAD, AFTER, True, "gone", 0)
CHECKPOINT = CheckpointClaims(KIOSK, EPOCH, SEQ + 2, AFTER, 0)
LOST_RANGE = LostRangeClaims(KIOSK, EPOCH, SEQ, SEQ + 3, AFTER, 0)

Json = dict[str, Any]  # Any: JSON nests freely


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FileSigningKey:
    """Return the kiosk's record key."""
    return FileSigningKey.create(tmp_path_factory.mktemp("keys") / "record.key")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> FileSigningKey:
    """Return somebody else's key."""
    return FileSigningKey.create(tmp_path_factory.mktemp("keys") / "other.key")


@pytest.fixture
def position(key: FileSigningKey) -> KioskPosition:
    """Return where the kiosk stands at the collector: record 5 comes next."""
    return KioskPosition(KIOSK, EPOCH, point_of(key.public_key), SEQ, HEAD)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Open an empty store."""
    with EmbeddedStore(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def vectors() -> Json:
    """Return the published vectors."""
    found: Json = json.loads(VECTORS.read_text(encoding="ascii"))
    return found


def changed(claims: Any, wrong: Json) -> Any:
    """Return claims that lie."""
    return replace(claims, **wrong)


class TestRecords:
    """The published records that must not be stored, and the one that must."""

    @pytest.fixture
    def second(self, vectors: Json) -> KioskPosition:
        """Return the position after the first published record."""
        point = bytes.fromhex(vectors["signing_keys"]["record"]["point"])
        head = bytes.fromhex(vectors["records"][0]["payload_sha256"])
        return KioskPosition(KIOSK, EPOCH, point, 1, head)

    @pytest.fixture
    def rules(self, vectors: Json) -> Rules:
        """Take test records for the published keys."""
        ids = frozenset(bytes.fromhex(one["key_id"]) for one in vectors["sealing_keys"].values())
        return Rules(development=True, max_record_bytes=10_000, recipient_key_ids=ids)

    def test_the_published_record_is_taken(
        self, vectors: Json, store: EmbeddedStore, second: KioskPosition, rules: Rules
    ) -> None:
        """So that the refusals below are for their reasons."""
        told = vectors["records"][1]
        record = SealedRecord(1, bytes.fromhex(told["cose_sign1"]), bytes.fromhex(told["ciphertext"]))
        taken = judge(store, rules, second, record)
        assert taken is not None
        assert (taken.payload_sha256.hex(), taken.quarantined) == (told["payload_sha256"], "")

    def test_every_published_lie_gets_its_published_answer(
        self, vectors: Json, store: EmbeddedStore, second: KioskPosition, rules: Rules
    ) -> None:
        """Rightly signed ones too."""
        ciphertext = bytes.fromhex(vectors["records"][1]["ciphertext"])
        assert len(vectors["refused"]) > 10
        for lie in vectors["refused"]:
            record = SealedRecord(lie["seq"], bytes.fromhex(lie["cose_sign1"]), ciphertext)
            with pytest.raises(Refused) as told:
                judge(store, rules, second, record)
            assert told.value.reject.code.name == lie["answer"], lie["what"]

    @pytest.mark.parametrize("what", ["cose_sign1", "ciphertext"])
    def test_a_record_cut_or_changed_at_any_byte_is_refused(
        self, vectors: Json, store: EmbeddedStore, second: KioskPosition, rules: Rules, what: str
    ) -> None:
        """None of it is free to change."""
        told = vectors["records"][1]
        whole = {name: bytes.fromhex(told[name]) for name in ("cose_sign1", "ciphertext")}
        for at in range(len(whole[what])):
            flipped = whole[what][:at] + bytes([whole[what][at] ^ 0x80]) + whole[what][at + 1 :]
            for data in (whole[what][:at], flipped):
                parts = whole | {what: data}
                with pytest.raises(Refused) as refusal:
                    judge(store, rules, second, SealedRecord(1, parts["cose_sign1"], parts["ciphertext"]))
                assert refusal.value.reject.code is RejectCode.INVALID_RECORD


class TestTombstones:
    """A person's record is declared lost by its own kiosk, in its own place, or not at all."""

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"kiosk": "kiosk-2"}, RejectCode.INVALID_RECORD),
            ({"epoch": EPOCH + 1}, RejectCode.INVALID_RECORD),
            ({"seq": SEQ + 1}, RejectCode.INVALID_RECORD),
            ({"seq": SEQ - 1}, RejectCode.INVALID_RECORD),
            ({"reason": ""}, RejectCode.INVALID_RECORD),
            ({"reason": "x" * 201}, RejectCode.INVALID_RECORD),
            ({"payload_sha256": bytes(31)}, RejectCode.INVALID_RECORD),
            ({"prev": bytes(33)}, RejectCode.INVALID_RECORD),
            ({"prev": AFTER}, RejectCode.FORK),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
    )
    def test_a_lie_that_the_kiosk_signed_is_refused(
        self, store: EmbeddedStore, position: KioskPosition, key: FileSigningKey, wrong: Json, code: RejectCode
    ) -> None:
        """The right key is not enough."""
        signed = sign_tombstone(changed(TOMBSTONE, wrong), key)
        with pytest.raises(Refused) as told:
            judge_tombstone(store, position, Tombstone(SEQ, signed))
        assert (told.value.reject.code, told.value.reject.seq) == (code, SEQ)

    def test_the_truth_is_taken(self, store: EmbeddedStore, position: KioskPosition, key: FileSigningKey) -> None:
        """So that the refusals are for their reasons."""
        taken = judge_tombstone(store, position, Tombstone(SEQ, sign_tombstone(TOMBSTONE, key)))
        assert taken is not None
        assert (taken.seq, taken.prev, taken.payload_sha256, taken.known) == (SEQ, HEAD, AFTER, True)

    def test_one_ahead_of_its_time_is_out_of_range(
        self, store: EmbeddedStore, position: KioskPosition, key: FileSigningKey
    ) -> None:
        """Nothing is skipped by declaring later records lost."""
        ahead = sign_tombstone(replace(TOMBSTONE, seq=SEQ + 1), key)
        with pytest.raises(Refused) as told:
            judge_tombstone(store, position, Tombstone(SEQ + 1, ahead))
        assert told.value.reject.code is RejectCode.OUT_OF_RANGE

    def test_one_for_a_number_that_holds_something_else_is_a_fork(
        self, store: EmbeddedStore, position: KioskPosition, key: FileSigningKey
    ) -> None:
        """It cannot replace what is stored."""
        before = sign_tombstone(replace(TOMBSTONE, seq=SEQ - 1), key)
        with pytest.raises(Refused) as told:
            judge_tombstone(store, position, Tombstone(SEQ - 1, before))
        assert told.value.reject.code is RejectCode.FORK

    def test_nobody_else_can_sign_one(
        self, store: EmbeddedStore, position: KioskPosition, stranger: FileSigningKey
    ) -> None:
        """Not even with the right claims."""
        with pytest.raises(Refused) as told:
            judge_tombstone(store, position, Tombstone(SEQ, sign_tombstone(TOMBSTONE, stranger)))
        assert told.value.reject.code is RejectCode.INVALID_RECORD

    def test_another_statement_is_not_one(
        self, store: EmbeddedStore, position: KioskPosition, key: FileSigningKey
    ) -> None:
        """A checkpoint, fields too many or too few, a number that is a truth value: all rightly signed."""
        fields = {"kiosk": KIOSK, "epoch": EPOCH, "seq": SEQ, "prev": HEAD, "payload": AFTER, "known": True}
        whole = fields | {"reason": "gone", "time": 0}
        others: list[object] = [fields, whole | {"more": 1}, whole | {"seq": True}, whole | {"known": 1}, [], b""]
        wrong = [sign1(encode(one), TOMBSTONE_TYPE, key) for one in others]
        for signed in (*wrong, sign_checkpoint(CHECKPOINT, key), b"", os.urandom(100)):
            with pytest.raises(Refused) as told:
                judge_tombstone(store, position, Tombstone(SEQ, signed))
            assert told.value.reject.code is RejectCode.INVALID_RECORD

    def test_one_cut_or_changed_at_any_byte_is_refused(
        self, store: EmbeddedStore, position: KioskPosition, key: FileSigningKey
    ) -> None:
        """None of it is free to change."""
        whole = sign_tombstone(TOMBSTONE, key)
        for at in range(len(whole)):
            for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
                with pytest.raises(Refused) as told:
                    judge_tombstone(store, position, Tombstone(SEQ, data))
                assert told.value.reject.code is RejectCode.INVALID_RECORD


class TestCheckpoints:
    """Where the kiosk says that it stands."""

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"kiosk": "kiosk-2"}, RejectCode.INVALID_RECORD),
            ({"epoch": EPOCH + 1}, RejectCode.INVALID_RECORD),
            ({"next_seq": SEQ + 3}, RejectCode.INVALID_RECORD),
            ({"head": HEAD}, RejectCode.INVALID_RECORD),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
    )
    def test_one_signed_for_another_place_is_refused(
        self, position: KioskPosition, key: FileSigningKey, wrong: Json, code: RejectCode
    ) -> None:
        """What is signed and what is said beside it must be the same."""
        signed = sign_checkpoint(changed(CHECKPOINT, wrong), key)
        with pytest.raises(Refused) as told:
            judge_checkpoint(position, Checkpoint(CHECKPOINT.next_seq, CHECKPOINT.head, signed))
        assert told.value.reject.code is code

    @pytest.mark.parametrize(("next_seq", "head"), [(SEQ - 1, HEAD), (0, bytes(32)), (SEQ, AFTER)])
    def test_a_kiosk_behind_or_beside_us_is_a_fork(
        self, position: KioskPosition, key: FileSigningKey, next_seq: int, head: bytes
    ) -> None:
        """A copy of an older disk."""
        signed = sign_checkpoint(replace(CHECKPOINT, next_seq=next_seq, head=head), key)
        with pytest.raises(Refused) as told:
            judge_checkpoint(position, Checkpoint(next_seq, head, signed))
        assert told.value.reject.code is RejectCode.FORK

    def test_nobody_else_can_sign_one(self, position: KioskPosition, stranger: FileSigningKey) -> None:
        """And the truth is taken."""
        signed = sign_checkpoint(CHECKPOINT, stranger)
        with pytest.raises(Refused) as told:
            judge_checkpoint(position, Checkpoint(CHECKPOINT.next_seq, CHECKPOINT.head, signed))
        assert told.value.reject.code is RejectCode.INVALID_RECORD

    def test_the_truth_is_taken(self, position: KioskPosition, key: FileSigningKey) -> None:
        """Ahead of us, or exactly where we stand."""
        here = replace(CHECKPOINT, next_seq=SEQ, head=HEAD)
        for claims in (CHECKPOINT, here):
            sent = Checkpoint(claims.next_seq, claims.head, sign_checkpoint(claims, key))
            assert judge_checkpoint(position, sent) == claims


class TestLostRanges:
    """Records that are gone at both ends: the position jumps, so the words must be exact."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kiosk": "kiosk-2"},
            {"epoch": EPOCH + 1},
            {"first_seq": SEQ - 1},
            {"first_seq": SEQ + 1},
            {"next_seq": SEQ + 4},
            {"next_seq": SEQ},
            {"head": bytes(31)},
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
    )
    def test_a_lie_that_the_kiosk_signed_is_refused(
        self, position: KioskPosition, key: FileSigningKey, wrong: Json
    ) -> None:
        """The right key is not enough."""
        signed = sign_lost_range(changed(LOST_RANGE, wrong), key)
        with pytest.raises(Refused):
            judge_lost_range(position, LostAtCollector(LOST_RANGE.first_seq, LOST_RANGE.next_seq, signed))

    @pytest.mark.parametrize("first_seq", [0, SEQ - 1, SEQ + 1])
    def test_a_range_that_does_not_begin_here_is_refused(
        self, position: KioskPosition, key: FileSigningKey, first_seq: int
    ) -> None:
        """Nothing that is stored is declared lost, and nothing is jumped over unsaid."""
        claims = replace(LOST_RANGE, first_seq=first_seq)
        with pytest.raises(Refused):
            judge_lost_range(position, LostAtCollector(first_seq, claims.next_seq, sign_lost_range(claims, key)))

    def test_nobody_else_can_sign_one(self, position: KioskPosition, stranger: FileSigningKey) -> None:
        """It would hide any number of records."""
        signed = sign_lost_range(LOST_RANGE, stranger)
        with pytest.raises(Refused) as told:
            judge_lost_range(position, LostAtCollector(LOST_RANGE.first_seq, LOST_RANGE.next_seq, signed))
        assert told.value.reject.code is RejectCode.INVALID_RECORD

    def test_the_truth_is_taken(self, position: KioskPosition, key: FileSigningKey) -> None:
        """So that the refusals are for their reasons."""
        sent = LostAtCollector(LOST_RANGE.first_seq, LOST_RANGE.next_seq, sign_lost_range(LOST_RANGE, key))
        assert judge_lost_range(position, sent) == LOST_RANGE

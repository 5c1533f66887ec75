"""What every store must do, on the folder and on PostgreSQL."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from collector.errors import RegisteredOtherwise
from collector.hours import KioskTotal
from collector.sql_store import SqlStore
from collector.store import EpochToken, NewEpoch, PositionMoved, TokenRefused
from tests.collector.conftest import BOTH_STORES, world_on
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, Chain, World, new_record, new_tombstone, position


@pytest.fixture(params=BOTH_STORES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Set a collector and two kiosks up, once on each kind of store."""
    return world_on(request, tmp_path)


def test_stored_records_come_back_as_they_were(store: SqlStore, chain: Chain) -> None:
    """Bytes, position and rows are those that were appended; newest first."""
    records = [new_record(chain, content) for content in (b"a", b"b", b"c")]
    after = store.append(position(store), records, 7)
    assert after == position(store)
    assert (after.next_seq, after.head) == (3, chain.head)
    rows = store.records(10)
    assert [row.seq for row in rows] == [2, 1, 0]
    assert [store.load(row) for row in reversed(rows)] == [record.record for record in records]
    assert store.payload_hash(KIOSK, EPOCH, 1) == records[1].payload_sha256
    assert store.payload_hash(KIOSK, EPOCH, 3) is None


def test_registration_is_idempotent_and_never_replaces_a_key(store: SqlStore) -> None:
    """The same key changes nothing, another one is refused."""
    known = position(store)
    store.register(KIOSK, EPOCH, known.record_key, known.head)
    with pytest.raises(RegisteredOtherwise, match=KIOSK):
        store.register(KIOSK, EPOCH, position(store, OTHER_KIOSK).record_key, known.head)
    assert position(store) == known
    assert store.position("nobody") is None


def test_quarantined_seqs_are_told_in_order(store: SqlStore, chain: Chain) -> None:
    """Every receipt names them."""
    records = [new_record(chain, quarantined=reason) for reason in ("bad", "", "worse")]
    store.append(position(store), records, 1)
    assert store.quarantined(KIOSK, EPOCH) == (0, 2)
    assert store.quarantined(OTHER_KIOSK, EPOCH) == ()


def test_records_are_found_by_the_beginning_of_their_id(store: SqlStore, chain: Chain) -> None:
    """Upper or lower case; what is not hexadecimal finds nothing."""
    record = new_record(chain)
    store.append(position(store), [record], 1)
    identity = record.record_id.hex()
    assert [row.record_id for row in store.find(identity[:6].upper())] == [record.record_id]
    assert store.find(identity + "00") == []
    assert store.find("%") == []


def test_a_stale_position_stores_nothing(world: World, store: SqlStore, chain: Chain) -> None:
    """Of two that append to the same position the second is told so, and leaves no trace."""
    before, clone = position(store), world.chain()
    original = new_record(chain, b"original")
    store.append(before, [original], 1)
    with pytest.raises(PositionMoved):
        store.append(before, [new_record(clone, b"clone")], 2)
    with pytest.raises(PositionMoved):
        store.append(before, [new_tombstone(world.chain())], 2)
    assert [store.load(row) for row in store.records(10)] == [original.record]
    assert store.alarms(10) == []


def test_two_openings_of_one_store_see_each_others_records(world: World, store: SqlStore, chain: Chain) -> None:
    """What one has appended the other goes on from."""
    store.append(position(store), [new_record(chain)], 1)
    with world.store() as other:
        assert position(other) == position(store)
        other.append(position(other), [new_record(chain)], 2)
        other.settle(position(other))
    assert [row.seq for row in store.records(10)] == [1, 0]


def test_a_tombstone_takes_a_place_and_raises_an_alarm(store: SqlStore, chain: Chain) -> None:
    """Position and payload hash go on over it, and people are told."""
    first, lost, last = new_record(chain), new_tombstone(chain), new_record(chain)
    after = store.append(position(store), [first, lost, last], 5)
    assert (after.next_seq, after.head) == (3, chain.head)
    assert store.payload_hash(KIOSK, EPOCH, 1) == lost.payload_sha256
    assert [row.seq for row in store.records(10)] == [2, 0]
    assert [(alarm.kiosk, alarm.code) for alarm in store.alarms(10)] == [(KIOSK, "record_lost")]


def test_a_reissued_record_is_listed_once(store: SqlStore, chain: Chain) -> None:
    """The same id with the same ciphertext, in one batch or later, is marked; another ciphertext is quarantined."""
    identity = os.urandom(16)
    first = new_record(chain, b"same", record_id=identity)
    again = new_record(chain, b"same", record_id=identity)
    store.append(position(store), [first, again], 1)
    store.append(position(store), [new_record(chain, b"same", record_id=identity)], 2)
    assert [row.seq for row in store.find(identity.hex())] == [0]
    store.append(position(store), [new_record(chain, b"other", record_id=identity)], 3)
    assert store.quarantined(KIOSK, EPOCH) == (3,)
    assert [alarm.code for alarm in store.alarms(10)] == ["quarantined"]


def test_records_of_different_days_are_one_list(store: SqlStore, chain: Chain) -> None:
    """Where a day's records lie is the store's own business."""
    day_ns = 86_400 * 10**9
    records = [new_record(chain) for _ in range(3)]
    for number, record in enumerate(records):
        store.append(position(store), [record], 1_000 * day_ns + number * 9 * day_ns)
    assert [store.load(row) for row in reversed(store.records(10))] == [record.record for record in records]


def test_a_token_opens_one_epoch(store: SqlStore) -> None:
    """The old key stays known for old records; the token is used up; the chain starts again."""
    before = position(store)
    token = hashlib.sha256(b"token").digest()
    store.add_token(EpochToken(token, KIOSK, EPOCH + 1, "for a test", 10**18))
    new = NewEpoch(EPOCH + 1, b"new key", bytes(32), "disk lost", token, b"proof", (("disk_lost", "all of it"),))
    after = store.open_epoch(before, new, 1)
    assert after == position(store)
    assert (after.epoch, after.next_seq) == (EPOCH + 1, 0)
    assert store.record_key(KIOSK, EPOCH) == before.record_key
    assert store.record_key(KIOSK, EPOCH + 1) == b"new key"
    with pytest.raises(TokenRefused):
        store.open_epoch(after, replace(new, epoch=EPOCH + 2), 2)
    assert position(store) == after
    assert [alarm.code for alarm in store.alarms(10)] == ["disk_lost", "new_epoch"]


@pytest.mark.parametrize("expires_at_ns", [0, None])
def test_a_token_that_is_late_or_unknown_changes_nothing(store: SqlStore, expires_at_ns: int | None) -> None:
    """The position stays, and so does everything else."""
    before, token = position(store), bytes(32)
    if expires_at_ns is not None:
        store.add_token(EpochToken(token, KIOSK, EPOCH + 1, "for a test", expires_at_ns))
    with pytest.raises(TokenRefused):
        store.open_epoch(before, NewEpoch(EPOCH + 1, b"new key", bytes(32), "reason", token, b"proof"), 1)
    assert position(store) == before
    assert store.record_key(KIOSK, EPOCH + 1) is None


def test_lost_records_are_skipped_with_an_alarm(store: SqlStore) -> None:
    """The position moves behind them."""
    before = position(store)
    after = replace(before, next_seq=7, head=bytes(32))
    store.skip_lost(before, after, "0 to 6", 1)
    assert position(store) == after
    with pytest.raises(PositionMoved):
        store.skip_lost(before, after, "0 to 6", 2)
    assert [alarm.code for alarm in store.alarms(10)] == ["lost_at_collector"]


def test_an_alarm_that_is_there_is_not_repeated(store: SqlStore) -> None:
    """The same words for the same kiosk once, other words again."""
    for detail in ("a", "a", "b"):
        store.alarm(position(store), "fork", detail, 1)
    assert [alarm.detail for alarm in store.alarms(10)] == ["b", "a"]


def test_the_newest_checkpoint_takes_the_place_of_the_last(store: SqlStore) -> None:
    """Any number of them leaves one."""
    for number in range(3):
        store.checkpoint(position(store), number, b"statement", number)
    with store._reading() as rows:
        assert rows.execute("SELECT next_seq FROM checkpoint").fetchall() == [(2,)]


def test_each_hour_is_counted_as_records_are_stored(store: SqlStore, chain: Chain) -> None:
    """Reissued records do not count again, those in quarantine are told apart, an append that fails leaves nothing."""
    identity, hour_ns = os.urandom(16), 3600 * 10**9
    first = new_record(chain, b"same", record_id=identity)
    store.append(position(store), [first, new_record(chain, quarantined="why")], 5 * hour_ns + 1)
    stale = position(store)
    store.append(stale, [new_record(chain, b"same", record_id=identity), new_record(chain)], 5 * hour_ns + 2)
    with pytest.raises(PositionMoved):
        store.append(stale, [new_record(chain)], 6 * hour_ns)
    store.append(position(store), [new_record(chain)], 7 * hour_ns)
    assert store.kiosk_totals(6) == [KioskTotal(KIOSK, 4, 1, 7 * hour_ns, 5, 1)]
    assert store.hour_totals(0) == [(5, 3), (7, 1)]
    assert store.hour_totals(6) == [(7, 1)]
    assert store.kiosks() == [KIOSK, OTHER_KIOSK]

"""What happens when records are lost at one end or the other: both ends know, and the rest arrives."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.queue import EpochStart, Queue, QueueSettings
from agent.sealing import epoch_start, verify_checkpoint, verify_tombstone
from collector.store import Alarm
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, World
from tests.uplink.conftest import Serve
from tests.uplink.kiosk import Kiosk, await_

SIZE = 1000
# A segment of a few large records, so that receipted ones can be purged.
SMALL = QueueSettings(segment_bytes=2**19, max_record_bytes=2**18, keep_receipted_s=0)


def spoil(folder: Path, seq: int, *, header: bool = False) -> None:
    """Change a byte of a record on the disk: of its ciphertext, or of its frame's header."""
    (segment,) = folder.glob("segment-*")
    data = bytearray(segment.read_bytes())
    places = [at for at in range(4096, len(data), 4096) if data[at : at + 4] == b"KQFR"]
    data[places[seq] + (30 if header else 700)] ^= 0xFF
    segment.write_bytes(data)


def alarms(world: World) -> list[Alarm]:
    """Return the collector's alarms, oldest first."""
    with world.store() as store:
        return store.alarms(100)[::-1]


@pytest.fixture
def small(world: World) -> Iterator[Kiosk]:
    """Return a kiosk that keeps no receipted record longer than it must."""
    kiosk = Kiosk.__new__(Kiosk)
    kiosk.world, kiosk.trust, kiosk.name = world, world.trust(), KIOSK
    head = epoch_start(KIOSK, EPOCH, kiosk.trust.record_key.key_id)
    kiosk.queue = Queue.open(world.folder / "small", start=EpochStart(EPOCH, head), settings=SMALL)
    kiosk.chain = world.chain()
    with kiosk:
        yield kiosk


@pytest.mark.parametrize("header", [False, True], ids=["ciphertext", "header"])
def test_a_lost_record_gets_a_tombstone_and_an_alarm_and_the_rest_arrives(
    world: World, serve: Serve, header: bool
) -> None:
    """In the middle of the queue: the hash is known from the header, or from the record behind it."""
    with Kiosk(world) as kiosk:
        ids = kiosk.enqueue(4, SIZE)
        spoil(world.folder / "queue", 1, header=header)
        with serve(), kiosk.uplink():
            kiosk.await_acknowledged(4)
    assert world.stored_ids() == [ids[0], *ids[2:]]
    (alarm,) = alarms(world)
    assert (alarm.kiosk, alarm.epoch, alarm.code) == (KIOSK, EPOCH, "record_lost")
    assert "record 1 is lost on the kiosk (its hash is known)" in alarm.detail
    with sqlite3.connect(world.config.store / "collector.sqlite") as rows:
        ((statement,),) = rows.execute("SELECT statement FROM tombstone")
    rows.close()
    claims = verify_tombstone(statement, kiosk.trust.record_key.public_key)
    assert (claims.kiosk, claims.seq, claims.known) == (KIOSK, 1, True)


def test_a_lost_last_record_whose_hash_nobody_knows_is_told_too(world: World, serve: Serve) -> None:
    """Its header is damaged before a restart: the chain goes on from the place-holder, and later records arrive."""
    with Kiosk(world) as kiosk:
        ids = kiosk.enqueue(2, SIZE)
    spoil(world.folder / "queue", 1, header=True)
    with Kiosk(world) as kiosk, serve():
        assert kiosk.queue.position.next_seq == 2
        ids += kiosk.enqueue(1, SIZE)
        with kiosk.uplink():
            kiosk.await_acknowledged(3)
    assert world.stored_ids() == [ids[0], ids[2]]
    assert "its hash is not known" in alarms(world)[0].detail


def test_a_lost_record_is_told_once_however_often_the_connection_breaks(world: World, serve: Serve) -> None:
    """The tombstone has its number like any record."""
    with Kiosk(world) as kiosk:
        kiosk.enqueue(2, SIZE)
        spoil(world.folder / "queue", 0)
        for _ in range(2):
            with serve(), kiosk.uplink() as uplink:
                kiosk.await_acknowledged(2)
                await_(lambda uplink=uplink: uplink.state.connected)  # type: ignore[misc] # bound now
    assert len(alarms(world)) == 1


def test_a_collector_restored_from_a_backup_is_sent_the_kept_records_again(world: World, serve: Serve) -> None:
    """Everything the backup had not, once; nothing has to be done by hand."""
    backup = world.folder / "backup"
    with Kiosk(world) as kiosk:
        ids = kiosk.enqueue(2, SIZE)
        with serve(), kiosk.uplink():
            kiosk.await_acknowledged(2)
        shutil.copytree(world.config.store, backup)
        ids += kiosk.enqueue(3, SIZE)
        with serve(), kiosk.uplink():
            kiosk.await_acknowledged(5)
        shutil.rmtree(world.config.store)
        shutil.copytree(backup, world.config.store)
        ids += kiosk.enqueue(1, SIZE)
        with serve(), kiosk.uplink() as uplink:
            kiosk.await_acknowledged(6)
            assert uplink.state.rewound_to == 2
            assert uplink.state.lost_at_collector == ()
    assert world.stored_ids() == ids
    assert alarms(world) == []


def test_records_that_are_gone_at_both_ends_are_told_by_number(world: World, small: Kiosk, serve: Serve) -> None:
    """Purged here after their receipt, and not in the backup there: an alarm names them, the rest arrives."""
    backup = world.folder / "backup"
    shutil.copytree(world.config.store, backup)
    with serve(), small.uplink():
        for count in range(1, 7):
            small.enqueue(1, 2**17)
            small.await_acknowledged(count)
    kept = small.queue.oldest_kept
    assert 0 < kept < 6
    shutil.rmtree(world.config.store)
    shutil.copytree(backup, world.config.store)
    last = small.enqueue(1, SIZE)
    with serve(), small.uplink() as uplink:
        small.await_acknowledged(7)
        assert uplink.state.lost_at_collector == ((0, kept),)
    assert len(world.stored_ids()) == 7 - kept
    assert world.stored_ids()[-1:] == last
    (alarm,) = alarms(world)
    assert (alarm.code, alarm.detail) == ("lost_at_collector", f"records 0 to {kept - 1} are gone at both ends")


def test_the_collector_knows_how_many_records_wait(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """A signed checkpoint comes with every connection, before the records."""
    kiosk.enqueue(2, SIZE)
    with serve(), kiosk.uplink():
        kiosk.await_acknowledged(2)
    with sqlite3.connect(world.config.store / "collector.sqlite") as rows:
        ((statement,),) = rows.execute("SELECT statement FROM checkpoint WHERE kiosk = ?", (KIOSK,))
    rows.close()
    claims = verify_checkpoint(statement, kiosk.trust.record_key.public_key)
    assert (claims.next_seq, claims.head) == (2, kiosk.queue.position.head)


def test_a_quarantined_record_raises_an_alarm(world: World, kiosk: Kiosk, serve: Serve) -> None:
    """With its id and the reason; the receipts name it to the kiosk."""
    kiosk.queue.append(kiosk.chain.entry(kiosk=OTHER_KIOSK))
    with serve(), kiosk.uplink() as uplink:
        kiosk.await_acknowledged(1)
        await_(lambda: uplink.state.quarantined == (0,))
    (alarm,) = alarms(world)
    assert alarm.code == "quarantined"
    assert OTHER_KIOSK in alarm.detail

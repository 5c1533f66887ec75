"""New epochs end to end: rotation, a lost key, a restored disk image and a lost disk, against the real collector."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest

from agent.epochs import EpochBook, Epochs, EpochsNotReadable, RotatedBefore, Token, TokenMalformed, TokenNeeded
from agent.provisioning import load_trust
from agent.queue import Queue, QueueLocked, QueueSettings, StorageFailed
from agent.sealing import InFile, load_record_key, peek_record
from agent.uplink import Uplink
from collector.administering import issue_token
from tests.collector.world import KIOSK, Chain, World
from tests.uplink.conftest import Serve
from tests.uplink.kiosk import WITHIN_S, await_

SETTINGS = QueueSettings(segment_bytes=2**20, max_record_bytes=2**18)


@dataclass
class Kiosk:
    """A kiosk's folders; each method is a start of its own, as after a restart."""

    world: World
    data: Path

    @property
    def trust_folder(self) -> Path:
        """Its keys and bundles."""
        return self.world.folder / "trust" / KIOSK

    @property
    def book(self) -> EpochBook:
        """Its epochs."""
        return EpochBook(self.data, self.trust_folder, KIOSK, InFile())

    @property
    def epochs(self) -> Epochs:
        """What opens them."""
        return Epochs(self.book, KIOSK, self.trust_folder, SETTINGS)

    @contextmanager
    def queue(self) -> Iterator[Queue]:
        """Open the present epoch's queue as the daemon does."""
        epoch = self.book.current()
        key = load_record_key(self.book.keys(epoch.number), self.trust_folder)
        with self.epochs.open_queue(epoch, key) as queue:
            yield queue

    def enqueue(self, count: int) -> list[str]:
        """Store records; return their ids."""
        trust = load_trust(self.trust_folder, time.time_ns(), self.book.keys(self.book.current().number))
        ids = []
        with self.queue() as queue:
            chain = Chain(trust, KIOSK, queue.position.epoch)
            chain.next_seq, chain.head = queue.position.next_seq, queue.position.head
            for _ in range(count):
                entry = chain.entry()
                queue.append(entry)
                ids.append(peek_record(entry.cose_sign1).core.record_id.hex())
        return ids

    @contextmanager
    def uplink(self) -> Iterator[tuple[Queue, Uplink]]:
        """Run the uplink over the present epoch."""
        epoch = self.book.current()
        trust = load_trust(self.trust_folder, time.time_ns(), self.book.keys(epoch.number))
        with self.queue() as queue:
            uplink = Uplink(
                queue=queue,
                kiosk=KIOSK,
                addresses=(self.world.config.address,),
                tls=trust.tls,
                receipt_keys=trust.receipt_keys,
                record_key=trust.record_key,
                epoch_start=epoch.start,
                jitter=lambda: 0.05,
            )
            cancelled = Event()
            thread = Thread(target=uplink.run, args=(cancelled,), name="uplink")
            thread.start()
            try:
                yield queue, uplink
            finally:
                cancelled.set()
                thread.join(WITHIN_S)

    def drain(self) -> None:
        """Send everything and wait for the receipt."""
        with self.uplink() as (queue, uplink):
            await_(lambda: queue.acknowledged == queue.position.next_seq, lambda: str(uplink.state))
            await_(lambda: uplink.state.connected or uplink.state.last_error is not None)

    def refused(self) -> str:
        """Connect; return why the collector refuses."""
        with self.uplink() as (_, uplink):
            await_(lambda: getattr(uplink.state.last_error, "fatal", False), lambda: str(uplink.state))
            error = uplink.state.last_error
            assert error is not None
            return f"{error.code}: {error.detail}"

    def token(self) -> Token:
        """Ask the centre for a one-time token."""
        return Token.parse(issue_token(self.world.config, KIOSK, "test", 24))


@pytest.fixture
def kiosk(world: World) -> Kiosk:
    """Return a kiosk that was set up."""
    return Kiosk(world, world.folder / "data")


def codes(world: World) -> list[str]:
    """Return the codes of the collector's alarms, oldest first."""
    with world.store() as store:
        return [alarm.code for alarm in store.alarms(100)][::-1]


def test_a_rotated_key_takes_over_what_waited_and_nothing_is_doubled(kiosk: Kiosk, serve: Serve, world: World) -> None:
    """Signed for by the old key; the collector keeps both, so old records still verify."""
    ids = kiosk.enqueue(2)
    with serve():
        kiosk.drain()
    ids += kiosk.enqueue(2)
    epoch = kiosk.epochs.rotate("yearly")
    assert epoch.claims is not None
    assert (epoch.number, epoch.claims.lost) == (2, ())
    ids += kiosk.enqueue(1)
    with serve():
        kiosk.drain()
    assert world.stored_ids() == ids
    with world.store() as store:
        assert [record.epoch for record in store.records(10)][::-1] == [1, 1, 2, 2, 2]
        assert store.record_key(KIOSK, 1) != store.record_key(KIOSK, 2)
    assert codes(world) == ["new_epoch"]


def test_records_that_had_arrived_without_their_receipt_are_not_doubled(
    kiosk: Kiosk, serve: Serve, world: World
) -> None:
    """The kiosk's position is behind: they are issued again, and known by id and ciphertext. A token is needed."""
    ids = kiosk.enqueue(2)
    shutil.copytree(kiosk.data, world.folder / "image")
    with serve():
        kiosk.drain()
    shutil.rmtree(kiosk.data)
    shutil.copytree(world.folder / "image", kiosk.data)
    ids += kiosk.enqueue(1)
    kiosk.epochs.rotate("disk restored", kiosk.token())
    with serve():
        kiosk.drain()
    assert world.stored_ids() == ids
    with world.store() as store:
        position = store.position(KIOSK)
    assert position is not None
    assert (position.epoch, position.next_seq) == (2, 3)


def test_a_restored_disk_image_is_a_fork_until_a_technician_allows_a_new_epoch(
    kiosk: Kiosk, serve: Serve, world: World
) -> None:
    """The old key alone is not believed then; nothing is overwritten, nothing is lost."""
    ids = kiosk.enqueue(1)
    shutil.copytree(kiosk.data, world.folder / "image")
    ids += kiosk.enqueue(1)
    with serve():
        kiosk.drain()
    shutil.rmtree(kiosk.data)
    shutil.copytree(world.folder / "image", kiosk.data)
    other = kiosk.enqueue(1)
    with serve():
        assert kiosk.refused().startswith("uplink.fork")
        kiosk.epochs.rotate("disk restored")
        assert "a technician's token is needed" in kiosk.refused()
        kiosk.epochs.authorise(kiosk.token())
        kiosk.drain()
    assert world.stored_ids() == ids + other
    assert codes(world)[-2:] == ["new_epoch", "fork"]


def test_a_lost_key_needs_a_token_and_the_reason_is_kept(kiosk: Kiosk, serve: Serve, world: World) -> None:
    """The records that it had signed are issued again under the new one."""
    ids = kiosk.enqueue(2)
    (kiosk.trust_folder / "record.key").unlink()
    with pytest.raises(TokenNeeded):
        kiosk.epochs.rotate("key lost")
    kiosk.epochs.rotate("TPM replaced", kiosk.token())
    with serve():
        kiosk.drain()
    assert world.stored_ids() == ids
    with world.store() as store:
        (alarm,) = [alarm for alarm in store.alarms(10) if alarm.code == "new_epoch"]
    assert alarm.detail.startswith("TPM replaced; by token")


def test_a_lost_disk_begins_anew_with_a_token(kiosk: Kiosk, serve: Serve, world: World) -> None:
    """The collector keeps what it had, and says that the rest is gone."""
    ids = kiosk.enqueue(2)
    with serve():
        kiosk.drain()
    shutil.rmtree(kiosk.data)
    (kiosk.trust_folder / "record.key").unlink()
    kiosk.epochs.begin_after_a_lost_disk("disk died", kiosk.token())
    ids += kiosk.enqueue(1)
    with serve():
        kiosk.drain()
    assert world.stored_ids() == ids
    assert codes(world) == ["new_epoch", "disk_lost"]


def test_a_token_works_once_for_its_kiosk_and_epoch(kiosk: Kiosk, serve: Serve, world: World) -> None:
    """A newer one withdraws it; one for another epoch is refused before anything is made."""
    first = kiosk.token()
    kiosk.token()
    kiosk.enqueue(1)
    with pytest.raises(TokenMalformed):
        kiosk.epochs.rotate("x", Token(7, first.secret))
    kiosk.epochs.rotate("key lost", first)
    with serve():
        assert "unknown, or for another kiosk or epoch" in kiosk.refused()


@pytest.mark.parametrize("text", ["", "2", "2-", "2-xyz", "0-" + "a" * 32, "2-" + "a" * 31, "2-" + "a" * 33, "-" * 40])
def test_what_is_no_token_is_told(text: str) -> None:
    """Before anything is made."""
    with pytest.raises(TokenMalformed):
        Token.parse(text)
    assert "a" * 32 not in repr(Token.parse("2-" + "a" * 32))


def test_records_lost_before_the_rotation_are_told(kiosk: Kiosk, serve: Serve, world: World) -> None:
    """They cannot be issued again: their numbers are in the claims, and an alarm names them."""
    ids = kiosk.enqueue(3)
    (segment,) = (kiosk.data / "queue").glob("segment-*")
    data = bytearray(segment.read_bytes())
    at = [place for place in range(4096, len(data), 4096) if data[place : place + 4] == b"KQFR"][1]
    data[at + 300] ^= 0xFF
    segment.write_bytes(data)
    epoch = kiosk.epochs.rotate("rotated")
    assert epoch.claims is not None
    assert epoch.claims.lost == (1,)
    with serve():
        kiosk.drain()
    assert world.stored_ids() == [ids[0], ids[2]]
    assert codes(world) == ["new_epoch", "record_lost"]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_power_cut_while_records_are_issued_again_loses_and_doubles_nothing(
    kiosk: Kiosk, serve: Serve, world: World, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The next start goes on where it was."""
    ids = kiosk.enqueue(3)
    kiosk.epochs.rotate("rotated")
    append, calls = Queue.append, list[int]()

    def failing(queue: Queue, entry: object) -> None:
        if len(calls) == after:
            raise StorageFailed("cut")
        calls.append(1)
        append(queue, entry)  # type: ignore[arg-type] # an Entry

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "append", failing)
        with pytest.raises(StorageFailed), kiosk.queue():
            pass
    with serve():
        kiosk.drain()
    assert world.stored_ids() == ids


def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(kiosk: Kiosk) -> None:
    """Whatever the system's reason is: else a later epoch would be taken for the first one."""
    kiosk.data = kiosk.world.folder / ("x" * 300)
    with pytest.raises(EpochsNotReadable, match="File name too long"):
        kiosk.book.current_number()


def test_epochs_are_opened_one_at_a_time_and_never_beside_the_daemon(kiosk: Kiosk, serve: Serve) -> None:
    """The collector must have seen one before the next."""
    kiosk.enqueue(1)
    with kiosk.queue(), pytest.raises(QueueLocked):
        kiosk.epochs.rotate("x")
    kiosk.epochs.rotate("first")
    with pytest.raises(RotatedBefore):
        kiosk.epochs.rotate("second")
    with serve():
        kiosk.drain()
    assert kiosk.epochs.rotate("second").number == 3
    with serve():
        kiosk.enqueue(1)
        kiosk.drain()

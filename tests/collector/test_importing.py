"""Records that were carried to the collector: as if they had been streamed, once and only once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.custody.signing import take_receipt
from agent.sealing import FileSigningKey, TombstoneClaims, sign_tombstone, verify_receipt
from agent.transfer import (
    Carried,
    CarriedItem,
    CarriedTombstone,
    ExportDamaged,
    ExportFolder,
    ExportIncomplete,
    Piece,
    TransferError,
    folder_name,
    pack_piece,
    parse_index,
    sign_index,
)
from agent.transfer.piece import unpack_piece
from collector.errors import ImportRefused, StoreInUse
from collector.importing import Imported, import_folder
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, World
from tests.custody.carrying import export
from tests.uplink.conftest import Serve, loop, serve
from tests.uplink.kiosk import Kiosk

__all__ = ["loop", "serve"]

FOLDER = folder_name(KIOSK)


@pytest.fixture
def kiosk(world: World) -> Iterator[Kiosk]:
    """Open the first kiosk's queue."""
    with Kiosk(world) as opened:
        yield opened


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Return the folder of a disk that is carried."""
    (tmp_path / "usb").mkdir()
    return tmp_path / "usb"


def bring(world: World, disk: Path) -> Imported:
    """Import the one export on a disk."""
    (done,) = import_folder(world.config, disk, lambda *_: None)
    return done


def resign(opened: Kiosk, disk: Path, **changed: object) -> None:
    """Write another index, rightly signed."""
    folder = ExportFolder(disk / FOLDER)
    index = replace(parse_index(folder.index(), None), **changed)  # type: ignore[arg-type] # the fields' names
    (disk / FOLDER / "index.cose").write_bytes(sign_index(index, opened.trust.record_key))


def described(path: Path, piece: Piece) -> Piece:
    """Return the piece with the size and hash that its file has now."""
    data = path.read_bytes()
    return replace(piece, size_bytes=len(data), sha256=hashlib.sha256(data).digest())


def lose(opened: Kiosk, *seqs: int) -> None:
    """Damage records on the kiosk's disk."""
    (path,) = (opened.world.folder / "queue").glob("segment-*")
    data = bytearray(path.read_bytes())
    places = [data.index(opened.queue.read(seq).ciphertext) for seq in seqs]
    for place in places:
        data[place] ^= 0xFF
    path.write_bytes(data)


def test_everything_is_stored_and_signed_for(world: World, kiosk: Kiosk, disk: Path) -> None:
    """In order, unchanged; the receipt lies beside the records."""
    ids = kiosk.enqueue(15)
    export(kiosk, disk)
    seen: list[tuple[str, int]] = []
    (done,) = import_folder(world.config, disk, lambda *told: seen.append(told))
    assert done == Imported(KIOSK, 15, 0, (), 14, (), True)
    assert world.stored_ids() == ids
    assert seen[-1] == (KIOSK, 15)
    receipt = verify_receipt((disk / FOLDER / "receipt.cose").read_bytes(), kiosk.trust.receipt_keys)
    assert (receipt.kiosk, receipt.through_seq, receipt.head) == (KIOSK, 14, kiosk.queue.position.head)


def test_importing_again_stores_nothing_twice(world: World, kiosk: Kiosk, disk: Path) -> None:
    """The same disk, and a later one that overlaps."""
    ids = kiosk.enqueue(9)
    export(kiosk, disk)
    bring(world, disk)
    assert (bring(world, disk).stored, bring(world, disk).known) == (0, 9)
    ids += kiosk.enqueue(4)
    export(kiosk, disk)
    done = bring(world, disk)
    assert (done.stored, done.known, done.through_seq) == (4, 9, 12)
    assert world.stored_ids() == ids


def test_when_the_network_comes_back_nothing_is_sent_twice(
    world: World, kiosk: Kiosk, disk: Path, serve: Serve
) -> None:
    """The collector's first receipt covers what was carried; only what is new is streamed."""
    ids = kiosk.enqueue(9)
    export(kiosk, disk)
    bring(world, disk)
    ids += kiosk.enqueue(2)
    with serve(), kiosk.uplink():
        kiosk.await_acknowledged(11)
    assert world.stored_ids() == ids
    assert (bring(world, disk).stored, world.stored_ids()) == (0, ids)


def test_what_the_stream_brought_first_is_known(world: World, kiosk: Kiosk, disk: Path, serve: Serve) -> None:
    """The disk was on its way while the network came back."""
    ids = kiosk.enqueue(9)
    export(kiosk, disk)
    ids += kiosk.enqueue(2)
    with serve(), kiosk.uplink():
        kiosk.await_acknowledged(11)
    assert bring(world, disk) == Imported(KIOSK, 0, 9, (), 10, (), True)
    assert world.stored_ids() == ids


def test_several_kiosks_on_one_disk(world: World, kiosk: Kiosk, disk: Path) -> None:
    """Each has its folder; each gets its receipt."""
    kiosk.enqueue(2)
    export(kiosk, disk)
    shutil.copytree(disk / FOLDER, disk / folder_name(OTHER_KIOSK))
    assert [done.stored for done in import_folder(world.config, disk, lambda *_: None)] == [2, 0]


def test_while_a_collector_serves_the_store_is_refused_with_its_pid(world: World, kiosk: Kiosk, disk: Path) -> None:
    """Two would not know of each other."""
    kiosk.enqueue(1)
    export(kiosk, disk)
    with world.store() as store:
        store.lock_for_appending()
        with pytest.raises(StoreInUse, match=f"process {os.getpid()}"):
            bring(world, disk)


def test_a_disk_that_takes_no_receipt_is_imported_all_the_same(
    world: World, kiosk: Kiosk, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write-protected; and the output says so."""
    kiosk.enqueue(1)
    export(kiosk, disk)
    (disk / FOLDER / "receipt.cose.new").mkdir()
    assert bring(world, disk) == Imported(KIOSK, 1, 0, (), 0, (), False)


class TestHostileDisks:
    """Nothing from a disk is believed before it was checked, and what was checked before stays."""

    def test_an_index_of_another_key_is_refused(self, world: World, kiosk: Kiosk, disk: Path) -> None:
        """The finder of a disk cannot speak for a kiosk."""
        kiosk.enqueue(2)
        export(kiosk, disk)
        index = parse_index(ExportFolder(disk / FOLDER).index(), None)
        other = FileSigningKey.create(disk / "other.key")
        (disk / FOLDER / "index.cose").write_bytes(sign_index(index, other))
        with pytest.raises(ExportDamaged):
            bring(world, disk)
        assert world.stored_ids() == []

    @pytest.mark.parametrize("wrong", [{"kiosk": "kiosk-9"}, {"kiosk": OTHER_KIOSK}, {"epoch": 2}])
    def test_an_unknown_kiosk_key_or_epoch_is_refused(
        self, world: World, kiosk: Kiosk, disk: Path, wrong: dict[str, object]
    ) -> None:
        """By name."""
        kiosk.enqueue(2)
        export(kiosk, disk)
        resign(kiosk, disk, **wrong)
        with pytest.raises((ImportRefused, TransferError)):
            bring(world, disk)
        assert world.stored_ids() == []

    def test_an_unfinished_export_is_refused(self, world: World, kiosk: Kiosk, disk: Path) -> None:
        """It may be gone on with."""
        kiosk.enqueue(2)
        export(kiosk, disk)
        (disk / FOLDER / "index.cose").unlink()
        with pytest.raises(ExportIncomplete):
            bring(world, disk)

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_a_damaged_file_stops_there_and_a_good_one_goes_on(
        self, world: World, kiosk: Kiosk, disk: Path, number: int
    ) -> None:
        """What came before is stored and signed for; a new export ends it."""
        ids = kiosk.enqueue(15)
        export(kiosk, disk)
        pieces = parse_index(ExportFolder(disk / FOLDER).index(), None).pieces
        path = disk / FOLDER / pieces[number].name
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(ExportDamaged, match=pieces[number].name):
            bring(world, disk)
        assert world.stored_ids() == ids[: pieces[number].first_seq]
        export(kiosk, disk)
        bring(world, disk)
        assert world.stored_ids() == ids

    def test_a_record_that_the_stream_would_refuse_is_refused(self, world: World, kiosk: Kiosk, disk: Path) -> None:
        """Rightly indexed, wrongly signed: the same code judges it."""
        kiosk.enqueue(2)
        export(kiosk, disk)
        index = parse_index(ExportFolder(disk / FOLDER).index(), None)
        path = disk / FOLDER / index.pieces[0].name
        first, second = unpack_piece(path.read_bytes())
        assert isinstance(second, Carried)
        parts = pack_piece([first, replace(second, ciphertext=b"x" * len(second.ciphertext))])
        path.write_bytes(b"".join(parts))
        resign(kiosk, disk, pieces=(described(path, index.pieces[0]),))
        with pytest.raises(ImportRefused, match="invalid_record"):
            bring(world, disk)
        assert len(world.stored_ids()) == 1

    def test_a_record_outside_its_file_is_refused(self, world: World, kiosk: Kiosk, disk: Path) -> None:
        """The index says which numbers a file holds."""
        kiosk.enqueue(3)
        export(kiosk, disk, piece_bytes=100)
        index = parse_index(ExportFolder(disk / FOLDER).index(), None)
        first, second, third = index.pieces
        swapped = (
            replace(third, first_seq=0, next_seq=1),
            replace(second),
            replace(first, first_seq=2, next_seq=3),
        )
        resign(kiosk, disk, pieces=swapped)
        with pytest.raises(ExportDamaged, match="another number"):
            bring(world, disk)
        assert world.stored_ids() == []


class TestLostRecords:
    """A tombstone goes in the place of each, and the chain goes on over it."""

    def test_the_rest_is_stored_and_the_loss_is_an_alarm(self, world: World, kiosk: Kiosk, disk: Path) -> None:
        """In the middle, two in a row, the first and the last one; the receipt covers them."""
        ids = kiosk.enqueue(9)
        lose(kiosk, 0, 3, 4, 8)
        export(kiosk, disk)
        assert bring(world, disk) == Imported(KIOSK, 5, 0, (0, 3, 4, 8), 8, (), True)
        assert world.stored_ids() == [ids[seq] for seq in (1, 2, 5, 6, 7)]
        with world.store() as store:
            assert [alarm.code for alarm in store.alarms(10)] == ["record_lost"] * 4
        take_receipt((disk / FOLDER / "receipt.cose").read_bytes(), kiosk.trust.receipt_keys, KIOSK, kiosk.queue)
        assert kiosk.queue.acknowledged == 9

    def test_again_and_over_the_network_nothing_is_told_twice(
        self, world: World, kiosk: Kiosk, disk: Path, serve: Serve
    ) -> None:
        """The same disk, a later one with a tombstone signed anew, and the stream."""
        ids = kiosk.enqueue(5)
        lose(kiosk, 2)
        export(kiosk, disk)
        bring(world, disk)
        ids += kiosk.enqueue(1)
        export(kiosk, disk)
        assert bring(world, disk) == Imported(KIOSK, 1, 4, (2,), 5, (), True)
        ids += kiosk.enqueue(1)
        with serve(), kiosk.uplink():
            kiosk.await_acknowledged(7)
        assert bring(world, disk) == Imported(KIOSK, 0, 5, (2,), 6, (), True)
        assert world.stored_ids() == [*ids[:2], *ids[3:]]
        with world.store() as store:
            assert [alarm.code for alarm in store.alarms(10)] == ["record_lost"]

    def test_what_the_stream_told_first_is_known(self, world: World, kiosk: Kiosk, disk: Path, serve: Serve) -> None:
        """The disk was on its way while the network came back."""
        ids = kiosk.enqueue(5)
        lose(kiosk, 2)
        export(kiosk, disk)
        with serve(), kiosk.uplink():
            kiosk.await_acknowledged(5)
        assert bring(world, disk) == Imported(KIOSK, 0, 4, (2,), 4, (), True)
        assert world.stored_ids() == [*ids[:2], *ids[3:]]

    def test_a_record_that_arrived_before_it_was_lost_stays(
        self, world: World, kiosk: Kiosk, disk: Path, serve: Serve
    ) -> None:
        """The kiosk never saw the receipt, and its tombstone names the record's true hash."""
        ids = kiosk.enqueue(3)
        export(kiosk, disk)
        bring(world, disk)
        lose(kiosk, 1)
        export(kiosk, disk)
        assert bring(world, disk) == Imported(KIOSK, 0, 2, (1,), 2, (), True)
        assert world.stored_ids() == ids
        with world.store() as store:
            assert not store.alarms(10)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kiosk": OTHER_KIOSK},
            {"epoch": EPOCH + 1},
            {"seq": 2},
            {"prev": bytes(32)},
        ],
        ids=lambda wrong: next(iter(wrong)),
    )
    def test_a_tombstone_for_another_place_is_refused(
        self, world: World, kiosk: Kiosk, disk: Path, wrong: dict[str, object]
    ) -> None:
        """Rightly signed and indexed: the code that judges the stream judges it."""
        ids = kiosk.enqueue(3)
        first, second = kiosk.queue.read(0), kiosk.queue.read(1)
        claims = TombstoneClaims(KIOSK, EPOCH, 1, second.prev, second.payload_sha256, True, "gone", 0)
        changed = replace(claims, **wrong)  # type: ignore[arg-type] # the fields' names
        forged = CarriedTombstone(1, sign_tombstone(changed, kiosk.trust.record_key))
        self._rewrite(kiosk, disk, [Carried(0, first.cose_sign1, first.ciphertext), forged], (1,))
        with pytest.raises(ImportRefused, match="seq 1"):
            bring(world, disk)
        assert world.stored_ids() == ids[:1]

    def test_a_tombstone_of_another_key_is_refused(
        self, world: World, kiosk: Kiosk, disk: Path, tmp_path: Path
    ) -> None:
        """Nobody else can declare a person's record lost."""
        kiosk.enqueue(2)
        entry = kiosk.queue.read(0)
        claims = TombstoneClaims(KIOSK, EPOCH, 0, entry.prev, entry.payload_sha256, True, "gone", 0)
        other = FileSigningKey.create(tmp_path / "other.key")
        self._rewrite(kiosk, disk, [CarriedTombstone(0, sign_tombstone(claims, other))], (0,))
        with pytest.raises(ImportRefused, match="invalid_record"):
            bring(world, disk)
        assert world.stored_ids() == []

    def test_a_record_dressed_as_a_tombstone_is_refused(self, world: World, kiosk: Kiosk, disk: Path) -> None:
        """And the other way round: what is signed says what it is."""
        kiosk.enqueue(2)
        entry = kiosk.queue.read(0)
        claims = TombstoneClaims(KIOSK, EPOCH, 0, entry.prev, entry.payload_sha256, True, "gone", 0)
        tombstone = sign_tombstone(claims, kiosk.trust.record_key)
        for item, lost in ((CarriedTombstone(0, entry.cose_sign1), (0,)), (Carried(0, tombstone, b""), ())):
            self._rewrite(kiosk, disk, [item], lost)
            with pytest.raises(ImportRefused, match="invalid_record"):
                bring(world, disk)
        assert world.stored_ids() == []

    @pytest.mark.parametrize("lost", [(), (1, 2), (2,)], ids=str)
    def test_an_index_that_names_other_losses_is_refused(
        self, world: World, kiosk: Kiosk, disk: Path, lost: tuple[int, ...]
    ) -> None:
        """What is told to be lost and what is carried must be the same."""
        kiosk.enqueue(4)
        lose(kiosk, 1)
        export(kiosk, disk)
        resign(kiosk, disk, lost=lost)
        with pytest.raises(ExportDamaged, match="lost records"):
            bring(world, disk)
        assert world.stored_ids() == []

    def test_a_gap_without_a_tombstone_stops_there(self, world: World, kiosk: Kiosk, disk: Path) -> None:
        """The chain does not go on by itself."""
        ids = kiosk.enqueue(5)
        entries = [kiosk.queue.read(seq) for seq in (0, 1, 2, 4)]
        self._rewrite(kiosk, disk, [Carried(one.seq, one.cose_sign1, one.ciphertext) for one in entries], (3,))
        with pytest.raises(ImportRefused, match="seq 4: out_of_range"):
            bring(world, disk)
        assert world.stored_ids() == ids[:3]

    @staticmethod
    def _rewrite(kiosk: Kiosk, disk: Path, items: list[CarriedItem], lost: tuple[int, ...]) -> None:
        """Put other things into the export's one file, rightly indexed."""
        export(kiosk, disk)
        (piece,) = parse_index(ExportFolder(disk / FOLDER).index(), None).pieces
        path = disk / FOLDER / piece.name
        path.write_bytes(b"".join(pack_piece(items)))
        resign(kiosk, disk, pieces=(described(path, piece),), lost=lost)

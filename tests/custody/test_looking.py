"""Listing and checking records, signing for exports, and believing receipts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.custody.checking import check
from agent.custody.errors import NotLost, NotOurExport
from agent.custody.listing import Line, Sending, lines
from agent.custody.signing import sign_lost, sign_own, take_receipt
from agent.queue import QueueReader, RecordLost
from agent.sealing import FileSigningKey, Receipt, sign_receipt, verify_tombstone
from agent.transfer import ExportIndex, Piece, parse_index
from tests.collector.world import EPOCH, KIOSK, World
from tests.uplink.kiosk import Kiosk


def damage(folder: Path, ciphertext: bytes) -> None:
    """Change one byte of a record."""
    (path,) = folder.glob("segment-*")
    data = bytearray(path.read_bytes())
    data[data.index(ciphertext)] ^= 0xFF
    path.write_bytes(data)


class TestListing:
    """One line for each record."""

    def test_a_line_says_where_the_record_is(self, kiosk: Kiosk, queue_folder: Path) -> None:
        """Acknowledged, sent, durable; quarantined by the collector or here."""
        ids = kiosk.enqueue(7)
        kiosk.queue.acknowledge(2, kiosk.queue.read(2).payload_sha256)
        damage(queue_folder, kiosk.queue.read(6).ciphertext)
        with pytest.raises(RecordLost):
            kiosk.queue.read(6)
        now_ns = 4_000_000_000 * 10**9
        found = list(lines(QueueReader.open(queue_folder), Sending(4, (1,)), now_ns))
        states = [line.state for line in found]
        assert states == ["acknowledged", "quarantined", "acknowledged", "sent", "sent", "durable", "quarantined"]
        assert [line.record_id for line in found] == [*ids[:6], ""]
        assert [line.note for line in found if line.note] == ["of no use to the collector", "damaged on this kiosk"]
        assert [(line.epoch, line.seq) for line in found] == [(EPOCH, seq) for seq in range(7)]
        assert {line.size_bytes for line in found[:6]} == {1048}
        assert all(line.age_s is not None and line.age_s > 0 for line in found[:6])

    def test_without_the_uplink_nothing_is_said_to_be_sent(self, kiosk: Kiosk, queue_folder: Path) -> None:
        """It knows; the disk does not. A clock that went back gives no negative age."""
        kiosk.enqueue(2)
        (last,) = lines(QueueReader.open(queue_folder), Sending(), 0, from_seq=1)
        assert (last.seq, last.state, last.age_s) == (1, "durable", 0)

    def test_a_record_that_cannot_be_read_has_its_line(self, kiosk: Kiosk, queue_folder: Path) -> None:
        """With a note, and nothing made up."""
        kiosk.enqueue(2)
        (path,) = queue_folder.glob("segment-*")
        data = bytearray(path.read_bytes())
        data[4096] ^= 0xFF
        path.write_bytes(data)
        first = next(iter(lines(QueueReader.open(queue_folder), Sending(), 0)))
        assert first == Line(EPOCH, 0, "", None, None, "durable", "damaged")


class TestChecking:
    """What a kiosk can check of its own records."""

    def test_a_healthy_queue_has_no_findings(self, kiosk: Kiosk, queue_folder: Path) -> None:
        """Every record was seen, its signature too."""
        kiosk.enqueue(7)
        seen: list[int] = []
        checked = check(QueueReader.open(queue_folder), kiosk.trust.record_key.public_key, seen.append)
        assert (checked.records, checked.bytes, checked.findings) == (7, 7 * 1048, ())
        assert checked.signatures == "checked"
        assert seen == list(range(7))

    def test_without_the_key_signatures_are_not_assessed(self, kiosk: Kiosk, queue_folder: Path) -> None:
        """And it says so."""
        kiosk.enqueue(1)
        checked = check(QueueReader.open(queue_folder), None, lambda _: None)
        assert checked.findings == ()
        assert checked.signatures.startswith("not assessed")

    def test_damage_and_a_wrong_signature_are_findings(self, kiosk: Kiosk, queue_folder: Path, tmp_path: Path) -> None:
        """By record."""
        kiosk.enqueue(3)
        other = FileSigningKey.create(tmp_path / "other.key")
        checked = check(QueueReader.open(queue_folder), other.public_key, lambda _: None)
        assert [finding.place for finding in checked.findings] == ["record 0", "record 1", "record 2"]
        assert "signature" in checked.findings[0].what
        damage(queue_folder, kiosk.queue.read(1).ciphertext)
        checked = check(QueueReader.open(queue_folder), kiosk.trust.record_key.public_key, lambda _: None)
        assert [finding.what for finding in checked.findings] == ["record 1 is damaged"]
        assert checked.records == 2

    def test_a_record_in_another_ones_place_is_a_finding(self, kiosk: Kiosk, queue_folder: Path) -> None:
        """A right signature for another number."""
        entry = kiosk.chain.entry()
        kiosk.queue.append(replace(entry, payload_sha256=bytes(32)))
        checked = check(QueueReader.open(queue_folder), kiosk.trust.record_key.public_key, lambda _: None)
        assert [finding.what for finding in checked.findings] == ["signed for another place"]


def index_of(opened: Kiosk, **changed: object) -> ExportIndex:
    """Return the index of an export of everything, or one that lies."""
    position = opened.queue.position
    piece = Piece(f"records-{EPOCH:010d}-{0:014d}.kqx", 10, bytes(32), 0, position.next_seq)
    index = ExportIndex(KIOSK, EPOCH, 0, position.next_seq, position.head, (), (piece,), 0)
    return replace(index, **changed)  # type: ignore[arg-type] # the fields' names


class TestSigning:
    """The record key signs for nobody else."""

    def test_an_index_of_our_own_records_is_signed(self, kiosk: Kiosk) -> None:
        """By the daemon, for whoever copies."""
        kiosk.enqueue(3)
        index = index_of(kiosk)
        signed = sign_own(index, KIOSK, kiosk.queue, kiosk.trust.record_key)
        assert parse_index(signed, kiosk.trust.record_key.public_key) == index

    @pytest.mark.parametrize("wrong", [{"kiosk": "kiosk-2"}, {"epoch": EPOCH + 1}, {"head": bytes(32)}])
    def test_what_is_not_ours_is_not_signed(self, kiosk: Kiosk, wrong: dict[str, object]) -> None:
        """Another kiosk, epoch or chain."""
        kiosk.enqueue(3)
        with pytest.raises(NotOurExport):
            sign_own(index_of(kiosk, **wrong), KIOSK, kiosk.queue, kiosk.trust.record_key)

    def test_records_that_were_never_made_are_not_signed_for(self, kiosk: Kiosk) -> None:
        """The range must be here."""
        kiosk.enqueue(3)
        index = index_of(kiosk)
        longer = replace(index, next_seq=9, pieces=(replace(index.pieces[0], next_seq=9),))
        with pytest.raises(NotOurExport, match="not here"):
            sign_own(longer, KIOSK, kiosk.queue, kiosk.trust.record_key)


class TestTombstones:
    """Only what is lost is said to be lost."""

    def test_a_record_that_can_be_read_gets_none(self, kiosk: Kiosk) -> None:
        """Whoever asks."""
        kiosk.enqueue(2)
        with pytest.raises(NotLost):
            sign_lost(1, KIOSK, kiosk.queue, kiosk.trust.record_key, 0)

    def test_a_record_that_was_never_made_gets_none(self, kiosk: Kiosk) -> None:
        """Nor one of the future."""
        kiosk.enqueue(2)
        with pytest.raises(NotOurExport, match="not here"):
            sign_lost(2, KIOSK, kiosk.queue, kiosk.trust.record_key, 0)

    def test_a_lost_one_gets_its_place_in_the_chain(self, kiosk: Kiosk, queue_folder: Path) -> None:
        """Its true hash is known from the next record; a clock before 1970 counts as 1970."""
        kiosk.enqueue(3)
        lost = kiosk.queue.read(1)
        flip(queue_folder, lost.ciphertext)
        signed = sign_lost(1, KIOSK, kiosk.queue, kiosk.trust.record_key, -5)
        claims = verify_tombstone(signed, kiosk.trust.record_key.public_key)
        assert (claims.kiosk, claims.epoch, claims.seq, claims.time_ns) == (KIOSK, EPOCH, 1, 0)
        assert (claims.prev, claims.payload_sha256, claims.known) == (lost.prev, lost.payload_sha256, True)


def flip(queue_folder: Path, ciphertext: bytes) -> None:
    """Damage the record that holds this."""
    (path,) = queue_folder.glob("segment-*")
    data = bytearray(path.read_bytes())
    data[data.index(ciphertext)] ^= 0xFF
    path.write_bytes(data)


class TestReceipts:
    """A carried receipt is believed on the same grounds as one from the network."""

    def receipt(self, opened: Kiosk, world: World, **changed: object) -> bytes:
        """Sign as the collector does, or with something wrong."""
        entry = opened.queue.read(1)
        receipt = Receipt("centre", KIOSK, EPOCH, 1, entry.payload_sha256, (), 5)
        key = FileSigningKey.load(world.config.keys / "receipt.key")
        return sign_receipt(replace(receipt, **changed), key)  # type: ignore[arg-type] # the fields' names

    def test_it_acknowledges_what_it_names(self, kiosk: Kiosk, world: World) -> None:
        """Twice does no harm."""
        kiosk.enqueue(3)
        for _ in range(2):
            taken = take_receipt(self.receipt(kiosk, world), kiosk.trust.receipt_keys, KIOSK, kiosk.queue)
            assert (taken.through_seq, kiosk.queue.acknowledged) == (1, 2)

    @pytest.mark.parametrize(
        "wrong", [{"kiosk": "kiosk-2"}, {"epoch": EPOCH + 1}, {"head": bytes(32)}, {"through_seq": 7}]
    )
    def test_one_that_is_not_about_our_records_changes_nothing(
        self, kiosk: Kiosk, world: World, wrong: dict[str, object]
    ) -> None:
        """Another kiosk, epoch, record, or more than we ever made."""
        kiosk.enqueue(3)
        with pytest.raises(NotOurExport):
            take_receipt(self.receipt(kiosk, world, **wrong), kiosk.trust.receipt_keys, KIOSK, kiosk.queue)
        assert kiosk.queue.acknowledged == 0

    def test_one_that_nobody_signed_changes_nothing(self, kiosk: Kiosk, world: World) -> None:
        """Noise, or a changed byte."""
        kiosk.enqueue(3)
        good = self.receipt(kiosk, world)
        for data in (b"", b"noise", good[:-1], good[:-1] + bytes([good[-1] ^ 1])):
            with pytest.raises(NotOurExport):
                take_receipt(data, kiosk.trust.receipt_keys, KIOSK, kiosk.queue)
        assert kiosk.queue.acknowledged == 0

"""What the holder of record key and queue does for somebody else's export: sign it, and believe its receipt."""

from __future__ import annotations

from typing import Protocol

from agent.custody.errors import NotLost, NotOurExport
from agent.queue import Entry, HeadMismatch, NoSuchRecord, RecordLost
from agent.sealing import (
    Receipt,
    ReceiptKeys,
    SealingError,
    SigningKey,
    TombstoneClaims,
    sign_tombstone,
    verify_receipt,
)
from agent.sealing.statements import DAMAGED
from agent.transfer import ExportIndex, sign_index


class Heads(Protocol):
    """The queue or a look at it, as far as it is asked here."""

    @property
    def epoch(self) -> int:
        """The epoch that is written to."""
        ...

    def head_before(self, seq: int) -> bytes:
        """Return the payload hash of record `seq - 1`; raise NoSuchRecord."""
        ...


class Reading(Heads, Protocol):
    """The queue, held by us: a record that it cannot read is set aside and stays lost."""

    def read(self, seq: int) -> Entry:
        """Return a record; raise RecordLost, NoSuchRecord or DiskFailing."""
        ...


class Acknowledging(Heads, Protocol):
    """The queue, held by us."""

    def acknowledge(self, through_seq: int, head: bytes, receipted_at_ns: int | None = None) -> None:
        """Note durably that the collector has everything up to `through_seq`."""
        ...


def sign_own(index: ExportIndex, kiosk: str, queue: Heads, key: SigningKey) -> bytes:
    """Sign an index that is about our own records and nothing else; raise NotOurExport.

    Who may write to the kiosk's socket can have signed only what is true: the records' range and the chain's head.
    """
    if (index.kiosk, index.epoch) != (kiosk, queue.epoch):
        raise NotOurExport(f"kiosk {index.kiosk}, epoch {index.epoch}")
    try:
        ours = queue.head_before(index.next_seq)
    except NoSuchRecord as error:
        raise NotOurExport(f"record {index.next_seq - 1}: not here") from error
    if ours != index.head:
        raise NotOurExport(f"record {index.next_seq - 1}: another hash")
    return sign_index(index, key)


def sign_lost(seq: int, kiosk: str, queue: Reading, key: SigningKey, time_ns: int) -> bytes:
    """Sign the tombstone of a record that our own queue cannot read, and of no other one.

    The record is set aside first, so that nothing is both carried and told lost. Raises NotLost, NotOurExport, and
    what the queue raises.
    """
    try:
        queue.read(seq)
    except RecordLost as lost:
        prev, now_ns = queue.head_before(seq), max(0, time_ns)
        claims = TombstoneClaims(kiosk, queue.epoch, seq, prev, lost.payload_sha256, lost.known, DAMAGED, now_ns)
        return sign_tombstone(claims, key)
    except NoSuchRecord as error:
        raise NotOurExport(f"record {seq}: not here") from error
    raise NotLost(f"record {seq}")


def take_receipt(data: bytes, keys: ReceiptKeys, kiosk: str, queue: Acknowledging) -> Receipt:
    """Acknowledge what a carried receipt names, exactly as if it had come over the network; raise NotOurExport."""
    try:
        receipt = verify_receipt(data, keys)
    except SealingError as error:
        raise NotOurExport(f"receipt: {error.code}: {error.detail}") from error
    if (receipt.kiosk, receipt.epoch) != (kiosk, queue.epoch):
        raise NotOurExport(f"receipt for {receipt.kiosk}, epoch {receipt.epoch}")
    try:
        queue.acknowledge(receipt.through_seq, receipt.head)
    except (HeadMismatch, NoSuchRecord) as error:
        raise NotOurExport(f"receipt for seq {receipt.through_seq}: {error.code}") from error
    return receipt

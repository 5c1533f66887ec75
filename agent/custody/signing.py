"""What the holder of the record key and the queue does for somebody else's export: sign it, and believe its receipt."""

from __future__ import annotations

from typing import Protocol

from agent.custody.errors import NotOurExport
from agent.queue import HeadMismatch, NoSuchRecord
from agent.sealing import Receipt, ReceiptKeys, SealingError, SigningKey, verify_receipt
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

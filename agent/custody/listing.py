"""One line for each record: where it is, without reading or opening what it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.queue import Listed, QueueReader
from agent.sealing import SealingError, peek_record


class RecordState(StrEnum):
    """Where a record is. `quarantined`: set aside here as damaged, or by the collector as of no use to it."""

    DURABLE = "durable"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Sending:
    """What the uplink knows: the last seq that was sent (None: unknown), and what the collector could not use."""

    sent_seq: int | None = None
    quarantined: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One record, JSON-ready. `record_id` is empty and numbers are None where the record cannot be read.

    `note` says where a quarantined record was set aside, or that a record is damaged.
    """

    epoch: int
    seq: int
    record_id: str
    size_bytes: int | None
    age_s: float | None
    state: str
    note: str


def lines(reader: QueueReader, sending: Sending, now_ns: int, from_seq: int = 0) -> Iterator[Line]:
    """Yield a line for every record that is kept or lost, lowest first. Raises DiskFailing."""
    return (_line(listed, sending, now_ns) for listed in reader.listed(from_seq))


def _line(listed: Listed, sending: Sending, now_ns: int) -> Line:
    at_ns = listed.appended_at_ns
    age_s = None if at_ns is None else max(0, now_ns - at_ns) / 1e9
    record_id = _record_id(listed)
    state, note = _state(listed, sending)
    if not record_id and not note:
        note = "damaged"
    return Line(listed.epoch, listed.seq, record_id, listed.size_bytes, age_s, state.value, note)


def _state(listed: Listed, sending: Sending) -> tuple[RecordState, str]:
    if listed.set_aside:
        return RecordState.QUARANTINED, "damaged on this kiosk"
    if listed.seq in sending.quarantined:
        return RecordState.QUARANTINED, "of no use to the collector"
    if listed.acknowledged:
        return RecordState.ACKNOWLEDGED, ""
    sent = sending.sent_seq is not None and listed.seq <= sending.sent_seq
    return (RecordState.SENT if sent else RecordState.DURABLE), ""


def _record_id(listed: Listed) -> str:
    try:
        return peek_record(listed.cose_sign1).core.record_id.hex()
    except SealingError:
        return ""

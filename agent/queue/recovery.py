"""Opening the folder: every state that a crash or damage can leave has one outcome, and none uses a seq again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from agent.queue.acknowledged import NAME as ACKNOWLEDGED
from agent.queue.acknowledged import AcknowledgedFile
from agent.queue.entry import Entry, EpochStart
from agent.queue.errors import CorruptFrame, OtherEpoch
from agent.queue.layout import FRAME_HEADER_BYTES, AckSlot, SegmentHeader, is_torn
from agent.queue.quarantine import FOLDER as QUARANTINE
from agent.queue.quarantine import Quarantine
from agent.queue.scan import Gap, tail_gap, view
from agent.queue.segment import Damaged, Segment, SegmentName
from agent.queue.spare import NAME as SPARE
from agent.queue.spare import Spare
from agent.queue.storage import Storage

log = structlog.get_logger()

EDGE_BYTES = 512
OURS = {ACKNOWLEDGED, SPARE, QUARANTINE, "lock"}


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the folder holds. `unsettled` is a last record that could not be written once more where it is."""

    segments: tuple[Segment, ...]
    acknowledged: AcknowledgedFile
    quarantine: Quarantine
    unsettled: Entry | None


def recover(storage: Storage, folder: Path, start: EpochStart, spare: Spare) -> Recovered:
    """Read the folder. Raises OtherEpoch, OtherVersion, CorruptFrame or OSError; then no record was touched."""
    names = _sort_out(storage, folder)
    quarantine = Quarantine(storage, folder)
    found = AcknowledgedFile.load(storage, folder / ACKNOWLEDGED)
    segments = tuple(Segment(storage, folder / str(name), name) for name in names)
    if not segments:
        segments = (_first_segment(storage, folder, start, spare, found),)
    try:
        if names:
            _load_newest(segments, start)
        slot = found or _oldest_position(segments)
        if slot.epoch != start.epoch:
            raise OtherEpoch(f"acknowledged position of epoch {slot.epoch}")
        unsettled = _settle_tail(storage, segments[-1], slot.next_seq, quarantine)
        _check_position(segments, slot)
        acknowledged = AcknowledgedFile(storage, folder / ACKNOWLEDGED, slot)
        # What was read may never have been synced; receipted records are purged on the strength of it.
        acknowledged.confirm()
    except BaseException:
        segments[-1].close()
        raise
    return Recovered(segments, acknowledged, quarantine, unsettled)


def _sort_out(storage: Storage, folder: Path) -> list[SegmentName]:
    """Return the segments' names in order; remove half-made files, leave foreign ones alone."""
    names = []
    for text in storage.names(folder):
        name = SegmentName.parse(text)
        if name is not None:
            names.append(name)
        elif text.endswith(".new"):
            storage.unlink(folder / text)
        elif text not in OURS:
            log.warning("queue.foreign_file", name=text)
    return sorted(names)


def _first_segment(storage: Storage, folder: Path, start: EpochStart, spare: Spare, found: AckSlot | None) -> Segment:
    if found is not None:
        raise CorruptFrame(f"all segments are gone; {found.next_seq} records are acknowledged")
    header = SegmentHeader(start.epoch, 0, start.head, 0, spare.size)
    return Segment.begin(storage, spare.take(), folder, header, 0)


def _load_newest(segments: tuple[Segment, ...], start: EpochStart) -> None:
    for segment in segments:
        if segment.name.epoch != start.epoch:
            raise OtherEpoch(f"{segment.name}")
    oldest, newest = segments[0], segments[-1]
    if oldest.first_seq == 0 and (header := oldest.header()) is not None and header.head != start.head:
        raise OtherEpoch(f"{oldest.name}: begun with another record key")
    newest.open_for_append()
    newest.tolerant = False
    header, index = newest.header(), newest.load(None)
    if header is None and not index.head:
        raise CorruptFrame(f"{newest.name}: header")
    if header is not None and (header.epoch, header.next_seq) != (newest.name.epoch, newest.first_seq):
        raise CorruptFrame(f"{newest.name}: holds the header of record {header.next_seq}")
    if header is not None and header.segment_bytes != newest.size:
        raise CorruptFrame(f"{newest.name}: {newest.size} bytes, made with {header.segment_bytes}")
    if index.chain_broken:
        raise CorruptFrame(f"{newest.name}: a record does not continue the one before it")


def _oldest_position(segments: tuple[Segment, ...]) -> AckSlot:
    """Stand in for a position that is missing or damaged: sending again what the collector has does no harm."""
    oldest = segments[0]
    index = oldest.load(segments[1].first_seq if len(segments) > 1 else None)
    header = oldest.header()
    if header is None:
        raise CorruptFrame(f"{oldest.name}: header, and no acknowledged position")
    if len(segments) > 1 or index.offsets or oldest.first_seq:
        log.warning("queue.position_rebuilt", next_seq=header.next_seq)
    return AckSlot(0, header.epoch, header.next_seq, header.head, header.bytes_before)


def _settle_tail(storage: Storage, newest: Segment, acknowledged: int, quarantine: Quarantine) -> Entry | None:
    """Decide what the end of the newest segment is: whole, torn or damaged."""
    index = newest.newest_index
    unsettled = None
    if index.used_end > index.end:
        # Whatever stands behind the last frame, nothing may be appended over or behind it.
        newest.poisoned = True
        _judge_rest(storage, newest, quarantine)
    elif index.offsets and index.offsets[-1]:
        unsettled = _judge_last(newest, acknowledged)
    newest.tolerant = True
    return unsettled


def _judge_rest(storage: Storage, newest: Segment, quarantine: Quarantine) -> None:
    index = newest.newest_index
    with view(storage, newest.path, tolerant=False) as source:
        edge = source.read(EDGE_BYTES, index.end)
    if is_torn(edge):
        log.warning("queue.torn_tail_dropped", segment=str(newest.name), next_seq=index.next_seq)
        return
    gap = tail_gap(newest.name.epoch, index)
    if quarantine.find(gap.first_seq) is None:
        quarantine.keep(newest.name.epoch, gap, newest.bytes_of(gap))
        log.error("queue.record_lost", seq=gap.first_seq, segment=str(newest.name))
    index.add_gap(gap)


def _judge_last(newest: Segment, acknowledged: int) -> Entry | None:
    """Make the last record durable for certain, or drop it when it is torn; a damaged one keeps its place."""
    index = newest.newest_index
    seq = index.next_seq - 1
    frame = newest.frame(seq, None)
    try:
        entry = newest.read(seq, None)
    except Damaged as damage:
        if seq >= acknowledged and is_torn(_written(newest, damage.gap, FRAME_HEADER_BYTES + frame.body_bytes)):
            index.drop_last(frame)
            newest.poisoned = True
            log.warning("queue.torn_tail_dropped", segment=str(newest.name), next_seq=seq)
        return None
    if seq < acknowledged:
        return None
    try:
        newest.rewrite(seq, entry)
    except OSError as error:
        log.error("queue.segment_poisoned", segment=str(newest.name), errno=error.errno)
        index.drop_last(frame)
        return entry
    return None


def _written(segment: Segment, gap: Gap, length: int) -> bytes:
    return segment.bytes_of(gap)[:length]


def _check_position(segments: tuple[Segment, ...], slot: AckSlot) -> None:
    index = segments[-1].newest_index
    if slot.next_seq > index.next_seq:
        raise CorruptFrame(f"record {index.next_seq} is missing, {slot.next_seq} are acknowledged")
    if slot.next_seq == index.next_seq and slot.head != index.head:
        raise CorruptFrame(f"record {slot.next_seq - 1} is not the acknowledged one")
    if slot.next_seq < segments[0].first_seq:
        log.error("queue.records_missing", first_seq=slot.next_seq, next_seq=segments[0].first_seq)

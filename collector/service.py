"""One kiosk's stream: resume, verify, store in batches, acknowledge with a signed receipt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from agent.proto.errors import MessageInvalid
from agent.proto.stream import (
    Ack,
    AppendServicer,
    Checkpoint,
    Limits,
    LostAtCollector,
    Open,
    Placed,
    Pushback,
    Reject,
    RejectCode,
    Request,
    Response,
    Resume,
    Tombstone,
)
from agent.sealing import Receipt, SigningKey, sign_receipt
from collector.arrivals import Arrival, Arrivals
from collector.errors import StoreFailed
from collector.ingest import Refused, Rules, greet, identify, judge, judge_checkpoint, judge_lost_range, judge_tombstone
from collector.metrics import Metrics
from collector.new_epoch import judge_epoch, same_epoch
from collector.store import Item, KioskPosition, NewEpoch, NewTombstone, PositionMoved, RecordStore, TokenRefused

log = structlog.get_logger()

OPEN_WITHIN_S = 20.0
# A store that fails needs people: kiosks ask again at this distance.
STORE_FAILED_MS = 15_000
RESTARTING_MS = 2_000
# Another stream of the same kiosk may append in between, here or at another collector.
TRIES = 5
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: the new position, whether there is something to sign for, and a refusal."""

    position: KioskPosition
    ack: Ack | None
    refused: Refused | None


class CollectorService(AppendServicer):
    """Serves every kiosk's stream from one store; the store's blocking calls run in threads of their own."""

    def __init__(
        self,
        name: str,
        store: RecordStore,
        rules: Rules,
        limits: Limits,
        receipt_key: SigningKey,
        clock_ns: Callable[[], int] = time.time_ns,
        open_within_s: float = OPEN_WITHIN_S,
        metrics: Metrics | None = None,
        store_threads: int = 1,
    ) -> None:
        self._name, self._store, self._rules, self._limits = name, store, rules, limits
        self._receipt_key, self._clock_ns, self._open_within_s = receipt_key, clock_ns, open_within_s
        self._disk = ThreadPoolExecutor(store_threads, "store")
        self._open: set[Arrivals] = set()
        self._draining = False
        self.metrics = metrics or Metrics()

    async def append(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncIterator[Response]:
        """Answer one stream until the kiosk ends it, something must be refused, or the collector stops."""
        try:
            async with aclosing(self._answers(requests, peer_name)) as answers:
                async for response in answers:
                    yield response
        except Refused as refused:
            await self._tell(peer_name, refused.reject)
            yield refused.reject
        except MessageInvalid as error:
            log.warning("collector.stream_ended", kiosk=peer_name, code=error.code, detail=error.detail)
            yield Reject(RejectCode.INVALID_RECORD, error.detail, 0)
        except StoreFailed as error:
            # Nothing was acknowledged: the kiosk keeps its records and comes again.
            log.error("collector.store_failed", kiosk=peer_name, detail=error.detail)
            self.metrics.pushbacks.inc()
            yield Pushback(STORE_FAILED_MS, "the collector's store failed")
        except TimeoutError:
            log.warning("collector.stream_silent", kiosk=peer_name)

    async def drain(self) -> None:
        """Take no new streams; end the open ones as soon as what has arrived is stored and acknowledged."""
        self._draining = True
        self.metrics.draining.set(1)
        for arrivals in list(self._open):
            await arrivals.end()

    def close(self) -> None:
        """Wait for the store's threads; call it before the store is closed."""
        self._disk.shutdown(wait=True)

    async def _answers(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncGenerator[Response, None]:
        position = await self._opened(requests, peer_name)
        log.info("collector.stream_opened", kiosk=position.kiosk, next_seq=position.next_seq)
        yield Resume(position.next_seq, position.head, self._limits, self._clock_ns())
        if position.next_seq:
            # The receipt may have been lost with the last connection, and nothing new may follow.
            yield await self._on_disk(self._acknowledge_again, position)
        async with self._arriving(requests) as arrivals:
            while batch := await arrivals.take():
                with self.metrics.batch_s.time():
                    taken = await self._on_disk(self.take, position, batch)
                position = taken.position
                if taken.ack is not None:
                    yield taken.ack
                if taken.refused is not None:
                    raise taken.refused
        if self._draining:
            self.metrics.pushbacks.inc()
            yield Pushback(RESTARTING_MS, "the collector stops")

    async def _opened(self, requests: AsyncIterator[Request], peer_name: str) -> KioskPosition:
        greeting = await asyncio.wait_for(anext(requests, None), self._open_within_s)
        if not isinstance(greeting, Open):
            raise MessageInvalid("a stream starts with Open")
        return await self._on_disk(self._greet, greeting, peer_name)

    def _greet(self, greeting: Open, peer_name: str) -> KioskPosition:
        position, start = identify(greeting, peer_name, self._store.position(peer_name)), greeting.epoch_start
        if start is not None and greeting.epoch > position.epoch:
            position = self._open_epoch(position, judge_epoch(position, greeting, start))
        elif start is not None and greeting.epoch == position.epoch:
            same_epoch(position, greeting, start)
        return greet(greeting, position)

    def _open_epoch(self, position: KioskPosition, new: NewEpoch) -> KioskPosition:
        try:
            opened = self._store.open_epoch(position, new, self._clock_ns())
        except TokenRefused as error:
            raise Refused(RejectCode.EPOCH_NOT_AUTHORISED, f"token {error}", 0) from error
        except PositionMoved as error:
            raise Refused(RejectCode.UNKNOWN_EPOCH, "another stream moved this kiosk", 0) from error
        by = "old key" if new.token_sha256 is None else "token"
        log.warning("collector.new_epoch", kiosk=opened.kiosk, epoch=opened.epoch, by=by)
        return opened

    async def _tell(self, peer_name: str, reject: Reject) -> None:
        """Note a refusal; a fork is an alarm as well."""
        self.metrics.refused.labels(reject.code.name.lower()).inc()
        log.warning("collector.refused", kiosk=peer_name, code=reject.code.name, seq=reject.seq)
        if reject.code is RejectCode.FORK:
            await self._on_disk(self._alarm, peer_name, f"seq {reject.seq}: {reject.reason}")

    def _alarm(self, kiosk: str, detail: str) -> None:
        position = self._store.position(kiosk)
        if position is not None:
            try:
                self._store.alarm(position, "fork", detail, self._clock_ns())
            except StoreFailed as error:
                log.error("collector.alarm_not_kept", kiosk=kiosk, detail=error.detail)

    @asynccontextmanager
    async def _arriving(self, requests: AsyncIterator[Request]) -> AsyncIterator[Arrivals]:
        """Read the stream in a task of its own, so that what arrives during a sync is one batch."""
        arrivals = Arrivals(self._limits.max_records_in_flight, self._limits.max_bytes_in_flight)
        self._open.add(arrivals)
        self.metrics.streams.inc()
        reading = asyncio.create_task(arrivals.fill(requests))
        try:
            if self._draining:
                await arrivals.end()
            yield arrivals
        finally:
            self._open.discard(arrivals)
            self.metrics.streams.dec()
            reading.cancel()

    def take(self, position: KioskPosition, batch: list[Arrival]) -> Taken:
        """Store what is new of a batch and sign for everything up to the position; a stream has one call at a time.

        Streams come here, and records that were carried on a disk. Raises StoreFailed or Refused.
        """
        for _ in range(TRIES):
            try:
                match batch[0]:
                    case Checkpoint() as checkpoint:
                        return self._take_checkpoint(position, checkpoint)
                    case LostAtCollector() as lost:
                        return self._skip(position, lost)
                    case _:
                        return self._take_after(position, [item for item in batch if isinstance(item, Placed)])
            except PositionMoved:
                position = self._moved(position, _seq_of(batch[0]))
        raise StoreFailed(f"{position.kiosk}: the position kept moving")

    def _take_checkpoint(self, position: KioskPosition, checkpoint: Checkpoint) -> Taken:
        try:
            claims = judge_checkpoint(position, checkpoint)
        except Refused as error:
            return Taken(position, None, error)
        self._store.checkpoint(position, claims.next_seq, checkpoint.signature, self._clock_ns())
        return Taken(position, None, None)

    def _skip(self, position: KioskPosition, lost: LostAtCollector) -> Taken:
        try:
            claims = judge_lost_range(position, lost)
        except Refused as error:
            return Taken(position, None, error)
        after = replace(position, next_seq=claims.next_seq, head=claims.head)
        detail = f"records {claims.first_seq} to {claims.next_seq - 1} are gone at both ends"
        self._store.skip_lost(position, after, detail, self._clock_ns())
        log.error("collector.lost_at_collector", kiosk=position.kiosk, detail=detail)
        return Taken(after, self._acknowledge(after), None)

    def _take_after(self, position: KioskPosition, batch: list[Placed]) -> Taken:
        after, new = position, list[Item]()
        known, refused = 0, None
        for item in batch:
            try:
                judged = self._judge(after, item)
            except Refused as error:
                refused = error
                break
            if judged is None:
                known += 1
                continue
            new.append(judged)
            after = replace(after, next_seq=item.seq + 1, head=judged.payload_sha256)
        self.metrics.known.inc(known)
        if new:
            self._keep(position, new)
        elif known:
            self._store.settle(after)
        return Taken(after, self._acknowledge(after) if new or known else None, refused)

    def _judge(self, after: KioskPosition, item: Placed) -> Item | None:
        if isinstance(item, Tombstone):
            return judge_tombstone(self._store, after, item)
        return judge(self._store, self._rules, after, item)

    def _keep(self, position: KioskPosition, new: list[Item]) -> None:
        self._store.append(position, new, self._clock_ns())
        log.info("collector.stored", kiosk=position.kiosk, through_seq=new[-1].seq, records=len(new))
        for one in new:
            if isinstance(one, NewTombstone):
                self.metrics.lost.inc()
                log.error("collector.record_lost", kiosk=position.kiosk, seq=one.seq, known=one.known)
                continue
            self.metrics.stored.inc()
            self.metrics.stored_bytes.inc(len(one.record.ciphertext))
            if one.quarantined:
                self.metrics.quarantined.inc()
                log.warning("collector.quarantined", kiosk=position.kiosk, seq=one.seq, record=one.record_id.hex())

    def _moved(self, position: KioskPosition, seq: int) -> KioskPosition:
        current = self._store.position(position.kiosk)
        if current is None or current.epoch != position.epoch:
            raise Refused(RejectCode.UNKNOWN_EPOCH, f"epoch {position.epoch} is no longer registered", seq)
        return current

    def _acknowledge_again(self, position: KioskPosition) -> Ack:
        self._store.settle(position)
        return self._acknowledge(position)

    def _acknowledge(self, position: KioskPosition) -> Ack:
        receipt = Receipt(
            collector=self._name,
            kiosk=position.kiosk,
            epoch=position.epoch,
            through_seq=position.next_seq - 1,
            head=position.head,
            quarantined=self._store.quarantined(position.kiosk, position.epoch),
            time_ns=self._clock_ns(),
        )
        return Ack(receipt.through_seq, receipt.head, sign_receipt(receipt, self._receipt_key))

    async def _on_disk(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)


def _seq_of(arrival: Arrival) -> int:
    match arrival:
        case Checkpoint():
            return arrival.next_seq
        case LostAtCollector():
            return arrival.first_seq
        case _:
            return arrival.seq

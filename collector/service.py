"""One kiosk's stream: resume, verify, store in batches, acknowledge with a signed receipt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import structlog

from agent.proto.errors import MessageInvalid
from agent.proto.stream import (
    Ack,
    AppendServicer,
    Limits,
    Open,
    Reject,
    RejectCode,
    Request,
    Response,
    Resume,
    SealedRecord,
)
from agent.sealing import Receipt, SigningKey, sign_receipt
from collector.ingest import Refused, Rules, judge
from collector.store import KioskPosition, NewRecord, PositionMoved, RecordStore

log = structlog.get_logger()

MAX_BATCH = 16
Result = TypeVar("Result")


class CollectorService(AppendServicer):
    """Serves every kiosk's stream from one store; the store's blocking calls run in one thread of their own."""

    def __init__(
        self,
        name: str,
        store: RecordStore,
        rules: Rules,
        limits: Limits,
        receipt_key: SigningKey,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._name, self._store, self._rules, self._limits = name, store, rules, limits
        self._receipt_key, self._clock_ns = receipt_key, clock_ns
        self._disk = ThreadPoolExecutor(1, "store")

    async def append(self, requests: AsyncIterator[Request], peer_name: str, peer: str) -> AsyncIterator[Response]:
        """Answer one stream until the kiosk ends it or something must be refused."""
        try:
            position = await self._opened(requests, peer_name)
            log.info("collector.stream_opened", kiosk=position.kiosk, next_seq=position.next_seq)
            yield Resume(position.next_seq, position.head, self._limits, self._clock_ns())
            async for batch in _batches(requests, self._limits.max_records_in_flight):
                position, ack = await self._on_disk(self._take, position, batch)
                yield ack
        except Refused as refused:
            log.warning("collector.refused", kiosk=peer_name, code=refused.reject.code.name, seq=refused.reject.seq)
            yield refused.reject
        except (MessageInvalid, PositionMoved) as error:
            log.warning("collector.stream_ended", kiosk=peer_name, kind=type(error).__name__)
            yield Reject(RejectCode.INVALID_RECORD, str(error), 0)

    async def _opened(self, requests: AsyncIterator[Request], peer_name: str) -> KioskPosition:
        greeting = await anext(requests, None)
        if not isinstance(greeting, Open):
            raise MessageInvalid("a stream starts with Open")
        if greeting.kiosk != peer_name:
            raise Refused(RejectCode.UNKNOWN_KIOSK, f"the certificate is for {peer_name}", greeting.next_seq)
        position = await self._on_disk(self._store.position, greeting.kiosk)
        if position is None:
            raise Refused(RejectCode.UNKNOWN_KIOSK, "not registered", greeting.next_seq)
        if greeting.epoch != position.epoch:
            raise Refused(RejectCode.UNKNOWN_EPOCH, f"epoch {position.epoch} is registered", greeting.next_seq)
        return position

    def _take(self, position: KioskPosition, batch: list[SealedRecord]) -> tuple[KioskPosition, Ack]:
        """Store what is new of a batch and sign for everything up to the position; runs in the store's thread."""
        after, new = position, list[NewRecord]()
        refused: Refused | None = None
        for record in batch:
            try:
                judged = judge(self._store, self._rules, after, record)
            except Refused as error:
                refused = error
                break
            if judged is not None:
                new.append(judged)
                after = replace(after, next_seq=record.seq + 1, head=judged.payload_sha256)
        if new:
            after = self._store.append(position, new, self._clock_ns())
            log.info("collector.stored", kiosk=after.kiosk, through_seq=after.next_seq - 1, records=len(new))
        if refused is not None:
            # What came before the refused record is stored; the kiosk learns so when it opens its next stream.
            raise refused
        return after, self._acknowledge(after)

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


async def _batches(requests: AsyncIterator[Request], in_flight: int) -> AsyncIterator[list[SealedRecord]]:
    """Yield what has arrived, at least one record at a time, so that one sync and one receipt serve several."""
    arrived: asyncio.Queue[SealedRecord | Exception | None] = asyncio.Queue(in_flight)
    pump = asyncio.create_task(_pump(requests, arrived))
    try:
        ended = False
        while not ended:
            items = [await arrived.get()]
            while len(items) < MAX_BATCH and not arrived.empty():
                items.append(arrived.get_nowait())
            records = [item for item in items if isinstance(item, SealedRecord)]
            if records:
                yield records
            if isinstance(items[-1], Exception):
                raise items[-1]
            ended = items[-1] is None
    finally:
        pump.cancel()


async def _pump(requests: AsyncIterator[Request], arrived: asyncio.Queue[SealedRecord | Exception | None]) -> None:
    try:
        async for request in requests:
            if not isinstance(request, SealedRecord):
                raise MessageInvalid("Open comes once")
            await arrived.put(request)
    except MessageInvalid as error:
        await arrived.put(error)
    else:
        await arrived.put(None)

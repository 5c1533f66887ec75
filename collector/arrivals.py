"""What has arrived on one stream and is not stored yet. When it is full nothing more is read from the network."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from agent.proto.errors import MessageInvalid
from agent.proto.stream import Checkpoint, LostAtCollector, Open, Placed, Request, SealedRecord, Tombstone

# One sync and one receipt serve so many records at most.
MAX_BATCH = 16
# What the other messages count for: each holds one signature.
SMALL_BYTES = 1024

Arrival = SealedRecord | Tombstone | Checkpoint | LostAtCollector


class Arrivals:
    """One task fills, another takes. A kiosk that ignores the limits it was given only waits on its own socket."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records, self._max_bytes = max_records, max_bytes
        self._changed = asyncio.Condition()
        self._records: deque[Arrival] = deque()
        self._bytes = 0
        self._ended = False
        self._failure: Exception | None = None

    async def fill(self, requests: AsyncIterator[Request]) -> None:
        """Read until the stream ends; what goes wrong is told to whoever takes."""
        failure: Exception | None = None
        try:
            async for request in requests:
                if isinstance(request, Open):
                    raise MessageInvalid("Open comes once")
                await self._put(request)
        except Exception as error:
            # Raised in a task of its own it would be lost, and the taker would wait for ever.
            failure = error
        await self.end(failure)

    async def end(self, failure: Exception | None = None) -> None:
        """Let `take` return what is here and then nothing more."""
        async with self._changed:
            self._ended, self._failure = True, self._failure or failure
            self._changed.notify_all()

    async def take(self) -> list[Arrival]:
        """Return what has arrived, waiting for something; empty at the end. Raises what went wrong in `fill`.

        Records and tombstones come together, every other message alone.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._records or self._ended)
            batch = self._next_batch()
            self._bytes -= sum(map(_size, batch))
            self._changed.notify_all()
            if not batch and self._failure is not None:
                raise self._failure
            return batch

    async def _put(self, record: Arrival) -> None:
        size = _size(record)
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or self._fits(size))
            self._records.append(record)
            self._bytes += size
            self._changed.notify_all()

    def _next_batch(self) -> list[Arrival]:
        batch: list[Arrival] = []
        while self._records and len(batch) < MAX_BATCH:
            together = isinstance(self._records[0], Placed)
            if batch and not together:
                break
            batch.append(self._records.popleft())
            if not together:
                break
        return batch

    def _fits(self, size: int) -> bool:
        if not self._records:
            return True
        return len(self._records) < self._max_records and self._bytes + size <= self._max_bytes


def _size(arrival: Arrival) -> int:
    return len(arrival.ciphertext) if isinstance(arrival, SealedRecord) else SMALL_BYTES

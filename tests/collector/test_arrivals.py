from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agent.proto.errors import MessageInvalid
from agent.proto.stream import Open, Request, SealedRecord
from collector.arrivals import MAX_BATCH, Arrival, Arrivals


def records(count: int, size: int = 10) -> list[SealedRecord]:
    """Return records of `size` bytes."""
    return [SealedRecord(seq, b"", bytes(size)) for seq in range(count)]


async def fed(requests: list[Request], read: list[Request] | None = None) -> AsyncIterator[Request]:
    """Yield requests, noting which were asked for."""
    for request in requests:
        if read is not None:
            read.append(request)
        yield request


async def taken(arrivals: Arrivals) -> list[list[Arrival]]:
    """Take until the end."""
    batches = []
    while batch := await arrivals.take():
        batches.append(batch)
    return batches


async def test_what_arrived_together_is_taken_together() -> None:
    """One sync and one receipt serve a whole batch, of limited length, in order."""
    arrivals = Arrivals(100, 2**20)
    sent = records(MAX_BATCH + 3)
    await arrivals.fill(fed([*sent]))
    assert await taken(arrivals) == [sent[:MAX_BATCH], sent[MAX_BATCH:]]


@pytest.mark.parametrize(("max_records", "max_bytes"), [(4, 2**20), (100, 40)], ids=["records", "bytes"])
async def test_a_kiosk_that_ignores_its_limits_is_not_read_on(max_records: int, max_bytes: int) -> None:
    """Memory per stream is bounded whatever the other end sends; everything arrives in the end."""
    read: list[Request] = []
    arrivals, sent = Arrivals(max_records, max_bytes), records(50)
    filling = asyncio.create_task(arrivals.fill(fed([*sent], read)))
    for _ in range(100):
        await asyncio.sleep(0)
    # Four are kept, and one more is held while it waits for a place.
    assert len(read) == 5
    assert [record for batch in await taken(arrivals) for record in batch] == sent
    await filling


async def test_a_record_above_the_byte_limit_passes_alone() -> None:
    """It must not block the stream for ever; the judge puts it in quarantine."""
    arrivals = Arrivals(8, 10)
    filling = asyncio.create_task(arrivals.fill(fed([*records(2, size=100)])))
    assert [len(batch) for batch in await taken(arrivals)] == [1, 1]
    await filling


async def test_a_failure_is_told_after_what_came_before_it() -> None:
    """Records that arrived whole are still taken."""
    arrivals = Arrivals(8, 2**20)
    await arrivals.fill(fed([*records(2), Open("k", 1, 0, b"")]))
    assert len(await arrivals.take()) == 2
    with pytest.raises(MessageInvalid):
        await arrivals.take()


async def test_any_failure_wakes_the_taker() -> None:
    """A bug while reading must not leave the stream waiting."""

    async def broken() -> AsyncIterator[Request]:
        raise RuntimeError("a bug")
        yield

    arrivals = Arrivals(8, 2**20)
    waiting = asyncio.create_task(arrivals.take())
    await arrivals.fill(broken())
    with pytest.raises(RuntimeError):
        await waiting

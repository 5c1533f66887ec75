"""The part of the local API that looks after the queue.

GET  /v0/queue/records?from=N&limit=M    what is known of each record, lowest seq first
POST /v0/queue/exports                   index of an export (CBOR) -> the same, signed with the record key (COSE_Sign1)
POST /v0/queue/tombstones?seq=N          -> the signed tombstone of a record that the queue cannot read (COSE_Sign1)
POST /v0/queue/receipts                  a receipt that was carried here (COSE_Sign1) -> {through_seq}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.console.requests import body_of, number_of

# An index names each file of 32 MiB.
MAX_INDEX_BYTES = 4 * 2**20
MAX_RECEIPT_BYTES = 2**20
MOST_RECORDS = 1000


class QueueService(Protocol):
    """What the daemon does for whoever looks after the queue. All may raise KioskError."""

    def records(self, from_seq: int, limit: int) -> Sequence[Mapping[str, object]]:
        """Return up to `limit` records from `from_seq` on, JSON-ready."""
        ...

    def sign_export(self, payload: bytes) -> bytes:
        """Sign the index of an export of our own records."""
        ...

    def sign_lost(self, seq: int) -> bytes:
        """Sign the tombstone of a record that our queue cannot read."""
        ...

    def take_receipt(self, receipt: bytes) -> int:
        """Believe a receipt that was carried here; return its through_seq."""
        ...


class QueueRoutes:
    """The routes' ends."""

    def __init__(self, service: QueueService) -> None:
        self._service = service

    async def records(self, request: Request) -> Response:
        """Answer with one page."""
        first = number_of(request.query_params.get("from", "0"), "from")
        limit = min(MOST_RECORDS, number_of(request.query_params.get("limit", str(MOST_RECORDS)), "limit"))
        return JSONResponse(list(await run_in_threadpool(self._service.records, first, limit)))

    async def exports(self, request: Request) -> Response:
        """Sign."""
        payload = await body_of(request, MAX_INDEX_BYTES)
        signed = await run_in_threadpool(self._service.sign_export, payload)
        return Response(signed, media_type="application/cose")

    async def tombstones(self, request: Request) -> Response:
        """Sign for a lost record."""
        seq = number_of(request.query_params.get("seq", ""), "seq")
        signed = await run_in_threadpool(self._service.sign_lost, seq)
        return Response(signed, media_type="application/cose")

    async def receipts(self, request: Request) -> Response:
        """Acknowledge."""
        receipt = await body_of(request, MAX_RECEIPT_BYTES)
        return JSONResponse({"through_seq": await run_in_threadpool(self._service.take_receipt, receipt)})

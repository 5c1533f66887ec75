"""The local API: routes over the same service for the command line and the screen. Version 0.

GET  /v0/status                          kiosk, queue, uplink
GET  /v0/devices                         devices as found now
POST /v0/intakes                         {number | qr | name, language} -> {id}
GET  /v0/intakes/{id}/events?after=N     JSON lines until the visit ends
POST /v0/intakes/{id}/answer             {number, choice}
POST /v0/intakes/{id}/cancel
GET  /v0/records/{epoch}/{seq}           where a record is: durable, sent, acknowledged
"""

from __future__ import annotations

import json
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agent.console.errors import BadRequest, NotFound
from agent.devices.seams import DeviceInfo
from agent.intake.desk import Caller, Desk
from agent.intake.visit import OperatorIdentity, Visit, describe
from agent.words import KioskError

MAX_BODY_BYTES = 64 * 1024
HEARTBEAT_S = 5.0

Json = Mapping[str, object]
Model = TypeVar("Model", bound=BaseModel)


class KioskService(Protocol):
    """What the API serves; the daemon is one."""

    @property
    def desk(self) -> Desk:
        """The place where visits are opened."""
        ...

    def status(self) -> Json:
        """Kiosk, queue and uplink in one JSON-ready mapping."""
        ...

    def devices(self) -> list[DeviceInfo]:
        """Every device as found now."""
        ...

    def record(self, epoch: int, seq: int) -> str:
        """durable, sent, acknowledged or unknown."""
        ...


class IntakeRequest(BaseModel):
    """Body of POST /v0/intakes."""

    model_config = ConfigDict(extra="forbid")
    number: str = Field(default="", max_length=40)
    qr: str = Field(default="", max_length=2000)
    name: str = Field(default="", max_length=200)
    language: str = Field(default="vi", pattern="^(vi|en)$")


class AnswerRequest(BaseModel):
    """Body of POST /v0/intakes/{id}/answer."""

    model_config = ConfigDict(extra="forbid")
    number: int
    choice: str = Field(max_length=40)


def create_app(service: KioskService) -> Starlette:
    """Return the application that serves `service`."""
    routes = _Routes(service)
    return Starlette(
        routes=[
            Route("/v0/status", routes.status),
            Route("/v0/devices", routes.devices),
            Route("/v0/intakes", routes.open, methods=["POST"]),
            Route("/v0/intakes/{visit_id}/events", routes.events),
            Route("/v0/intakes/{visit_id}/answer", routes.answer, methods=["POST"]),
            Route("/v0/intakes/{visit_id}/cancel", routes.cancel, methods=["POST"]),
            Route("/v0/records/{epoch:int}/{seq:int}", routes.record),
        ],
        exception_handlers={KioskError: _refuse, 404: _not_found},
    )


class _Routes:
    def __init__(self, service: KioskService) -> None:
        self._service = service

    async def status(self, _request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._service.status))

    async def devices(self, _request: Request) -> Response:
        found = await run_in_threadpool(self._service.devices)
        return JSONResponse([asdict(device) for device in found])

    async def open(self, request: Request) -> Response:
        body = _parse(IntakeRequest, await _body(request))
        caller = Caller(body.number, body.qr, body.name)
        visit = await run_in_threadpool(self._service.desk.open, caller, operator_of(request), body.language)
        return JSONResponse({"id": visit.visit_id}, status_code=201)

    async def events(self, request: Request) -> Response:
        visit = self._visit(request)
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            raise BadRequest("after must be a number")
        return StreamingResponse(_lines(visit, int(after)), media_type="application/x-ndjson")

    async def answer(self, request: Request) -> Response:
        body = _parse(AnswerRequest, await _body(request))
        self._visit(request).answer(body.number, body.choice)
        return JSONResponse({})

    async def cancel(self, request: Request) -> Response:
        self._visit(request).cancel()
        return JSONResponse({})

    async def record(self, request: Request) -> Response:
        state = self._service.record(request.path_params["epoch"], request.path_params["seq"])
        return JSONResponse({"state": state})

    def _visit(self, request: Request) -> Visit:
        return self._service.desk.visit(request.path_params["visit_id"])


def operator_of(request: Request) -> OperatorIdentity:
    """Return who is at the other end of the Unix socket, as the kernel tells it."""
    name = request.client.host if request.client else ""
    uid = int(name.removeprefix("uid="))
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return OperatorIdentity(user, f"peer uid {uid}")


def _lines(visit: Visit, after: int) -> Iterator[str]:
    closed = False
    while not closed:
        events, closed = visit.events.after(after, HEARTBEAT_S)
        for event in events:
            after = event.number
            yield (json.dumps({"number": event.number, "kind": event.kind, **event.payload}, ensure_ascii=False) + "\n")
        # An empty line tells a client that both ends are alive while a person takes their time.
        yield "" if events else "\n"


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BadRequest(f"more than {MAX_BODY_BYTES} bytes")
    return body


def _parse(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        keys = ", ".join(".".join(map(str, fault["loc"])) or "body" for fault in error.errors())
        raise BadRequest(keys) from error


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, KioskError):
        raise error
    return JSONResponse(describe(error), status_code=404 if isinstance(error, NotFound) else 409)


async def _not_found(request: Request, _error: Exception) -> Response:
    return JSONResponse(describe(NotFound(request.url.path)), status_code=404)

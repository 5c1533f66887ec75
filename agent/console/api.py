"""The local API: routes over the same service for the command line and the screen. Version 0.

GET  /v0/status                          kiosk, queue, uplink
GET  /v0/devices                         devices as found now
GET  /v0/doctor/devices                  whether a visit is open
GET  /v0/doctor/camera                   what the daemon's camera gives, figures only
POST /v0/doctor/camera/picture           one picture, PNG in base64; refused while a visit is open
POST /v0/scan                            wait for a card's QR code before the camera -> {qr}; refused in a visit
POST /v0/intakes                         {number | qr | mrz | name, language} -> {id}
POST /v0/intakes/resume                  go on with the visit that was cut off -> {id}
POST /v0/intakes/discard                 destroy what a cut-off visit left
GET  /v0/intakes/{id}/events?after=N     JSON lines until the visit ends
POST /v0/intakes/{id}/answer             {number, choice}
POST /v0/intakes/{id}/cancel
GET  /v0/intakes/{id}/fingers            fingers and reasons, both languages, and what was declared
POST /v0/intakes/{id}/fingers/{finger}/exception   {reason, photo} -> {photo}: the finger cannot be taken
DELETE /v0/intakes/{id}/fingers/{finger}/exception it is taken after all
POST /v0/intakes/{id}/screen             this screen can show the flash (docs/liveness.md)
POST /v0/intakes/{id}/flash              {flash, shown_ms, sent_ms}: when the screen showed it
GET  /v0/records/{epoch}/{seq}           where a record is: durable, sent, acknowledged
     /v0/intakes/{id}/portrait...        see portrait_api
     /v0/queue/...                       see queue_api
"""

from __future__ import annotations

import base64
import json
import pwd
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agent.console.errors import BadRequest, NotFound
from agent.console.portrait_api import PortraitOrders, PortraitRoutes
from agent.console.queue_api import QueueRoutes, QueueService
from agent.console.requests import body_of, number_of
from agent.devices.seams import DeviceInfo
from agent.intake.desk import Caller
from agent.intake.errors import NoSuchVisit
from agent.intake.events import EventLog
from agent.intake.fingers import VisitFingers
from agent.intake.flash_link import FlashLink
from agent.intake.policy import FingerReason
from agent.intake.showing import describe
from agent.intake.visit import OperatorIdentity
from agent.words import KioskError

log = structlog.get_logger()

HEARTBEAT_S = 5.0
# Each client that follows a visit waits in a thread; these are not the threads that answer everyone else.
WATCHERS = 32

Json = Mapping[str, object]
Model = TypeVar("Model", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


class OpenVisit(Protocol):
    """One visit as its screens know it."""

    @property
    def visit_id(self) -> str:
        """Its id."""
        ...

    @property
    def events(self) -> EventLog:
        """Everything that happened in it."""
        ...

    @property
    def fingers(self) -> VisitFingers:
        """Its fingers, and what was declared of them."""
        ...

    @property
    def portrait(self) -> PortraitOrders:
        """What is decided about its portrait."""
        ...

    @property
    def screen(self) -> FlashLink:
        """The way to and from the screen that shows its flash."""
        ...

    def answer(self, number: int, choice: str) -> None:
        """Answer its open question."""
        ...

    def cancel(self) -> None:
        """Stop it at its next step."""
        ...


class Visits(Protocol):
    """Where visits are opened; all may raise KioskError."""

    def open(self, caller: Caller, operator: OperatorIdentity, language: str) -> OpenVisit:
        """Open one."""
        ...

    def resume(self, operator: OperatorIdentity) -> OpenVisit:
        """Go on with the one that was cut off."""
        ...

    def discard(self, operator: OperatorIdentity) -> None:
        """Destroy what was left of it."""
        ...

    def visit(self, visit_id: str) -> OpenVisit:
        """Return one that is known."""
        ...


class KioskService(QueueService, Protocol):
    """What the API serves; the daemon is one."""

    @property
    def desk(self) -> Visits:
        """The place where visits are opened."""
        ...

    def status(self) -> Json:
        """Kiosk, queue and uplink in one JSON-ready mapping."""
        ...

    def devices(self) -> list[DeviceInfo]:
        """Every device as found now."""
        ...

    def device_use(self) -> Json:
        """Whether a visit is open, and with it which devices are in use."""
        ...

    def camera_sample(self) -> Json:
        """Return what the camera gives, measured now; may raise KioskError."""
        ...

    def camera_picture(self) -> bytes:
        """One picture of the camera, PNG; raises VisitRunning while a visit is open, or another KioskError."""
        ...

    def hand_photo(self) -> bytes:
        """One picture of the camera, JPEG, of a hand that is held before it; may raise KioskError."""
        ...

    def scan_card(self) -> str:
        """Wait for a card's QR code before the camera; raises VisitRunning, QrNotFound, or another KioskError."""
        ...

    def record(self, epoch: int, seq: int) -> str:
        """durable, sent, acknowledged or unknown."""
        ...


class IntakeRequest(BaseModel):
    """Body of POST /v0/intakes."""

    model_config = ConfigDict(extra="forbid")
    number: str = Field(default="", max_length=40)
    qr: str = Field(default="", max_length=2000)
    mrz: str = Field(default="", max_length=200)
    name: str = Field(default="", max_length=200)
    language: str = Field(default="vi", pattern="^(vi|en)$")


class AnswerRequest(BaseModel):
    """Body of POST /v0/intakes/{id}/answer."""

    model_config = ConfigDict(extra="forbid")
    number: int
    choice: str = Field(max_length=40)


class ExceptionRequest(BaseModel):
    """Body of POST /v0/intakes/{id}/fingers/{finger}/exception; a photo is taken too where the policy asks for one."""

    model_config = ConfigDict(extra="forbid")
    reason: FingerReason
    photo: bool = False


class FlashRequest(BaseModel):
    """Body of POST /v0/intakes/{id}/flash; times are of the screen's own clock, milliseconds."""

    model_config = ConfigDict(extra="forbid")
    flash: int
    shown_ms: list[float] = Field(max_length=20)
    sent_ms: float


def create_app(service: KioskService) -> Starlette:
    """Return the application that serves `service`."""
    routes, queue = _Routes(service), QueueRoutes(service)
    portrait = PortraitRoutes(lambda request: routes.visit(request).portrait)
    table: tuple[tuple[str, str, Endpoint], ...] = (
        ("GET", "/v0/status", routes.status),
        ("GET", "/v0/devices", routes.devices),
        ("GET", "/v0/doctor/devices", routes.device_use),
        ("GET", "/v0/doctor/camera", routes.camera_sample),
        ("POST", "/v0/doctor/camera/picture", routes.camera_picture),
        ("POST", "/v0/scan", routes.scan),
        ("POST", "/v0/intakes", routes.open),
        ("POST", "/v0/intakes/resume", routes.resume),
        ("POST", "/v0/intakes/discard", routes.discard),
        ("GET", "/v0/intakes/{visit_id}/events", routes.events),
        ("POST", "/v0/intakes/{visit_id}/answer", routes.answer),
        ("POST", "/v0/intakes/{visit_id}/cancel", routes.cancel),
        ("GET", "/v0/intakes/{visit_id}/fingers", routes.fingers),
        ("POST", "/v0/intakes/{visit_id}/fingers/{finger}/exception", routes.except_finger),
        ("DELETE", "/v0/intakes/{visit_id}/fingers/{finger}/exception", routes.withdraw_exception),
        ("GET", "/v0/intakes/{visit_id}/portrait", portrait.choices),
        ("POST", "/v0/intakes/{visit_id}/portrait/by-hand", portrait.by_hand),
        ("POST", "/v0/intakes/{visit_id}/portrait/special-case", portrait.special_case),
        ("POST", "/v0/intakes/{visit_id}/screen", routes.screen),
        ("POST", "/v0/intakes/{visit_id}/flash", routes.flash),
        ("GET", "/v0/records/{epoch}/{seq}", routes.record),
        ("GET", "/v0/queue/records", queue.records),
        ("POST", "/v0/queue/exports", queue.exports),
        ("POST", "/v0/queue/tombstones", queue.tombstones),
        ("POST", "/v0/queue/receipts", queue.receipts),
    )
    return Starlette(
        routes=[Route(path, _guarded(endpoint), methods=[method]) for method, path, endpoint in table],
        exception_handlers={HTTPException: _no_route},
    )


class _Routes:
    def __init__(self, service: KioskService) -> None:
        self._service = service
        self._watchers = CapacityLimiter(WATCHERS)

    async def status(self, _request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._service.status))

    async def devices(self, _request: Request) -> Response:
        found = await run_in_threadpool(self._service.devices)
        return JSONResponse([asdict(device) for device in found])

    async def device_use(self, _request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._service.device_use))

    async def camera_sample(self, _request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._service.camera_sample))

    async def camera_picture(self, request: Request) -> Response:
        picture = await run_in_threadpool(self._service.camera_picture)
        # A person may be on it: who took it is on record.
        log.warning("camera.picture_taken", operator=operator_of(request).authenticated_by)
        return JSONResponse({"png": base64.b64encode(picture).decode("ascii")})

    async def scan(self, request: Request) -> Response:
        text = await run_in_threadpool(self._service.scan_card)
        # It tells about a person: who asked for it is on record, and nothing of it.
        log.info("card.scanned", operator=operator_of(request).authenticated_by)
        return JSONResponse({"qr": text})

    async def open(self, request: Request) -> Response:
        body = _parse(IntakeRequest, await body_of(request))
        caller = Caller(body.number, body.qr, body.name, body.mrz)
        visit = await run_in_threadpool(self._service.desk.open, caller, operator_of(request), body.language)
        return JSONResponse({"id": visit.visit_id}, status_code=201)

    async def resume(self, request: Request) -> Response:
        visit = await run_in_threadpool(self._service.desk.resume, operator_of(request))
        return JSONResponse({"id": visit.visit_id}, status_code=201)

    async def discard(self, request: Request) -> Response:
        await run_in_threadpool(self._service.desk.discard, operator_of(request))
        return JSONResponse({})

    async def events(self, request: Request) -> Response:
        visit = self.visit(request)
        after = number_of(request.query_params.get("after", "0"), "after")
        return StreamingResponse(_lines(visit, after, self._watchers), media_type="application/x-ndjson")

    async def answer(self, request: Request) -> Response:
        body = _parse(AnswerRequest, await body_of(request))
        self.visit(request).answer(body.number, body.choice)
        return JSONResponse({})

    async def cancel(self, request: Request) -> Response:
        self.visit(request).cancel()
        return JSONResponse({})

    async def fingers(self, request: Request) -> Response:
        return JSONResponse(self.visit(request).fingers.told())

    async def except_finger(self, request: Request) -> Response:
        body, fingers = _parse(ExceptionRequest, await body_of(request)), self.visit(request).fingers
        finger, photograph = request.path_params["finger"], self._service.hand_photo
        has_photo = await run_in_threadpool(fingers.declare, finger, body.reason, photograph, photo=body.photo)
        return JSONResponse({"photo": has_photo})

    async def withdraw_exception(self, request: Request) -> Response:
        self.visit(request).fingers.withdraw(request.path_params["finger"])
        return JSONResponse({})

    async def screen(self, request: Request) -> Response:
        self.visit(request).screen.announce()
        return JSONResponse({})

    async def flash(self, request: Request) -> Response:
        body = _parse(FlashRequest, await body_of(request))
        self.visit(request).screen.report(body.flash, body.shown_ms, body.sent_ms)
        return JSONResponse({})

    async def record(self, request: Request) -> Response:
        epoch, seq = (number_of(request.path_params[key], key) for key in ("epoch", "seq"))
        state = await run_in_threadpool(self._service.record, epoch, seq)
        return JSONResponse({"state": state})

    def visit(self, request: Request) -> OpenVisit:
        """Return the visit that a request names."""
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


async def _lines(visit: OpenVisit, after: int, watchers: CapacityLimiter) -> AsyncIterator[str]:
    closed = False
    while not closed:
        events, closed = await to_thread.run_sync(
            visit.events.after, after, HEARTBEAT_S, limiter=watchers, abandon_on_cancel=True
        )
        for event in events:
            after = event.number
            yield json.dumps({"number": event.number, "kind": event.kind, **event.payload}, ensure_ascii=False) + "\n"
        if not events:
            # An empty line tells a client that both ends are alive while a person takes their time.
            yield "\n"


def _parse(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        keys = ", ".join(".".join(map(str, fault["loc"])) or "body" for fault in error.errors())
        raise BadRequest(keys) from error


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Answer every error in words; of a bug tell only type and place, since its message may hold people's data."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except KioskError as error:
            return JSONResponse(describe(error), status_code=_status(error))
        except Exception as bug:
            places = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(bug.__traceback__)]
            log.error("api.bug", kind=type(bug).__name__, where=places)
            return JSONResponse(describe(KioskError(type(bug).__name__)), status_code=500)

    return answered


def _status(error: KioskError) -> int:
    if isinstance(error, BadRequest):
        return 400
    return 404 if isinstance(error, NotFound | NoSuchVisit) else 409


async def _no_route(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse(describe(NotFound(f"{request.method} {request.url.path}")), status_code=code)

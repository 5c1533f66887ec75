"""The part of the local API by which people decide about the portrait of the visit that is open.

GET  /v0/intakes/{id}/portrait               what may be ordered, with words; tries left; what is relaxed
POST /v0/intakes/{id}/portrait/by-hand       {reason}: take the next frame with a face as it is
POST /v0/intakes/{id}/portrait/special-case  {case, supervisor}: relax the gates of a special case, from now on

Codes are those that the first of them lists. An order is refused when the policy does not allow it, and when the
portrait is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.console.errors import BadRequest
from agent.console.requests import body_of

log = structlog.get_logger()


class PortraitOrders(Protocol):
    """What is decided about one visit's portrait; orders may raise KioskError."""

    def choices(self) -> Mapping[str, object]:
        """Return what may be ordered, JSON-ready."""
        ...

    def take_by_hand(self, reason: str) -> None:
        """Take the next frame with a face."""
        ...

    def relax(self, case: str, supervisor: str) -> None:
        """Relax the gates of a special case on a supervisor's word."""
        ...


class ByHandRequest(BaseModel):
    """Body of POST …/portrait/by-hand."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=40)


class SpecialCaseRequest(BaseModel):
    """Body of POST …/portrait/special-case."""

    model_config = ConfigDict(extra="forbid")
    case: str = Field(max_length=40)
    supervisor: str = Field(max_length=200)


class PortraitRoutes:
    """The routes' ends; `orders_of` finds the orders of the visit that a request names."""

    def __init__(self, orders_of: Callable[[Request], PortraitOrders]) -> None:
        self._orders_of = orders_of

    async def choices(self, request: Request) -> Response:
        """Tell what may be ordered."""
        return JSONResponse(self._orders_of(request).choices())

    async def by_hand(self, request: Request) -> Response:
        """Order a picture."""
        try:
            body = ByHandRequest.model_validate_json(await body_of(request))
        except ValidationError as error:
            raise BadRequest("reason") from error
        self._orders_of(request).take_by_hand(body.reason)
        log.info("portrait.by_hand", visit=request.path_params["visit_id"], reason=body.reason)
        return JSONResponse({})

    async def special_case(self, request: Request) -> Response:
        """Relax."""
        try:
            body = SpecialCaseRequest.model_validate_json(await body_of(request))
        except ValidationError as error:
            raise BadRequest("case, supervisor") from error
        self._orders_of(request).relax(body.case, body.supervisor)
        # Neither the case, which tells of the person, nor the supervisor's name.
        log.warning("portrait.relaxed", visit=request.path_params["visit_id"])
        return JSONResponse({})

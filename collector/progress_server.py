"""Serves the progress page to browsers; it only reads, and shows no person."""

from __future__ import annotations

import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from agent.words import KioskError
from collector.config import CollectorConfig
from collector.errors import AddressInUse
from collector.hours import HOUR_NS
from collector.progress import HOURS_SHOWN, Progress, as_json, load_plan, progress, rate_from
from collector.progress_page import page
from collector.sql_store import SqlStore
from collector.stores import open_store

# The page has its style and chart inside; nothing may come from anywhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def current(config: CollectorConfig, plan: Path | None) -> Progress:
    """Return the numbers now. Raises PlanInvalid or StoreFailed."""
    with open_store(config) as store:
        return _current(store, plan)


def make_app(store: SqlStore, plan: Path | None) -> Starlette:
    """Return the application: `/` for people, `/progress.json` for programs. The plan is read at each request."""

    def html(_: Request) -> Response:
        try:
            return HTMLResponse(page(_current(store, plan)), headers=HEADERS)
        except KioskError as error:
            return HTMLResponse(f"{error.words.vi} · {error.words.en}", 503, headers=HEADERS)

    def numbers(_: Request) -> Response:
        try:
            return JSONResponse(as_json(_current(store, plan)), headers=HEADERS)
        except KioskError as error:
            return JSONResponse({"code": error.code}, 503, headers=HEADERS)

    return Starlette(routes=[Route("/", html), Route("/progress.json", numbers)])


def serve_page(config: CollectorConfig, plan: Path | None, address: str) -> None:
    """Serve at HOST:PORT until Ctrl-C or SIGTERM. Raises StoreFailed, PlanInvalid or AddressInUse."""
    host, _, port = address.rpartition(":")
    load_plan(plan)
    if not host or not port.isdigit():
        raise AddressInUse(f"{address}: not HOST:PORT")
    with open_store(config) as store:
        try:
            uvicorn.run(make_app(store, plan), host=host, port=int(port), log_level="warning", server_header=False)
        except SystemExit as error:
            # uvicorn's way to say that it cannot listen.
            raise AddressInUse(address) from error


def _current(store: SqlStore, plan: Path | None) -> Progress:
    now_ns = time.time_ns()
    totals, hours = store.kiosk_totals(rate_from(now_ns)), store.hour_totals(now_ns // HOUR_NS - HOURS_SHOWN)
    return progress(load_plan(plan), store.kiosks(), totals, hours, now_ns)

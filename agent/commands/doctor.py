"""`kiosk doctor`: what is wrong with this kiosk, with the cause, the evidence and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from agent import __version__
from agent.commands.doctor_screen import Progress, show, wait
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import Config, load_config
from agent.console.client import KioskClient
from agent.diagnostics.catalogue import CHECKS
from agent.diagnostics.check import Check
from agent.diagnostics.context import Context, Json, RunningDaemon, Wishes
from agent.diagnostics.finding import Finding, Verdict, worst
from agent.diagnostics.run import run_checks, select
from agent.diagnostics.system import System
from agent.words import KioskError, Words

EXIT = {Verdict.ERROR: ExitCode.FAILED, Verdict.WARN: ExitCode.WARNINGS}


class NoSuchCheck(KioskError):
    """`--only` names no family and no code; `detail` is the word."""

    code = "doctor.no_such_check"
    words = Words("Không có bước kiểm tra này.", "There is no such check.")
    remedy = Words("Xem danh sách mã trong docs/doctor.md.", "docs/doctor.md lists every code.")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for on the command line. `watch_s` above 0 repeats until Ctrl-C, or `rounds` times."""

    config: Path
    socket: Path
    only: Sequence[str] = ()
    watch_s: float = 0
    rounds: int | None = None
    wishes: Wishes = field(default_factory=Wishes)
    report: Path | None = None
    bundle: Path | None = None


def examine(
    screen: Screen,
    order: Order,
    system: System | None = None,
    checks: Sequence[Check] = CHECKS,
    cancelled: Event | None = None,
) -> ExitCode:
    """Run the checks and print what they find; the exit code is by the worst. Raises NoSuchCheck."""
    try:
        chosen = select(checks, order.only)
    except LookupError as error:
        raise NoSuchCheck(str(error.args[0])) from error
    system, cancelled, rounds = system or System(), cancelled or Event(), 1
    while True:
        findings = _round(screen, order, system, chosen, cancelled)
        if not order.watch_s or rounds == order.rounds or not wait(order.watch_s, cancelled):
            return EXIT.get(worst(findings), ExitCode.OK)
        rounds += 1


def _round(screen: Screen, order: Order, system: System, checks: Sequence[Check], cancelled: Event) -> list[Finding]:
    with ExitStack() as stack:
        context = Context(order.config, _config(order.config), _daemon(order.socket, stack), system, order.wishes)
        progress = stack.enter_context(Progress([check.code for check in checks]))
        findings = run_checks(checks, context, progress.tell, cancelled)
    if screen.as_json:
        screen.json(as_json(findings, system.clock()))
    else:
        show(findings)
    return findings


def as_json(findings: Sequence[Finding], now_s: float) -> dict[str, object]:
    """Return what `--json` prints."""
    rows = [
        {
            "check": f.check,
            "code": f.code,
            "verdict": str(f.verdict),
            "title": {"vi": f.title.vi, "en": f.title.en},
            "cause": {"vi": f.cause.vi, "en": f.cause.en},
            "evidence": f.evidence,
            "remedy": {"vi": f.remedy.vi, "en": f.remedy.en},
            "took_s": round(f.took_s, 3),
        }
        for f in findings
    ]
    at = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
    return {"at": at, "version": __version__, "worst": str(worst(findings)), "findings": rows}


class RemoteDaemon:
    """The daemon over its socket, as the checks ask it."""

    def __init__(self, client: KioskClient) -> None:
        self._client = client

    def status(self) -> Json:
        """Return kiosk, queue and uplink."""
        return self._client.status()

    def device_use(self) -> Json:
        """Return what the daemon holds."""
        return self._client.device_use()

    def camera(self) -> Json:
        """Return what its camera gives."""
        return self._client.camera_sample()

    def camera_picture(self) -> bytes:
        """Return one picture of its camera, PNG."""
        return self._client.camera_picture()


def _config(path: Path) -> Config | KioskError:
    try:
        return load_config(path)
    except KioskError as error:
        return error


def _daemon(socket: Path, stack: ExitStack) -> RunningDaemon | KioskError:
    try:
        return RemoteDaemon(stack.enter_context(KioskClient(socket)))
    except KioskError as error:
        return error

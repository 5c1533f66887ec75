"""`kiosk doctor`: what is wrong with this kiosk, with the cause, the evidence and the remedy."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from agent import __version__
from agent.commands.doctor_proof import sign_beside
from agent.commands.doctor_screen import Progress, show, wait
from agent.commands.doctor_seal import sealed_to_collector
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import Config, load_config
from agent.console.client import KioskClient
from agent.diagnostics.bundle import (
    about_machine,
    clean_config,
    clean_text,
    machine_mark,
    pack_bundle,
    read_journal,
    write_private,
)
from agent.diagnostics.catalogue import CHECKS, FAMILIES
from agent.diagnostics.check import Check
from agent.diagnostics.context import Context, Json, RunningDaemon, Wishes
from agent.diagnostics.device_results import DeviceResult, last_results
from agent.diagnostics.finding import Finding, Verdict, worst
from agent.diagnostics.limits import Limits
from agent.diagnostics.report import Subject, page
from agent.diagnostics.report_pdf import pdf
from agent.diagnostics.run import run_checks, select
from agent.diagnostics.system import System
from agent.words import KioskError, Words

LOG_WITHIN_S = 20.0
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
    seal: bool = False


def examine_as(order: Order, *, as_json: bool) -> ExitCode:
    """Run the checks as the command line asks for it."""
    return examine(Screen(as_json=as_json), order)


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
        write_papers(order, system, findings)
        if not order.watch_s or rounds == order.rounds or not wait(order.watch_s, cancelled):
            return EXIT.get(worst(findings), ExitCode.OK)
        rounds += 1


def _round(screen: Screen, order: Order, system: System, checks: Sequence[Check], cancelled: Event) -> list[Finding]:
    with ExitStack() as stack:
        context = make_context(order.config, order.socket, system, order.wishes, stack)
        progress = stack.enter_context(Progress([check.code for check in checks]))
        findings = run_checks(checks, context, progress.tell, cancelled)
    if screen.as_json:
        screen.json(as_json(findings, system.clock()))
    else:
        show(findings)
    return findings


def make_context(config: Path, socket: Path, system: System, wishes: Wishes, stack: ExitStack) -> Context:
    """Return what checks look at, with the daemon if one answers; `stack` closes the way to it."""
    return Context(config, _config(config), _daemon(socket, stack), system, wishes)


def write_papers(order: Order, system: System, findings: Sequence[Finding]) -> None:
    """Write the report, its signature and the bundle, if they were asked for. Raises NotWritten, NoPdf or a key's."""
    try:
        if order.report is not None:
            _write_report(order, order.report, system, findings)
        if order.bundle is not None:
            _write_bundle(order, order.bundle, system, findings)
    except OSError as error:
        raise NotWritten(f"{error.filename}: {error.strerror}") from error


def _write_report(order: Order, path: Path, system: System, findings: Sequence[Finding]) -> None:
    told = (_subject(order, system), findings, FAMILIES, _tests(order))
    data = pdf(*told) if path.suffix.lower() == ".pdf" else page(*told).encode()
    write_private(path, data)
    config = _config(order.config)
    if isinstance(config, Config):
        sign_beside(path, data, told[0], config)


def _write_bundle(order: Order, path: Path, system: System, findings: Sequence[Finding]) -> None:
    packed = pack_bundle(_papers(order, system, findings), now_s=system.clock())
    write_private(path, sealed_to_collector(packed, order.config, system.clock()) if order.seal else packed)


def _subject(order: Order, system: System) -> Subject:
    config = _config(order.config)
    kiosk = config.kiosk if isinstance(config, Config) else None
    name, station = (kiosk.name, kiosk.station) if kiosk else ("?", "?")
    return Subject(name, station, machine_mark(system), __version__, system.clock())


def _tests(order: Order) -> list[DeviceResult]:
    config = _config(order.config)
    return last_results(config.kiosk.data_folder) if isinstance(config, Config) else []


def _papers(order: Order, system: System, findings: Sequence[Finding]) -> dict[str, bytes]:
    clean = [replace(finding, evidence=clean_text(finding.evidence)) for finding in findings]
    limits = Limits("doctor.bundle", time.monotonic() + LOG_WITHIN_S, Event())
    told = json.dumps(as_json(clean, system.clock()), ensure_ascii=False, indent=1)
    return {
        "findings.json": told.encode(),
        "report.html": page(_subject(order, system), clean, FAMILIES, _tests(order)).encode(),
        "config.json": clean_config(order.config),
        "system.json": json.dumps(about_machine(system), indent=1).encode(),
        "log.jsonl": read_journal(system, limits),
    }


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


class NotWritten(KioskError):
    """Report or bundle cannot be written; `detail` names the file and why."""

    code = "doctor.not_written"
    words = Words("Không ghi được báo cáo hoặc gói hỗ trợ.", "Report or bundle cannot be written.")
    remedy = Words("Chọn thư mục khác còn chỗ và có quyền ghi.", "Name another folder with room and write permission.")


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

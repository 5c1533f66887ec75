"""`kiosk portrait`: the portrait's quality check as a tool by itself, on files or on one live still."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.progress import Progress

from agent.capture.portrait import Check, FrameSource, PortraitPolicy, VisionWorker, checking
from agent.capture.portrait.checking import Checked, Pictures
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.words import KioskError

CAMERA_WITHIN_S = 30.0
REPORTED = "reported"


def check_files(
    screen: Screen, files: Sequence[Path], models: Path, out: Path | None, policy: PortraitPolicy
) -> ExitCode:
    """Check each file; FAILED unless all passed. With `out` annotated pictures and a sheet are written there."""
    found = checking.check_files(files, models, policy)
    return _show(screen, _with_progress(screen, found, len(files)), len(files), out, policy)


def check_camera(
    screen: Screen,
    open_camera: Callable[[], AbstractContextManager[FrameSource]],
    models: Path,
    out: Path | None,
    policy: PortraitPolicy,
    within_s: float = CAMERA_WITHIN_S,
) -> ExitCode:
    """Take one live still with guidance and check it; FAILED unless it passed."""
    say = (lambda _: None) if screen.as_json else screen.say
    with open_camera() as source, VisionWorker(models) as vision:
        deadline = time.monotonic() + within_s
        checked = checking.check_live(source, models, vision, policy, say, deadline, Event())
    return _show(screen, [checked], 1, out, policy)


def _show(screen: Screen, found: Iterable[Checked], count: int, out: Path | None, policy: PortraitPolicy) -> ExitCode:
    pictures = Pictures(out, count) if out else None
    passed = True
    for checked in found:
        passed = passed and checked.passed
        written = pictures.add(checked) if pictures else None
        if screen.as_json:
            screen.json(_as_json(checked, written))
        else:
            _print(screen, checked, written, policy)
    sheet = pictures.finish() if pictures else None
    if sheet and not screen.as_json:
        screen.line(f"Trang tổng hợp: {sheet}", f"Contact sheet: {sheet}")
    return ExitCode.OK if passed else ExitCode.FAILED


def _with_progress(screen: Screen, found: Iterator[Checked], count: int) -> Iterator[Checked]:
    """Show how far many files are, where somebody looks on."""
    hidden = screen.as_json or count < 2 or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=hidden) as progress:
        yield from progress.track(found, total=count, description="Kiểm tra ảnh · Checking")


def _print(screen: Screen, checked: Checked, written: Path | None, policy: PortraitPolicy) -> None:
    if checked.error:
        screen.error(checked.error)
        return
    reduced = f", đọc ở 1/{checked.reduced} · read at 1/{checked.reduced}" if checked.reduced > 1 else ""
    measured = [check for check in checked.checks if check.native is not None]
    screen.table(
        f"{checked.name} ({checked.size}{reduced})",
        ("Chỉ số\nMeasure", "Giá trị\nNative", "Điểm\nScalar", "Kết quả\nVerdict", "Ngưỡng\nGate"),
        [_row(check, policy) for check in measured],
    )
    missing = ", ".join(check.name for check in checked.checks if check not in measured)
    screen.line(f"Không đánh giá: {missing}", f"Not assessed: {missing}")
    for guidance in checked.guidance:
        screen.say(guidance.words, "bold red")
    if checked.passed:
        screen.say(checking.PASSED, "green")
    if written:
        screen.line(f"Ảnh chú thích: {written}", f"Annotated picture: {written}")


def _row(check: Check, policy: PortraitPolicy) -> tuple[str, str, str, str, str]:
    native = f"{check.native:.3g}{f' {check.unit}' if check.unit else ''}"
    scalar = "" if check.scalar is None else str(check.scalar)
    verdict, gate = (str(check.verdict), _gate(policy, check.name)) if check.gate else (REPORTED, "")
    return check.name, native, scalar, verdict, gate


def _gate(policy: PortraitPolicy, name: str) -> str:
    """Return a gate's limits as people write them."""
    allowed = policy.gates.get(name)
    if allowed is None:
        return "—"
    low, high = f"{allowed.low:g}", f"{allowed.high:g}"
    if low == "-inf":
        return f"≤ {high}"
    return f"≥ {low}" if high == "inf" else f"{low} … {high}"


def _as_json(checked: Checked, written: Path | None) -> dict[str, object]:
    return {
        "kind": "portrait",
        "name": checked.name,
        "verdict": checked.verdict,
        "passed": checked.passed,
        "size": checked.size,
        "reduced": checked.reduced,
        "faces": checked.faces,
        "error": _error(checked.error) if checked.error else None,
        "guidance": [{"code": one.code, "vi": one.words.vi, "en": one.words.en} for one in checked.guidance],
        "measures": [
            {
                "name": check.name,
                "native": check.native,
                "unit": check.unit,
                "scalar": check.scalar,
                "verdict": check.verdict,
                "reason": check.reason,
                "gate": check.gate,
            }
            for check in checked.checks
        ],
        "annotated": str(written) if written else None,
    }


def _error(error: KioskError) -> dict[str, str]:
    remedy = {"remedy_vi": error.remedy.vi, "remedy_en": error.remedy.en}
    return {"code": error.code, "vi": error.words.vi, "en": error.words.en, "detail": error.detail} | remedy

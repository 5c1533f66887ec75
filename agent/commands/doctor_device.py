"""`kiosk doctor device`: the full test of one device, step by step with the technician, kept with its date."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from threading import Event

from agent.commands.doctor import EXIT, NotWritten, make_context
from agent.commands.doctor_screen import Progress, show
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import load_config
from agent.diagnostics.catalogue import CHECKS
from agent.diagnostics.context import Wishes
from agent.diagnostics.device_results import save_result
from agent.diagnostics.device_test import TESTS, Done, Step, all_findings, run_step
from agent.diagnostics.finding import worst
from agent.diagnostics.run import select
from agent.diagnostics.system import System
from agent.words import KioskError, Words

# Told that a step is prepared; false ends the test.
Ready = Callable[[Step], bool]


class DeviceTestEnded(KioskError):
    """The technician ended the test; nothing is kept."""

    code = "doctor.test_ended"
    words = Words("Đã dừng kiểm tra; không lưu kết quả.", "The test was ended; no result is kept.")
    remedy = Words("Chạy lại khi sẵn sàng.", "Run it again when ready.")


class NoSuchDevice(KioskError):
    """There is a full test of card, camera and pad only; `detail` is the word."""

    code = "doctor.no_such_device"
    words = Words("Không có bài kiểm tra cho thiết bị này.", "There is no full test of this device.")
    remedy = Words("Chọn card, camera hoặc pad.", "Take card, camera or pad.")


def full_test(
    screen: Screen,
    device: str,
    paths: tuple[Path, Path],
    wishes: Wishes,
    ready: Ready,
    system: System | None = None,
) -> ExitCode:
    """Lead through the test of `device`, print and keep what was found. `paths`: configuration and socket.

    Raises NoSuchDevice, DeviceTestEnded, NotWritten, or ConfigError.
    """
    if device not in TESTS:
        raise NoSuchDevice(device)
    config, system = load_config(paths[0]), system or System()
    done = [_step(device, step, paths, wishes, ready, system) for step in TESTS[device]]
    findings = all_findings(done)
    try:
        kept = save_result(config.kiosk.data_folder, device, done, system.clock())
    except OSError as error:
        raise NotWritten(f"{error.filename}: {error.strerror}") from error
    if screen.as_json:
        steps = [{"step": asdict(one.title), "findings": [asdict(found) for found in one.findings]} for one in done]
        screen.json({"device": device, "worst": str(worst(findings)), "kept": str(kept), "steps": steps})
    else:
        show(findings)
        screen.line(f"Đã lưu: {kept}", f"Kept: {kept}")
    return EXIT.get(worst(findings), ExitCode.OK)


def _step(device: str, step: Step, paths: tuple[Path, Path], wishes: Wishes, ready: Ready, system: System) -> Done:
    if not ready(step):
        raise DeviceTestEnded
    with ExitStack() as stack:
        context = make_context(*paths, system, wishes, stack)
        codes = [check.code for check in select(CHECKS, step.checks)]
        progress = stack.enter_context(Progress(codes))
        return run_step(device, step, context, progress.tell, Event())


def ask(screen: Screen, *, yes: bool) -> Ready:
    """Return how the technician is asked: Enter goes on, Ctrl-C or the end of input stops; `yes` asks nobody."""

    def ready(step: Step) -> bool:
        screen.say(step.title, "bold")
        if yes:
            return True
        try:
            input("↵ ")
        except (EOFError, KeyboardInterrupt):
            return False
        return True

    return ready

"""`kiosk doctor`, `kiosk usb` and `kiosk top`: what a technician asks of a kiosk."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from agent.cli_frame import AsJson, ConfigPath, SocketPath, told
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import DEFAULT_PATH, DEFAULT_SOCKET
from agent.usb_allow_list import LIST, RULES

doctor_app = typer.Typer(help="Khám kiosk · What is wrong with this kiosk: cause, evidence, remedy.")
usb_app = typer.Typer(no_args_is_help=True, help="Thiết bị USB được phép · The USB devices that are let in.")

CanText = Annotated[str, typer.Option(help="Six digits of the test card on the reader: read its chip.")]
OutFolder = Annotated[Path | None, typer.Option(help="Folder for test pictures; without it none is kept.")]


@doctor_app.callback(invoke_without_command=True)
def doctor(
    called: typer.Context,
    socket: SocketPath = DEFAULT_SOCKET,
    config: ConfigPath = DEFAULT_PATH,
    only: Annotated[
        list[str] | None, typer.Option(help="A family or a code of docs/doctor.md; may be repeated.")
    ] = None,
    watch: Annotated[float, typer.Option(min=0, help="Repeat after so many seconds until Ctrl-C.")] = 0,
    can: CanText = "",
    out: OutFolder = None,
    report: Annotated[Path | None, typer.Option(help="Write the readiness report: .html or .pdf, and .cose.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Write the support bundle (tar.gz).")] = None,
    seal: Annotated[bool, typer.Option("--seal", help="Seal the bundle to the collector.")] = False,
    verify_report: Annotated[
        Path | None, typer.Option(help="Check a report and its .cose; needs --record-key.")
    ] = None,
    record_key: Annotated[Path | None, typer.Option(help="The kiosk's public record key (PEM).")] = None,
    as_json: AsJson = False,
) -> None:
    """Khám kiosk · What is wrong with this kiosk: cause, evidence, remedy."""
    if called.invoked_subcommand is not None:
        return
    if verify_report is not None:
        _verify(verify_report, record_key, as_json=as_json)
    # Only this command measures devices; the others start faster without its libraries.
    from agent.commands import doctor as command  # noqa: PLC0415
    from agent.diagnostics.context import Wishes  # noqa: PLC0415

    order = command.Order(config, socket, only or (), watch, None, Wishes(can, out), report, bundle, seal)
    told(command.examine_as)(order, as_json=as_json)


def _verify(report: Path, record_key: Path | None, *, as_json: bool) -> None:
    from agent.commands import doctor_proof  # noqa: PLC0415

    if record_key is None:
        raise typer.BadParameter("--verify-report needs --record-key")
    told(doctor_proof.verify_as)(report, record_key, as_json=as_json)


@doctor_app.command("device")
@told
def doctor_device(
    device: Annotated[str, typer.Argument(help="card, camera or pad.")],
    socket: SocketPath = DEFAULT_SOCKET,
    config: ConfigPath = DEFAULT_PATH,
    can: CanText = "",
    out: OutFolder = None,
    yes: Annotated[bool, typer.Option("--yes", help="Every step is prepared: ask nobody (tests).")] = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Kiểm tra đầy đủ một thiết bị · Full test of one device, step by step; the dated result is kept."""
    from agent.commands import doctor_device as command  # noqa: PLC0415
    from agent.diagnostics.context import Wishes  # noqa: PLC0415

    screen = Screen(as_json=as_json)
    if device == "card" and not can and not yes and sys.stdin.isatty():
        can = input("CAN của thẻ thử (6 số, bỏ trống nếu không đọc) · CAN of the test card (empty: not read): ").strip()
    return command.full_test(screen, device, (config, socket), Wishes(can, out), command.ask(screen, yes=yes))


@told
def top(
    socket: SocketPath = DEFAULT_SOCKET,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="One look, for scripts.")] = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Kiosk đang làm gì · The kiosk at work, live, until Ctrl-C: devices, stages, queue, uplink, workers."""
    from agent.commands import top as command  # noqa: PLC0415

    return command.top(Screen(as_json=as_json), socket, every, Event(), once=once)


@usb_app.command("show")
@told
def usb_show(
    file: Annotated[Path, typer.Option("--list", help="The list.")] = LIST, as_json: AsJson = False
) -> ExitCode:
    """Đang cắm gì · What is plugged in, and whether it is on the list."""
    from agent.commands import usb  # noqa: PLC0415

    return usb.show(Screen(as_json=as_json), file)


@usb_app.command("allow")
@told
def usb_allow(
    file: Annotated[Path, typer.Option("--list", help="The list to write.")] = LIST,
    rules: Annotated[Path, typer.Option(help="The udev rules to write.")] = RULES,
    keyboard: Annotated[list[str] | None, typer.Option(help="Port of a keyboard that may stay; repeat.")] = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Cho phép những gì đang cắm · Let in what is plugged in now, and nothing else."""
    from agent.commands import usb  # noqa: PLC0415

    return usb.allow(Screen(as_json=as_json), file, rules, keyboard or ())

"""What all commands of `kiosk` share: their common options, and how an error becomes words and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from agent.commands.exit_codes import ExitCode, exit_code
from agent.commands.screen import Screen
from agent.words import KioskError

P = ParamSpec("P")

# `readable=False`: what may not be read is told by the command, in both languages and with the remedy.
ConfigPath = Annotated[
    Path, typer.Option("--config", envvar="KIOSK_CONFIG", readable=False, help="Configuration file.")
]
SocketPath = Annotated[
    Path, typer.Option("--socket", envvar="KIOSK_SOCKET", readable=False, help="The daemon's Unix socket.")
]
ModelsFolder = Annotated[Path, typer.Option("--folder", envvar="KIOSK_MODELS", help="Where the model files are.")]
TokenText = Annotated[str, typer.Option("--token", help="The technician's one-time token.")]
ReasonText = Annotated[str, typer.Option("--reason", help="Why; the collector keeps it.")]
RecordKeyPath = Annotated[
    Path, typer.Option("--record-key", readable=False, help="The kiosk's public record key (PEM).")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts, one value a line.")]


def told(command: Callable[P, ExitCode]) -> Callable[P, None]:
    """Turn a command's KioskError into words and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except KioskError as error:
            Screen(as_json=bool(kwargs.get("as_json"))).error(error)
            code = exit_code(error)
        raise typer.Exit(int(code))

    return run

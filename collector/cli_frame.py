"""What all commands of `collector` share: their common options, and how an error becomes words and an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from agent.words import KioskError
from collector.errors import NoSuchRecord

P = ParamSpec("P")

EXIT_FAILED, EXIT_NOT_FOUND = 1, 3

ConfigPath = Annotated[Path, typer.Option("--config", envvar="COLLECTOR_CONFIG", help="collector.toml or its folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
HERE = Path("/etc/kiosk-collector")

out, err = Console(highlight=False), Console(stderr=True, highlight=False)


def table_of(columns: Iterable[str]) -> Table:
    """Return a table whose cells are folded, not cut: a record id is of no use without its end."""
    return Table(*(Column(name, overflow="fold") for name in columns))


def told(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a KioskError into words and an exit code: 1 failed, 3 not found (2 is wrong usage)."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KioskError as error:
            if kwargs.get("as_json"):
                print_json({"error": _described(error)})
            else:
                print_error(error)
            raise typer.Exit(EXIT_NOT_FOUND if isinstance(error, NoSuchRecord) else EXIT_FAILED) from None

    return run


def print_json(value: object) -> None:
    """Print one JSON value."""
    # Not through rich: it breaks long strings at the width of the terminal.
    print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)


def _described(error: KioskError) -> dict[str, str]:
    told = {"code": error.code, "vi": error.words.vi, "en": error.words.en, "detail": error.detail}
    return told | {"remedy_vi": error.remedy.vi, "remedy_en": error.remedy.en}


def print_error(error: KioskError) -> None:
    """Print an error with its evidence and remedy, in both languages."""
    err.print(f"[bold red]✗ {escape(error.words.vi)}[/]  ({error.code})\n  [dim]{escape(error.words.en)}[/]")
    if error.detail:
        err.print(f"  {escape(error.detail)}")
    err.print(f"  → {escape(error.remedy.vi)}\n    [dim]{escape(error.remedy.en)}[/]")


def read_file(path: Path) -> bytes:
    """Read a file that was named on the command line; raise SetupFailed."""
    from collector.errors import SetupFailed  # noqa: PLC0415 # only `init` reads other files

    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupFailed(f"{path}: {error.strerror}") from error

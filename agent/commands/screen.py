"""How the commands print: tables and sentences for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from agent.words import KioskError, Words

DEVELOPMENT = Words(
    "CHẾ ĐỘ THỬ NGHIỆM: hồ sơ được đánh dấu là thử",
    "DEVELOPMENT: mock devices allowed, every record is marked as a test",
)
VERDICT_STYLE = {"passed": "green", "failed": "bold red", "not assessed": "yellow"}


class Screen:
    """Standard output for answers, standard error for errors; `as_json` prints one JSON value a line instead."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._err = Console(stderr=True, highlight=False)
        # With `as_json` standard output belongs to the script; people still see questions.
        self._people = self._err if as_json else Console(highlight=False)

    def json(self, value: object) -> None:
        """Print one JSON value on a line of its own."""
        print(json.dumps(value, ensure_ascii=False, default=str), flush=True)

    def say(self, words: Words, style: str = "") -> None:
        """Print a sentence, Vietnamese first, English dimmed below."""
        self.line(words.vi, words.en, style)

    def line(self, vi: str, en: str, style: str = "") -> None:
        """Print both languages of one sentence."""
        self._people.print(escape(vi), style=style or None)
        if en and en != vi:
            self._people.print(f"  {escape(en)}", style="dim")

    def banner(self, words: Words) -> None:
        """Print a warning nobody can overlook."""
        self._err.print(f" {words.vi} · {words.en} ", style="bold white on red")

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table; a cell that is a verdict gets its colour."""
        # Folded, not cut: a record id or an error code is of no use without its end.
        whole = (Column(name, overflow="fold") for name in columns)
        table = Table(*whole, title=escape(title), title_justify="left")
        for row in rows:
            table.add_row(*(_coloured(cell) for cell in row))
        self._people.print(table)

    def error(self, error: KioskError) -> None:
        """Print an error with its cause, evidence and remedy, to standard error (or as JSON to standard output)."""
        if self.as_json:
            words, remedy = error.words, error.remedy
            told = {"code": error.code, "vi": words.vi, "en": words.en, "detail": error.detail}
            self.json({"error": told | {"remedy_vi": remedy.vi, "remedy_en": remedy.en}})
            return
        self._err.print(f"[bold red]✗ {escape(error.words.vi)}[/]  ({error.code})")
        self._err.print(f"  {escape(error.words.en)}", style="dim")
        if error.detail:
            self._err.print(f"  {escape(error.detail)}")
        self._err.print(f"  → {escape(error.remedy.vi)}")
        self._err.print(f"    {escape(error.remedy.en)}", style="dim")

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar on standard error while people watch; the yielded function sets how much is done."""
        # Few commands take so long; the others start faster without it.
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        hidden = self.as_json or not self._err.is_terminal
        with Progress(*columns, console=self._err, disable=hidden, transient=True) as bar:
            task = bar.add_task(escape(title), total=total)
            yield lambda done: bar.update(task, completed=done)

    def ask(self, vi: str, en: str, choices: Sequence[tuple[str, str]]) -> str:
        """Ask a person; return the chosen code. Raises EOFError when there is no one to answer."""
        self.line(vi, en, "bold")
        for place, (_, text) in enumerate(choices, 1):
            self._people.print(f"  {place}) {escape(text)}")
        while True:
            self._people.print("> ", end="")
            typed = input().strip()
            if typed in {str(place) for place in range(1, len(choices) + 1)}:
                return choices[int(typed) - 1][0]
            self._people.print(f"1–{len(choices)}")


def _coloured(cell: str) -> str:
    style = VERDICT_STYLE.get(cell)
    return f"[{style}]{cell}[/]" if style else escape(cell)

"""How `kiosk doctor` looks: progress while it runs, a table, and each fault with cause, evidence and remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Event
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from agent.diagnostics.finding import Finding, Verdict

MARKS = {
    Verdict.OK: "[green]✓ ok[/]",
    Verdict.SKIPPED: "[dim]– skipped[/]",
    Verdict.NOT_ASSESSED: "[yellow]? not assessed[/]",
    Verdict.WARN: "[bold yellow]! warn[/]",
    Verdict.ERROR: "[bold red]✗ error[/]",
}
SHOWN_WAITING = 4


class Progress:
    """A bar on standard error that names what is still waited for; nothing when that is no terminal."""

    def __init__(self, checks: Sequence[str], console: Console | None = None) -> None:
        self._waiting = list(checks)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
        self._console = console or Console(stderr=True)
        self._bar = RichProgress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", total=len(checks))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tell(self, finding: Finding) -> None:
        """Move on by one; a fault is printed at once."""
        self._waiting.remove(finding.check)
        if finding.verdict in (Verdict.WARN, Verdict.ERROR) and self._console.is_terminal:
            self._bar.console.print(f"{MARKS[finding.verdict]} {escape(finding.cause.vi)} ({finding.code})")
        more = ", …" if len(self._waiting) > SHOWN_WAITING else ""
        self._bar.update(self._task, advance=1, description=", ".join(self._waiting[:SHOWN_WAITING]) + more)


def show(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print the table, then every fault in full."""
    console = console or Console(highlight=False)
    console.print(_table(findings))
    for finding in findings:
        if finding.verdict in (Verdict.WARN, Verdict.ERROR):
            _explain(console, finding)
    counts = Counter(finding.verdict for finding in findings)
    console.print(" · ".join(f"{verdict} {counts[verdict]}" for verdict in Verdict if counts[verdict]))


def _table(findings: Iterable[Finding]) -> Table:
    table = Table(title="kiosk doctor", title_justify="left")
    table.add_column("")
    table.add_column("Kiểm tra · Check", ratio=2, overflow="fold")
    table.add_column("Chi tiết · Evidence", ratio=3, overflow="fold")
    table.add_column("s", justify="right")
    family = ""
    for finding in findings:
        if finding.check.partition(".")[0] != family:
            family = finding.check.partition(".")[0]
            table.add_section()
        title = f"{finding.code}\n[dim]{finding.title.vi} · {finding.title.en}[/]"
        evidence = " ".join(filter(None, (finding.cause.vi, finding.evidence)))
        table.add_row(MARKS[finding.verdict], title, escape(evidence), f"{finding.took_s:.1f}")
    return table


def _explain(console: Console, finding: Finding) -> None:
    console.print(f"{MARKS[finding.verdict]} [bold]{escape(finding.cause.vi)}[/] ({finding.code})")
    console.print(f"  {escape(finding.cause.en)}", style="dim")
    if finding.evidence:
        console.print(f"  {escape(finding.evidence)}")
    console.print(f"  → {escape(finding.remedy.vi)}")
    console.print(f"    {escape(finding.remedy.en)}", style="dim")


def wait(seconds: float, cancelled: Event) -> bool:
    """Wait between two rounds; say whether to go on. Ctrl-C ends it."""
    try:
        return not cancelled.wait(seconds)
    except KeyboardInterrupt:
        return False

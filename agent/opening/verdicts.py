"""The verdicts of an opened record as a table for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from agent.proto.border import Check, Manifest, Stage, Verdict

COLUMNS = ("Bước · Stage", "Mục · Check", "Kết quả · Verdict", "Giá trị · Value", "Lý do · Reason")
AGAIN = "kiểm lại khi mở · verified again"
WORDS = {
    Verdict.PASSED: "đạt · passed",
    Verdict.FAILED: "KHÔNG ĐẠT · FAILED",
    Verdict.NOT_ASSESSED: "chưa đánh giá · not assessed",
}

Row = tuple[str, str, str, str, str]


def verdict_rows(manifest: Manifest, again: Sequence[Check] = ()) -> Iterator[Row]:
    """Yield one row per stage and per check, in the order of the visit; then those that were verified again."""
    for stage in manifest.stages:
        yield _stage(stage)
        for check in stage.checks:
            yield _check(check)
    operator = manifest.operator
    yield "operator", operator.name, WORDS[operator.verdict], operator.authenticated_by, operator.reason
    if again:
        yield AGAIN, "", WORDS[_together(again)], "", ""
        yield from map(_check, again)


def _together(checks: Sequence[Check]) -> Verdict:
    verdicts = {check.verdict for check in checks if check.gate}
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    return Verdict.PASSED if verdicts == {Verdict.PASSED} else Verdict.NOT_ASSESSED


def verdict_table(manifest: Manifest, again: Sequence[Check] = ()) -> str:
    """Return the table as plain text; a tab or line break in a cell cannot move the others."""
    rows = [tuple(_plain(cell) for cell in row) for row in (COLUMNS, *verdict_rows(manifest, again))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def _stage(stage: Stage) -> Row:
    return stage.name, "", WORDS[stage.verdict], f"{stage.took_ms} ms", stage.reason


def _check(check: Check) -> Row:
    marks = "".join(mark for mark, set_ in ((" (kiosk)", check.attested), (" (*)", not check.gate)) if set_)
    return "", check.name + marks, WORDS[check.verdict], _value(check), check.reason


def _value(check: Check) -> str:
    if check.native is None or not math.isfinite(check.native):
        return "" if check.native is None else str(check.native)
    return f"{check.native:.3g} {check.unit}".strip()


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)

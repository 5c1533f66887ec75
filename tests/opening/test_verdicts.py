"""The verdict table: every stage and check, and nothing that a record could do to it."""

from __future__ import annotations

from dataclasses import replace

from agent.opening import COLUMNS, verdict_rows, verdict_table
from agent.proto.border import Check, Stage, Verdict
from tests.collector.captured import PICTURES, manifest

STAGES = (
    Stage("chip", Verdict.FAILED, "sod", (Check("sod", Verdict.FAILED, "hash", attested=True),), {}, 7),
    Stage(
        "portrait",
        Verdict.NOT_ASSESSED,
        "not built",
        (Check("sharpness", Verdict.PASSED, native=12.3456, unit="lp/mm", gate=False),),
        {},
        8,
    ),
)


def test_every_stage_and_check_has_its_row() -> None:
    """What failed, what was not assessed and why; what only the kiosk attests is marked, and so is what is no gate."""
    rows = list(verdict_rows(replace(manifest(PICTURES, bytes(16)), stages=STAGES)))
    assert rows[0] == ("chip", "", "KHÔNG ĐẠT · FAILED", "7 ms", "sod")
    assert rows[1][1:] == ("sod (kiosk)", "KHÔNG ĐẠT · FAILED", "", "hash")
    assert rows[2][2] == "chưa đánh giá · not assessed"
    assert rows[3][1:4] == ("sharpness (*)", "đạt · passed", "12.3 lp/mm")
    assert rows[4][0] == "operator"


def test_a_cell_cannot_leave_its_row() -> None:
    """Line breaks, tabs and terminal codes from a record are shown as question marks."""
    stage = replace(STAGES[0], reason="a\nchip  passed\t\x1b[2J")
    text = verdict_table(replace(manifest(PICTURES, bytes(16)), stages=(stage,)))
    assert len(text.splitlines()) == 1 + 1 + 1 + 1
    assert "\x1b" not in text
    assert text.startswith(COLUMNS[0])


def test_values_that_are_no_numbers_are_shown() -> None:
    """Not hidden and not fatal."""
    check = Check("x", Verdict.PASSED, native=float("nan"))
    rows = list(verdict_rows(replace(manifest(PICTURES, bytes(16)), stages=(replace(STAGES[0], checks=(check,)),))))
    assert rows[1][3] == "nan"

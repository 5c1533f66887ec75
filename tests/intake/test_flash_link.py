"""The protocol between a visit and the screen that shows its flash."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.liveness.errors import FlashReportWrong
from agent.intake.flash_link import FlashLink

COLOURS = [(0, 255, 0), (0, 0, 255)]
HOLD_MS = 340


class Desk:
    """A link with a clock in the test's hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.orders: list[Mapping[str, object]] = []
        self.link = FlashLink(self.orders.append, lambda: self.now_s)

    def ordered(self) -> FlashLink:
        """Order a flash; two and a half seconds go by."""
        self.link.show(COLOURS, HOLD_MS)
        self.now_s += 2.5
        return self.link


def test_the_order_names_dark_colours_dark_and_the_pace() -> None:
    """Whoever shows it needs nothing else."""
    desk = Desk()
    desk.ordered()
    assert desk.orders == [
        {"flash": 1, "colours": [[0, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]], "hold_ms": HOLD_MS}
    ]


@given(st.floats(-1e12, 1e12))
def test_any_screen_s_clock_gives_the_same_times(offset_ms: float) -> None:
    """Only differences count: the screen's clock may stand anywhere."""
    desk = Desk()
    shown = [offset_ms + step for step in (0, 340, 680, 1020)]
    desk.ordered().report(1, shown, offset_ms + 1040)
    assert desk.link.shown_s() == pytest.approx((101.46, 101.8, 102.14, 102.48), abs=0.01)


def test_nothing_is_told_before_the_report() -> None:
    """The challenge waits."""
    desk = Desk()
    assert desk.ordered().shown_s() is None


def test_a_screen_counts_when_it_said_so() -> None:
    """Nobody is flashed at because somebody follows the visit in a terminal."""
    desk = Desk()
    assert not desk.link.flashes
    desk.link.announce()
    assert desk.link.flashes


Shown = list[float]
WRONG: list[tuple[str, int, Shown, float]] = [
    ("another flash", 2, [0, 340, 680, 1020], 1040),
    ("too few times", 1, [0, 340, 680], 1040),
    ("too many times", 1, [0, 340, 680, 1020, 1360], 1400),
    ("too fast", 1, [0, 100, 200, 300], 320),
    ("backward", 1, [0, 340, 300, 1020], 1040),
    ("sent before it was shown", 1, [0, 340, 680, 1020], 900),
    ("for ever", 1, [0, 340, 680, 90_000], 90_001),
    ("before the order", 1, [0, 340, 680, 1020], 5000),
    ("not a number", 1, [0, 340, 680, float("nan")], 1040),
    ("without end", 1, [0, 340, 680, float("inf")], float("inf")),
]


@pytest.mark.parametrize(("number", "shown", "sent"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_reports_that_cannot_be_are_refused(number: int, shown: Shown, sent: float) -> None:
    """A lying or broken page; the flash stays open for a right one."""
    desk = Desk()
    link = desk.ordered()
    with pytest.raises(FlashReportWrong):
        link.report(number, shown, sent)
    assert link.shown_s() is None


def test_a_second_report_is_refused() -> None:
    """The first one counts."""
    desk = Desk()
    report: Callable[[], None] = lambda: desk.link.report(1, [0, 340, 680, 1020], 1040)  # noqa: E731 # said twice
    desk.ordered()
    report()
    with pytest.raises(FlashReportWrong):
        report()

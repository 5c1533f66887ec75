"""The readiness report as PDF: the same rows as the page, in the machine's own font for Vietnamese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.diagnostics.check import Family
from agent.diagnostics.device_results import DeviceResult
from agent.diagnostics.finding import Finding, Verdict, worst
from agent.diagnostics.report import CONCLUSIONS, DEVICES, MARKS, READY, Subject, subject_rows
from agent.words import KioskError, Words

# fonts-dejavu-core: has every letter of Vietnamese, the marks and the bars of histograms.
FONTS = Path("/usr/share/fonts/truetype/dejavu")
COLOURS = {Verdict.OK: (0, 96, 0), Verdict.WARN: (138, 90, 0), Verdict.ERROR: (160, 0, 0)}
GREY, BLACK = (85, 85, 85), (17, 17, 17)
MARGIN_MM, LINE_MM, MARK_MM = 14.0, 4.4, 8.0


class NoPdf(KioskError):
    """The library or the font for PDF is not there; `detail` names it."""

    code = "doctor.no_pdf"
    words = Words("Thiếu thư viện hoặc phông chữ để ghi PDF.", "The library or the font for PDF is missing.")
    remedy = Words(
        "Cài `fonts-dejavu-core` và `pip install 'intake-kiosk-agent[report]'`, hoặc ghi HTML: --report x.html.",
        "Install `fonts-dejavu-core` and `pip install 'intake-kiosk-agent[report]'`, or write HTML: --report x.html.",
    )


def pdf(
    subject: Subject, findings: Sequence[Finding], families: Iterable[Family], tests: Sequence[DeviceResult] = ()
) -> bytes:
    """Return the whole document. Raises NoPdf."""
    paper = _Paper(subject)
    paper.conclude(worst(findings))
    for family in families:
        rows = [finding for finding in findings if finding.check.partition(".")[0] == family.name]
        if rows:
            paper.heading(family.title)
            for one in rows:
                paper.finding(one)
    for test in tests:
        at = f"{datetime.fromtimestamp(test.at_s, UTC).astimezone():%Y-%m-%d %H:%M %z}"
        paper.heading(Words(f"{DEVICES[test.device].vi}: {at}", DEVICES[test.device].en))
        for verdict, code, evidence in test.rows:
            paper.row(verdict, [(code, GREY), (evidence, BLACK)])
    return paper.bytes()


class _Paper:
    """A4, top to bottom."""

    def __init__(self, subject: Subject) -> None:
        self._pdf: Any = _empty()  # Any: the library is optional
        self._pdf.set_title(f"Báo cáo sẵn sàng – {subject.kiosk}")
        self._pdf.set_creation_date(datetime.fromtimestamp(subject.at_s, UTC))
        self._line("Báo cáo sẵn sàng của kiosk", BLACK, 15)
        self._line("Kiosk readiness report", GREY, 9)
        for name, value in subject_rows(subject):
            self._line(f"{name}: {value}", BLACK, 9)

    def conclude(self, verdict: Verdict) -> None:
        """Print whether the kiosk is ready."""
        vi, en = CONCLUSIONS.get(verdict, READY)
        self._pdf.ln(LINE_MM / 2)
        self._line(f"{vi} · {en}", COLOURS.get(verdict, BLACK), 12)

    def heading(self, words: Words) -> None:
        """Begin a part."""
        self._pdf.ln(LINE_MM / 2)
        self._line(f"{words.vi} · {words.en}", BLACK, 11)

    def finding(self, one: Finding) -> None:
        """Print one finding, Vietnamese first."""
        told = [(f"{one.title.vi} · {one.title.en} ({one.code})", BLACK)]
        for words, before in ((one.cause, ""), (one.remedy, "→ ")):
            if words.vi:
                told += [(before + words.vi, BLACK), (before + words.en, GREY)]
        self.row(one.verdict, [*told, (one.evidence, GREY)])

    def row(self, verdict: Verdict, lines: Iterable[tuple[str, tuple[int, int, int]]]) -> None:
        """Print a mark and what belongs to it, on one page if it fits."""
        with self._pdf.unbreakable() as block:
            block.set_font(size=9)
            block.set_text_color(*COLOURS.get(verdict, GREY))
            block.cell(MARK_MM, LINE_MM, MARKS[verdict][0])
            for text, colour in lines:
                if text:
                    block.set_x(MARGIN_MM + MARK_MM)
                    block.set_text_color(*colour)
                    block.multi_cell(0, LINE_MM, text, new_x="LMARGIN", new_y="NEXT")

    def bytes(self) -> bytes:
        """Return the document."""
        return bytes(self._pdf.output())

    def _line(self, text: str, colour: tuple[int, int, int], size: float) -> None:
        self._pdf.set_font(size=size)
        self._pdf.set_text_color(*colour)
        self._pdf.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT")


def _empty() -> Any:
    try:
        # Optional, and slow to import: only a report in PDF needs it.
        from fpdf import FPDF  # noqa: PLC0415
    except ImportError as error:
        raise NoPdf(str(error)) from error
    font = FONTS / "DejaVuSans.ttf"
    if not font.exists():
        raise NoPdf(str(font))
    document = FPDF(format="A4")
    document.set_margins(MARGIN_MM, MARGIN_MM)
    document.set_auto_page_break(True, MARGIN_MM)
    document.add_font("DejaVu", fname=font)
    document.set_font("DejaVu")
    document.add_page()
    return document

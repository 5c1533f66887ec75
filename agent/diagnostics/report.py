"""The readiness report: one printable page, Vietnamese first, without outside resources and without personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from agent.diagnostics.check import Family
from agent.diagnostics.device_results import DeviceResult
from agent.diagnostics.finding import Finding, Verdict, worst
from agent.words import Words

MARKS = {
    Verdict.OK: ("✓", "Đạt", "OK"),
    Verdict.SKIPPED: ("–", "Bỏ qua", "Skipped"),
    Verdict.NOT_ASSESSED: ("?", "Không đánh giá được", "Not assessed"),
    Verdict.WARN: ("!", "Cần chú ý", "Warning"),
    Verdict.ERROR: ("✗", "Lỗi", "Error"),
}
CONCLUSIONS = {
    Verdict.ERROR: ("CHƯA SẴN SÀNG", "NOT READY"),
    Verdict.WARN: ("SẴN SÀNG, CÓ ĐIỂM CẦN CHÚ Ý", "READY, WITH WARNINGS"),
}
READY = ("SẴN SÀNG", "READY")
DEVICES = {
    "card": Words("Kiểm tra đầy đủ đầu đọc thẻ", "Full test of the card reader"),
    "camera": Words("Kiểm tra đầy đủ máy ảnh", "Full test of the camera"),
    "pad": Words("Kiểm tra đầy đủ đầu đọc vân tay", "Full test of the fingerprint reader"),
}
# Nothing but this page: fonts of the machine, no script, no picture, no link.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
@page { size: A4; margin: 14mm }
body { font: 10pt/1.35 "Noto Sans", "DejaVu Sans", sans-serif; color: #111; max-width: 190mm; margin: 0 auto }
h1 { font-size: 15pt; margin: 0 } h2 { font-size: 11pt; margin: 5mm 0 1mm; break-after: avoid }
.en { color: #555; font-size: 90% } .verdict { font-size: 13pt; font-weight: bold; border: 2px solid; padding: 2mm 4mm }
.error { color: #a00 } .warn { color: #8a5a00 } .ok { color: #060 } .none { color: #555 }
table { border-collapse: collapse; width: 100% } td, th { border: 1px solid #bbb; padding: 1mm 2mm; vertical-align: top;
text-align: left; overflow-wrap: anywhere } tr { break-inside: avoid } td.mark { width: 8mm; text-align: center }
.sign td { height: 18mm; width: 33% }
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """Which machine the report is about; `at_s` is Unix time."""

    kiosk: str
    station: str
    machine_id: str
    version: str
    at_s: float


def page(
    subject: Subject, findings: Sequence[Finding], families: Iterable[Family], tests: Sequence[DeviceResult] = ()
) -> str:
    """Return the whole HTML page; `tests` are the last full tests of the devices."""
    return "\n".join(_page(subject, findings, families, tests)) + "\n"


def subject_rows(subject: Subject) -> tuple[tuple[str, str], ...]:
    """Return what stands at the head: names and values."""
    at = datetime.fromtimestamp(subject.at_s, UTC).astimezone()
    return (
        ("Kiosk", subject.kiosk),
        ("Điểm thu nhận · Station", subject.station),
        ("Mã máy · Machine", subject.machine_id),
        ("Phiên bản · Version", subject.version),
        ("Lúc · At", f"{at:%Y-%m-%d %H:%M:%S %z}"),
    )


def _page(
    subject: Subject, findings: Sequence[Finding], families: Iterable[Family], tests: Sequence[DeviceResult]
) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield f"<title>Báo cáo sẵn sàng – {escape(subject.kiosk)}</title><style>{STYLE}</style></head><body>"
    yield '<h1>Báo cáo sẵn sàng của kiosk</h1><p class="en">Kiosk readiness report</p>'
    yield from _head(subject)
    yield from _conclusion(findings)
    for family in families:
        rows = [finding for finding in findings if finding.check.partition(".")[0] == family.name]
        if rows:
            yield f'<h2>{escape(family.title.vi)} <span class="en">{escape(family.title.en)}</span></h2><table>'
            yield from (_row(finding) for finding in rows)
            yield "</table>"
    yield from _tests(tests)
    yield '<h2>Xác nhận <span class="en">Signed off</span></h2><table class="sign"><tr>'
    yield "<td>Kỹ thuật viên<br>Technician</td><td>Phụ trách điểm<br>Station lead</td>"
    yield "<td>Ngày<br>Date</td></tr></table>"
    yield "</body></html>"


def _head(subject: Subject) -> Iterator[str]:
    rows = subject_rows(subject)
    yield "<table>" + "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows) + "</table>"


def _conclusion(findings: Sequence[Finding]) -> Iterator[str]:
    verdict = worst(findings)
    vi, en = CONCLUSIONS.get(verdict, READY)
    yield f'<p class="verdict {_class(verdict)}">{vi} <span class="en">{en}</span></p>'
    counts = Counter(finding.verdict for finding in findings)
    told = (f"{MARKS[one][1]} · {MARKS[one][2]}: {counts[one]}" for one in reversed(Verdict) if counts[one])
    yield f"<p>{'; '.join(told)}</p>"


def _tests(tests: Sequence[DeviceResult]) -> Iterator[str]:
    by_device = {test.device: test for test in tests}
    for device, title in DEVICES.items():
        yield f'<h2>{title.vi} <span class="en">{title.en}</span></h2>'
        test = by_device.get(device)
        if test is None:
            yield f'<p>Chưa có; chạy <code>kiosk doctor device {device}</code> <span class="en">None yet</span></p>'
            continue
        at = datetime.fromtimestamp(test.at_s, UTC).astimezone()
        mark, vi, en = MARKS[test.verdict]
        yield f'<p class="{_class(test.verdict)}">{mark} {at:%Y-%m-%d %H:%M %z} {vi} <span class="en">{en}</span></p>'
        yield "<table>" + "".join(_test_row(*row) for row in test.rows) + "</table>"


def _test_row(verdict: Verdict, code: str, evidence: str) -> str:
    mark = f'<td class="mark {_class(verdict)}">{MARKS[verdict][0]}</td>'
    return f"<tr>{mark}<td>{escape(code)}</td><td>{escape(evidence)}</td></tr>"


def _row(finding: Finding) -> str:
    mark, vi, en = MARKS[finding.verdict]
    told = [f"<b>{escape(finding.title.vi)}</b> <span class='en'>{escape(finding.title.en)}</span>"]
    if finding.cause.vi:
        told.append(f"{escape(finding.cause.vi)} <span class='en'>{escape(finding.cause.en)}</span>")
    if finding.evidence:
        told.append(f"<span class='en'>{escape(finding.evidence)}</span>")
    if finding.remedy.vi:
        told.append(f"→ {escape(finding.remedy.vi)} <span class='en'>{escape(finding.remedy.en)}</span>")
    cell = f'<td class="mark {_class(finding.verdict)}" title="{vi} · {en}">{mark}</td>'
    return f"<tr>{cell}<td>{'<br>'.join(told)}</td><td class='en'>{escape(finding.code)}</td></tr>"


def _class(verdict: Verdict) -> str:
    return {Verdict.OK: "ok", Verdict.WARN: "warn", Verdict.ERROR: "error"}.get(verdict, "none")

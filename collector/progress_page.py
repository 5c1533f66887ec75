"""The progress page: one HTML document with its style and its chart inside, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape

from collector.hours import HOUR_NS
from collector.progress import HOURS_SHOWN, Line, Progress

RELOAD_S = 30
BAR, GAP, HEIGHT = 10, 2, 120
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1f24 }
h1 small, h2 small, th small { color: #57606a; font-weight: normal }
.figures { display: flex; gap: 3rem; flex-wrap: wrap } .figures b { display: block; font-size: 2rem }
table { border-collapse: collapse; width: 100% } td, th { padding: .3rem .6rem; text-align: right }
td:first-child, th:first-child { text-align: left } tr { border-bottom: 1px solid #d0d7de }
.late { color: #b42318; font-weight: bold } progress { width: 8rem } svg rect { fill: #1f6feb }
"""


def page(progress: Progress) -> str:
    """Return the page, Vietnamese first."""
    body = [
        "<h1>Tiến độ <small>Progress</small></h1>",
        _figures(progress.whole),
        "<h2>Theo giờ <small>Records by hour</small></h2>",
        _chart(progress),
        _table("Phường, xã", "Ward", progress.wards),
        _table("Điểm thu nhận", "Station", progress.stations),
        _silent(progress),
        f"<p><small>{_when(progress.at_ns)}</small></p>",
    ]
    head = f'<meta charset="utf-8"><meta http-equiv="refresh" content="{RELOAD_S}"><title>Tiến độ · Progress</title>'
    return (
        f'<!doctype html><html lang="vi"><head>{head}<style>{_STYLE}</style></head><body>{"".join(body)}</body></html>'
    )


def done_of(line: Line) -> str:
    """Return `done / roster`, or what was done when no roster is known."""
    return f"{line.done:,}" if line.roster is None else f"{line.done:,} / {line.roster:,}"


def forecast(line: Line) -> str:
    """Return when it will be finished at this rate, and whether that is late."""
    if line.finished_at is None:
        return "—"
    late = " · trễ hạn, late" if line.in_time is False else ""
    return f"{line.finished_at:%Y-%m-%d %H:%M}{late}"


def _figures(line: Line) -> str:
    cells = (
        ("Đã xong", "Done", done_of(line)),
        ("Mỗi giờ", "Per hour", f"{line.per_hour:,.1f}"),
        ("Cách ly", "Quarantined", f"{line.quarantined:,}"),
        ("Dự kiến xong", "Forecast", forecast(line)),
    )
    return f'<div class="figures">{"".join(_figure(*cell) for cell in cells)}</div>'


def _figure(vi: str, en: str, value: str) -> str:
    return f"<div>{vi} <small>{en}</small><b>{escape(value)}</b></div>"


def _chart(progress: Progress) -> str:
    last = progress.at_ns // HOUR_NS
    stored = dict(progress.hours)
    counts = [stored.get(hour, 0) for hour in range(last - HOURS_SHOWN + 1, last + 1)]
    most = max(*counts, 1)
    bars = "".join(_bar(place, count, most, last - HOURS_SHOWN + 1 + place) for place, count in enumerate(counts))
    width = HOURS_SHOWN * (BAR + GAP)
    label = f"{HOURS_SHOWN} giờ qua, nhiều nhất {most:,} mỗi giờ · last {HOURS_SHOWN} hours, at most {most:,} an hour"
    return (
        f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{label}">{bars}</svg><p><small>{label}</small></p>'
    )


def _bar(place: int, count: int, most: int, hour: int) -> str:
    height = HEIGHT * count / most
    box = f'x="{place * (BAR + GAP)}" y="{HEIGHT - height:.1f}" width="{BAR}" height="{height:.1f}"'
    return f"<rect {box}><title>{_when(hour * HOUR_NS)}: {count:,}</title></rect>"


def _table(vi: str, en: str, lines: Iterable[Line]) -> str:
    rows = "".join(_row(line) for line in lines)
    if not rows:
        return ""
    names = ((vi, en), ("Đã xong", "Done"), ("", ""), ("Mỗi giờ", "Per hour"), ("Cách ly", "Quarantined"))
    head = "".join(f"<th>{a} <small>{b}</small></th>" for a, b in (*names, ("Dự kiến xong", "Forecast")))
    return f"<h2>{vi} <small>{en}</small></h2><table><tr>{head}</tr>{rows}</table>"


def _row(line: Line) -> str:
    kind = ' class="late"' if line.in_time is False else ""
    bar = f'<progress value="{line.done}" max="{max(line.roster or 0, 1)}"></progress>'
    cells = (done_of(line), bar, f"{line.per_hour:,.1f}", f"{line.quarantined:,}")
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr><td>{escape(line.name)}</td>{inner}<td{kind}>{forecast(line)}</td></tr>"


def _silent(progress: Progress) -> str:
    if not progress.silent:
        return ""
    rows = "".join(
        f"<tr><td>{escape(kiosk)}</td><td>{'chưa có · none yet' if newest is None else _when(newest)}</td></tr>"
        for kiosk, newest in progress.silent
    )
    head = "<h2>Kiosk im lặng <small>Silent kiosks: no record within an hour</small></h2>"
    return f"{head}<table><tr><th>Kiosk</th><th>Hồ sơ cuối <small>Newest record</small></th></tr>{rows}</table>"


def _when(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 10**9).astimezone():%Y-%m-%d %H:%M}"

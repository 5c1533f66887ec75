"""`kiosk chip`: read a chip, judge a folder of its files, and show the commands of a reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from agent.capture.chip import CardAccessNumber, ChipPolicy, ChipResult, Pin, Puk, TrustAnchors, read_chip
from agent.capture.chip.folder import inspect, read_folder, write_folder
from agent.capture.chip.qr_picture import qr_text
from agent.capture.chip.sources import Source, collect_scan, from_mrz, from_number, from_qr, parse_scan
from agent.capture.chip.trace import TracedCard
from agent.capture.chip.transport import ReturningCard
from agent.capture.evidence import Evidence, Guidance, Guide, Verdict
from agent.capture.portrait.picture_file import read_picture
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.words import Words

OpenCard = Callable[[float, Event], AbstractContextManager[ReturningCard]]
COLUMNS = ("Kiểm tra · Check", "Kết quả · Verdict", "Lý do · Reason", "Ai kiểm lại được · Verifiable by")
PLACE = Words("Đặt thẻ lên đầu đọc.", "Place the card on the reader.")
_EXIT = {Verdict.PASSED: ExitCode.OK, Verdict.NOT_ASSESSED: ExitCode.FAILED, Verdict.FAILED: ExitCode.FAILED}


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds to wait for a card, and for its reading."""

    card_s: float = 60.0
    read_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Given:
    """The options that say what opens the chip; exactly one of them. `picture` shows the card's QR code."""

    can: str | None = field(repr=False, default=None)
    number: str | None = field(repr=False, default=None)
    mrz: str | None = field(repr=False, default=None)
    qr: str | None = field(repr=False, default=None)
    picture: Path | None = None
    scan: Callable[[], str] | None = None
    pin: Callable[[], str] | None = None
    puk: Callable[[], str] | None = None

    def source(self) -> Source:
        """Return the key and, when it is known, the number that the chip must have.

        Raises NotANumber, NotAnMrz, NotAPin, QrUnreadable, PictureUnreadable; ValueError unless there is exactly one.
        """
        found = [make for make in self._makers() if make is not None]
        if len(found) != 1:
            raise ValueError("exactly one of CAN, number, MRZ, QR text, QR picture, scan, PIN and PUK")
        return found[0]()

    def _makers(self) -> Iterator[Callable[[], Source] | None]:
        texts: tuple[tuple[str | None, Callable[[str], Source]], ...] = (
            (self.can, lambda text: Source("can", CardAccessNumber(text))),
            (self.number, from_number),
            (self.mrz, from_mrz),
            (self.qr, from_qr),
        )
        yield from (None if text is None else partial(make, text) for text, make in texts)
        yield None if self.picture is None else partial(_pictured, self.picture)
        asked: tuple[tuple[Callable[[], str] | None, Callable[[Callable[[], str]], Source]], ...] = (
            (self.scan, lambda ask: parse_scan(collect_scan(ask))),
            (self.pin, lambda ask: Source("pin", Pin(ask()))),
            (self.puk, lambda ask: Source("puk", Puk(ask()))),
        )
        yield from (None if ask is None else partial(make, ask) for ask, make in asked)


def _pictured(path: Path) -> Source:
    return from_qr(qr_text(read_picture(path).pixels))


def read(
    screen: Screen,
    open_card: OpenCard,
    source: Source,
    anchors: TrustAnchors,
    policy: ChipPolicy,
    *,
    out: Path | None = None,
    waits: Waits | None = None,
    cancelled: Event | None = None,
) -> ExitCode:
    """Read one chip and print its verdicts; with `out` write files and portrait there. Raises what read_chip raises."""
    with _Bars(screen) as progress:
        result = _read(screen, open_card, source, anchors, policy, progress, waits, cancelled, lambda card: card)
    return _report(screen, result, out)


def trace(
    screen: Screen,
    open_card: OpenCard,
    source: Source,
    policy: ChipPolicy,
    *,
    tell: Callable[[str], None] = print,
) -> ExitCode:
    """Read one chip and tell of every command, without keys and personal data. Raises what read_chip raises."""

    def traced(card: ReturningCard) -> ReturningCard:
        tell(f"= ATR {card.atr.hex().upper()}")
        return TracedCard(card, tell)

    anchors = TrustAnchors(())
    _read(screen, open_card, source, anchors, policy, lambda _: None, None, None, traced)
    return ExitCode.OK


def inspect_folder(screen: Screen, folder: Path, anchors: TrustAnchors, policy: ChipPolicy) -> ExitCode:
    """Judge a folder of a chip's files; raises ChipDataError or OSError."""
    result = inspect(read_folder(folder), anchors, policy, datetime.now(UTC))
    return _report(screen, result, None)


def _read(
    screen: Screen,
    open_card: OpenCard,
    source: Source,
    anchors: TrustAnchors,
    policy: ChipPolicy,
    guide: Guide,
    waits: Waits | None,
    cancelled: Event | None,
    wrapped: Callable[[ReturningCard], ReturningCard],
) -> ChipResult:
    waits, cancelled = waits or Waits(), cancelled or Event()
    screen.say(PLACE)
    with open_card(time.monotonic() + waits.card_s, cancelled) as card:
        deadline = time.monotonic() + waits.read_s
        return read_chip(
            wrapped(card), source.key, source.number, anchors, policy, guide, deadline=deadline, cancelled=cancelled
        )


def _report(screen: Screen, result: ChipResult, out: Path | None) -> ExitCode:
    evidence = result.evidence
    written = write_folder(evidence, out) if out is not None else []
    if screen.as_json:
        checks = [
            {"name": c.name, "verdict": c.verdict.value, "reason": c.reason, "gate": c.gate, "attested": c.attested}
            for c in evidence.checks
        ]
        files = [str(path) for path in written]
        told = {"verdict": evidence.verdict.value, "checks": checks, "facts": dict(evidence.facts), "files": files}
        optional = dict(result.optional.rows())
        screen.json(told | {"holder": _holder(result), "optional": optional})
        return _EXIT[evidence.verdict]
    screen.table("Chip", COLUMNS, [_row(result, number) for number in range(len(evidence.checks))])
    rows = [*_holder(result).items(), *result.optional.rows(), *_groups(evidence)]
    screen.table("Chủ thẻ · Holder", ("Mục · Item", "Giá trị · Value"), rows)
    for path in written:
        screen.line(f"✓ {path}", "")
    return _EXIT[evidence.verdict]


def _holder(result: ChipResult) -> dict[str, str]:
    holder = result.holder
    born = holder.birth_date.isoformat()
    return {"number": holder.number, "full_name": holder.full_name, "birth_date": born, "sex": holder.sex}


def _groups(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Tell which groups were read, which nobody wanted, and that DG3 and DG4 need terminal authentication."""
    yield "data_groups_read", evidence.facts["data_groups_read"]
    left = evidence.facts["data_groups_left"].split()
    closed = [number for number in left if number in ("3", "4")]
    if closed:
        yield (
            "DG" + ", DG".join(closed),
            "chip không mở cho kiosk (cần EAC), không hỏi · closed to a kiosk, never asked for",
        )
    unwanted = [number for number in left if number not in closed]
    if unwanted:
        yield "DG" + ", DG".join(unwanted), "không cần, không đọc · not wanted, not read"


def _row(result: ChipResult, number: int) -> tuple[str, ...]:
    check = result.evidence.checks[number]
    by = "kiosk" if check.attested else "trung tâm · collector"
    return check.name, check.verdict.value, check.reason, by


class _Bars:
    """Progress bars on standard error; none where a script reads."""

    def __init__(self, screen: Screen) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        self._bars = Progress(*columns, console=Console(stderr=True), disable=screen.as_json)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Guide:
        self._bars.start()
        return self._tell

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def _tell(self, guidance: Guidance) -> None:
        label = f"{guidance.words.vi} {guidance.words.en}"
        if label not in self._tasks:
            self._tasks[label] = self._bars.add_task(label, total=guidance.total)
        self._bars.update(self._tasks[label], completed=guidance.done or 0, total=guidance.total)

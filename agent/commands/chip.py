"""`kiosk chip`: read a chip, judge a folder of its files, and show the commands of a reading."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from agent.capture.chip import ChipPolicy, ChipResult, TrustAnchors, read_chip
from agent.capture.chip.folder import inspect, read_folder, write_folder
from agent.capture.chip.identity import CardAccessNumber, MrzInformation, Pin, Puk
from agent.capture.chip.passwords import AccessKey
from agent.capture.chip.trace import TracedCard
from agent.capture.chip.transport import ReturningCard
from agent.capture.evidence import Guidance, Guide, Verdict
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


def key_of(can: str | None, number: str | None, mrz: str | None, pin: str | None, puk: str | None) -> AccessKey:
    """Return what opens the chip, from the one option given.

    Raises NotANumber, NotAnMrz, NotAPin; ValueError unless there is exactly one.
    """
    makers: list[tuple[str | None, Callable[[str], AccessKey]]] = [
        (can, CardAccessNumber),
        (number, CardAccessNumber.from_number),
        (mrz, MrzInformation.from_lines),
        (pin, Pin),
        (puk, Puk),
    ]
    keys = [make(text) for text, make in makers if text is not None]
    if len(keys) != 1:
        raise ValueError("exactly one of CAN, number, MRZ, PIN and PUK")
    return keys[0]


def read(
    screen: Screen,
    open_card: OpenCard,
    key: AccessKey,
    anchors: TrustAnchors,
    policy: ChipPolicy,
    *,
    out: Path | None = None,
    waits: Waits | None = None,
    cancelled: Event | None = None,
) -> ExitCode:
    """Read one chip and print its verdicts; with `out` write files and portrait there. Raises what read_chip raises."""
    with _Bars(screen) as progress:
        result = _read(screen, open_card, key, anchors, policy, progress, waits, cancelled, lambda card: card)
    return _report(screen, result, out)


def trace(
    screen: Screen,
    open_card: OpenCard,
    key: AccessKey,
    policy: ChipPolicy,
    *,
    waits: Waits | None = None,
    cancelled: Event | None = None,
    tell: Callable[[str], None] = print,
) -> ExitCode:
    """Read one chip and tell of every command, without keys and personal data. Raises what read_chip raises."""

    def traced(card: ReturningCard) -> ReturningCard:
        tell(f"= ATR {card.atr.hex().upper()}")
        return TracedCard(card, tell)

    anchors = TrustAnchors(())
    _read(screen, open_card, key, anchors, policy, lambda _: None, waits, cancelled, traced)
    return ExitCode.OK


def inspect_folder(screen: Screen, folder: Path, anchors: TrustAnchors, policy: ChipPolicy) -> ExitCode:
    """Judge a folder of a chip's files; raises ChipDataError or OSError."""
    result = inspect(read_folder(folder), anchors, policy, datetime.now(UTC))
    return _report(screen, result, None)


def _read(
    screen: Screen,
    open_card: OpenCard,
    key: AccessKey,
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
        return read_chip(wrapped(card), key, None, anchors, policy, guide, deadline=deadline, cancelled=cancelled)


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
        screen.json(told | {"holder": _holder(result)})
        return _EXIT[evidence.verdict]
    screen.table("Chip", COLUMNS, [_row(result, number) for number in range(len(evidence.checks))])
    screen.table("Chủ thẻ · Holder", ("Mục · Item", "Giá trị · Value"), list(_holder(result).items()))
    for path in written:
        screen.line(f"✓ {path}", "")
    return _EXIT[evidence.verdict]


def _holder(result: ChipResult) -> dict[str, str]:
    holder = result.holder
    born = holder.birth_date.isoformat()
    return {"number": holder.number, "full_name": holder.full_name, "birth_date": born, "sex": holder.sex}


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

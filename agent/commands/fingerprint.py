"""`kiosk fingerprint check`: how good a print is, from files or the pad. Only --out leaves anything behind."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import cv2

from agent.capture.evidence import Guidance
from agent.capture.fingerprint import FingerprintPolicy, Judge, Judgement
from agent.capture.fingerprint.formats import read_file
from agent.capture.fingerprint.guidance import Coach
from agent.capture.fingerprint.quality import SCORE_NAME, score_model
from agent.capture.fingerprint.touch import Touching
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.devices.seams import FingerprintPad, Pixels
from agent.words import KioskError, Words

# No print that is read here needs more.
MAX_FILE_BYTES = 64 * 2**20
ASSUMED_PPI = 500.0
PLACE = Guidance("fingerprint.place", Words("Đặt ngón tay lên đầu đọc.", "Place the finger on the reader."))
COLUMNS = ("Ảnh · Picture", "Cỡ · Size", "Điểm · Score", "NFIQ 2", "Kết quả · Verdict", "Lý do · Reason")


class FileUnreadable(KioskError):
    """A file cannot be read; `detail` has the system's word."""

    code = "fingerprint.file_unreadable"
    words = Words("Không đọc được tệp.", "The file cannot be read.")
    remedy = Words("Kiểm tra đường dẫn và quyền đọc.", "Check the path and the right to read it.")


class PictureNotWritten(KioskError):
    """An annotated picture cannot be written; `detail` has the system's word."""

    code = "fingerprint.picture_not_written"
    words = Words("Không ghi được ảnh chú thích.", "The annotated picture cannot be written.")
    remedy = Words("Kiểm tra thư mục --out và dung lượng đĩa.", "Check the folder of --out and the disk's space.")


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to be checked: `name` says where it is from, `ppi` is across and down."""

    name: str
    kind: str
    ppi: tuple[float, float]
    pixels: Pixels = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one source: the judgement, or the error that prevented it."""

    name: str
    source: Source | None = None
    judgement: Judgement | None = None
    error: KioskError | None = None


def check(screen: Screen, sources: Iterator[Source | Result], judge: Judge, least: int, out: Path | None) -> ExitCode:
    """Judge every picture and print all of them; FAILED unless each is read and passes its gates and `least`."""
    results = [_judged(one, judge, least) if isinstance(one, Source) else one for one in sources]
    if out is not None:
        _write(results, out)
    if screen.as_json:
        for one in results:
            screen.json(_told(one))
    else:
        _show(screen, results)
    passed = all(one.judgement is not None and not one.judgement.failed for one in results)
    return ExitCode.OK if results and passed else ExitCode.FAILED


def from_files(paths: Sequence[Path], ppi: float = ASSUMED_PPI) -> Iterator[Source | Result]:
    """Yield every picture of the files, or what is wrong with the file; `ppi` where a file states none."""
    for path in paths:
        try:
            pictures = read_file(_content(path))
        except KioskError as error:
            yield Result(str(path), error=error)
            continue
        for number, one in enumerate(pictures, 1):
            name = str(path) if len(pictures) == 1 else f"{path} #{number}"
            yield Source(name, one.kind, one.ppi or (ppi, ppi), one.pixels)


def from_pad(screen: Screen, pad: FingerprintPad, policy: FingerprintPolicy, cancelled: Event) -> Iterator[Source]:
    """Yield the picture of one touch, after guiding the person; raises DeviceError."""
    coach = Coach(lambda guidance: screen.say(guidance.words))
    deadline = time.monotonic() + policy.finger_wait_s
    image = Touching(pad, policy, coach, deadline, cancelled).next(PLACE).image
    yield Source("pad", "pad", (image.x_ppi, image.y_ppi), image.pixels)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FileUnreadable(f"{path}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise FileUnreadable(f"{path}: more than {MAX_FILE_BYTES} bytes")
    return data


def _judged(source: Source, judge: Judge, least: int) -> Result:
    try:
        return Result(source.name, source, judge.judge(source.pixels, *source.ppi, least, Event()))
    except KioskError as error:
        return Result(source.name, source, error=error)


def _write(results: Sequence[Result], out: Path) -> None:
    """Write what was judged, numbered as it came, since names may repeat."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(results, 1):
            if one.judgement is not None:
                picture = cv2.imencode(".png", one.judgement.annotated())[1].tobytes()
                stem = Path(one.name.replace(" #", "-")).stem
                (out / f"{number:02d}-{stem}.png").write_bytes(picture)
    except OSError as error:
        raise PictureNotWritten(f"{out}: {error.strerror}") from error


def _told(one: Result) -> dict[str, object]:
    told: dict[str, object] = {"name": one.name}
    if one.source is not None:
        height, width = one.source.pixels.shape[:2]
        told |= {"kind": one.source.kind, "width": width, "height": height, "ppi": one.source.ppi}
    if one.error is not None:
        words = one.error.words
        return told | {"error": {"code": one.error.code, "vi": words.vi, "en": words.en, "detail": one.error.detail}}
    if one.judgement is not None:
        told |= {"score_model": score_model().version, "refused": bool(one.judgement.failed)} | one.judgement.told()
    return told


def _show(screen: Screen, results: Sequence[Result]) -> None:
    screen.table("Chất lượng vân tay · Fingerprint quality", COLUMNS, [_row(one) for one in results])
    judged = [one.judgement for one in results if one.judgement is not None]
    if len(results) == len(judged) == 1:
        _show_values(screen, judged[0])
    for one in results:
        if one.error is not None:
            screen.line(one.name, "")
            screen.error(one.error)


def _row(one: Result) -> tuple[str, ...]:
    if one.judgement is None or one.source is None:
        return Path(one.name).name, "", "", "", "failed", one.error.code if one.error else ""
    height, width = one.source.pixels.shape
    score, nfiq2 = one.judgement.assessment.score, one.judgement.check("unified_quality_score")
    cells = ("—" if score is None else str(score), "—" if nfiq2.scalar is None else str(nfiq2.scalar))
    reasons = "; ".join(check.reason for check in one.judgement.failed)
    return Path(one.name).name, f"{width}x{height}", *cells, "failed" if reasons else "passed", reasons


def _show_values(screen: Screen, judgement: Judgement) -> None:
    """Print every check and the native measures; the bins are in --json."""
    checks = [
        (one.name, "" if one.native is None else f"{one.native:.6g}", one.unit, str(one.verdict), one.reason)
        for one in judgement.checks
        if one.name != SCORE_NAME or one.reason
    ]
    screen.table("Kiểm tra · Checks", ("Tên · Name", "Trị số · Value", "Đơn vị · Unit", "Kết quả", "Lý do"), checks)
    measures = judgement.assessment.measures.items()
    rows = [(name, f"{value:.6g}") for name, value in measures if "_Bin10_" not in name or name[-1].isalpha()]
    if rows:
        screen.table("Số đo gốc · Native measures (NFIQ 2)", ("Tên · Name", "Trị số · Value"), rows)

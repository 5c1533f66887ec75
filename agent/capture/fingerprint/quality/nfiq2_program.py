"""NIST's own `nfiq2` program, where it is installed: its score, its version, nothing of ours in between.

The program comes from NIST (NFIQ 2.1 or later: the option -a) and is no part of the kiosk. It is handed the print as a
PNG in memory, never on disk.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import struct
import subprocess
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import MappingProxyType

import cv2

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint.quality.errors import Nfiq2Failed
from agent.capture.fingerprint.quality.picture import check_pixels
from agent.devices.errors import Cancelled
from agent.devices.seams import Pixels

PROGRAM = "nfiq2"
CHECK_NAME = "unified_quality_score"
NOT_INSTALLED = "nfiq2 is not installed"
_VERSION = re.compile(r"^NFIQ 2: (\S+)", re.MULTILINE)
# Columns before the measures.
_DESCRIPTION = frozenset({"Filename", "FingerCode", "QualityScore", "OptionalError", "Quantized", "Resampled"})
_PIXELS_PER_METRE_AT_500_PPI = 19685
_PNG_HEADER_BYTES = 33
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Nfiq2Score:
    """The unified quality score, 0..100, the program's version, and all measures by NIST's names."""

    score: int
    version: str
    measures: Mapping[str, float] = field(repr=False)


def find_nfiq2() -> Path | None:
    """Return where the program is, or None when it is not installed."""
    found = shutil.which(PROGRAM)
    return Path(found) if found else None


def nfiq2_check(program: Path | None, image: Pixels, deadline: float, cancelled: Event) -> Check:
    """Return the program's score as a check that decides nothing by itself.

    Not assessed, with the reason, when `program` is None or gives no score before `deadline` (time.monotonic()).
    Raises Cancelled, WrongPixels, PrintTooSmall or PrintTooLarge.
    """
    if program is None:
        return Check(CHECK_NAME, Verdict.NOT_ASSESSED, NOT_INSTALLED, gate=False)
    try:
        found = nfiq2_score(program, image, deadline, cancelled)
    except Nfiq2Failed as error:
        return Check(CHECK_NAME, Verdict.NOT_ASSESSED, str(error), gate=False)
    return Check(CHECK_NAME, Verdict.PASSED, scalar=found.score, unit=f"NFIQ {found.version}", gate=False)


def nfiq2_score(program: Path, image: Pixels, deadline: float, cancelled: Event) -> Nfiq2Score:
    """Run the program on one print (height x width, 8-bit grey, 500 x 500 ppi).

    Raises Nfiq2Failed, Cancelled, WrongPixels, PrintTooSmall or PrintTooLarge.
    """
    check_pixels(image)
    version = nfiq2_version(program, deadline, cancelled)
    with _in_memory(_png(image)) as (handle, path):
        # -F: never ask back; -a and -v: all values.
        told = _run([str(program), "-F", "-a", "-v", "-i", path], (handle,), deadline, cancelled)
    score, measures = _parse(told)
    return Nfiq2Score(score, version, measures)


def nfiq2_version(program: Path, deadline: float, cancelled: Event) -> str:
    """Return the version that the program states when it is called without arguments."""
    found = _VERSION.search(_run([str(program)], (), deadline, cancelled))
    if found is None:
        raise Nfiq2Failed("it states no version")
    return found.group(1)


def _run(command: list[str], handles: tuple[int, ...], deadline: float, cancelled: Event) -> str:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=handles,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise Nfiq2Failed(f"it does not start: {error.strerror}") from error
    with process:
        try:
            told = _output(process, deadline, cancelled)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise Nfiq2Failed(f"it ended with status {process.returncode}")
    return told


def _output(process: subprocess.Popen[str], deadline: float, cancelled: Event) -> str:
    while True:
        try:
            return process.communicate(timeout=_POLL_S)[0]
        except subprocess.TimeoutExpired:
            if cancelled.is_set():
                raise Cancelled from None
            if time.monotonic() >= deadline:
                raise Nfiq2Failed("no answer before the deadline") from None


def _parse(told: str) -> tuple[int, Mapping[str, float]]:
    """Read the header and the one row that the program prints; believe nothing that is out of range."""
    rows = list(csv.DictReader(io.StringIO(told)))
    if len(rows) != 1 or not {"QualityScore", "Quantized", "Resampled"} <= rows[0].keys():
        raise Nfiq2Failed(f"{len(rows)} rows of answer, one with a QualityScore is expected")
    row = rows[0]
    if row["QualityScore"] == "NA":
        raise Nfiq2Failed(row.get("OptionalError") or "no reason given")
    if (row["Quantized"], row["Resampled"]) != ("0", "0"):
        raise Nfiq2Failed("it changed the picture before measuring it")
    try:
        score = int(row["QualityScore"])
        measures = {name: float(value) for name, value in row.items() if name not in _DESCRIPTION}
    except (TypeError, ValueError) as error:
        raise Nfiq2Failed("a value is no number") from error
    if not 0 <= score <= 100:
        raise Nfiq2Failed(f"its score is {score}, 0 to 100 is possible")
    return score, MappingProxyType(measures)


@contextmanager
def _in_memory(data: bytes) -> Iterator[tuple[int, str]]:
    """Give `data` as a file that is on no disk: its handle, and the path by which a child that has it opens it."""
    handle = os.memfd_create("print", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(data)
        yield handle, f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _png(image: Pixels) -> bytes:
    """Return the print as a PNG that states 500 ppi (its pHYs chunk, right after the header)."""
    _, encoded = cv2.imencode(".png", image)
    data = encoded.tobytes()
    content = b"pHYs" + struct.pack(">IIB", _PIXELS_PER_METRE_AT_500_PPI, _PIXELS_PER_METRE_AT_500_PPI, 1)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return data[:_PNG_HEADER_BYTES] + chunk + data[_PNG_HEADER_BYTES:]

"""Fingerprints on one thread: a frame descrambled, native measures, the assessment, a preview, two fingers, a record.

The measures are held against NIST's own times per image, which are on another machine and other pictures: the median,
over the 199 scored prints of NIST's conformance table for NFIQ 2.3, of the sum of the times that the table states for
the same measures (without minutiae). Without the table only our budgets are the floor.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from firmware_mocks.fingerprint_pad import frame as device
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.fingers import master, natural, press

from agent.capture.fingerprint import FingerprintPolicy
from agent.capture.fingerprint.advice import advise, change
from agent.capture.fingerprint.formats import pack_wsq
from agent.capture.fingerprint.matching import RidgeMap, likeness
from agent.capture.fingerprint.quality import assess, judge_preview, measure
from agent.devices.fingerprint_pad_frame import RawFrame, upright
from agent.devices.seams import FingerImage, Pixels
from bench.measure import Figure, median_ms

PUBLISHED = Path(__file__).resolve().parent.parent.parent / "shared" / "nfiq2"
TABLE, PRINT = PUBLISHED / "conformance_expected_output-v2.3.0.csv", PUBLISHED / "SFinGe_Test01.pgm"
WIDTH, HEIGHT = 416, 560
MEASURES_BUDGET_MS, PREVIEW_BUDGET_MS = 50.0, 25.0
COMPARISON_BUDGET_MS = 200.0
DESCRAMBLE_BUDGET_MS, IMPRESSION_BUDGET_MS, PACKING_BUDGET_MS = 10.0, 100.0, 50.0
KEY = 0x544409D6
RUNS, COMPARISONS = 40, 10


def figures(_folder: Path) -> Iterator[Figure]:
    """Yield the times for a print of 416 x 560, which is NIST's own where it is there, else a ridge pattern."""
    picture, size = _print(), f"{WIDTH}x{HEIGHT}"
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        measures_ms = median_ms(lambda: measure(picture), RUNS)
        yield Figure(f"fingerprint measures, {size}", measures_ms, "budget", MEASURES_BUDGET_MS, RUNS)
        if TABLE.exists():
            yield Figure(f"fingerprint measures, {size}", measures_ms, "NIST's published time", _published_ms(), RUNS)
        assess_ms = median_ms(lambda: assess(picture), RUNS)
        yield Figure(f"measures + score + gates, {size}", assess_ms, "budget", MEASURES_BUDGET_MS, RUNS)
        preview_ms = median_ms(lambda: judge_preview(picture), RUNS)
        yield Figure(f"fingerprint preview, {size}", preview_ms, "budget", PREVIEW_BUDGET_MS, RUNS)
        yield _advice_figure()
        yield _comparison_figure()
        yield _frame_figure()
        yield _impression_figure()
        yield _packing_figure()
    finally:
        cv2.setNumThreads(threads)


def _advice_figure() -> Figure:
    """Everything that is done for one preview frame of the reader: the judgement, movement, and the advice."""
    policy, frame = FingerprintPolicy(), FingerImage(press(master(1), natural(1)), 512, 512, 0.0)

    def look() -> None:
        seen = judge_preview(frame.pixels)
        advise(frame, seen, policy)
        change(frame, frame, seen.contrast or 0.0)

    return Figure("fingerprint advice on a frame, 384x290", median_ms(look, RUNS), "budget", PREVIEW_BUDGET_MS, RUNS)


def _comparison_figure() -> Figure:
    first, second = press(master(1), natural(1)), RidgeMap.of(press(master(2), natural(2)))
    compare_ms = median_ms(lambda: likeness(RidgeMap.of(first), second), COMPARISONS)
    return Figure("one finger compared with another", compare_ms, "budget", COMPARISON_BUDGET_MS, COMPARISONS)


def _frame_figure() -> Figure:
    """From the reader's bytes to the upright picture, all blocks scrambled as on a recorded 4500."""
    sent = device.frame(synthetic_finger(1), device.RECORDED, 0, lambda _: KEY)

    def show() -> None:
        upright(RawFrame.parse(sent).descrambled(lambda _: KEY).assembled(), rotated=True)

    return Figure("a reader's frame descrambled", median_ms(show, RUNS), "budget", DESCRAMBLE_BUDGET_MS, RUNS)


def _impression_figure() -> Figure:
    """Press a synthetic finger that is there already."""
    finger, touch = master(1), natural(1)
    took_ms = median_ms(lambda: press(finger, touch), COMPARISONS)
    return Figure("synthetic impression, 384x290", took_ms, "budget", IMPRESSION_BUDGET_MS, COMPARISONS)


def _packing_figure() -> Figure:
    """WSQ, unpacked again and compared, of one print; the record around it costs nothing beside that."""
    pixels = press(master(1), natural(1))
    took_ms = median_ms(lambda: pack_wsq(pixels), COMPARISONS)
    return Figure("WSQ of one finger, 384x290", took_ms, "budget", PACKING_BUDGET_MS, COMPARISONS)


def _published_ms() -> float:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["QualityScore"] != "NA"]
    return statistics.median(sum(_times(row)) for row in rows)


def _times(row: dict[str, str]) -> Iterator[float]:
    for name, value in row.items():
        if name.endswith("Speed") and not name.startswith("Minutiae"):
            yield float(value)


def _print() -> Pixels:
    if PRINT.exists():
        return np.asarray(cv2.imread(str(PRINT), cv2.IMREAD_GRAYSCALE), np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ridges = 128 + 90 * np.sin(2 * np.pi * np.hypot(x - WIDTH / 2, y - HEIGHT / 2) / 9)
    inside = ((x - WIDTH / 2) / (WIDTH / 2.2)) ** 2 + ((y - HEIGHT / 2) / (HEIGHT / 2.2)) ** 2 < 1
    return np.where(inside, ridges, 255).astype(np.uint8)

"""Judging kept pictures: thresholds, NIST's program, what counts as better."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint import FINGERS, FingerprintPolicy, Judge
from agent.capture.fingerprint.advice import Advice, advise
from agent.capture.fingerprint.attempt import Attempt, Shot
from agent.capture.fingerprint.judgement import MINUTIAE, threshold
from agent.capture.fingerprint.quality import Assessment, judge_preview
from agent.devices.errors import Cancelled, PadFault
from agent.devices.seams import FingerImage, Pixels

GOOD = synthetic_finger(1)
PARTIAL = np.where(np.arange(384) < 150, GOOD, np.uint8(250)).astype(np.uint8)
FAINT = (245 + GOOD // 32).astype(np.uint8)
ALONE = Check("kiosk_not_taken_before", Verdict.NOT_ASSESSED, "no finger before it to compare with", gate=False)
NO_NFIQ2 = Check("unified_quality_score", Verdict.NOT_ASSESSED, "nfiq2 is not installed", gate=False)


def judged(pixels: Pixels, judge: Judge | None = None, finger: str = "right_index") -> Attempt:
    """Judge one frame as the capture does."""
    judge = judge or Judge(FingerprintPolicy(), nfiq2=None)
    image, seen = FingerImage(pixels, 512, 512, 0.0), judge_preview(pixels)
    judgement = judge.judge(pixels, 512, 512, judge.policy.threshold(finger), Event())
    return Attempt(Shot(image, seen, advise(image, seen, judge.policy)), judgement, ALONE)


def nfiq2_that_says(score: int, folder: Path) -> Path:
    """Write a program that answers as NIST's."""
    path = folder / "nfiq2"
    row = f"print,,{score},,0,0,1.5"
    path.write_text(
        "#!/bin/sh\n"
        'if [ $# = 0 ]; then echo "NFIQ 2: 2.3.0"; exit; fi\n'
        'echo "Filename,FingerCode,QualityScore,OptionalError,Quantized,Resampled,Mu"\n'
        f'echo "{row}"\n',
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("finger", FINGERS)
def test_thresholds_by_kind_of_finger(finger: str) -> None:
    """TR-03121's values for plain enrolment, both hands alike."""
    expected = {"thumb": 30, "index": 30, "middle": 20, "ring": 10, "little": 10}
    assert FingerprintPolicy().threshold(finger) == expected[finger.split("_")[1]]


@pytest.mark.parametrize(("score", "verdict"), [(29, Verdict.FAILED), (30, Verdict.PASSED)])
def test_the_threshold_is_the_smallest_that_passes(score: int, verdict: Verdict) -> None:
    """The unit says that it was our score which decided."""
    found = threshold(Assessment((), {}, score), NO_NFIQ2, 30)
    assert (found.verdict, found.native, found.gate) == (verdict, score, True)
    assert found.unit.startswith("kiosk_fingerprint_score")


def test_without_a_score_the_threshold_is_not_assessed() -> None:
    """Nothing is invented."""
    assert threshold(Assessment(()), NO_NFIQ2, 0).verdict is Verdict.NOT_ASSESSED


@pytest.mark.parametrize(("score", "verdict"), [(12, Verdict.FAILED), (61, Verdict.PASSED)])
def test_nists_program_decides_where_it_is_installed(score: int, verdict: Verdict, tmp_path: Path) -> None:
    """Its version is in the unit; our score is still reported."""
    attempt = judged(GOOD, Judge(FingerprintPolicy(), nfiq2_that_says(score, tmp_path)))
    found = {check.name: check for check in attempt.checks}
    assert (found["quality_threshold"].verdict, found["quality_threshold"].native) == (verdict, score)
    assert found["quality_threshold"].unit == found["unified_quality_score"].unit == "NFIQ 2.3.0"
    assert found["kiosk_fingerprint_score"].scalar == attempt.judgement.assessment.score
    assert attempt.good is (verdict is Verdict.PASSED)


def test_minutiae_by_whoever_counts_them() -> None:
    """The counter sees the picture at 500 ppi; its number decides nothing."""
    sizes = []

    def count(pixels: Pixels, deadline: float, cancelled: Event) -> int:
        sizes.append(pixels.shape)
        return 31

    found = judged(GOOD, Judge(FingerprintPolicy(), None, count)).judgement.check(MINUTIAE)
    assert sizes == [(283, 375)]
    assert (found.verdict, found.native, found.gate) == (Verdict.PASSED, 31, False)


def test_minutiae_that_cannot_be_counted_are_not_assessed() -> None:
    """The reason is the counter's; a cancel is not swallowed."""

    def fail(pixels: Pixels, deadline: float, cancelled: Event) -> int:
        raise PadFault("it ended")

    def cancel(pixels: Pixels, deadline: float, cancelled: Event) -> int:
        raise Cancelled

    found = judged(GOOD, Judge(FingerprintPolicy(), None, fail)).judgement.check(MINUTIAE)
    assert found.verdict is Verdict.NOT_ASSESSED
    assert "it ended" in found.reason
    with pytest.raises(Cancelled):
        judged(GOOD, Judge(FingerprintPolicy(), None, cancel))


def test_gates_come_before_scores() -> None:
    """A faint print has the higher score and is still the worst; a good one beats both."""
    good, partial, faint = judged(GOOD), judged(PARTIAL), judged(FAINT)
    assert (faint.judgement.assessment.score or 0) > (partial.judgement.assessment.score or 0)
    assert good.rank > partial.rank > faint.rank


def test_what_failed_says_what_to_do() -> None:
    """From the preview first, else from the gate that failed."""
    assert judged(PARTIAL).advice is Advice.RIGHT
    partial = judged(PARTIAL)
    unadvised = replace(partial, shot=replace(partial.shot, advice=None))
    assert unadvised.advice is Advice.FLAT


def test_names_of_their_own() -> None:
    """Each check of an attempt is prefixed; those that decide nothing stay so."""
    attempt = judged(GOOD)
    gates = {check.name for check in attempt.named("left_thumb", gate=True) if check.gate}
    assert "left_thumb_quality_threshold" in gates
    assert "left_thumb_kiosk_fingerprint_score" not in gates
    assert not [check for check in attempt.named("x", gate=False) if check.gate]

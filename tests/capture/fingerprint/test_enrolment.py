"""The finger image record of a capture: read back by our reader (another's is in formats/test_record)."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from firmware_mocks.fingers import Impression, master, press

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint import FingerprintPolicy, Judge, Packing, Reason
from agent.capture.fingerprint.attempt import Attempt, Shot
from agent.capture.fingerprint.enrolment import enrol
from agent.capture.fingerprint.formats import (
    NFIQ2_ALGORITHM,
    NFIQ2_VENDOR,
    AnnotationReason,
    Compression,
    ImageFormat,
    Position,
    pixels_of,
    read_data_block,
    read_file,
    read_record,
)
from agent.capture.fingerprint.quality import judge_preview
from agent.capture.fingerprint.taken import Taken, evidence
from agent.devices.seams import FingerImage, Pixels
from tests.capture.fingerprint.test_attempt import nfiq2_that_says

FINGER, OTHER = press(master(1), Impression()), press(master(2), Impression())
DOUBLE = Check("double", Verdict.PASSED)


def attempt(pixels: Pixels, nfiq2: Path | None = None, ppi: tuple[float, float] = (512, 508)) -> Attempt:
    """Judge a picture of the reader's as a capture does."""
    judgement = Judge(FingerprintPolicy(), nfiq2).judge(pixels, *ppi, 30, Event())
    image = FingerImage(pixels, *ppi, time.monotonic())
    return Attempt(Shot(image, judge_preview(pixels), None), judgement, DOUBLE)


@pytest.mark.parametrize(
    ("packing", "compression", "closest"),
    [(Packing.WSQ, Compression.WSQ, 20.0), (Packing.JPEG2000, Compression.JPEG2000_LOSSLESS, 0.0)],
)
def test_every_finger_at_500_ppi(packing: Packing, compression: Compression, closest: float) -> None:
    """In order, under its position, packed as the policy says, from the judged picture; the reader's rate is told."""
    kept = {"right_index": attempt(FINGER), "left_thumb": attempt(OTHER)}
    made = enrol(kept, packing)
    found = read_record(made.record_bytes()).representations
    assert [one.position for one in found] == [Position.RIGHT_INDEX, Position.LEFT_THUMB]
    for one, source in zip(found, kept.values(), strict=True):
        assert one.compression is compression
        rates = one.sampling
        assert (rates.scan_x, rates.scan_y, rates.image_x, rates.image_y) == (512, 508, 500, 500)
        error = np.abs(pixels_of(one).astype(int) - source.judgement.pixels).mean()
        assert error <= closest
    assert set(made.packed) == set(kept)


def test_the_ratio_really_reached_is_told() -> None:
    """Raw bytes over packed bytes of this print, and how close it comes back."""
    made = enrol({"right_index": attempt(FINGER)}, Packing.WSQ)
    (one,) = read_record(made.record_bytes()).representations
    ratio = one.width * one.height / len(one.image)
    assert made.packed["right_index"].startswith(f"WSQ, {ratio:.1f}:1, ")
    assert made.packed["right_index"].endswith(" dB")


def test_a_print_that_wsq_cannot_pack_is_packed_lossless() -> None:
    """Narrower than the encoder's tables allow; nothing is lost."""
    narrow = attempt(np.ascontiguousarray(FINGER[:60]), ppi=(500, 500))
    made = enrol({"right_index": narrow}, Packing.WSQ)
    (one,) = read_record(made.record_bytes()).representations
    assert one.compression is Compression.JPEG2000_LOSSLESS
    assert np.array_equal(pixels_of(one), narrow.judgement.pixels)
    assert made.packed["right_index"].startswith("JPEG 2000 lossless")


def test_our_own_score_is_in_no_quality_block() -> None:
    """It has no registered id; NIST's would be a lie."""
    (one,) = read_record(enrol({"right_index": attempt(FINGER)}, Packing.WSQ).record_bytes()).representations
    assert one.qualities == ()


def test_nfiq_2_has_its_own_id(tmp_path: Path) -> None:
    """Only where its program gave the score."""
    scored = attempt(FINGER, nfiq2_that_says(63, tmp_path))
    (one,) = read_record(enrol({"right_index": scored}, Packing.WSQ).record_bytes()).representations
    assert [(q.score, q.vendor, q.algorithm) for q in one.qualities] == [(63, NFIQ2_VENDOR, NFIQ2_ALGORITHM)]


def test_the_record_is_checked_like_any_file() -> None:
    """`kiosk fingerprint check` reads it: one print, 500 x 500 ppi, with its finger."""
    (found,) = read_file(enrol({"left_ring": attempt(FINGER)}, Packing.WSQ).record_bytes())
    assert (found.ppi, found.position, found.kind) == ((500.0, 500.0), Position.LEFT_RING, "ISO/IEC 19794-4 WSQ")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.MISSING, AnnotationReason.AMPUTATED),
        (Reason.BANDAGED, AnnotationReason.BANDAGED),
        (Reason.WORN, AnnotationReason.UNABLE_TO_PRINT),
        (Reason.WORN_FOR_NOW, AnnotationReason.UNABLE_TO_PRINT),
    ],
)
def test_the_data_block_has_the_same_pictures_and_names_the_excepted_fingers(
    reason: Reason, expected: AnnotationReason
) -> None:
    """ISO/IEC 39794-4 has a place for a finger that could not be taken; 19794-4 has none."""
    made = enrol({"right_index": attempt(FINGER)}, Packing.WSQ)
    (one,) = read_data_block(made.data_block({"left_index": reason}))
    (other,) = read_record(made.record_bytes()).representations
    assert (one.position, one.format, one.image, one.ppi) == (Position.RIGHT_INDEX, ImageFormat.WSQ, other.image, 500)
    assert [(mark.position, mark.reason) for mark in one.annotations] == [(Position.LEFT_INDEX, expected)]


@pytest.mark.parametrize("wanted", [True, False])
def test_the_data_block_is_a_part_where_the_policy_asks(wanted: bool) -> None:
    """Beside the other record, never instead of it."""
    rules = FingerprintPolicy(data_block=wanted)
    parts = {part.name for part in evidence([Taken("right_index", (attempt(FINGER),))], rules).parts}
    assert "fingerprints/fir" in parts
    assert ("fingerprints/iso39794_4" in parts) is wanted

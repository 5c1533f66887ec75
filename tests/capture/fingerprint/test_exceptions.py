"""Fingers that cannot be taken."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from agent.capture.evidence import Check, Evidence, Verdict
from agent.capture.fingerprint import (
    FINGERS,
    FingerException,
    FingerExceptions,
    FingerprintPolicy,
    Judge,
    Reason,
    take_fingers,
)
from agent.capture.fingerprint.errors import NotAFinger
from agent.capture.fingerprint.taken import evidence as evidence_of
from tests.capture.fingerprint.test_capture import BLANK, GOOD, INDEX, OTHER, Person, ScriptedPad, pixels_of

JPEG = b"\xff\xd8\xff\xe0 a photo \xff\xd9"


def taken(pad: ScriptedPad, exceptions: FingerExceptions, policy: FingerprintPolicy | None = None) -> Evidence:
    """Take both index fingers."""
    rules = policy or FingerprintPolicy(finger_wait_s=60, frames_per_touch=3)
    judge = Judge(rules, nfiq2=None)
    return evidence_of(
        take_fingers(pad, INDEX, rules, Person(), cancelled=Event(), exceptions=exceptions, judge=judge), rules
    )


def check(evidence: Evidence, name: str) -> Check:
    """Return the one check of this name."""
    (found,) = [one for one in evidence.checks if one.name == name]
    return found


@pytest.mark.parametrize("reason", Reason)
def test_an_excepted_finger_is_not_asked_for_and_never_passes(reason: Reason) -> None:
    """It is recorded as not assessed, with the reason; the other finger is taken."""
    exceptions = FingerExceptions()
    exceptions.declare("right_index", FingerException(reason))
    evidence = taken(ScriptedPad([GOOD]), exceptions)
    found = check(evidence, "right_index_captured")
    assert (found.verdict, found.gate) == (Verdict.NOT_ASSESSED, True)
    assert found.reason == f"right index finger: {reason.words.en}"
    assert np.array_equal(pixels_of(evidence, "left_index"), GOOD)
    assert evidence.verdict is Verdict.NOT_ASSESSED


def test_without_any_finger_the_stage_is_not_assessed() -> None:
    """Two missing fingers are no success, and no error of the reader either."""
    exceptions = FingerExceptions()
    for finger in INDEX:
        exceptions.declare(finger, FingerException(Reason.MISSING))
    evidence = taken(ScriptedPad(), exceptions)
    assert evidence.verdict is Verdict.NOT_ASSESSED
    assert evidence.reason.count("missing permanently") == 2
    assert evidence.parts == ()


def test_declared_while_the_finger_is_waited_for() -> None:
    """The wait ends soon, not at the finger's deadline."""
    exceptions = FingerExceptions()

    class Operator(Person):
        def __call__(self, guidance: object) -> None:
            if getattr(guidance, "code", "") == "fingerprint.place.left_index":
                exceptions.declare("left_index", FingerException(Reason.BANDAGED))

    rules = FingerprintPolicy(finger_wait_s=600)
    judge = Judge(rules, nfiq2=None)
    pad = ScriptedPad([GOOD])
    evidence = evidence_of(
        take_fingers(pad, INDEX, rules, Operator(), cancelled=Event(), exceptions=exceptions, judge=judge), rules
    )
    assert check(evidence, "left_index_captured").reason == "left index finger: temporarily bandaged"
    assert evidence.verdict is Verdict.NOT_ASSESSED


def test_a_worn_finger_keeps_its_best_picture_which_decides_nothing() -> None:
    """After poor attempts the operator says why: values and picture stay, but no gate."""
    exceptions = FingerExceptions()

    class Operator(Person):
        def __call__(self, guidance: object) -> None:
            if getattr(guidance, "code", "") == "fingerprint.harder":
                exceptions.declare("right_index", FingerException(Reason.WORN))

    rules = FingerprintPolicy(frames_per_touch=3)
    judge = Judge(rules, nfiq2=None)
    pad = ScriptedPad([BLANK], [OTHER])
    evidence = evidence_of(
        take_fingers(pad, INDEX, rules, Operator(), cancelled=Event(), exceptions=exceptions, judge=judge), rules
    )
    assert check(evidence, "right_index_captured").verdict is Verdict.NOT_ASSESSED
    gates = [one.name for one in evidence.checks if one.gate and one.name.startswith("right_index")]
    assert gates == ["right_index_captured"]
    assert pixels_of(evidence, "right_index").shape == BLANK.shape
    assert np.array_equal(pixels_of(evidence, "left_index"), OTHER)


@pytest.mark.parametrize(
    ("photo", "verdict"), [(None, Verdict.FAILED), (JPEG, Verdict.PASSED)], ids=["without", "with"]
)
def test_a_photo_where_the_policy_asks_for_one(photo: bytes | None, verdict: Verdict) -> None:
    """Its absence is a failed gate; a photo is a part of the record."""
    exceptions = FingerExceptions()
    exceptions.declare("right_index", FingerException(Reason.MISSING, photo))
    policy = FingerprintPolicy(photo_of=frozenset({Reason.MISSING}))
    evidence = taken(ScriptedPad([GOOD]), exceptions, policy)
    assert check(evidence, "right_index_exception_photo").verdict is verdict
    photos = [(part.name, part.data) for part in evidence.parts if part.media_type == "image/jpeg"]
    assert photos == ([("fingerprints/right_index_exception", photo)] if photo else [])


def test_a_photo_is_kept_though_nobody_asked() -> None:
    """What was taken is not lost, and nothing is asked of it."""
    exceptions = FingerExceptions()
    exceptions.declare("right_index", FingerException(Reason.WORN, JPEG))
    evidence = taken(ScriptedPad([GOOD]), exceptions)
    assert "right_index_exception_photo" not in {one.name for one in evidence.checks}
    assert "fingerprints/right_index_exception" in {part.name for part in evidence.parts}


def test_the_newest_word_counts_and_may_be_withdrawn() -> None:
    """Declared, changed, taken back."""
    exceptions = FingerExceptions()
    exceptions.declare("left_thumb", FingerException(Reason.WORN))
    exceptions.declare("left_thumb", FingerException(Reason.MISSING))
    assert exceptions.of("left_thumb") == FingerException(Reason.MISSING)
    exceptions.withdraw("left_thumb")
    exceptions.withdraw("left_thumb")
    assert exceptions.of("left_thumb") is None


@pytest.mark.parametrize("name", ["", "nose", "right_index_", "RIGHT_INDEX"])
def test_only_fingers_can_be_excepted(name: str) -> None:
    """Another name is refused with the list of those that there are."""
    with pytest.raises(NotAFinger) as caught:
        FingerExceptions().declare(name, FingerException(Reason.WORN))
    assert all(finger in caught.value.detail for finger in FINGERS)


def test_photos_are_not_printed() -> None:
    """A photo of a hand is personal."""
    assert "photo" not in repr(FingerException(Reason.WORN, JPEG))

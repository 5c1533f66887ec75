"""The fingers of one person, compared with each other."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from agent.capture.evidence import Evidence, Verdict
from agent.capture.fingerprint import FingerprintPolicy, Judge, take_fingers
from agent.capture.fingerprint.doubles import DOUBLE, Doubles
from agent.capture.fingerprint.matching import SAME_FROM
from agent.capture.fingerprint.taken import evidence as evidence_of
from agent.devices.seams import Pixels
from tests.capture.fingerprint.matching.prints import touch
from tests.capture.fingerprint.test_capture import INDEX, Person, ScriptedPad, pixels_of, verdicts


def taken(*touches: Pixels, person: Person | None = None, refuse: bool = True) -> Evidence:
    """Take both index fingers, at most two attempts each."""
    rules = FingerprintPolicy(attempts=2, finger_wait_s=60, frames_per_touch=3, refuse_doubles=refuse)
    pad = ScriptedPad(*([one] for one in touches))
    judge = Judge(rules, nfiq2=None)
    return evidence_of(take_fingers(pad, INDEX, rules, person or Person(), cancelled=Event(), judge=judge), rules)


class TestComparing:
    """The three answers, and when there is none."""

    def test_another_finger(self) -> None:
        """It passes, with the value."""
        doubles = Doubles()
        doubles.add("right_index", touch(30, 1))
        found = doubles.compare(touch(31, 1), measured=True)
        assert (found.check.verdict, found.check.gate, found.same_as) == (Verdict.PASSED, True, "")

    def test_the_same_finger(self) -> None:
        """It fails and names the finger that it is like, out of several."""
        doubles = Doubles()
        for place, finger in (("right_thumb", 22), ("right_index", 30), ("right_middle", 23)):
            doubles.add(place, touch(finger, 1))
        found = doubles.compare(touch(30, 2), measured=True)
        assert (found.check.verdict, found.same_as) == (Verdict.FAILED, "right_index")
        assert found.check.reason == "the same finger as the right index finger"
        assert (found.check.native or 0) >= SAME_FROM

    def test_neither_clearly_the_same_nor_clearly_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the limits nothing is claimed, and the stage is not held up."""
        monkeypatch.setattr("agent.capture.fingerprint.doubles.SAME_FROM", 1.1)
        doubles = Doubles()
        doubles.add("left_ring", touch(30, 1))
        check = doubles.compare(touch(30, 2), measured=True).check
        assert (check.verdict, check.gate) == (Verdict.NOT_ASSESSED, False)
        assert "left ring finger" in check.reason

    def test_nothing_to_compare_with(self) -> None:
        """The first finger, and a poor print, are not assessed."""
        assert "no finger before" in Doubles().compare(touch(30, 1), measured=True).check.reason
        doubles = Doubles()
        doubles.add("left_ring", touch(30, 1))
        assert "too poor" in doubles.compare(touch(30, 1), measured=False).check.reason

    def test_reported_only(self) -> None:
        """A policy may take the gate away."""
        doubles = Doubles(gate=False)
        doubles.add("left_ring", touch(30, 1))
        check = doubles.compare(touch(30, 2), measured=True).check
        assert (check.verdict, check.gate) == (Verdict.FAILED, False)


class TestTaking:
    """The same finger again instead of the next one."""

    def test_the_person_is_told_and_gives_the_other_finger(self) -> None:
        """The attempt fails, the right finger is kept."""
        person = Person()
        evidence = taken(touch(30, 1), touch(30, 2), touch(31, 1), person=person)
        assert "fingerprint.same_finger" in person.codes
        found = verdicts(evidence)
        assert found[f"left_index_attempt_1_{DOUBLE}"] is Verdict.FAILED
        assert found[f"left_index_{DOUBLE}"] is Verdict.PASSED
        assert np.array_equal(pixels_of(evidence, "left_index"), touch(31, 1))
        assert evidence.verdict is Verdict.PASSED

    def test_twice_the_same_finger_fails(self) -> None:
        """After the last attempt the stage says which finger it was."""
        evidence = taken(touch(30, 1), touch(30, 2), touch(30, 2))
        assert evidence.verdict is Verdict.FAILED
        assert evidence.reason == "the same finger as the right index finger"

    def test_a_poor_print_of_the_right_finger_is_better_than_a_good_one_of_the_wrong(self) -> None:
        """What is kept is never the same finger twice if anything else was there."""
        partial = np.where(np.arange(384) < 190, touch(31, 1), np.uint8(250)).astype(np.uint8)
        evidence = taken(touch(30, 1), touch(30, 2), partial)
        assert np.array_equal(pixels_of(evidence, "left_index"), partial)

    def test_without_the_gate_it_is_kept_at_once(self) -> None:
        """Reported as failed; the verdict is not touched."""
        evidence = taken(touch(30, 1), touch(30, 2), refuse=False)
        assert verdicts(evidence)[f"left_index_{DOUBLE}"] is Verdict.FAILED
        assert evidence.verdict is Verdict.PASSED

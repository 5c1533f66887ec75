"""Fingers that cannot be taken, declared by the operator at any time of a visit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from firmware_mocks.fingers import Impression, master, press
from structlog.testing import capture_logs

from agent.capture.evidence import Check, Verdict
from agent.capture.fingerprint import FingerprintPolicy, Reason
from agent.capture.fingerprint.errors import FingersSettled
from agent.capture.fingerprint.judgement import MINUTIAE
from agent.devices.errors import Cancelled, DeviceTimeout, NoCamera, NoPad
from agent.devices.seams import FingerImage
from agent.intake.errors import FingerNotAsked
from agent.intake.fingerprint_stage import FingerprintStage
from agent.intake.fingers import VisitFingers
from agent.intake.stages import Context, Outcome
from agent.intake.visit import VisitState

INDEX = ("right_index", "left_index")
JPEG = b"\xff\xd8 a hand \xff\xd9"


@dataclass
class EmptyPad:
    """A reader that nobody touches, or one that is not there."""

    there: bool = True
    waited: int = 0

    def wait_for_finger(self, deadline: float, cancelled: Event) -> None:
        """Say at once that the time is over, or that there is no reader."""
        self.waited += 1
        if not self.there:
            raise NoPad
        raise DeviceTimeout

    def next_frame(self, deadline: float, cancelled: Event) -> FingerImage:
        """No finger, no picture."""
        raise DeviceTimeout

    def wait_for_lift(self, deadline: float, cancelled: Event) -> None:
        """Nothing lies there."""
        if cancelled.is_set():
            raise Cancelled


def stage(pad: EmptyPad, fingers: Sequence[str] = INDEX, **rules: Any) -> FingerprintStage:
    """Return the real stage, impatient, on this reader."""
    return FingerprintStage(nullcontext(pad), fingers, FingerprintPolicy(finger_wait_s=0.01, **rules))


@dataclass
class DeclaringStage:
    """The real stage, with an operator who declares once it has been done."""

    inner: FingerprintStage
    declare: Callable[[Context], None]
    name: str = field(default="fingerprints")

    def perform(self, context: Context) -> Outcome:
        """Do it; the operator speaks, however it ended."""
        try:
            return self.inner.perform(context)
        finally:
            self.declare(context)

    def settle(self, context: Context, outcome: Outcome | None, error: Any) -> Outcome:
        """As the stage does."""
        return self.inner.settle(context, outcome, error)


def checks(register: Any) -> dict[str, Check]:
    """Return the recorded checks of the fingers."""
    return {one.name: one for one in register.files[0].stages[0].evidence.checks}


def no_photo() -> bytes:
    """Nobody may ask for one."""
    raise AssertionError


class TestDeclaring:
    """What the operator may say."""

    def test_a_photo_is_taken_where_the_policy_or_the_operator_asks(self) -> None:
        """And nowhere else."""
        fingers = VisitFingers(INDEX, frozenset({Reason.MISSING}))
        assert fingers.declare("right_index", "missing", lambda: JPEG)
        assert fingers.declare("left_index", "worn", lambda: JPEG, photo=True)
        assert not fingers.declare("left_index", "worn", no_photo)
        known = [fingers.exceptions.of(finger) for finger in INDEX]
        assert [one and (one.reason, one.photo) for one in known] == [(Reason.MISSING, JPEG), (Reason.WORN, None)]

    def test_without_its_photo_nothing_is_declared(self) -> None:
        """A camera that is not there is named; the operator can mend it and declare again."""

        def broken() -> bytes:
            raise NoCamera

        fingers = VisitFingers(INDEX, frozenset({Reason.MISSING}))
        with pytest.raises(NoCamera):
            fingers.declare("right_index", "missing", broken)
        assert fingers.exceptions.of("right_index") is None

    @pytest.mark.parametrize("finger", ["left_thumb", "nose", ""])
    def test_a_finger_that_is_not_asked_for_is_refused(self, finger: str) -> None:
        """Declaring it would change nothing in the record; the fingers that there are, are named."""
        fingers = VisitFingers(INDEX)
        with pytest.raises(FingerNotAsked, match="right_index, left_index"):
            fingers.declare(finger, "missing", no_photo)
        with pytest.raises(FingerNotAsked):
            fingers.withdraw(finger)

    def test_nothing_after_the_fingers_are_over(self) -> None:
        """Who is told that it was taken finds it in the record; who is too late is told so."""
        fingers = VisitFingers(INDEX)
        fingers.exceptions.settle()
        with pytest.raises(FingersSettled):
            fingers.declare("right_index", "missing", no_photo)
        with pytest.raises(FingersSettled):
            fingers.withdraw("right_index")

    def test_the_screen_is_told_in_vietnamese_first(self) -> None:
        """Fingers, reasons, whether it lasts, whether a photo will be taken, and what was declared."""
        fingers = VisitFingers(INDEX, frozenset({Reason.BANDAGED}))
        fingers.declare("left_index", "bandaged", lambda: JPEG)
        told: Any = fingers.told()
        assert [one["words"]["vi"] for one in told["fingers"]] == ["ngón trỏ phải", "ngón trỏ trái"]
        assert [one["exception"] and one["exception"]["code"] for one in told["fingers"]] == [None, "bandaged"]
        assert all(list(one["words"]) == ["vi", "en"] for one in told["fingers"] + told["reasons"])
        lasting = {one["code"]: (one["permanent"], one["photo"]) for one in told["reasons"]}
        assert lasting == {
            "missing": (True, False),
            "bandaged": (False, True),
            "worn": (True, False),
            "worn_for_now": (False, False),
        }

    def test_no_log_tells_of_the_hand(self) -> None:
        """Neither which finger nor why."""
        with capture_logs() as logs:
            VisitFingers(INDEX).declare("right_index", "missing", no_photo)
        assert [one["event"] for one in logs] == ["visit.finger_excepted"]
        assert not any(word in str(logs) for word in ("right", "index", "missing'"))


class TestVisit:
    """What reaches the record."""

    def test_declared_before_the_stage(self, run_visit: Any, passed: Any, register: Any) -> None:
        """Not asked for at all: not assessed, with the reason, and shown to the person."""
        pad = EmptyPad()

        @dataclass
        class WhileTheChipIsRead:
            name: str = "chip"

            def perform(self, context: Context) -> Outcome:
                for finger in INDEX:
                    VisitFingers(INDEX, exceptions=context.fingers).declare(finger, "missing", no_photo)
                return Outcome(passed)

        _, events = run_visit([WhileTheChipIsRead(), stage(pad)], ["yes", "yes"])
        fingers = register.files[0].stages[1].evidence
        assert fingers.verdict is Verdict.NOT_ASSESSED
        assert fingers.reason.count("missing permanently") == 2
        assert pad.waited == 0
        confirm = next(event for event in events if event.get("code") == "confirm")
        assert confirm["shown"] == {"ngón trỏ phải": "mất vĩnh viễn", "ngón trỏ trái": "mất vĩnh viễn"}

    @pytest.mark.parametrize("there", [True, False], ids=["no finger came", "no reader"])
    def test_declared_while_the_failed_stage_is_asked_about(
        self, there: bool, run_visit: Any, register: Any, policy: Any
    ) -> None:
        """The operator declares one finger and goes on: it is in the record, the other keeps its true cause."""
        object.__setattr__(policy, "may_fail", frozenset({"fingerprints"}))

        def say(context: Context) -> None:
            VisitFingers(INDEX, exceptions=context.fingers).declare("right_index", "bandaged", no_photo)

        visit, events = run_visit([DeclaringStage(stage(EmptyPad(there)), say)], ["yes", "continue", "yes"])
        assert visit.state is VisitState.DURABLE
        found = checks(register)
        right, left = found["right_index_captured"], found["left_index_captured"]
        assert (right.verdict, right.reason) == (
            Verdict.NOT_ASSESSED,
            "right index finger: temporarily bandaged",
        )
        assert left.verdict is Verdict.FAILED
        assert left.reason == f"left index finger: {'no finger came in time' if there else 'pad.none'}"
        told = [event for event in events if event["kind"] == "stage_ended"]
        assert len(told) == (2 if there else 0)

    def test_a_photo_is_a_part_of_the_record(self, run_visit: Any, register: Any) -> None:
        """As JPEG, under the finger's name."""

        def say(context: Context) -> None:
            asked = VisitFingers(("right_index",), frozenset({Reason.MISSING}), context.fingers)
            asked.declare("right_index", "missing", lambda: JPEG)

        rules = {"photo_of": frozenset({Reason.MISSING})}
        taken = DeclaringStage(stage(EmptyPad(), ("right_index",), **rules), say)
        run_visit([taken, stage(EmptyPad(), ())], ["yes", "retry", "yes"])
        parts = register.files[0].stages[0].evidence.parts
        assert [(part.name, part.media_type, part.data) for part in parts] == [
            ("fingerprints/right_index_exception", "image/jpeg", JPEG)
        ]

    def test_when_the_visit_is_over_nothing_is_taken(self, run_visit: Any, scripted: Any, passed: Any) -> None:
        """Durable or cancelled: the declaration is refused, not lost."""
        for answers in (["yes", "yes"], ["no"]):
            visit, _ = run_visit([scripted("chip", [passed])], answers)
            with pytest.raises(FingersSettled):
                visit.fingers.declare("right_index", "missing", no_photo)


class TestMinutiae:
    """The detector is opened for the stage and closed after it."""

    def test_it_judges_what_is_taken(self, run_visit: Any, register: Any) -> None:
        """One finger of the pad's, counted by a detector that says 37; without one: not assessed, and why."""
        opened: list[str] = []

        @contextmanager
        def detector() -> Any:
            opened.append("open")
            yield lambda pixels, deadline, cancelled: 37
            opened.append("closed")

        rules = FingerprintPolicy(attempts=1, frames_per_touch=1)
        pad = nullcontext(TouchedPad())
        for minutiae in (detector, lambda: nullcontext(None)):
            taken = FingerprintStage(pad, ("right_index",), rules, minutiae)
            run_visit([taken], ["yes", "yes"])
        found = [
            next(one for one in file.stages[0].evidence.checks if one.name == f"right_index_{MINUTIAE}")
            for file in register.files
        ]
        assert opened == ["open", "closed"]
        assert (found[0].verdict, found[0].native) == (Verdict.PASSED, 37)
        assert (found[1].verdict, found[1].reason) == (Verdict.NOT_ASSESSED, "no detector of minutiae is used")


@dataclass
class TouchedPad(EmptyPad):
    """A reader with a finger that comes once it was asked for."""

    def wait_for_finger(self, deadline: float, cancelled: Event) -> None:
        """Not before the person was asked."""
        self.waited += 1
        if self.waited % 2:
            raise DeviceTimeout

    def next_frame(self, deadline: float, cancelled: Event) -> FingerImage:
        """Show a finger."""
        return FingerImage(press(master(1), Impression()), 500, 500, 0.0)

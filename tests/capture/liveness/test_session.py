"""Sessions and the decision on true landmarks: what passes, what fails, and that the same comes out again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.evidence import Check, Verdict
from agent.capture.liveness.challenge import Colour, Turn, draw
from agent.capture.liveness.decision import FLASH, HEAD_TURN, decide
from agent.capture.liveness.series import Glimpse, Series, decode, encode
from agent.capture.liveness.session import Session, Step
from tests.capture.liveness.doll import POLICY, SEED, Doll, flat, run

OTHER = bytes(range(1, 17))
MIRRORED = {Turn.LEFT: Turn.RIGHT, Turn.RIGHT: Turn.LEFT, Turn.UP: Turn.LEFT}


def by_name(series: Series) -> dict[str, Check]:
    """Return the checks of a series."""
    return {check.name: check for check in decide(series)}


def passed(series: Series) -> bool:
    """Say whether every gate holds."""
    return all(check.verdict is Verdict.PASSED for check in decide(series) if check.gate)


def test_a_head_that_does_as_asked_passes_every_gate() -> None:
    """The usual case, within four seconds of frames."""
    session = run(Doll())
    assert session.step is Step.DONE
    assert passed(session.series()), decide(session.series())
    assert session.series().marks[-1].at_ms <= 4000


def test_a_flat_picture_never_makes_a_turn() -> None:
    """Turned as asked, it counts as no response, and the decision fails by its parallax and its shading."""
    session = run(Doll(shape=flat, relief=False))
    checks = by_name(session.series())
    assert session.step is Step.NO_RESPONSE
    assert checks["liveness_head_turn"].verdict is Verdict.FAILED
    assert checks["liveness_flash_answer"].verdict is Verdict.PASSED
    assert checks["liveness_flash_shading"].verdict is Verdict.FAILED


def test_a_turn_the_wrong_way_is_no_answer() -> None:
    """A film of another session turns where it was asked then."""
    session = run(Doll(obeys=MIRRORED))
    assert session.step is Step.NO_RESPONSE
    assert not passed(session.series())


@pytest.mark.parametrize(("late_ms", "reason"), [(200, "ms after the screen"), (400, "answer"), (500, "answer")])
def test_a_late_answer_to_the_flash_fails(late_ms: float, reason: str) -> None:
    """A relay answers right and late."""
    check = by_name(run(Doll(late_ms=late_ms)).series())["liveness_flash_answer"]
    assert check.verdict is Verdict.FAILED
    assert reason in check.reason


def test_the_answer_to_other_colours_fails() -> None:
    """A face lit by another session's colours, baked into a film."""
    other = draw(OTHER, 2, 5).colours
    assert other != draw(SEED, 2, 5).colours
    check = by_name(run(Doll(colours=other)).series())["liveness_flash_answer"]
    assert check.verdict is Verdict.FAILED


def test_skin_that_does_not_answer_fails() -> None:
    """No light of the screen on the face: neither colour nor shape."""
    checks = by_name(run(Doll(flash=0.0)).series())
    assert checks["liveness_flash_answer"].verdict is Verdict.FAILED


@given(st.binary(min_size=16, max_size=16))
@settings(max_examples=60, deadline=None)
def test_a_recorded_challenge_fails_under_any_other_seed(seed: bytes) -> None:
    """The series of one seed is no answer to another's challenge, unless that draws the very same."""
    recorded = _recorded()
    same = draw(seed, 2, 5) == draw(SEED, 2, 5)
    assert passed(replace(recorded, seed=seed)) is same


def _recorded() -> Series:
    if not _RECORDED:
        _RECORDED.append(run(Doll()).series())
    return _RECORDED[0]


_RECORDED: list[Series] = []


def test_the_same_seed_and_frames_give_the_same_series_and_checks() -> None:
    """Nothing depends on a clock or on chance."""
    one, other = (run(Doll()).series() for _ in range(2))
    assert encode(one) == encode(other)
    assert decide(one) == decide(other)


def test_a_series_survives_json_and_decides_the_same() -> None:
    """What a collector reads gives what the kiosk decided on."""
    series = decode(encode(run(Doll()).series()))
    again = decode(json.loads(json.dumps(encode(series))))
    assert decide(again) == decide(series)
    assert passed(again)


class TestSkipping:
    """A cue that is left out is not assessed, and the other one decides."""

    def test_without_flash_three_turns_decide(self) -> None:
        """The flash's checks carry the reason and are no gates."""
        session = run(Doll(), skipped={FLASH: "no screen"})
        assert len(session.series().turns) == 3
        assert passed(session.series())
        check = by_name(session.series())["liveness_flash_answer"]
        assert (check.verdict, check.reason, check.gate) == (Verdict.NOT_ASSESSED, "no screen", False)

    def test_without_turns_the_flash_decides(self) -> None:
        """A person who cannot turn the head; a flat picture still fails by its shading."""
        skipped = {HEAD_TURN: "cannot"}
        assert passed(run(Doll(), skipped=skipped).series())
        assert not passed(run(Doll(shape=flat, relief=False), skipped=skipped).series())

    def test_without_both_nothing_is_decided(self) -> None:
        """Never a pass: the gates are not assessed."""
        session = run(Doll(), skipped={FLASH: "no screen", HEAD_TURN: "cannot"})
        assert not passed(session.series())

    def test_a_screen_that_never_tells_is_left_out_in_the_middle(self) -> None:
        """The turns of the same seed go on."""
        session = run(Doll(), reports=False)
        assert [taken.asked for taken in session.series().turns] == list(draw(SEED, 2, 5).turns)
        assert passed(session.series())


class TestTiming:
    """Frames come as they like."""

    @given(st.lists(st.integers(30, 140), min_size=20, max_size=60))
    @settings(max_examples=15, deadline=None)
    def test_uneven_frames_of_a_living_person_pass(self, gaps: list[int]) -> None:
        """Seven to thirty frames a second, in any mixture."""
        session = run(Doll(), gaps_ms=lambda number: gaps[number % len(gaps)])
        assert passed(session.series()), [(c.name, c.reason) for c in decide(session.series()) if c.reason]

    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_shuffled_or_repeated_times_fail(self, data: st.DataObject) -> None:
        """Frames out of order are no series, whatever they show."""
        marks = list(_recorded().marks)
        first = data.draw(st.integers(0, len(marks) - 2))
        second = data.draw(st.integers(first + 1, len(marks) - 1))
        marks[first], marks[second] = marks[second], marks[first]
        check = by_name(replace(_recorded(), marks=tuple(marks)))["liveness_series"]
        assert check.verdict is Verdict.FAILED
        assert check.reason == "frames out of order"

    def test_a_clock_that_jumps_fails(self) -> None:
        """Forward by a minute, the frames stopped in between; backward, they are out of order."""
        series = _recorded()
        for jump_ms, reason in ((60_000, "stopped"), (-60_000, "order")):
            late = [replace(mark, at_ms=mark.at_ms + jump_ms * (index > 20)) for index, mark in enumerate(series.marks)]
            check = by_name(replace(series, marks=tuple(late)))["liveness_series"]
            assert reason in check.reason

    @pytest.mark.parametrize("count", [0, 1, 7])
    def test_too_few_frames_fail(self, count: int) -> None:
        """No frames, one frame, a handful."""
        series = replace(_recorded(), marks=_recorded().marks[:count])
        assert by_name(series)["liveness_series"].reason == f"{count} frames are too few"

    def test_a_turn_before_it_was_asked_fails(self) -> None:
        """A film that runs ahead of the prompts."""
        series = _recorded()
        first = series.turns[0]
        found = next(mark.at_ms for mark in series.marks if mark.number == first.number)
        early = (replace(first, asked_ms=found - 50), *series.turns[1:])
        check = by_name(replace(series, turns=early))["liveness_head_turn"]
        assert check.reason.endswith("turned before it was asked for")

    def test_nobody_there_is_no_response(self) -> None:
        """The time-out says so, and nothing passes."""
        session = Session(SEED, POLICY, {})
        for number in range(1, 60):
            session.see(Glimpse(0), number, number * 67)
        assert session.step is Step.NO_RESPONSE
        assert session.reason == "nobody looked straight into the camera"
        assert not passed(session.series())


class TestForgedEvidence:
    """Series that do not hold together."""

    def test_landmarks_of_another_frame_fail(self) -> None:
        """A turn's landmarks must be those of its frame."""
        series = _recorded()
        first = series.turns[0]
        assert first.points is not None
        moved = replace(first, points=first.points + np.arange(468)[:, None] * 0.05)
        check = by_name(replace(series, turns=(moved, *series.turns[1:])))["liveness_head_turn"]
        assert check.verdict is Verdict.FAILED

    def test_leaving_a_turn_out_fails(self) -> None:
        """All of the seed's turns are needed."""
        check = by_name(replace(_recorded(), turns=_recorded().turns[:1]))["liveness_head_turn"]
        assert check.reason == "not all turns were asked for"

    def test_asking_for_easier_turns_fails(self) -> None:
        """The turns are the seed's, not the kiosk's choice."""
        turns = tuple(reversed(_recorded().turns))
        assert by_name(replace(_recorded(), turns=turns))["liveness_series"].verdict is Verdict.FAILED

    def test_an_unknown_rule_fails(self) -> None:
        """Nobody decides by a rule that they do not know."""
        assert by_name(replace(_recorded(), rule="liveness-0"))["liveness_series"].verdict is Verdict.FAILED

    def test_a_screen_faster_than_allowed_fails(self) -> None:
        """It would be unsafe, too."""
        series = _recorded()
        assert series.flash is not None
        fast = replace(series.flash, shown_ms=tuple(at // 2 for at in series.flash.shown_ms))
        check = by_name(replace(series, flash=fast))["liveness_flash_answer"]
        assert check.reason == "the flash was not seen to its end"

    def test_frames_that_come_again_and_again_fail(self) -> None:
        """A frozen or injected source repeats its very pixels; a sensor never does."""
        marks = tuple(replace(mark, digest=f"{mark.number % 5:016x}") for mark in _recorded().marks)
        check = by_name(replace(_recorded(), marks=marks))["liveness_frame_repeat"]
        assert (check.verdict, check.gate) == (Verdict.FAILED, True)


def test_colours_are_a_screen_s() -> None:
    """The palette that tests and screens share."""
    assert set(Colour) == set(draw(SEED, 0, 40).colours)

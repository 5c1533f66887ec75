"""The decision from the evidence alone: a collector that has the series comes to the same one.

| check | holds when | decides |
|---|---|---|
| liveness_series | the frames are in order, enough of them, and are those of this seed's challenge | yes |
| liveness_head_turn | every turn was made after it was asked for and left a parallax that no flat picture has | yes |
| liveness_flash_answer | the skin answered the shown colours, in time | yes |
| liveness_flash_shading | the answer follows the shape of a face | yes |

A cue that was left out is not assessed and the other one decides; with both left out nothing is.

| check | holds when | decides |
|---|---|---|
| liveness_frame_repeat | no very frame came twice, as in a frozen source | over RULE.most_repeated |
| liveness_loop, liveness_surround_motion | reported | no |
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from agent.capture.evidence import Check, Verdict
from agent.capture.liveness.challenge import HOLD_S, Challenge, Turn, draw
from agent.capture.liveness.flashing import flash_answer
from agent.capture.liveness.passive import loop_likeness, repeated_share, surround_motion
from agent.capture.liveness.series import Mark, Series, TurnTaken
from agent.capture.liveness.turning import nose_place, progress, residual_percent

HEAD_TURN, FLASH = "head_turn", "flash"
NAMES = {HEAD_TURN: ("liveness_head_turn",), FLASH: ("liveness_flash_answer", "liveness_flash_shading")}


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds of one version; a version never changes.

    `across` and `below` are how far the nose must go, in inter-eye distances, left or right and up; `residual_across`
    and `residual_below` the percent of it that the best homography must leave. `reaction_ms` is the least time between
    asking and an answer; `frontal` how far the nose may be out of the middle before anything is asked.
    """

    version: str = "liveness-1"
    across: float = 0.22
    below: float = 0.17
    residual_across: float = 5.5
    residual_below: float = 4.6
    reaction_ms: int = 120
    frontal: float = 0.13
    correlation: float = 0.9
    slope: float = 0.06
    most_gap_ms: int = 1000
    fewest_frames: int = 8
    most_repeated: float = 0.3


RULE = Rule()


class NoChallenge(ValueError):
    """The series does not hold together: not one that a challenge can have left; the text says what is wrong."""


def decide(series: Series) -> tuple[Check, ...]:
    """Return every check of a series, by the rule that it names; pure, so that anybody can run it again."""
    try:
        challenge = _checked(series)
    except NoChallenge as error:
        return (Check("liveness_series", Verdict.FAILED, str(error)),)
    checks = [Check("liveness_series", Verdict.PASSED, native=float(len(series.marks)), unit="frames")]
    checks += _head_turn(series, challenge)
    checks += _flash(series, challenge)
    return (*checks, *_passive(series.marks))


def _checked(series: Series) -> Challenge:
    """Return the challenge of the series' seed; raise NoChallenge."""
    if series.rule != RULE.version:
        raise NoChallenge(f"rule {series.rule} is not known here")
    try:
        challenge = draw(series.seed, series.turns_asked, series.colours_asked)
    except ValueError as error:
        raise NoChallenge(str(error)) from error
    # With both cues left out there is nothing to watch for.
    _check_order(series.marks, RULE.fewest_frames if challenge.turns or challenge.colours else 1)
    if series.base is None:
        raise NoChallenge("no frontal face")
    asked = tuple(taken.asked for taken in series.turns)
    if asked != challenge.turns[: len(asked)]:
        raise NoChallenge("other turns were asked for than the seed's")
    if abs(nose_place(series.base)[0]) > RULE.frontal:
        raise NoChallenge("the first face was not frontal")
    return challenge


def _check_order(marks: tuple[Mark, ...], fewest: int) -> None:
    if len(marks) < fewest:
        raise NoChallenge(f"{len(marks)} frames are too few")
    if any(other.number <= one.number or other.at_ms <= one.at_ms for one, other in pairwise(marks)):
        raise NoChallenge("frames out of order")
    if any(other.at_ms - one.at_ms > RULE.most_gap_ms for one, other in pairwise(marks)):
        raise NoChallenge("the frames stopped in between")


def _head_turn(series: Series, challenge: Challenge) -> list[Check]:
    name = NAMES[HEAD_TURN][0]
    if HEAD_TURN in series.skipped or not challenge.turns:
        return [_left_out(name, series.skipped.get(HEAD_TURN, "no turn was asked for"), FLASH, series)]
    if len(series.turns) < len(challenge.turns):
        return [Check(name, Verdict.FAILED, "not all turns were asked for")]
    least = float("inf")
    previous: Turn | None = None
    for taken in series.turns:
        fault, residual = _fault_of(taken, previous, series)
        if fault:
            return [Check(name, Verdict.FAILED, f"{taken.asked}: {fault}", native=residual, unit="% of IED")]
        least, previous = min(least, residual), taken.asked
    return [Check(name, Verdict.PASSED, native=least, unit="% of IED")]


def _fault_of(taken: TurnTaken, previous: Turn | None, series: Series) -> tuple[str, float]:
    """Return what is wrong with one turn, nothing when it holds, and its residual."""
    mark = next((one for one in series.marks if one.number == taken.number), None)
    if series.base is None or taken.points is None or mark is None:
        return "no turn within the time", 0.0
    residual = residual_percent(series.base, taken.points)
    across, below, _ = nose_place(series.base)
    there = nose_place(taken.points)
    if abs(there[0] - mark.across) > 0.01 or abs(there[1] - mark.below) > 0.01:
        return "the landmarks are not those of the frame", residual
    if mark.at_ms < taken.asked_ms + RULE.reaction_ms:
        return "turned before it was asked for", residual
    if progress(taken.asked, there[0] - across, there[1] - below) < reach(taken.asked):
        return "the head did not turn so far", residual
    if residual < (RULE.residual_below if taken.asked is Turn.UP else RULE.residual_across):
        return "moved as a flat picture does", residual
    return _wrong_way(taken, previous, mark, series.marks, (across, below)), residual


def reach(turn: Turn) -> float:
    """Return how far the nose must go for a turn, in inter-eye distances."""
    return RULE.below if turn is Turn.UP else RULE.across


def _wrong_way(
    taken: TurnTaken, previous: Turn | None, found: Mark, marks: tuple[Mark, ...], base: tuple[float, float]
) -> str:
    """Say so when the head stood turned as asked already, or went another way first."""
    asked = [mark for mark in marks if taken.asked_ms <= mark.at_ms < taken.asked_ms + RULE.reaction_ms]
    if any(_far(taken.asked, mark, base) for mark in asked):
        return "turned before it was asked for"
    others = [turn for turn in Turn if turn not in {taken.asked, previous}]
    between = [mark for mark in marks if taken.asked_ms <= mark.at_ms <= found.at_ms and mark.faces]
    if any(_far(turn, mark, base) for turn in others for mark in between):
        return "turned another way first"
    return ""


def _far(turn: Turn, mark: Mark, base: tuple[float, float]) -> bool:
    return bool(mark.faces) and progress(turn, mark.across - base[0], mark.below - base[1]) >= reach(turn)


def _flash(series: Series, challenge: Challenge) -> list[Check]:
    if FLASH in series.skipped or not challenge.colours:
        reason = series.skipped.get(FLASH, "no colour was to be shown")
        return [_left_out(name, reason, HEAD_TURN, series) for name in NAMES[FLASH]]
    answer = None
    if series.flash is not None and series.base is not None and _in_time(series.flash.shown_ms):
        answer = flash_answer(series.flash, challenge.colours, series.base)
    if answer is None:
        return [Check(name, Verdict.FAILED, "the flash was not seen to its end") for name in NAMES[FLASH]]
    reason = ""
    if answer.correlation < RULE.correlation:
        reason = f"the skin did not answer the colours (correlation {answer.correlation:.2f})"
    elif not series.lag_ms[0] <= answer.lag_ms <= series.lag_ms[1]:
        reason = f"the answer came {answer.lag_ms:.0f} ms after the screen"
    shading = "" if answer.slope >= RULE.slope else "lit as no face is"
    return [
        _check(NAMES[FLASH][0], reason, answer.correlation, "correlation"),
        _check(NAMES[FLASH][1], shading, answer.slope, "slope"),
    ]


def _left_out(name: str, reason: str, other: str, series: Series) -> Check:
    """Return a cue as not assessed; it leaves the decision to the other one, unless that was left out, too."""
    return Check(name, Verdict.NOT_ASSESSED, reason, gate=other in series.skipped)


def _in_time(shown_ms: tuple[int, ...]) -> bool:
    """Say whether the screen kept to the order: never faster than allowed, which would be unsafe, too."""
    steps = [later - earlier for earlier, later in pairwise(shown_ms)]
    return all(HOLD_S * 900 <= step <= HOLD_S * 3000 for step in steps)


def _check(name: str, reason: str, native: float, unit: str) -> Check:
    return Check(name, Verdict.FAILED if reason else Verdict.PASSED, reason, native=native, unit=unit)


def _passive(marks: tuple[Mark, ...]) -> list[Check]:
    share = repeated_share(marks)
    frozen = share > RULE.most_repeated
    repeat = Check(
        "liveness_frame_repeat",
        Verdict.FAILED if frozen else Verdict.PASSED,
        "the very same frames came again" if frozen else "",
        native=share,
        unit="share",
        gate=frozen,
    )
    return [
        repeat,
        _reported("liveness_loop", loop_likeness(marks), "likeness"),
        _reported("liveness_surround_motion", surround_motion(marks), "ratio"),
    ]


def _reported(name: str, native: float | None, unit: str) -> Check:
    reason = "reported only: no threshold is in force" if native is not None else "too little movement"
    return Check(name, Verdict.NOT_ASSESSED, reason, native=native, unit=unit, gate=False)

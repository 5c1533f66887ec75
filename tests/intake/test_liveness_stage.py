"""The liveness stage: a camera on the wire, a screen, people's choices; the match where it is not asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from agent.capture.chip import CardAccessNumber
from agent.capture.evidence import Check, Evidence, Guidance, Verdict
from agent.capture.liveness.challenge import Turn
from agent.capture.liveness.decision import FLASH, HEAD_TURN
from agent.capture.liveness.policy import LivenessPolicy
from agent.capture.liveness.screen import NoScreen
from agent.capture.portrait import VisionWorker
from agent.devices.camera import Camera
from agent.intake.flash_link import FlashLink
from agent.intake.liveness_stage import NO_SCREEN, LivenessStage, liveness_policy
from agent.intake.match_stage import MatchStage
from agent.intake.policy import LivenessRules
from agent.intake.questions import Choice
from agent.intake.stages import Context
from agent.words import Words
from tests.capture.liveness.conftest import (  # noqa: F401 # fixtures
    LivingCamera,
    living,
    models_folder,
    vision,
)
from tests.intake.conftest import MEMBER, RECORD_ID

QUICK = LivenessPolicy(tries=1, turn_within_s=0.4, face_within_s=30, lag_s=(-0.3, 0.5))
PATIENT = LivenessPolicy(tries=1, turn_within_s=20, face_within_s=30, lag_s=(-0.3, 0.5))


@dataclass
class Booth:
    """The people and the screen around one stage."""

    room: LivingCamera
    answers: list[str] = field(default_factory=list)
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    screen: FlashLink | NoScreen = field(default_factory=NoScreen)
    told: list[Guidance] = field(default_factory=list)

    def guide(self, guidance: Guidance) -> None:
        """Do as told."""
        self.told.append(guidance)
        name = guidance.code.removeprefix("liveness.turn_")
        self.room.turn = Turn(name) if name in set(Turn) else None

    def ask(self, code: str, _words: Words, choices: tuple[Choice, ...]) -> str:
        """Answer the next of the answers."""
        self.asked.append((code, [choice.code for choice in choices]))
        return self.answers.pop(0)

    def context(self) -> Context:
        """Return what the stage gets."""
        can = CardAccessNumber.from_number(MEMBER.number)
        return Context(RECORD_ID, MEMBER, can, self.guide, Event(), ask=self.ask, screen=self.screen)


@pytest.fixture
def booth(living: LivingCamera) -> Booth:  # noqa: F811
    """Return a booth with a person in it."""
    return Booth(living)


@pytest.fixture
def camera(living: LivingCamera) -> Iterator[Camera]:  # noqa: F811
    """Return the agent's camera."""
    with Camera(living.url, 640, 360, 20, development=True) as opened:
        opened.newest(0, time.monotonic() + 60, Event())
        yield opened


def _stage(camera: Camera, worker: VisionWorker, policy: LivenessPolicy | None) -> LivenessStage:
    return LivenessStage(camera, lambda: worker, policy, lambda count: bytes(range(count)))


def _named(checks: Sequence[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_without_a_screen_nobody_is_asked_and_turns_decide(
    booth: Booth,
    camera: Camera,
    vision: VisionWorker,  # noqa: F811
) -> None:
    """The usual way of a kiosk with a terminal only."""
    evidence = _stage(camera, vision, PATIENT).perform(booth.context()).evidence
    assert evidence.verdict is Verdict.PASSED, evidence.reason
    assert _named(evidence.checks, "liveness_flash_answer").reason == NO_SCREEN
    assert booth.asked == []


def test_a_person_who_does_not_turn_is_left_to_people(
    booth: Booth,
    camera: Camera,
    vision: VisionWorker,  # noqa: F811
) -> None:
    """Done again, then attested by the operator: it is on record and turns nothing into a pass."""
    booth.room.obeys = False
    booth.answers = ["retry", "attest"]
    evidence = _stage(camera, vision, QUICK).perform(booth.context()).evidence
    assert evidence.verdict is Verdict.FAILED
    assert "within 0.4 s" in _named(evidence.checks, "liveness_response").reason
    attested = _named(evidence.checks, "operator_attests_living_person")
    assert (attested.verdict, attested.attested, attested.gate) == (Verdict.PASSED, True, False)
    assert [code for code, _ in booth.asked] == ["liveness_not_proved"] * 2


def test_an_override_is_on_record_and_proves_nobody(
    booth: Booth,
    camera: Camera,
    vision: VisionWorker,  # noqa: F811
) -> None:
    """Supervisors do not sign in, so it is not assessed."""
    booth.room.obeys = False
    booth.answers = ["override"]
    evidence = _stage(camera, vision, QUICK).perform(booth.context()).evidence
    override = _named(evidence.checks, "supervisor_override")
    assert (override.verdict, override.gate) == (Verdict.NOT_ASSESSED, False)
    assert evidence.verdict is Verdict.FAILED


@pytest.mark.parametrize("choice", ["skip_photosensitive", "skip_declined"])
def test_the_warning_comes_first_and_can_be_skipped(
    booth: Booth,
    camera: Camera,
    vision: VisionWorker,  # noqa: F811
    choice: str,
) -> None:
    """No colour was ordered; the reason is on record."""
    orders: list[object] = []
    booth.screen = FlashLink(orders.append)
    booth.screen.announce()
    booth.answers = [choice]
    evidence = _stage(camera, vision, PATIENT).perform(booth.context()).evidence
    assert evidence.verdict is Verdict.PASSED, evidence.reason
    assert booth.asked[0] == ("liveness_warning", ["yes", "skip_photosensitive", "skip_declined", "cannot_turn"])
    assert _named(evidence.checks, "liveness_flash_answer").reason.startswith("skipped: ")
    assert orders == []


def test_neither_turn_nor_flash_is_never_a_pass(
    booth: Booth,
    camera: Camera,
    vision: VisionWorker,  # noqa: F811
) -> None:
    """A person who cannot turn, at a kiosk without a screen: not assessed, attested by the operator."""
    booth.room.obeys = False
    booth.answers = ["cannot_turn", "yes"]
    evidence = _stage(camera, vision, QUICK).perform(booth.context()).evidence
    assert evidence.verdict is not Verdict.PASSED
    assert _named(evidence.checks, "cannot_turn_the_head").attested
    assert _named(evidence.checks, "liveness_head_turn").verdict is Verdict.NOT_ASSESSED


def test_a_policy_that_does_not_ask_for_it_says_so(booth: Booth) -> None:
    """Neither camera nor model is touched."""

    def never() -> VisionWorker:
        raise AssertionError

    stage = LivenessStage(None, never, None, bytes)  # type: ignore[arg-type]  # must not be used
    evidence = stage.perform(booth.context()).evidence
    assert (evidence.verdict, evidence.reason) == (Verdict.NOT_ASSESSED, "the policy does not ask for it")
    matched = MatchStage(Path("models"), None).perform(booth.context()).evidence
    assert matched == Evidence("match", (Check("match", Verdict.NOT_ASSESSED, "the policy does not ask for it"),))


def test_the_policy_s_figures_reach_the_challenge() -> None:
    """The signed document decides, in ms and seconds."""
    policy = liveness_policy(LivenessRules(turns=3, colours=4, tries=2, most_lag_ms=120))
    assert policy is not None
    assert (policy.turns, policy.colours, policy.tries, policy.lag_s) == (3, 4, 2, (-0.05, 0.12))
    assert liveness_policy(None) is None
    assert {FLASH, HEAD_TURN} == {"flash", "head_turn"}

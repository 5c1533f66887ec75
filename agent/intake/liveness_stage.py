"""The liveness stage: the warning, the challenge, and what people decide when it does not work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.capture.evidence import Check, Evidence, Verdict
from agent.capture.liveness.capture import STAGE, Seeds, capture_liveness
from agent.capture.liveness.decision import FLASH, HEAD_TURN
from agent.capture.liveness.policy import LivenessPolicy
from agent.capture.portrait.vision import VisionWorker
from agent.devices.seams import FrameSource
from agent.intake.policy import LivenessRules
from agent.intake.questions import Choice
from agent.intake.stages import Context, Outcome
from agent.words import Words

WARNING = Words(
    "Màn hình sẽ đổi màu trong 2 giây (dưới 3 lần mỗi giây). Người nhạy cảm với ánh sáng nhấp nháy nên bỏ qua.",
    "The screen will change colours for 2 seconds (under 3 times a second). Skip this if flickering light harms you.",
)
SHOW = Choice("yes", Words("Bắt đầu", "Begin"))
PHOTOSENSITIVE = Choice("skip_photosensitive", Words("Bỏ qua: nhạy cảm ánh sáng", "Skip: sensitive to light"))
DECLINED = Choice("skip_declined", Words("Bỏ qua: không đồng ý", "Skip: declined"))
CANNOT_TURN = Choice("cannot_turn", Words("Không quay đầu được (cán bộ xác nhận)", "Cannot turn (operator attests)"))

NOT_PROVED = Words("Chưa xác nhận được người thật.", "The living person was not proved.")
ONCE_MORE = Choice("retry", Words("Làm lại", "Do it again"))
ATTEST = Choice("attest", Words("Cán bộ xác nhận có người thật", "Operator attests a living person"))
OVERRIDE = Choice("override", Words("Cấp trên cho qua", "Supervisor overrides"))
LEAVE = Choice("yes", Words("Ghi nhận như vậy", "Record it as it is"))

SKIP_REASONS = {
    PHOTOSENSITIVE.code: "skipped: the person is sensitive to flickering light",
    DECLINED.code: "skipped: the person declined the flash",
}
NO_SCREEN = "no screen that can show colours follows this visit"
TURNS_IMPOSSIBLE = "skipped: the operator attests that the person cannot turn the head"
NO_SUPERVISOR = "asked for at this kiosk: supervisors do not sign in, so nobody is proved"


@dataclass(frozen=True, slots=True)
class LivenessStage:
    """Challenge the person, where the policy asks for it. `vision` is asked for anew, as for the portrait."""

    camera: FrameSource
    vision: Callable[[], VisionWorker]
    policy: LivenessPolicy | None
    seeds: Seeds
    name: str = STAGE

    def perform(self, context: Context) -> Outcome:
        """Challenge until it works or people decide; no camera and missing models are errors."""
        if self.policy is None:
            reason = "the policy does not ask for it"
            return Outcome(Evidence(self.name, (Check(self.name, Verdict.NOT_ASSESSED, reason),)))
        skipped, notes = self._agree(context)
        while True:
            evidence = capture_liveness(
                self.camera,
                self.vision(),
                self.policy,
                context.guide,
                context.screen,
                self.seeds,
                cancelled=context.cancelled,
                skipped=skipped,
            )
            if evidence.verdict is Verdict.PASSED:
                break
            choices: tuple[Choice, ...] = (ONCE_MORE, ATTEST, OVERRIDE, LEAVE)
            if HEAD_TURN not in skipped:
                choices = (*choices, CANNOT_TURN)
            chosen = context.ask("liveness_not_proved", NOT_PROVED, choices)
            if chosen == CANNOT_TURN.code:
                skipped[HEAD_TURN] = TURNS_IMPOSSIBLE
                notes.append(_attested("cannot_turn_the_head"))
            elif chosen != ONCE_MORE.code:
                notes += _decided(chosen)
                break
        return Outcome(replace(evidence, checks=(*evidence.checks, *notes)))

    def _agree(self, context: Context) -> tuple[dict[str, str], list[Check]]:
        """Warn of the flash and return what is left out, with its reason, and what the operator attested."""
        if not context.screen.flashes:
            return {FLASH: NO_SCREEN}, []
        choices = (SHOW, PHOTOSENSITIVE, DECLINED, CANNOT_TURN)
        chosen = context.ask("liveness_warning", WARNING, choices)
        if chosen == CANNOT_TURN.code:
            return {HEAD_TURN: TURNS_IMPOSSIBLE}, [_attested("cannot_turn_the_head")]
        return ({FLASH: SKIP_REASONS[chosen]} if chosen in SKIP_REASONS else {}), []


def liveness_policy(rules: LivenessRules | None) -> LivenessPolicy | None:
    """Return the challenge's sizes and times from the signed policy; None where it does not ask for one."""
    if rules is None:
        return None
    return LivenessPolicy(
        turns=rules.turns,
        turns_alone=rules.turns_alone,
        colours=rules.colours,
        tries=rules.tries,
        face_within_s=rules.face_within_s,
        turn_within_s=rules.turn_within_s,
        lag_s=(rules.least_lag_ms / 1000, rules.most_lag_ms / 1000),
    )


def _decided(chosen: str) -> list[Check]:
    """Return what people decided. It never turns a failed check into a passed one."""
    if chosen == ATTEST.code:
        return [_attested("operator_attests_living_person")]
    if chosen == OVERRIDE.code:
        return [Check("supervisor_override", Verdict.NOT_ASSESSED, NO_SUPERVISOR, gate=False, attested=True)]
    return []


def _attested(name: str) -> Check:
    return Check(name, Verdict.PASSED, gate=False, attested=True)

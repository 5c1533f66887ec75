"""The portrait in a visit: several tries, orders of the operator, and nothing lost by an error in between."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from firmware_mocks.camera.film import film

from agent.capture.chip import CardAccessNumber
from agent.capture.evidence import Evidence, Guidance, Verdict
from agent.capture.portrait import NoFace, NoTriesLeft, VisionWorker, models
from agent.devices.errors import Cancelled, NoCamera
from agent.devices.seams import Pixels
from agent.intake.portrait_orders import PortraitOrders
from agent.intake.portrait_policy import GateLimits, PortraitSection
from agent.intake.portrait_stage import PortraitStage
from agent.intake.stages import Context, Outcome
from agent.roster import Member
from tests.capture.portrait.test_capture import ScriptedCamera

MODELS = Path(__file__).resolve().parents[2] / "models"
MEMBER = Member("001085000001", "Nguyễn Văn Đức", date(1985, 2, 3), "Chi bộ 1", True)
AT_ONCE = PortraitSection(hold_s=0.01, tries=2)
WITHIN_S = 0.4


@pytest.fixture(scope="module")
def vision() -> Iterator[VisionWorker]:
    """Return a vision worker, or skip without its models."""
    if any(state == "missing" for _, state in models.inspect(MODELS)):
        pytest.skip("model files are not installed (kiosk models install)")
    with VisionWorker(MODELS) as worker:
        worker.preview(np.zeros((9, 9, 3), np.uint8), time.monotonic() + 60, Event())
        yield worker


@cache
def shown(subject: str) -> Pixels:
    """Return a frame of a subject."""
    jpeg = film(subject, 1, 1280, 720)[0]
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _perform(
    vision: VisionWorker,
    camera: ScriptedCamera,
    orders: PortraitOrders,
    wait_s: float = 60.0,
    said: list[str] | None = None,
) -> Outcome:
    def guide(guidance: Guidance) -> None:
        if said is not None:
            said.append(guidance.code)

    can = CardAccessNumber.from_number(MEMBER.number)
    context = Context(bytes(16), MEMBER, can, guide, Event(), portrait=orders)
    return PortraitStage(camera, lambda: vision, wait_s).perform(context)


def _by_hand(vision: VisionWorker, pixels: Pixels, orders: PortraitOrders) -> Evidence:
    """Take a try that fails at once: no test waits for a deadline that a busy machine might miss."""
    orders.take_by_hand("light")
    return _perform(vision, ScriptedCamera(pixels), orders).evidence


def test_a_good_face_passes_at_the_first_try(vision: VisionWorker) -> None:
    """With the values of the one try as a part."""
    outcome = _perform(vision, ScriptedCamera(shown("passing")), PortraitOrders(AT_ONCE))
    assert outcome.evidence.verdict is Verdict.PASSED
    assert [part.name for part in outcome.evidence.parts] == ["portrait/still", "portrait/crop", "portrait/tries"]
    assert outcome.problem is None


def test_the_gates_are_the_policys(vision: VisionWorker) -> None:
    """What passes by the defaults fails by a policy that wants 200 px between the eyes."""
    strict = AT_ONCE.model_copy(update={"gates": {"inter_eye_distance": GateLimits(low=200)}})
    evidence = _by_hand(vision, shown("passing"), PortraitOrders(strict))
    assert evidence.verdict is Verdict.FAILED
    assert "outside 200..inf" in evidence.reason


def test_the_best_of_several_tries_is_kept_with_all_their_values(vision: VisionWorker) -> None:
    """A second, worse try changes nothing but the list; then there are none left, and the best is still there."""
    orders = PortraitOrders(AT_ONCE)
    first = _by_hand(vision, shown("tilted"), orders)
    soft = np.asarray(cv2.GaussianBlur(shown("tilted"), (0, 0), 4), np.uint8)
    second = _by_hand(vision, soft, orders)
    assert second.parts[:2] == first.parts[:2]
    assert second.facts["tries"] == "2 of 2, number 1 is kept"
    third = _perform(vision, ScriptedCamera(shown("passing")), orders)
    assert isinstance(third.problem, NoTriesLeft)
    assert third.evidence == second
    values = json.loads(next(part.data for part in second.parts if part.name == "portrait/tries"))
    assert [one["verdict"] for one in values["tries"]] == ["failed", "failed"]


def test_an_error_does_not_lose_the_try_before(vision: VisionWorker) -> None:
    """A camera that is unplugged at the second try is told; the first try's picture is kept."""
    orders = PortraitOrders(AT_ONCE)
    first = _by_hand(vision, shown("tilted"), orders)
    outcome = _perform(vision, ScriptedCamera(NoCamera("unplugged")), orders, WITHIN_S)
    assert isinstance(outcome.problem, NoCamera)
    assert outcome.evidence == first
    assert orders.tries.left == 1


def test_nobody_at_the_first_try_is_an_error(vision: VisionWorker) -> None:
    """There is nothing to keep, and no try is used up."""
    orders = PortraitOrders(AT_ONCE)
    with pytest.raises(NoFace):
        _perform(vision, ScriptedCamera(shown("none")), orders, WITHIN_S)
    assert orders.tries.left == 2


def test_a_cancelled_visit_is_cancelled_whatever_was_tried(vision: VisionWorker) -> None:
    """Cancelling is no problem of the try."""
    orders = PortraitOrders(AT_ONCE)
    _by_hand(vision, shown("tilted"), orders)
    with pytest.raises(Cancelled):
        _perform(vision, ScriptedCamera(shown("tilted"), cancel_at=1), orders)


def test_a_special_case_counts_in_the_try_under_way(vision: VisionWorker) -> None:
    """A tilted head passes as "not assessed" from then on, with case and supervisor in the facts."""
    orders = PortraitOrders(AT_ONCE)

    class Operator(list[str]):
        def append(self, code: str, /) -> None:
            super().append(code)
            if len(self) == 1:
                orders.relax("head_tilt", "Trần Thị Bình")

    evidence = _perform(vision, ScriptedCamera(shown("tilted")), orders, said=Operator()).evidence
    assert evidence.verdict is Verdict.NOT_ASSESSED
    checks = {check.name: check for check in evidence.checks}
    assert checks["kiosk_gates_held"].verdict is Verdict.PASSED
    assert checks["head_pose_roll"].verdict is Verdict.NOT_ASSESSED
    assert checks["head_pose_roll"].reason.startswith("relaxed for head tilt")
    assert evidence.facts["relaxed for head tilt"].endswith("allowed by Trần Thị Bình")


def test_a_relaxed_try_is_better_than_a_failed_one(vision: VisionWorker) -> None:
    """However sharp the failed one was."""
    orders = PortraitOrders(AT_ONCE)
    _by_hand(vision, shown("tilted"), orders)
    orders.relax("head_tilt", "Bình")
    evidence = _perform(vision, ScriptedCamera(shown("tilted")), orders).evidence
    assert evidence.verdict is Verdict.NOT_ASSESSED
    assert evidence.facts["tries"] == "2 of 4, number 2 is kept"


def test_a_picture_by_hand_tells_its_reason(vision: VisionWorker) -> None:
    """Failed gates stay failed; the reason is a fact of the record."""
    orders = PortraitOrders(AT_ONCE)
    orders.take_by_hand("cannot_pose")
    evidence = _perform(vision, ScriptedCamera(shown("tilted")), orders).evidence
    assert evidence.verdict is Verdict.FAILED
    assert evidence.facts["taken by hand"] == "the person cannot take the pose"


def test_the_crop_is_jpeg_2000_where_the_policy_says_so(vision: VisionWorker) -> None:
    """Within the policy's size; the still stays JPEG."""
    section = AT_ONCE.model_copy(update={"crop_format": "jpeg2000", "crop_max_bytes": 60_000})
    evidence = _perform(vision, ScriptedCamera(shown("passing")), PortraitOrders(section)).evidence
    parts = {part.name: part for part in evidence.parts}
    assert [parts[name].media_type for name in ("portrait/still", "portrait/crop")] == ["image/jpeg", "image/jp2"]
    assert parts["portrait/crop"].data.startswith(b"\0\0\0\x0cjP  ")
    assert len(parts["portrait/crop"].data) <= 60_000
    assert "JPEG 2000, 88 thousandths" in evidence.facts["crop"]

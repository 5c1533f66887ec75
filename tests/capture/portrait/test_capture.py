"""Taking a portrait: from frames to evidence, with the real vision worker and a scripted camera."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import cv2
import numpy as np
import pytest

from agent.capture.evidence import Evidence, Guidance, Verdict
from agent.capture.portrait import (
    ByHand,
    NoFace,
    PortraitPolicy,
    Range,
    Reason,
    Relaxation,
    SizeLimits,
    SizeLimitTooSmall,
    SpecialCase,
    VisionWorker,
    capture_portrait,
)
from agent.devices.errors import CameraFrozen, Cancelled, DeviceError, NoCamera
from agent.devices.seams import Frame, Pixels

Picture = Callable[..., Pixels]
HELD_AT_ONCE = PortraitPolicy(hold_s=0.0)
HELD_A_WHILE = PortraitPolicy(hold_s=0.3)


class ScriptedCamera:
    """A FrameSource that shows scripted pictures at 10 frames a second of its own clock, the last one for ever.

    An error in the script is raised in its place. `cancel_at` sets the cancel event with that frame.
    """

    def __init__(self, *script: Pixels | DeviceError, cancel_at: int = -1) -> None:
        self._script, self._cancel_at = script, cancel_at
        self.number = 0

    def newest(self, after: int, deadline: float, cancelled: Event) -> Frame:
        """Return the next scripted frame."""
        assert after <= self.number
        if cancelled.is_set():
            raise Cancelled
        shown = self._script[min(self.number, len(self._script) - 1)]
        self.number += 1
        if self.number == self._cancel_at:
            cancelled.set()
        if isinstance(shown, DeviceError):
            raise shown
        return Frame(shown, self.number, self.number * 0.1)


def _take(
    vision: VisionWorker,
    camera: ScriptedCamera,
    policy: PortraitPolicy = HELD_AT_ONCE,
    within_s: float = 60,
    said: list[str] | None = None,
    cancelled: Event | None = None,
    by_hand: ByHand | None = None,
    lists: list[list[str]] | None = None,
) -> Evidence:
    def guide(guidance: Guidance) -> None:
        if said is not None:
            said.append(guidance.code)

    def guide_all(shown: tuple[Guidance, ...]) -> None:
        if lists is not None:
            lists.append([one.code for one in shown])

    return capture_portrait(
        camera,
        vision,
        policy,
        guide,
        deadline=time.monotonic() + within_s,
        cancelled=cancelled or Event(),
        by_hand=by_hand,
        guide_all=guide_all,
    )


def _verdicts(evidence: Evidence) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in evidence.checks}


def test_a_good_portrait_is_evidence_with_two_pictures(vision: VisionWorker, picture: Picture) -> None:
    """All gates hold: passed, still and crop as JPEG, the models' hashes and the encoder's settings as facts."""
    evidence = _take(vision, ScriptedCamera(picture("passing")))
    assert (evidence.stage, evidence.verdict, evidence.reason) == ("portrait", Verdict.PASSED, "")
    assert [(part.name, part.media_type) for part in evidence.parts] == [
        ("portrait/still", "image/jpeg"),
        ("portrait/crop", "image/jpeg"),
    ]
    crop = cv2.imdecode(np.frombuffer(evidence.parts[1].data, np.uint8), cv2.IMREAD_COLOR)
    assert crop is not None
    assert crop.shape == (540, 420, 3)
    assert evidence.facts["still"] == f"1280x720, JPEG quality 95, 4:4:4, {len(evidence.parts[0].data)} bytes"
    assert {f"model {name}" for name in vision.model_hashes} <= set(evidence.facts)
    assert {"background_uniformity", "head_size"} <= set(_verdicts(evidence))


def test_gates_must_hold_for_the_whole_time(vision: VisionWorker, picture: Picture) -> None:
    """A bad frame in between starts the time again: three good frames at 10 a second are not 0.3 s."""
    good, bad = picture("passing"), picture("dark")
    camera = ScriptedCamera(good, good, good, bad, good, good, good, bad, good, good, good, good)
    assert _take(vision, camera, HELD_A_WHILE).verdict is Verdict.PASSED
    assert camera.number == 12


def test_a_missing_face_starts_the_time_again_too(vision: VisionWorker, picture: Picture) -> None:
    """Somebody who steps out and in again is not one portrait."""
    good, nobody = picture("passing"), picture("none")
    camera = ScriptedCamera(good, good, good, nobody, good, good, good, good)
    assert _take(vision, camera, HELD_A_WHILE).verdict is Verdict.PASSED
    assert camera.number == 8


def test_the_sharpest_frame_of_the_held_time_is_kept(vision: VisionWorker, picture: Picture) -> None:
    """Of frames that all pass it is the sharp one that becomes the still, not the last."""
    sharp = picture("passing")
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.2), np.uint8)
    evidence = _take(vision, ScriptedCamera(soft, sharp, soft, soft, soft), HELD_A_WHILE)
    assert evidence.verdict is Verdict.PASSED
    still = cv2.imdecode(np.frombuffer(evidence.parts[0].data, np.uint8), cv2.IMREAD_COLOR)
    assert still is not None
    assert np.abs(still.astype(int) - sharp).mean() < np.abs(still.astype(int) - soft).mean()


@pytest.mark.parametrize(
    ("subject", "gate"), [("two-faces", "single_face_present"), ("dark", "under_exposure_prevention")]
)
def test_gates_that_never_hold_are_failed_checks(
    vision: VisionWorker, picture: Picture, subject: str, gate: str
) -> None:
    """At the deadline the best frame is handed over with what failed, and with its pictures."""
    evidence = _take(vision, ScriptedCamera(picture(subject)), within_s=0.8)
    assert evidence.verdict is Verdict.FAILED
    assert _verdicts(evidence)[gate] is Verdict.FAILED
    assert _verdicts(evidence)["kiosk_gates_held"] is Verdict.FAILED
    assert all(part.data for part in evidence.parts)


def test_a_portrait_whose_gates_did_not_hold_long_enough_has_failed(vision: VisionWorker, picture: Picture) -> None:
    """Single good frames do not make a good portrait."""
    evidence = _take(vision, ScriptedCamera(picture("passing")), PortraitPolicy(hold_s=1e9), within_s=0.8)
    assert evidence.verdict is Verdict.FAILED
    assert [name for name, verdict in _verdicts(evidence).items() if verdict is Verdict.FAILED] == ["kiosk_gates_held"]


def test_the_frame_with_fewer_failed_gates_is_the_best(vision: VisionWorker, picture: Picture) -> None:
    """Dark fails one gate, side light two: the dark one is kept although it came first."""
    camera = ScriptedCamera(picture("dark"), picture("side-lit"))
    assert _verdicts(_take(vision, camera, within_s=0.8))["illumination_uniformity"] is Verdict.PASSED


def test_a_gate_that_only_the_still_knows_decides(vision: VisionWorker, picture: Picture) -> None:
    """With a gate on the background that nobody meets there is no passed portrait, but failed evidence."""
    policy = PortraitPolicy({"background_uniformity": Range(high=0.0)}, hold_s=0.0)
    evidence = _take(vision, ScriptedCamera(picture("passing")), policy, within_s=0.8)
    assert evidence.verdict is Verdict.FAILED
    assert _verdicts(evidence)["background_uniformity"] is Verdict.FAILED


def test_nobody_there_is_no_face(vision: VisionWorker, picture: Picture) -> None:
    """No face until the deadline: NoFace, and the person was asked to come."""
    said: list[str] = []
    with pytest.raises(NoFace):
        _take(vision, ScriptedCamera(picture("none")), within_s=1.5, said=said)
    assert said == ["portrait.no_face"]


def test_a_camera_that_stays_away_is_its_own_error(vision: VisionWorker, picture: Picture) -> None:
    """A camera lost after good frames is not taken for a person who left."""
    with pytest.raises(NoCamera):
        _take(vision, ScriptedCamera(picture("dark"), NoCamera("test")), within_s=2.0)


def test_a_camera_that_comes_back_goes_on(vision: VisionWorker, picture: Picture) -> None:
    """Frozen and gone for some frames, then back: the portrait is taken, and the time starts again."""
    good = picture("passing")
    camera = ScriptedCamera(good, good, CameraFrozen("test"), NoCamera("test"), good, good, good, good)
    assert _take(vision, camera, HELD_A_WHILE).verdict is Verdict.PASSED
    assert camera.number == 8


def test_cancel_ends_the_capture(vision: VisionWorker, picture: Picture) -> None:
    """The operator cancels: Cancelled, at once."""
    with pytest.raises(Cancelled):
        _take(vision, ScriptedCamera(picture("dark"), cancel_at=3))


def test_a_deadline_in_the_past_takes_nothing(vision: VisionWorker, picture: Picture) -> None:
    """No time, no face."""
    with pytest.raises(NoFace):
        _take(vision, ScriptedCamera(picture("passing")), within_s=-1)


def test_guidance_is_said_once(vision: VisionWorker, picture: Picture) -> None:
    """A person who stands too dark for two seconds is told so once."""
    said: list[str] = []
    _take(vision, ScriptedCamera(picture("dark")), within_s=1.5, said=said)
    assert said == ["portrait.too_dark"]


def test_a_face_too_small_for_a_crop_is_told_and_leaves_no_crop(vision: VisionWorker, picture: Picture) -> None:
    """No enlarging: the gate fails, the person is asked to come closer, and the fact says why there is no crop."""
    said: list[str] = []
    evidence = _take(vision, ScriptedCamera(picture("far")), within_s=1.5, said=said)
    assert said == ["portrait.come_closer"]
    assert _verdicts(evidence)["kiosk_crop_height"] is Verdict.FAILED
    assert [part.name for part in evidence.parts] == ["portrait/still"]
    assert evidence.facts["crop"].startswith("none")


def test_the_operator_can_take_what_is_there(vision: VisionWorker, picture: Picture) -> None:
    """By hand: the next face at once, its failed gates recorded as failed, the reason with it; no gate is passed."""
    by_hand = ByHand()
    by_hand.take(Reason.LIGHT)
    camera = ScriptedCamera(picture("none"), picture("dark"))
    evidence = _take(vision, camera, by_hand=by_hand)
    assert camera.number == 2
    assert _verdicts(evidence)["under_exposure_prevention"] is Verdict.FAILED
    held = next(check for check in evidence.checks if check.name == "kiosk_gates_held")
    assert (held.verdict, held.reason) == (Verdict.NOT_ASSESSED, "taken by hand: the light cannot be changed")
    assert evidence.verdict is Verdict.FAILED
    assert by_hand.pending() is None


def test_a_good_picture_taken_by_hand_is_not_a_passed_stage(vision: VisionWorker, picture: Picture) -> None:
    """All gates of the still pass, but nobody saw them hold: not assessed."""
    by_hand = ByHand()
    by_hand.take(Reason.JUDGED_GOOD)
    evidence = _take(vision, ScriptedCamera(picture("passing")), HELD_A_WHILE, by_hand=by_hand)
    assert evidence.verdict is Verdict.NOT_ASSESSED
    assert Verdict.FAILED not in _verdicts(evidence).values()


def test_a_relaxed_gate_does_not_hold_up_and_is_recorded(vision: VisionWorker, picture: Picture) -> None:
    """A tilted head that cannot be straightened is taken; check and fact say what was relaxed, by whom."""
    policy = HELD_AT_ONCE.relaxed(Relaxation(SpecialCase.HEAD_TILT, "supervisor-7"))
    evidence = _take(vision, ScriptedCamera(picture("tilted")), policy)
    roll = next(check for check in evidence.checks if check.name == "head_pose_roll")
    assert roll.verdict is Verdict.NOT_ASSESSED
    assert roll.reason.startswith("relaxed for head tilt")
    assert "supervisor-7" in evidence.facts["relaxed for head tilt"]
    assert evidence.verdict is Verdict.NOT_ASSESSED


def test_what_only_the_still_shows_is_told_while_watching(vision: VisionWorker, picture: Picture) -> None:
    """A background that is not plain is seen on a still; from then on the list has it, and not "good"."""
    policy = PortraitPolicy({"background_uniformity": Range(high=0.0)}, hold_s=0.0)
    lists: list[list[str]] = []
    _take(vision, ScriptedCamera(picture("passing")), policy, within_s=1.5, lists=lists)
    assert lists == [["portrait.background"]]


def test_the_whole_list_is_told_worst_first(vision: VisionWorker, picture: Picture) -> None:
    """Two people and nothing else wrong but size: both in one list, the worst alone through the plain guide."""
    said: list[str] = []
    lists: list[list[str]] = []
    small = cv2.resize(picture("two-faces"), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    _take(vision, ScriptedCamera(np.asarray(small, np.uint8)), within_s=1.5, said=said, lists=lists)
    assert lists[0][:2] == ["portrait.only_one_person", "portrait.come_closer"]
    assert said == ["portrait.only_one_person"]


def test_the_size_limit_reaches_the_encoder(vision: VisionWorker, picture: Picture) -> None:
    """The crop fits the policy's limit, and the fact says with which quality; an impossible limit is its own error."""
    policy = PortraitPolicy(hold_s=0.0, limits=SizeLimits(crop=60_000))
    evidence = _take(vision, ScriptedCamera(picture("passing")), policy)
    crop = next(part.data for part in evidence.parts if part.name == "portrait/crop")
    assert len(crop) <= 60_000
    assert "JPEG quality 95" not in evidence.facts["crop"]
    with pytest.raises(SizeLimitTooSmall):
        _take(vision, ScriptedCamera(picture("passing")), PortraitPolicy(hold_s=0.0, limits=SizeLimits(crop=999)))


def test_a_camera_without_a_lock_is_named_in_the_facts(vision: VisionWorker, picture: Picture) -> None:
    """The evidence never claims a lock that was not there."""
    evidence = _take(vision, ScriptedCamera(picture("passing")))
    assert evidence.facts["camera controls"] == "not offered by this source"


class LargeCamera(ScriptedCamera):
    """A scripted camera with a larger mode; `large` is its still, or none."""

    def __init__(self, *script: Pixels | DeviceError, large: Pixels | None) -> None:
        super().__init__(*script)
        self._large = large

    def still(self, deadline: float, cancelled: Event) -> Frame | None:
        """Give the still."""
        return None if self._large is None else Frame(self._large, self.number, self.number * 0.1)


def _enlarged(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_LANCZOS4), np.uint8)


def test_the_portrait_is_taken_in_the_largest_mode(vision: VisionWorker, picture: Picture) -> None:
    """The same face in more pixels: still and measures are of that picture."""
    sharp = np.asarray(
        cv2.addWeighted(
            _enlarged(picture("passing")), 1.6, cv2.GaussianBlur(_enlarged(picture("passing")), (0, 0), 3), -0.6, 0
        ),
        np.uint8,
    )
    evidence = _take(vision, LargeCamera(picture("passing"), large=sharp))
    assert evidence.verdict is Verdict.PASSED
    assert evidence.facts["still mode"] == "the camera's largest"
    assert evidence.facts["still"].startswith("1920x1080")
    ied = next(check.native for check in evidence.checks if check.name == "inter_eye_distance")
    assert ied is not None
    assert ied > 150


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("dark", "not all gates held"),
        ("none", "not all gates held"),
        ("near", "the face had moved"),
        (None, "no larger"),
    ],
)
def test_what_is_not_as_good_in_the_largest_mode_is_not_taken(
    vision: VisionWorker, picture: Picture, subject: str | None, told: str
) -> None:
    """The light went, the person went, another one came, or there is no such mode: the preview's best frame counts."""
    large = None if subject is None else _enlarged(picture(subject))
    evidence = _take(vision, LargeCamera(picture("passing"), large=large))
    assert evidence.verdict is Verdict.PASSED
    assert told in evidence.facts["still mode"]
    assert evidence.facts["still"].startswith("1280x720")

"""What people are told: a short list, worst first, without flicker."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.evidence import Guidance
from agent.capture.portrait import guidance as said
from agent.capture.portrait.guidance import AT_MOST, MOVES, STEADY_S, STEP_BACK, WORST_FIRST, Advice, faults
from agent.capture.portrait.measures import Analysis
from agent.capture.portrait.policy import DEFAULT_GATES, PortraitPolicy, Range
from agent.capture.portrait.special_cases import Relaxation, SpecialCase
from tests.capture.portrait.analyses import analysis

POLICY = PortraitPolicy()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"single_face_present": 0.9}, said.ONE_PERSON),
        ({"under_exposure_prevention": 0.9}, said.TOO_DARK),
        ({"over_exposure_prevention": 0.9}, said.TOO_BRIGHT),
        ({"inter_eye_distance": 50.0}, said.COME_CLOSER),
        ({"kiosk_crop_height": 400.0}, said.COME_CLOSER),
        ({"head_pose_yaw": -20.0}, said.LOOK_STRAIGHT),
        ({"head_pose_pitch": -20.0}, said.LIFT_CHIN),
        ({"head_pose_pitch": 20.0}, said.LOWER_CHIN),
        ({"head_pose_roll": 20.0}, said.UPRIGHT),
        ({"illumination_uniformity": 0.1}, said.UNEVEN),
        ({"kiosk_glasses_glare": 0.1}, said.GLARE),
        ({"eyes_open": 0.0}, said.OPEN_EYES),
        ({"kiosk_eye_contrast": 0.1}, said.OPEN_EYES),
        ({"mouth_closed": 0.5}, said.CLOSE_MOUTH),
        ({"kiosk_motion_blur": 0.6, "kiosk_sharpness": 0.1}, said.HOLD_STILL),
        ({"kiosk_sharpness": 0.1}, said.BLURRED),
        ({"kiosk_red_eye": 0.5}, said.RED_EYE),
        ({"background_uniformity": 90.0}, said.BACKGROUND),
        ({}, said.GOOD),
    ],
    ids=lambda value: getattr(value, "code", None) or ",".join(value),
)
def test_each_fault_has_its_sentence(changed: dict[str, float], expected: Guidance) -> None:
    """One cause, one sentence, in both languages."""
    assert faults(analysis(**changed), POLICY) == (expected,)
    assert expected.words.vi != expected.words.en


def test_every_gate_is_told() -> None:
    """No default gate is explained by its name alone."""
    told = {*said.BY_GATE, "head_pose_pitch", "kiosk_crop_inside_frame"}
    assert set(DEFAULT_GATES) == told
    assert set(said.BY_GATE.values()) <= set(WORST_FIRST)


def test_worst_comes_first() -> None:
    """People before light, light before place, place before pose, pose before face."""
    many = analysis(mouth_closed=0.5, head_pose_yaw=20.0, inter_eye_distance=50.0, single_face_present=0.9)
    assert faults(many, POLICY) == (said.ONE_PERSON, said.COME_CLOSER, said.LOOK_STRAIGHT, said.CLOSE_MOUTH)


def test_what_bad_light_spoils_is_not_told() -> None:
    """In the dark eyes, glare and sharpness mean nothing; the pose still does."""
    dark = analysis(under_exposure_prevention=0.9, kiosk_eye_contrast=0.1, kiosk_sharpness=0.1, head_pose_yaw=20.0)
    assert faults(dark, POLICY) == (said.TOO_DARK, said.LOOK_STRAIGHT)


def test_nobody_there() -> None:
    """No face: please come."""
    assert faults(Analysis(0), POLICY) == (said.NO_FACE,)


def test_a_policy_of_its_own_is_told_by_name() -> None:
    """A gate nobody has words for is named, and comes last."""
    policy = PortraitPolicy({"beauty": Range(low=0.5), "mouth_closed": Range(high=0.2)})
    told = faults(analysis(mouth_closed=0.9), policy)
    assert [one.code for one in told] == ["portrait.close_mouth", "portrait.beauty"]


@pytest.mark.parametrize(
    ("beyond", "expected"),
    [
        ((0.3, 0, 0, 0), MOVES[0]),
        ((0, 0.3, 0, 0), MOVES[1]),
        ((0, 0.1, 0.3, 0), MOVES[2]),
        ((0, 0, 0, 0.3), MOVES[3]),
        ((0.1, 0.1, 0, 0), STEP_BACK),
        ((0, 0, 0.2, 0.2), STEP_BACK),
    ],
)
def test_who_is_not_in_the_picture_is_told_where_to_go(beyond: tuple[float, ...], expected: Guidance) -> None:
    """The side on which the crop leaves the frame says the way; both sides mean too close."""
    assert faults(analysis(*beyond, kiosk_crop_inside_frame=0.5), POLICY) == (expected,)


def _shown(frames: Iterable[Analysis], policy: PortraitPolicy = POLICY, step_s: float = 0.1) -> list[tuple[str, ...]]:
    """Return every list that is shown while frames come at a steady pace."""
    advice, lists = Advice(policy), []
    for tick, frame in enumerate(frames):
        if advice.see(frame, tick * step_s):
            lists.append(tuple(one.code.removeprefix("portrait.") for one in advice.shown))
    return lists


def test_what_flickers_is_never_said() -> None:
    """A fault on every other frame shows nothing."""
    assert _shown([analysis(), analysis(head_pose_yaw=9.0)] * 20) == []


def test_what_lasts_is_said_once_and_taken_back_once() -> None:
    """Two seconds of a fault, two seconds without: two lists."""
    bad, good = [analysis(mouth_closed=0.9)] * 20, [analysis()] * 20
    assert _shown(bad + good) == [("close_mouth",), ("good",)]


def test_single_bad_frames_do_not_take_the_good_word_away() -> None:
    """One blink in a good second changes nothing."""
    assert _shown([*[analysis()] * 10, analysis(kiosk_eye_contrast=0.1), *[analysis()] * 10]) == [("good",)]


def test_a_fault_stays_until_it_is_clearly_over() -> None:
    """5.1 degrees is a fault, 4.9 beside another fault not yet the end of it, 4.5 is."""
    bad = [analysis(head_pose_yaw=5.1, mouth_closed=0.9)] * 10
    nearly = [analysis(head_pose_yaw=4.9, mouth_closed=0.9)] * 10
    clear = [analysis(head_pose_yaw=4.5, mouth_closed=0.9)] * 10
    assert _shown(bad + nearly + clear) == [("look_straight", "close_mouth"), ("close_mouth",)]


def test_when_all_gates_hold_it_is_good_even_if_barely() -> None:
    """A value just inside its gate must not keep a fault on the screen while the picture is being taken."""
    assert _shown([analysis(head_pose_yaw=6.0)] * 10 + [analysis(head_pose_yaw=4.99)] * 10)[-1] == ("good",)


def test_a_new_fault_joins_the_list_in_its_rank() -> None:
    """A worse fault that comes later is put first; the list stays short."""
    first = [analysis(mouth_closed=0.9, head_pose_roll=20.0)] * 10
    second = [
        analysis(mouth_closed=0.9, head_pose_roll=20.0, inter_eye_distance=50.0, illumination_uniformity=0.1)
    ] * 10
    assert _shown(first + second) == [
        ("head_upright", "close_mouth"),
        ("come_closer", "head_upright", "uneven_light"),
    ]


def test_a_person_who_leaves_takes_the_list_along() -> None:
    """Without a face there is nothing else to say."""
    shown = _shown([analysis(mouth_closed=0.9)] * 10 + [Analysis(0)] * 10)
    assert shown == [("close_mouth",), ("no_face",)]


def test_the_camera_comes_before_everything() -> None:
    """While the camera restarts, only that is said."""
    advice = Advice(POLICY)
    for tick in range(10):
        advice.see(analysis(mouth_closed=0.9), tick * 0.1)
    assert not advice.see_only(said.CAMERA_RECOVERING, 1.0)
    assert advice.see_only(said.CAMERA_RECOVERING, 1.1 + STEADY_S)
    assert advice.shown == (said.CAMERA_RECOVERING,)


def test_a_relaxed_gate_is_not_told() -> None:
    """Nobody is asked to do what they cannot."""
    policy = POLICY.relaxed(Relaxation(SpecialCase.CLOSED_EYE, "supervisor-7"))
    assert _shown([analysis(eyes_open=0.0)] * 10, policy) == [("good",)]


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "head_pose_yaw": st.floats(-10, 10),
        "mouth_closed": st.floats(0, 0.4),
        "inter_eye_distance": st.floats(60, 130),
        "kiosk_sharpness": st.floats(0, 0.5),
        "under_exposure_prevention": st.floats(0, 1),
    },
)


@given(st.lists(st.one_of(st.none(), CHANGES), max_size=40), st.floats(0.01, 0.3))
def test_the_list_is_short_sorted_and_slow_whatever_comes(frames: list[dict[str, float] | None], step_s: float) -> None:
    """Never more than three, never twice the same, always worst first, and no entry comes and goes within STEADY_S."""
    advice, before, since = Advice(POLICY), frozenset[Guidance](), dict[Guidance, float]()
    for tick, changed in enumerate(frames):
        now_s = tick * step_s
        advice.see(Analysis(0) if changed is None else analysis(**changed), now_s)
        shown = advice.shown
        assert len(shown) <= AT_MOST
        ranks = [WORST_FIRST.index(one) for one in shown if one is not said.GOOD]
        assert ranks == sorted(set(ranks))
        assert said.GOOD not in shown or len(shown) == 1
        for one in advice._active ^ before:
            assert now_s - since.get(one, -1.0) >= STEADY_S
            since[one] = now_s
        before = frozenset(advice._active)

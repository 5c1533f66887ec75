"""Each measure against a rendered head of known truth: it moves one way with its cause, and fails where it should.

Thresholds that were found on renders stay provisional: this shows that measures and gates do what they say, not that
the limits are right for people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from firmware_mocks.head import Camera, Renderer, Subject, Wall

from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.policy import DEFAULT_GATES

GOOD = Subject(distance_mm=640)


@dataclass(frozen=True, slots=True)
class Series:
    """A cause that grows from picture to picture; the first `pass_` of them pass the measure's gate, the rest fail."""

    measure: str
    field: str
    values: tuple[object, ...]
    pass_: int
    rises: bool = True
    subject: Subject = GOOD


SERIES = (
    Series("under_exposure_prevention", "exposure", (1.0, 0.5, 0.3, 0.2, 0.12), 3),
    Series("over_exposure_prevention", "exposure", (1.0, 2.0, 3.0, 4.0), 1),
    Series(
        "illumination_uniformity", "light_strength", (0.0, 0.3, 0.6, 0.9), 1, False, replace(GOOD, light_from=(80, 0))
    ),
    Series("kiosk_sharpness", "blur_px", (0.0, 1.0, 2.0, 3.0, 4.0), 2, False),
    Series("kiosk_motion_blur", "motion_px", (0.0, 8.0, 12.0, 20.0), 1),
    Series("kiosk_eye_contrast", "eyes_closed", (0.0, 0.5, 1.0), 1, False),
    Series("mouth_closed", "mouth", (0.0, 0.5, 1.0, 1.5), 4),
    Series("kiosk_glasses_glare", "glare", (0.3, 0.6, 1.0), 2, True, replace(GOOD, glasses=True)),
    Series("inter_eye_distance", "distance_mm", (600.0, 700.0, 900.0, 1200.0), 3, False),
    Series("kiosk_crop_height", "distance_mm", (600.0, 640.0, 700.0, 900.0), 2, False),
    Series("kiosk_crop_inside_frame", "offset_mm", ((0.0, 0.0), (200.0, 0.0), (250.0, 0.0)), 1, False),
    Series("background_uniformity", "texture", (0.0, 10.0, 30.0, 60.0), 2, True, replace(GOOD, wall=Wall.TEXTURE)),
    Series("head_pose_yaw", "yaw", (0.0, 10.0, 20.0), 1),
    Series("head_pose_pitch", "pitch", (0.0, 12.0, 20.0), 1),
    Series("head_pose_roll", "roll", (0.0, 10.0, 20.0), 1),
)


@pytest.fixture(name="renderer", scope="module")
def renderer_fixture() -> Renderer:
    """Return one renderer, which keeps its geometry between pictures."""
    return Renderer(Camera())


def _native(analyser: Analyser, renderer: Renderer, subject: Subject, measure: str) -> float:
    native = analyser.inspect(renderer.render(subject).exposed()).analysis.native(measure)
    assert native is not None
    return native


@pytest.mark.parametrize("series", SERIES, ids=lambda one: f"{one.measure}-{one.field}")
def test_a_measure_follows_its_cause_across_its_threshold(
    analyser: Analyser, renderer: Renderer, series: Series
) -> None:
    """Strictly in one direction, and the gate gives way between the picture that is good and the one that is not."""
    subjects = [replace(series.subject, **{series.field: value}) for value in series.values]  # type: ignore[arg-type]
    found = [_native(analyser, renderer, subject, series.measure) for subject in subjects]
    assert all((after > before) is series.rises for before, after in pairwise(found)), found
    gate = DEFAULT_GATES[series.measure]
    assert [gate.holds(native) for native in found] == [place < series.pass_ for place in range(len(found))], found


@pytest.mark.parametrize("degrees", [-20.0, -10.0, 10.0, 20.0])
def test_roll_is_measured_in_degrees(analyser: Analyser, renderer: Renderer, degrees: float) -> None:
    """Clockwise in the picture, to a degree and a half."""
    measured = _native(analyser, renderer, replace(GOOD, roll=degrees), "head_pose_roll")
    assert measured == pytest.approx(degrees, abs=1.5)


def test_the_eyes_are_as_far_apart_as_they_were_rendered(analyser: Analyser, renderer: Renderer) -> None:
    """The landmarks' distance against the mesh's own, at several distances."""
    for distance_mm in (600.0, 800.0, 1000.0):
        picture = renderer.render(replace(GOOD, distance_mm=distance_mm))
        measured = analyser.inspect(picture.exposed()).analysis.native("inter_eye_distance")
        assert measured == pytest.approx(picture.truth.inter_eye_px, rel=0.05)


@pytest.mark.parametrize("wall", [Wall.POSTER, Wall.SECOND_PERSON])
def test_a_poster_or_a_person_behind_is_a_second_face(analyser: Analyser, renderer: Renderer, wall: Wall) -> None:
    """Printed or not: the gate does not hold."""
    native = _native(analyser, renderer, replace(GOOD, wall=wall), "single_face_present")
    assert not DEFAULT_GATES["single_face_present"].holds(native)
    assert _native(analyser, renderer, GOOD, "single_face_present") == 0

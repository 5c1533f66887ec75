"""Geometry on faces whose points are set by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.portrait.crop import (
    beyond,
    crop_height,
    crop_map,
    demand_pixels,
    laid_out,
    outline,
    share_inside,
)
from agent.capture.portrait.errors import TooFewPixels
from agent.capture.portrait.face import INNER_LIPS, LEFT_LIDS, MESH_POINTS, RIGHT_LIDS, Box, Mesh
from agent.capture.portrait.framing import measure_crop, measure_placing
from agent.capture.portrait.geometry import measure_geometry
from agent.capture.portrait.pose import HEAD, Pose, head_pose
from tests.capture.portrait.faces import XY, mesh

FRONTAL = Pose(0, 0, 0)
# Eyes 100 px apart, 180 px above the chin.
T = 180.0


def _box(side: float) -> Box:
    return Box(0, 0, side, side, (0, 0), (1, 0), 0.9)


def _native(face: Mesh, pose: Pose | None = FRONTAL, boxes: tuple[Box, ...] = (_box(100),)) -> dict[str, float | None]:
    return {one.name: one.native for one in measure_geometry(face, pose, boxes)}


def test_inter_eye_distance_is_corrected_for_the_yaw() -> None:
    """100 px between the eyes are 100 px frontal and 200 px on a head turned by 60 degrees."""
    assert _native(mesh())["inter_eye_distance"] == pytest.approx(100)
    assert _native(mesh(), Pose(60, 0, 0))["inter_eye_distance"] == pytest.approx(200)


def test_eyes_open_is_the_smaller_eye_in_eye_to_chin_distances() -> None:
    """Gaps of 18 and 9 px with T = 180 px give 0.05: the worse eye, its widest pair of lids."""
    lids: dict[int, XY] = {}
    for (upper, lower), gap in zip((*RIGHT_LIDS, *LEFT_LIDS), (10, 18, 10, 5, 9, 5), strict=True):
        lids |= {upper: (650, 300 - gap / 2), lower: (650, 300 + gap / 2)}
    assert _native(mesh(more=lids))["eyes_open"] == pytest.approx(9 / T)


def test_mouth_closed_is_the_widest_gap_of_the_inner_lips() -> None:
    """A gap of 36 px with T = 180 px gives 0.2."""
    lips: dict[int, XY] = {}
    for (upper, lower), gap in zip(INNER_LIPS, (20, 36, 24), strict=True):
        lips |= {upper: (650, 420 - gap / 2), lower: (650, 420 + gap / 2)}
    assert _native(mesh(more=lips))["mouth_closed"] == pytest.approx(36 / T)


def test_single_face_is_the_second_face_over_the_first() -> None:
    """Sides of 100 and 50 px give a quarter; one face alone gives 0."""
    assert _native(mesh())["single_face_present"] == 0
    assert _native(mesh(), boxes=(_box(100), _box(50)))["single_face_present"] == pytest.approx(0.25)


def test_without_a_pose_what_needs_it_is_not_assessed() -> None:
    """No pose, no inter-eye distance: not assessed, with a reason."""
    found = {one.name: one for one in measure_geometry(mesh(), None, [_box(100)])}
    for name in ("inter_eye_distance", "head_pose_yaw", "head_pose_pitch", "head_pose_roll"):
        assert found[name].native is None
        assert found[name].reason


@given(
    yaw=st.floats(-30, 30),
    pitch=st.floats(-25, 25),
    roll=st.floats(-30, 30),
    x=st.floats(300, 980),
    y=st.floats(200, 520),
)
def test_pose_of_a_turned_head_is_found_again(yaw: float, pitch: float, roll: float, x: float, y: float) -> None:
    """The generic head, turned and seen from the camera's direction, gives its angles back, wherever it is."""
    focal, distance = 1.04 * 1280, 700.0
    # About axes that point right and down; the angles count to the left and up, as people say them.
    turn = _rotation(-yaw, -pitch, roll)
    seen = np.array(list(HEAD.values())) @ turn.T
    seen -= seen.mean(axis=0)
    image = focal * seen[:, :2] / (distance + seen[:, 2:]) + (x, y)
    points = np.zeros((MESH_POINTS, 3), np.float32)
    points[list(HEAD), :2] = image
    pose = head_pose(Mesh(points), 1280)
    assert pose is not None
    # The centre of the points is not quite the centre of the head: half a degree.
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=1.5)


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    turns = []
    for axis, angle in (((0, 0, 1), roll), ((0, 1, 0), yaw), ((1, 0, 0), pitch)):
        turns.append(cv2.Rodrigues(np.array(axis, np.float64) * np.radians(angle))[0])
    return np.asarray(turns[0] @ turns[1] @ turns[2], np.float64)


@given(
    x=st.floats(0, 1280), y=st.floats(0, 720), angle=st.floats(-40, 40), apart=st.floats(20, 300), t=st.floats(30, 500)
)
def test_crop_puts_every_face_to_the_same_place(x: float, y: float, angle: float, apart: float, t: float) -> None:
    """Eyes level at 45 % from the top in the middle, eye to chin 38 % of 540 px, however the head is held."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    half = np.array([cos, sin]) * apart / 2
    chin = np.array([x, y]) + np.array([-sin, cos]) * t
    face = mesh((x - half[0], y - half[1]), (x + half[0], y + half[1]), (chin[0], chin[1]))
    matrix = crop_map(face)
    right, left, low = (matrix[:, :2] @ place + matrix[:, 2] for place in (face.right_eye, face.left_eye, face.at(152)))
    assert (right + left) / 2 == pytest.approx((210, 243), abs=0.2)
    assert right[1] == pytest.approx(left[1], abs=0.2)
    assert left[0] > right[0]
    assert low == pytest.approx((210, 243 + 0.38 * 540), abs=0.5)


def test_share_inside_says_how_much_of_the_crop_the_frame_holds() -> None:
    """All in the middle of a large frame, about half with the eyes at its edge."""
    assert share_inside(mesh(), 1280, 720) == 1.0
    # T = 180 px: the crop is 368 px wide, so 184 px lie on either side of the eyes' middle.
    assert share_inside(mesh((-50, 300), (50, 300), (0, 480)), 1280, 720) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        ((650, 300), (0, 0, 0, 0)),
        ((0, 300), (0.5, 0, 0, 0)),
        ((1280, 300), (0, 0.5, 0, 0)),
        ((650, 0), (0, 0, 0.45, 0)),
        ((650, 720), (0, 0, 0, 0.55)),
    ],
)
def test_beyond_says_over_which_edge_the_crop_reaches(middle: XY, expected: tuple[float, ...]) -> None:
    """In widths and heights of the crop, 0 on the sides where it fits."""
    x, y = middle
    face = mesh((x - 50, y), (x + 50, y), (x, y + 180))
    assert beyond(face, 1280, 720) == pytest.approx(expected, abs=0.01)


def test_placing_is_measured_as_the_standard_says() -> None:
    """Eyes at (160, 200) and (260, 200) in 420 x 540 with T = 243: every native value by hand."""
    found = {
        one.name: one.native for one in measure_placing(np.array([160.0, 200]), np.array([260.0, 200]), 243, 420, 540)
    }
    assert found == pytest.approx(
        {
            "head_size": 0.0,  # 243 / 540 = .45
            "leftward_crop_of_the_face_image": 1.6,  # the right eye, 160 px from the left edge, over 100
            "rightward_crop_of_the_face_image": 1.6,  # the left eye, 160 px from the right edge
            "margin_above_of_the_face_image": 200 / 243,
            "margin_below_of_the_face_image": 340 / 243,
        },
        abs=1e-9,
    )


def test_our_crop_measures_as_it_is_laid_out() -> None:
    """Head size |.38 - .45|, above .45 / .38 T, below .55 / .38 T, whatever the frame."""
    found = {one.name: one.native for one in measure_crop(mesh())}
    assert found["head_size"] == pytest.approx(0.07, abs=1e-3)
    assert found["margin_above_of_the_face_image"] == pytest.approx(0.45 / 0.38, abs=1e-2)
    assert found["margin_below_of_the_face_image"] == pytest.approx(0.55 / 0.38, abs=1e-2)
    assert found["leftward_crop_of_the_face_image"] == pytest.approx(
        found["rightward_crop_of_the_face_image"] or 0, abs=1e-2
    )


def test_a_crop_is_never_enlarged() -> None:
    """T of 205 px is 539.5 px of crop, which is 540; 204 px is too little, and the error has both heights."""
    demand_pixels(mesh(chin=(650, 505.2)))
    with pytest.raises(TooFewPixels, match="537 of 540 px"):
        demand_pixels(mesh(chin=(650, 504)))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_large_frame_is_averaged_into_the_crop(times: int) -> None:
    """A fine checkerboard is grey in a crop of half the size and less, and the eyes lie where they always do."""
    size = 1200 * times
    y, x = np.mgrid[:size, :size]
    pixels = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    middle, t = size / 2, 220.0 * times
    right, left = (middle - 60 * times, middle), (middle + 60 * times, middle)
    for eye in (right, left):
        cv2.circle(pixels, (round(eye[0]), round(eye[1])), 12 * times, (0, 0, 255), cv2.FILLED)
    picture = laid_out(pixels, mesh(right, left, (middle, middle + t)))
    assert picture.shape == (540, 420, 3)
    scale = 0.38 * 540 / t
    for at in (210 - 60 * times * scale, 210 + 60 * times * scale):
        assert picture[243, round(at)].tolist() == pytest.approx([0, 0, 255], abs=3)
    if times > 1:
        assert picture[:100].std() < 20


def test_the_outline_is_the_crop_in_the_frame() -> None:
    """Four corners, clockwise, of the crop's shape and of its height in the frame."""
    face = mesh()
    corners = outline(face)
    across, down = corners[1] - corners[0], corners[2] - corners[1]
    assert np.linalg.norm(down) == pytest.approx(crop_height(face))
    assert np.linalg.norm(across) / np.linalg.norm(down) == pytest.approx(35 / 45)
    assert float(across[0] * down[1] - across[1] * down[0]) > 0

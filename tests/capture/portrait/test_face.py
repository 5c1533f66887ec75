"""The detector's geometry, and faces found where they were put."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.capture.portrait.face import Box, FaceFinder, anchors, decode
from agent.devices.seams import Pixels

Picture = Callable[..., Pixels]


@pytest.fixture(scope="module")
def finder(models_folder: Path) -> FaceFinder:
    """Return the face finder."""
    return FaceFinder(models_folder)


def test_anchors_are_the_centres_of_two_grids() -> None:
    """512 of the 16 x 16 grid (two a cell), then 384 of the 8 x 8 grid (six a cell), row by row."""
    found = anchors()
    assert found.shape == (896, 2)
    assert found[[0, 1, 2]].tolist() == [[1 / 32, 1 / 32], [1 / 32, 1 / 32], [3 / 32, 1 / 32]]
    assert found[[512, 517, 518, 895]].tolist() == [[1 / 16, 1 / 16], [1 / 16, 1 / 16], [3 / 16, 1 / 16], [15 / 16] * 2]


def test_decode_adds_the_anchor_and_scales_by_128() -> None:
    """A row in 1/128 around its anchor becomes corners and points in 0..1."""
    row = np.array([[12.8, -12.8, 25.6, 51.2, *[6.4, 0] * 6]], np.float32)
    found = decode(row, np.array([[0.5, 0.5]], np.float32))[0]
    assert found[:4] == pytest.approx([0.5, 0.2, 0.7, 0.6])
    assert found[4:] == pytest.approx([0.55, 0.5] * 6)


def test_the_eyes_are_found_where_they_were_put(finder: FaceFinder, picture: Picture) -> None:
    """The rendered eyes are 119 px apart (up to the seed's size) around the upper middle of the frame."""
    pixels = picture("passing")
    boxes = finder.faces(pixels)
    mesh = finder.mesh(pixels, boxes[0])
    assert len(boxes) == 1
    assert mesh is not None
    assert 119 * 0.9 <= mesh.inter_eye_distance <= 119 * 1.12
    assert (mesh.left_eye + mesh.right_eye) / 2 == pytest.approx((640, 324), abs=45)
    assert mesh.left_eye[0] > mesh.right_eye[0]


def test_a_shifted_face_is_found_shifted(finder: FaceFinder, picture: Picture) -> None:
    """Moving the picture by 160 px moves the landmarks by 160 px: padding and scale are undone rightly."""
    pixels = picture("passing")
    moved = np.ascontiguousarray(np.roll(pixels, 160, axis=1))
    first, second = (finder.mesh(one, finder.faces(one)[0]) for one in (pixels, moved))
    assert first is not None
    assert second is not None
    assert second.right_eye - first.right_eye == pytest.approx((160, 0), abs=4)


def test_portrait_format_is_letterboxed_at_the_sides(finder: FaceFinder, picture: Picture) -> None:
    """A frame higher than wide gives the same eyes as the wide one it was cut from."""
    pixels = picture("passing")
    cut = np.ascontiguousarray(pixels[:, 400:880])
    whole, part = (finder.mesh(one, finder.faces(one)[0]) for one in (pixels, cut))
    assert whole is not None
    assert part is not None
    assert whole.left_eye - part.left_eye == pytest.approx((400, 0), abs=4)


def test_two_faces_are_two_boxes_and_a_wall_is_none(finder: FaceFinder, picture: Picture) -> None:
    """Every face is one box, the largest first."""
    boxes = finder.faces(picture("two-faces"))
    assert len(boxes) == 2
    assert boxes[0].area >= boxes[1].area
    assert finder.faces(picture("none")) == []


def test_where_there_is_no_face_there_are_no_landmarks(finder: FaceFinder, picture: Picture) -> None:
    """A box on the bare wall, or one of no size, has no mesh."""
    wall = picture("none")
    assert finder.mesh(wall, Box(400, 200, 200, 200, (450, 260), (550, 260), 0.9)) is None
    assert finder.mesh(wall, Box(400, 200, 0, 0, (450, 260), (550, 260), 0.9)) is None

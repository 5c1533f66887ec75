"""The committed landmarks and triangles, and the head that is built on them."""

from collections import Counter
from pathlib import Path

import firmware_mocks.head
import numpy as np
import pytest
from firmware_mocks.head.anatomy import INTER_EYE_MM, plain_head, turn
from firmware_mocks.head.raster import project, rasterise, vertex_normals
from firmware_mocks.head.shape import gaps, shaped
from firmware_mocks.head.source import OVAL, eye_centres, source


def _border(triangles: np.ndarray) -> set[tuple[int, int]]:
    edges = Counter(
        (int(min(a, b)), int(max(a, b))) for row in triangles for a, b in zip(row, np.roll(row, 1), strict=True)
    )
    assert max(edges.values()) <= 2
    return {edge for edge, times in edges.items() if times == 1}


def test_face_triangles_cover_the_oval_and_nothing_else() -> None:
    """The only open edges of the face are the oval's, so no hole can show; every landmark is used."""
    known = source()
    oval = {(min(a, b), max(a, b)) for a, b in zip(OVAL, (*OVAL[1:], OVAL[0]), strict=True)}
    assert known.landmarks.shape == (468, 3)
    assert set(known.triangles.ravel().tolist()) == set(range(468))
    assert _border(known.triangles) == oval


def test_head_is_frontal_and_has_its_eyes_at_the_origin() -> None:
    """The plain head is as wide between the eyes as stated, level, and about as deep on both sides."""
    places = plain_head().places
    right, left = eye_centres(places)
    assert np.linalg.norm(left - right) == pytest.approx(INTER_EYE_MM, rel=1e-4)
    assert np.allclose((left + right) / 2, 0, atol=1e-3)
    assert abs(np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0]))) < 1
    assert abs(places[234, 2] - places[454, 2]) < 6


@pytest.mark.parametrize(
    ("pose", "axis", "sign"),
    [((20, 0, 0), 0, 1), ((-20, 0, 0), 0, -1), ((0, 20, 0), 1, -1), ((0, -20, 0), 1, 1)],
    ids=["yaw-right", "yaw-left", "pitch-up", "pitch-down"],
)
def test_pose_moves_the_nose_as_documented(pose: tuple[float, float, float], axis: int, sign: int) -> None:
    """Yaw takes the nose to the picture's right, pitch lifts it (y points down)."""
    nose = turn(*pose) @ np.array([0.0, 0.0, -1.0])
    assert nose[axis] * sign == pytest.approx(np.sin(np.radians(20)))


def test_roll_is_clockwise_in_the_picture() -> None:
    """The picture's right sinks when roll is positive."""
    assert (turn(0, 0, 30) @ np.array([1.0, 0, 0]))[1] == pytest.approx(0.5)


def test_mouth_gap_grows_from_closed_to_open() -> None:
    """Zero when shut, the photograph's .1 of T at 1, and more above."""
    found = [gaps(shaped(0, 1.0, mouth))[1] for mouth in (0.0, 0.5, 1.0, 1.5)]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[2] == pytest.approx(0.108, abs=0.02)


def test_identities_differ_in_shape_and_repeat() -> None:
    """A seed gives the same head each time; other seeds and the plain head lie millimetres away; the eyes stay open."""
    heads = [shaped(seed, 1.0, 0.0).places for seed in range(8)]
    shaped.cache_clear()
    assert np.array_equal(heads[3], shaped(3, 1.0, 0.0).places)
    for index, head in enumerate(heads):
        for other in heads[:index]:
            assert np.abs(head[:468] - other[:468]).max() > 1.5
    assert all(gaps(shaped(seed, 1.0, 0.0))[0] > 0.05 for seed in range(8))


def test_strength_scales_the_difference() -> None:
    """A stronger identity strays further from the plain head."""
    plain = shaped(0, 1.0, 0.0).places
    near, far = (np.abs(shaped(5, strength, 0.0).places - plain).mean() for strength in (0.5, 1.5))
    assert near < far


@pytest.mark.parametrize("identity", [0, 4])
@pytest.mark.parametrize("yaw", [-35, -20, 0, 20, 35])
@pytest.mark.parametrize("pitch", [-20, 0, 20])
def test_head_has_no_holes(yaw: int, pitch: int, identity: int) -> None:
    """Every pixel inside the head's outline has a triangle, over the whole range of poses."""
    head = shaped(identity, 1.0, 0.0)
    solid = (head.places @ turn(yaw, pitch, 0).T + np.array([0, 0, 700])).astype(np.float32)
    plane = project(solid, 665.0, (320, 200))
    normals = vertex_normals(solid, head.triangles)
    raster = rasterise(plane, solid[:, 2], head.triangles, head.texture, normals, (640, 400))
    assert raster is not None
    outside = _flooded(raster.inside)
    assert raster.inside.sum() > 15_000
    assert np.count_nonzero(~raster.inside & ~outside) == 0


def _flooded(inside: np.ndarray) -> np.ndarray:
    """Return what can be reached from the window's rim without crossing the head."""
    free = np.pad(~inside, 1, constant_values=True)
    seen = np.zeros_like(free)
    seen[0, 0] = True
    while True:
        grown = seen.copy()
        for axis in (0, 1):
            for shift in (1, -1):
                grown |= np.roll(seen, shift, axis)
        grown &= free
        if np.array_equal(grown, seen):
            return seen[1:-1, 1:-1]
        seen = grown


def test_files_stay_small() -> None:
    """No module of the package is longer than 400 lines."""
    folder = Path(firmware_mocks.head.__file__).parent
    lengths = {path.name: len(path.read_text().splitlines()) for path in folder.glob("*.py")}
    assert lengths
    assert max(lengths.values()) <= 400

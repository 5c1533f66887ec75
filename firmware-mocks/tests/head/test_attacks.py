"""Presentation attacks: planar where they say so, lit as paper and screens are."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from firmware_mocks.head import Attack, Camera, Medium, Renderer, Subject, Truth, present
from firmware_mocks.head.raster import project
from firmware_mocks.head.surface import Surface

SMALL = Camera(640, 360)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """One renderer for all tests."""
    return Renderer(SMALL)


def _residual(first: Truth, second: Truth) -> float:
    """Return the largest distance that the best homography leaves, in inter-eye distances of the first picture."""
    one, two = first.points.astype(np.float64), second.points.astype(np.float64)
    matrix, _ = cv2.findHomography(one, two, 0)
    mapped = cv2.perspectiveTransform(one.reshape(-1, 1, 2), matrix).reshape(-1, 2)
    return float(np.linalg.norm(mapped - two, axis=1).max() / first.inter_eye_px)


@pytest.mark.parametrize("medium", list(Medium), ids=lambda one: one.value)
@pytest.mark.parametrize("yaw", [-30, 10, 25])
def test_flat_media_move_by_a_homography(renderer: Renderer, medium: Medium, yaw: float) -> None:
    """A turned print or screen leaves no parallax; a head turned as far does."""
    shown = Subject()
    still, turned = (present(renderer, Attack(shown, medium, yaw=angle)).truth for angle in (0, yaw))
    assert _residual(still, turned) < 1e-4
    assert _residual(renderer.truth(shown), renderer.truth(replace(shown, yaw=yaw))) > 0.05


def test_bent_prints_leave_more_parallax_the_tighter_they_are(renderer: Renderer) -> None:
    """Residuals grow from flat over 300 and 150 to 100 mm, and stay below the head's."""
    found = []
    for radius in (None, 300.0, 150.0, 100.0):
        still, turned = (present(renderer, Attack(Subject(), yaw=yaw, radius_mm=radius)).truth for yaw in (0, 20))
        found.append(_residual(still, turned))
    assert found == sorted(found)
    assert found[-1] < _residual(renderer.truth(Subject()), renderer.truth(Subject(yaw=20)))


def test_untouched_print_shows_the_subject_where_they_would_stand(renderer: Renderer) -> None:
    """Life-size and unturned, the shown points are where the live ones are."""
    live, shown = renderer.truth(Subject(yaw=10)), present(renderer, Attack(Subject(yaw=10))).truth
    assert np.allclose(live.points, shown.points, atol=1e-2)
    assert np.ptp(shown.depth_mm) == pytest.approx(0, abs=1e-3)
    assert np.ptp(live.depth_mm) > 50


def test_points_are_where_the_picture_shows_them(renderer: Renderer) -> None:
    """Warping the frontal print by the truth's homography gives the turned print's pixels."""
    frontal, turned = (present(renderer, Attack(Subject(), yaw=yaw)) for yaw in (0, 20))
    matrix, _ = cv2.findHomography(frontal.truth.points.astype(float), turned.truth.points.astype(float), 0)
    warped = cv2.warpPerspective(frontal.pixels, matrix, (640, 360))
    x, y = np.rint(turned.truth.points[1]).astype(int)
    window = (slice(y - 40, y + 40), slice(x - 30, x + 30))
    assert np.abs(warped[window].astype(int) - turned.pixels[window]).mean() < 4


def test_truth_names_the_medium_and_its_turn(renderer: Renderer) -> None:
    """Live, print, bent print and screen can be told apart by the truth."""
    bent = present(renderer, Attack(Subject(), yaw=15, radius_mm=150)).truth
    assert (bent.medium, bent.yaw) == ("print bent to 150 mm", 15)
    assert present(renderer, Attack(Subject(), Medium.SCREEN)).truth.medium == "screen"
    assert renderer.truth(Subject()).medium == "live"


def test_print_answers_the_flash_and_a_screen_hardly(renderer: Renderer) -> None:
    """Green light comes back from paper as from skin, from a screen only what its glass mirrors."""
    gains = {}
    for medium in Medium:
        found = [
            present(renderer, Attack(Subject(), medium, scene=Subject(flash=(0, level, 0)))) for level in (0.0, 0.5)
        ]
        x, y = np.rint(found[0].truth.points[50]).astype(int)
        dark, lit = (one.pixels[y - 4 : y + 5, x - 4 : x + 5, 1].mean() for one in found)
        gains[medium] = (lit / dark) ** 2.2 - 1
    assert gains[Medium.PRINT] == pytest.approx(0.5, abs=0.1)
    assert gains[Medium.SCREEN] < 0.2 * gains[Medium.PRINT]


def test_bent_paper_is_darker_to_the_sides_under_the_flash(renderer: Renderer) -> None:
    """On a cylinder the flash's answer falls off from the middle; on flat paper it is even."""
    falls = []
    for radius in (None, 100.0):
        found = [
            present(renderer, Attack(Subject(), radius_mm=radius, scene=Subject(flash=(level,) * 3)))
            for level in (0.0, 0.5)
        ]
        rows = slice(20, 60)
        dark, lit = (one.pixels[rows].astype(float).mean(axis=(0, 2)) for one in found)
        gain = (lit / dark) ** 2.2
        falls.append(gain[318:322].mean() / gain[258:262].mean())
    assert falls[0] == pytest.approx(1, abs=0.03)
    assert falls[1] > 1.05


def test_replayed_turn_moves_the_face_on_a_still_screen(renderer: Renderer) -> None:
    """A video shows another pose in each frame; the medium itself stays flat and unturned."""
    first, second = (present(renderer, Attack(Subject(yaw=yaw), Medium.SCREEN)).truth for yaw in (0, 20))
    assert first.yaw == second.yaw == 0
    assert _residual(first, second) > 0.05


@pytest.mark.parametrize("fault", ["moire", "banding", "glare"])
def test_screen_faults_show_in_the_picture(renderer: Renderer, fault: str) -> None:
    """Each fault changes the picture, more when it is stronger."""
    plain = present(renderer, Attack(Subject(), Medium.SCREEN)).pixels.astype(float)
    weak, strong = (
        np.abs(present(renderer, Attack(Subject(), Medium.SCREEN, **{fault: level})).pixels - plain).mean()  # type: ignore[arg-type]
        for level in (0.3, 0.9)
    )
    assert 0 < weak < strong


def test_phone_is_held_nearer_and_shows_the_face_as_large(renderer: Renderer) -> None:
    """At a third of life size and of the distance the inter-eye distance in the picture is the live one."""
    phone = present(renderer, Attack(Subject(), Medium.SCREEN, scale=1 / 3, size_mm=(70, 140))).truth
    assert phone.inter_eye_px == pytest.approx(renderer.truth(Subject()).inter_eye_px, rel=1e-3)
    assert phone.distance_mm == pytest.approx(700 / 3, rel=1e-3)


def test_paper_that_goes_round_more_than_half_a_cylinder_is_refused(renderer: Renderer) -> None:
    """The message gives both lengths."""
    with pytest.raises(ValueError, match="297 mm do not go round half a cylinder of 50 mm"):
        present(renderer, Attack(Subject(), radius_mm=50))


def test_medium_outside_the_picture_leaves_the_wall(renderer: Renderer) -> None:
    """An attack beside the picture is an empty wall."""
    picture = present(renderer, Attack(Subject(), offset_mm=(3000, 0)))
    assert np.array_equal(picture.pixels, renderer.wall(Subject()))


@pytest.mark.parametrize("radius", [None, 150.0, 100.0], ids=["flat", "r150", "r100"])
def test_rays_meet_the_surface_where_its_places_are_seen(radius: float | None) -> None:
    """Projecting places of the surface and following the rays back gives the same places."""
    surface = Surface((240.0, 200.0), (15.0, -10.0, 650.0), yaw=12, pitch=-8, roll=5, radius_mm=radius)
    places = np.stack(np.meshgrid(np.linspace(-60, 60, 7), np.linspace(-60, 60, 7)), axis=-1).reshape(-1, 2)
    plane = project(surface.to_camera(places), SMALL.focal, SMALL.centre)
    hit = surface.hit(SMALL)
    assert hit is not None
    x, y = ((plane - np.array([hit.left, hit.top], np.float32)).T.reshape(2, -1, 1)).astype(np.float32)
    seen = [cv2.remap(one.astype(np.float32), x, y, cv2.INTER_LINEAR)[:, 0] for one in (hit.u, hit.v)]
    assert np.abs(np.stack(seen, axis=1) - places).max() < 0.05

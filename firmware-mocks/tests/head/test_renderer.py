"""Rendered pictures against their truth, and how they answer to each parameter."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from firmware_mocks.head import Camera, Hair, Renderer, Skin, Subject, Wall
from firmware_mocks.head.anatomy import INTER_EYE_MM
from firmware_mocks.head.source import CHIN, NOSE_TIP

SMALL = Camera(640, 360)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """One renderer for all tests: building the first head takes a second or two."""
    return Renderer(SMALL)


def _face(renderer: Renderer, subject: Subject, share: float = 1.0) -> np.ndarray:
    """Return the pixels of a square around the nose, without noise, as floats."""
    picture = renderer.render(subject)
    x, y = picture.truth.points[NOSE_TIP]
    half = int(picture.truth.inter_eye_px * share)
    return picture.pixels[int(y) - half : int(y) + half, int(x) - half : int(x) + half].astype(np.float64)


def _sharpness(pixels: np.ndarray) -> tuple[float, float]:
    grey = pixels.mean(axis=2)
    return float(np.square(np.diff(grey, axis=1)).mean()), float(np.square(np.diff(grey, axis=0)).mean())


def test_inter_eye_distance_follows_the_pinhole_law(renderer: Renderer) -> None:
    """62.6 mm at 700 mm and f = 1330 px are 119 px; half as large at twice the distance."""
    wide = Renderer(Camera())
    assert wide.truth(Subject()).inter_eye_px == pytest.approx(1330 * INTER_EYE_MM / 700, rel=0.005)
    near, far = (renderer.truth(Subject(distance_mm=distance)) for distance in (500.0, 1000.0))
    assert near.inter_eye_px / far.inter_eye_px == pytest.approx(2, rel=0.01)
    assert near.distance_mm == pytest.approx(500)
    assert far.distance_mm == pytest.approx(1000)


def test_picture_size_scales_everything(renderer: Renderer) -> None:
    """A picture of half the width shows the same view: the points are at half the place."""
    wide = Renderer(Camera()).truth(Subject(yaw=12)).points
    small = renderer.truth(Subject(yaw=12)).points
    assert np.allclose((wide + 0.5) / 2 - 0.5, small, atol=0.3)


def test_offset_moves_the_eyes_by_its_projection(renderer: Renderer) -> None:
    """70 mm to the right at 700 mm is a tenth of the focal length."""
    middle, aside = (renderer.truth(Subject(offset_mm=(offset, 0))) for offset in (0.0, 70.0))
    assert aside.right_eye[0] - middle.right_eye[0] == pytest.approx(SMALL.focal / 10, rel=0.01)


@pytest.mark.parametrize("yaw", [-20, 20])
def test_yaw_takes_the_nose_to_its_side(renderer: Renderer, yaw: float) -> None:
    """The nose leaves the middle between the eyes towards the picture's right when yaw is positive."""
    truth = renderer.truth(Subject(yaw=yaw))
    offset = truth.points[NOSE_TIP, 0] - (truth.right_eye[0] + truth.left_eye[0]) / 2
    assert offset * np.sign(yaw) > 0.15 * truth.inter_eye_px


def test_pitch_lifts_the_nose_towards_the_eyes(renderer: Renderer) -> None:
    """With the chin up the nose comes nearer to the eyes' line."""
    down, level, up = (
        truth.points[NOSE_TIP, 1] - truth.right_eye[1]
        for truth in (renderer.truth(Subject(pitch=pitch)) for pitch in (-15, 0, 15))
    )
    assert down > level > up


def test_roll_turns_the_line_of_the_eyes(renderer: Renderer) -> None:
    """The line through the eyes has the roll's angle."""
    truth = renderer.truth(Subject(roll=15))
    across = np.subtract(truth.left_eye, truth.right_eye)
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(15, abs=1)


def test_truth_says_where_the_pupils_are(renderer: Renderer) -> None:
    """What is darkest in an eye's neighbourhood is within a quarter of an eye's width of the true centre."""
    for yaw in (-20, 0, 20):
        picture = renderer.render(Subject(yaw=yaw, distance_mm=400))
        for x, y in (picture.truth.right_eye, picture.truth.left_eye):
            reach = int(0.2 * picture.truth.inter_eye_px)
            window = picture.pixels[int(y) - reach // 2 : int(y) + reach // 2, int(x) - reach : int(x) + reach]
            dark = np.argwhere(window.max(axis=2) <= np.percentile(window.max(axis=2), 8)).mean(axis=0)
            assert abs(dark[1] - reach) < 0.12 * picture.truth.inter_eye_px


def test_same_seed_gives_the_same_bytes() -> None:
    """Two renderers agree on every byte of a frame; another frame differs only by its noise."""
    subject = Subject(identity=7, yaw=9, noise=3)
    one, two = (Renderer(SMALL).render(subject) for _ in range(2))
    assert one.jpeg(5) == two.jpeg(5)
    assert one.jpeg(5) != one.jpeg(6)
    assert abs(one.exposed(5).astype(int) - one.exposed(6)).max() < 40


def test_cached_pose_equals_a_fresh_one(renderer: Renderer) -> None:
    """Light and background changes on a cached pose give the same picture as a new renderer."""
    renderer.render(Subject(yaw=5))
    lit = Subject(yaw=5, light_from=(40, 10), light_strength=0.6, flash=(0.2, 0, 0), wall=Wall.TEXTURE)
    assert np.array_equal(renderer.render(lit).pixels, Renderer(SMALL).render(lit).pixels)


def test_cache_keeps_few_poses(renderer: Renderer) -> None:
    """A turning head does not fill the memory, and an earlier pose still renders the same."""
    first = renderer.render(Subject(yaw=1)).pixels.copy()
    for yaw in range(2, 9):
        renderer.render(Subject(yaw=yaw))
    assert np.array_equal(renderer.render(Subject(yaw=1)).pixels, first)


def test_exposure_raises_the_mean(renderer: Renderer) -> None:
    """More exposure, brighter face."""
    means = [_face(renderer, Subject(exposure=exposure)).mean() for exposure in (0.1, 0.4, 1.0, 2.0)]
    assert means == sorted(means)
    assert means[0] < 80
    assert means[-1] > 150


def test_cast_tints_the_face(renderer: Renderer) -> None:
    """A blue cast raises blue against red."""
    plain, blue = (_face(renderer, Subject(cast=cast)) for cast in ((1, 1, 1), (0.7, 1.0, 1.5)))
    assert blue[..., 0].mean() / blue[..., 2].mean() > 1.2 * plain[..., 0].mean() / plain[..., 2].mean()


def test_lamp_lights_its_side(renderer: Renderer) -> None:
    """A lamp on the right makes the picture's right half of the face the brighter one, and the left lamp the other."""
    shares = []
    for side in (-70, 0, 70):
        face = _face(renderer, Subject(light_from=(side, 0), light_strength=0.8), 0.6)
        half = face.shape[1] // 2
        shares.append(face[:, half:].mean() / face[:, :half].mean())
    assert shares[0] < 0.8 < shares[1] < 1.2 < shares[2]


def test_flash_adds_its_colour_where_the_face_looks_at_the_screen(renderer: Renderer) -> None:
    """Green grows with the flash, more on the forehead's middle than on the cheek's far side."""
    subject = Subject()
    found = [renderer.render(replace(subject, flash=(0, level, 0))) for level in (0.0, 0.2, 0.5)]
    greens = [one.pixels[..., 1].mean() / one.pixels[..., 2].mean() for one in found]
    assert greens == sorted(greens)
    points = found[0].truth.points
    gains = []
    for index in (9, 234):
        x, y = np.rint(points[index]).astype(int)
        before, after = (one.pixels[y - 2 : y + 3, x - 1 : x + 4, 1].mean() for one in (found[0], found[2]))
        gains.append((after / before) ** 2.2)
    assert gains[0] > 1.1 * gains[1]


def test_blur_and_motion_take_sharpness(renderer: Renderer) -> None:
    """Defocus lowers the gradient energy all around; motion mostly along its direction."""
    energies = [sum(_sharpness(_face(renderer, Subject(blur_px=blur)))) for blur in (0.0, 0.8, 1.6, 3.0)]
    assert energies == sorted(energies, reverse=True)
    sharp = _sharpness(_face(renderer, Subject()))
    moved = _sharpness(_face(renderer, Subject(motion_px=9, motion_deg=0)))
    assert moved[0] / sharp[0] < 0.6 * moved[1] / sharp[1]


def test_noise_has_the_asked_deviation(renderer: Renderer) -> None:
    """The standard deviation on the plain wall is the one asked for."""
    for sigma in (2.0, 8.0):
        picture = renderer.render(Subject(noise=sigma))
        difference = picture.exposed(3)[:60].astype(float) - picture.pixels[:60]
        assert difference.std() == pytest.approx(sigma, rel=0.08)
        assert abs(difference.mean()) < 0.2


def test_lower_quality_makes_smaller_files(renderer: Renderer) -> None:
    """The JPEG level shows in the size, and the bytes are a picture of the camera's size."""
    files = [renderer.render(Subject(jpeg=quality)).jpeg() for quality in (10, 60, 95)]
    assert [len(one) for one in files] == sorted(len(one) for one in files)
    assert np.asarray(cv2.imdecode(np.frombuffer(files[0], np.uint8), cv2.IMREAD_COLOR)).shape == (360, 640, 3)


def test_tones_darken_skin_and_hair_alone(renderer: Renderer) -> None:
    """Skin tones grow darker in their order and leave the wall alone; black hair leaves the skin alone."""
    cheeks = [_face(renderer, Subject(skin=skin), 0.3).mean() for skin in Skin]
    assert cheeks == sorted(cheeks, reverse=True)
    light, dark = (renderer.render(Subject(skin=skin)).pixels for skin in (Skin.LIGHT, Skin.DARK))
    assert np.array_equal(light[:, :60], dark[:, :60])
    brown, black = (_face(renderer, Subject(hair=hair), 0.3).mean() for hair in (Hair.BROWN, Hair.BLACK))
    assert abs(brown - black) < 1


def test_closed_eyes_lose_their_contrast(renderer: Renderer) -> None:
    """Lids hide white and iris: the contrast inside the eye falls, and so does the true lid gap."""
    found = []
    for share in (0.0, 0.5, 1.0):
        picture = renderer.render(Subject(eyes_closed=share, distance_mm=400))
        x, y = np.rint(picture.truth.right_eye).astype(int)
        reach = int(0.05 * picture.truth.inter_eye_px)
        found.append(
            (picture.pixels[y - reach : y + reach, x - 2 * reach : x + 2 * reach].std(), picture.truth.eye_gap)
        )
    assert found[0][0] > 1.5 * found[2][0]
    assert [gap for _, gap in found] == sorted((gap for _, gap in found), reverse=True)
    assert found[2][1] == 0


def test_mouth_shows_teeth_when_open(renderer: Renderer) -> None:
    """The middle of an open mouth is brighter and less red than closed lips."""
    chroma = []
    for mouth in (0.0, 1.0):
        picture = renderer.render(Subject(mouth=mouth, distance_mm=400))
        x, y = np.rint((picture.truth.points[13] + picture.truth.points[14]) / 2).astype(int)
        blue, _, red = picture.pixels[y - 2 : y + 3, x - 4 : x + 5].reshape(-1, 3).mean(axis=0)
        chroma.append(red - blue)
    assert chroma[0] > 2 * chroma[1]


def test_glasses_and_glare_cover_the_eyes_only(renderer: Renderer) -> None:
    """Frames change the eyes' region and not the mouth's; glare brightens the lenses with its strength."""
    bare = _face(renderer, Subject(), 0.9)
    worn = [_face(renderer, Subject(glasses=True, glare=glare), 0.9) for glare in (0.0, 0.4, 0.9)]
    half = bare.shape[0] // 2
    assert np.abs(worn[0][:half] - bare[:half]).max() > 60
    assert np.array_equal(worn[0][-half // 2 :], bare[-half // 2 :])
    bright = [(one.min(axis=2) > 235).sum() for one in worn]
    assert bright == sorted(bright)
    assert bright[2] > bright[0]


@pytest.mark.parametrize("wall", [Wall.TEXTURE, Wall.POSTER, Wall.SECOND_PERSON])
def test_walls_change_what_is_behind_alone(renderer: Renderer, wall: Wall) -> None:
    """The gradient off the person grows; the face stays as it is."""
    plain, other = (renderer.render(Subject(wall=kind)).pixels for kind in (Wall.PLAIN, wall))
    x, y = np.rint(renderer.truth(Subject()).points[NOSE_TIP]).astype(int)
    assert np.array_equal(plain[y - 20 : y + 20, x - 20 : x + 20], other[y - 20 : y + 20, x - 20 : x + 20])
    before, after = (sum(_sharpness(one[:200, 430:].astype(float))) for one in (plain, other))
    assert after > 20 * before


def test_subject_far_outside_leaves_the_wall(renderer: Renderer) -> None:
    """A person beside the picture is not an error: the wall is shown and the truth says where they are."""
    picture = renderer.render(Subject(offset_mm=(2000, 0)))
    assert picture.truth.right_eye[0] > 640
    assert np.array_equal(picture.pixels, renderer.wall(Subject()))


def test_head_is_cut_by_the_picture_without_failing(renderer: Renderer) -> None:
    """Half a face at each side, above and below renders."""
    for offset in ((-170, 0), (170, 0), (0, -100), (0, 150)):
        assert renderer.render(Subject(offset_mm=offset)).pixels.shape == (360, 640, 3)


def test_points_lie_on_the_face_and_not_on_the_wall(renderer: Renderer) -> None:
    """At every landmark that faces the camera the picture differs from the empty wall."""
    picture = renderer.render(Subject(pitch=-5))
    wall = renderer.wall(Subject())
    inner = np.rint(picture.truth.points[[1, 4, 6, 50, 280, 61, 291, 199, 9, 151]]).astype(int)
    for x, y in inner:
        assert np.abs(picture.pixels[y, x].astype(int) - wall[y, x]).max() > 8
    assert picture.truth.points[CHIN, 1] > picture.truth.points[NOSE_TIP, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"yaw": 90}, {"jpeg": 0}, {"mouth": -1}, {"distance_mm": 0}, {"eyes_closed": 2}, {"exposure": float("nan")}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_impossible_parameters_are_refused(wrong: dict[str, float]) -> None:
    """The message names the parameter and its range."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .* must be in"):
        Subject(**wrong)  # type: ignore[arg-type]  # one name or the other


@pytest.mark.parametrize("distance", [500.0, 700.0, 1000.0])
def test_neck_stands_under_the_chin(renderer: Renderer, distance: float) -> None:
    """Just below the chin is a neck's width of skin with its middle under the chin, at every distance."""
    picture = renderer.render(Subject(distance_mm=distance))
    x, y = picture.truth.points[CHIN]
    row = picture.pixels[round(float(y + 0.06 * picture.truth.inter_eye_px))].astype(int)
    skin = np.flatnonzero((row[:, 2] > 110) & (row[:, 2] - row[:, 0] > 20))
    assert skin.size / picture.truth.inter_eye_px == pytest.approx(1.35, abs=0.3)
    assert abs(skin.mean() - x) < 0.15 * picture.truth.inter_eye_px

"""The native measures as a whole: NIST's published values, their answer to spoiled prints, hostile pictures."""

import numpy as np
import pytest

from agent.capture.fingerprint.quality.errors import BlankPrint, PrintTooLarge, PrintTooSmall, TooLittlePrint
from agent.capture.fingerprint.quality.measures import measure
from tests.capture.fingerprint.quality.prints import (
    NIST_PRINTS,
    PATTERN,
    blurred,
    faded,
    finger,
    noisy,
    partial,
    published_file,
    ridge_pattern,
)

NEEDS_MINUTIAE = {
    "UnifiedQualityScore",
    "FingerprintImageWithMinutiae",
    "FingerJetFX_MinCount_COMMinRect200x200",
    "FingerJetFX_MinutiaeCount",
    "FJFXPos_Mu_MinutiaeQuality_2",
    "FJFXPos_OCL_MinutiaeQuality_80",
}
ALL_PRINTS = (*NIST_PRINTS, PATTERN)
COHERENCE, CLARITY, AREA = "OrientationMap_ROIFilter_CoherenceRel", "LCS_Bin10_Mean", "SufficientFingerprintForeground"


def published_values(name: str) -> dict[str, str]:
    """Read NIST's expected output of one print, each value as it is printed."""
    lines = published_file(f"{name}_output.txt").read_text(encoding="ascii").splitlines()
    return dict(line.split(": ") for line in lines)


@pytest.mark.parametrize("name", NIST_PRINTS)
def test_every_measure_without_minutiae_is_exactly_nists(name: str) -> None:
    """All 68 values agree in every digit that NIST prints."""
    expected = {key: value for key, value in published_values(name).items() if key not in NEEDS_MINUTIAE}
    found = measure(finger(name))
    assert {key: f"{found[key]:.6g}" for key in expected} == expected
    assert len(expected) == 68


@pytest.mark.parametrize("name", NIST_PRINTS)
def test_the_names_are_nists_own(name: str) -> None:
    """No measure has a name that NIST does not print, and none is missing but the minutiae's."""
    assert set(measure(finger(name))) == set(published_values(name)) - NEEDS_MINUTIAE


@pytest.mark.parametrize("name", NIST_PRINTS)
def test_a_white_frame_changes_nothing(name: str) -> None:
    """The near-white frame is cut off before anything is measured."""
    print_only = finger(name)
    assert measure(np.pad(print_only, 40, constant_values=255)) == measure(print_only)


def test_greys_by_hand() -> None:
    """Mean, deviation and mean of block means of a pattern whose right edge has partial blocks."""
    picture = ridge_pattern()
    found = measure(picture)
    rows = np.flatnonzero(picture.mean(axis=1) <= 250)
    columns = np.flatnonzero(picture.mean(axis=0) <= 250)
    cut = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    blocks = [cut[y : y + 32, x : x + 32].mean() for y in range(0, len(cut), 32) for x in range(0, cut.shape[1], 32)]
    assert found["Mu"] == found["EmptyImageOrContrastTooLow"] == pytest.approx(cut.mean())
    assert found["UniformImage"] == pytest.approx(cut.std())
    assert found["MMB"] == pytest.approx(np.mean(blocks))


def test_the_picture_is_left_as_it_was_and_the_answer_is_always_the_same() -> None:
    """Measuring is a pure function."""
    picture = ridge_pattern()
    before = picture.copy()
    assert measure(picture) == measure(picture)
    assert np.array_equal(picture, before)


def test_a_view_with_strides_is_measured_like_its_copy() -> None:
    """Frames come as views into larger buffers."""
    wide = np.repeat(ridge_pattern(), 2, axis=1)
    assert measure(wide[:, ::2]) == measure(ridge_pattern())


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_noise_lowers_coherence_certainty_and_clarity(name: str) -> None:
    """Each step of noise costs all three."""
    steps = [measure(noisy(finger(name), sigma)) for sigma in (0, 15, 30, 60, 90)]
    for measured in (COHERENCE, CLARITY, "OCL_Bin10_Mean"):
        values = [step[measured] for step in steps]
        assert values == sorted(values, reverse=True), measured


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_strong_blur_lowers_clarity(name: str) -> None:
    """Ridges that run into one another are no longer clear."""
    values = [measure(blurred(finger(name), sigma))[CLARITY] for sigma in (2, 2.5, 3)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_contrast_is_the_deviation(name: str) -> None:
    """Fading lowers UniformImage in proportion, and hardly anything else: the rest does not depend on contrast."""
    full, half = measure(finger(name)), measure(faded(finger(name), 0.5))
    assert half["UniformImage"] == pytest.approx(full["UniformImage"] / 2, rel=0.1)
    assert half[COHERENCE] == pytest.approx(full[COHERENCE], abs=0.02)


@pytest.mark.parametrize("name", ALL_PRINTS)
def test_less_finger_is_less_foreground(name: str) -> None:
    """The area follows the print."""
    areas = [measure(partial(finger(name), share))[AREA] for share in (0.9, 0.75, 0.6, 0.45, 0.3)]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > 4 * areas[-1]


@pytest.mark.parametrize("grey", [0, 128, 250, 251, 255])
def test_one_grey_all_over_is_blank(grey: int) -> None:
    """All black, all grey, all white: nothing is there to be measured."""
    with pytest.raises(BlankPrint):
        measure(np.full((560, 416), grey, np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (0, 0), (1, 500), (500, 1), (35, 400), (400, 35)])
def test_a_picture_smaller_than_a_block_is_refused(shape: tuple[int, int]) -> None:
    """Below 36 pixels a side there is no block with its border."""
    with pytest.raises(PrintTooSmall):
        measure(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(1001, 800), (1000, 801), (4097, 100), (100, 60_000)])
def test_a_huge_picture_is_refused(shape: tuple[int, int]) -> None:
    """More than 800 x 1000 is no finger (NFIQ 2's own limit); far more is not even trimmed."""
    with pytest.raises(PrintTooLarge):
        measure(np.zeros(shape, np.uint8))


def test_the_largest_finger_is_measured() -> None:
    """800 x 1000 is still allowed."""
    assert measure(ridge_pattern(1000, 800))[AREA] > 400_000


def test_a_speck_of_print_is_too_little() -> None:
    """Fewer than ten blocks of print give no measures, as in NFIQ 2."""
    speck = np.full((300, 300), 240, np.uint8)
    speck[100:180, 100:180] = ridge_pattern()[200:280, 200:280]
    with pytest.raises(TooLittlePrint, match="blocks of print"):
        measure(speck)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_measured_is_a_number(seed: int) -> None:
    """Noise, stripes and half-empty pictures give finite values or a named error, never a warning or NaN."""
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (random.integers(36, 500), random.integers(36, 500)), dtype=np.uint8)
    picture[: seed * 20] = 255
    picture[:, :: seed + 1] = 0
    try:
        found = measure(picture)
    except (BlankPrint, TooLittlePrint, PrintTooSmall):
        return
    assert all(np.isfinite(value) for value in found.values())

"""The region of interest, and the fast blur that must not differ by one bit."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.fingerprint.quality.region import FIRST_BLUR, SECOND_BLUR, gaussian_blur, region_of_interest
from agent.devices.seams import Pixels


def disc(height: int, width: int, y: int, x: int, radius: int) -> Pixels:
    """Return a dark disc on light."""
    picture = np.full((height, width), 240, np.uint8)
    cv2.circle(picture, (x, y), radius, 40, -1)
    return picture


@settings(max_examples=25, deadline=None)
@given(
    st.integers(36, 220),
    st.integers(36, 220),
    st.sampled_from([FIRST_BLUR, SECOND_BLUR]),
    st.sampled_from(["grey", "binary", "white"]),
    st.integers(0, 2**32 - 1),
)
def test_the_fast_blur_is_opencvs_bit_for_bit(height: int, width: int, size: int, kind: str, seed: int) -> None:
    """Noise, black-and-white and full white, at every size from the smallest print."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    if kind != "grey":
        image = np.where(image > 127, 255, 0 if kind == "binary" else 255).astype(np.uint8)
    assert np.array_equal(gaussian_blur(image, size), cv2.GaussianBlur(image, (size, size), 0))


def test_a_disc_is_found_with_its_area() -> None:
    """The blurred outline stays within a few pixels of the disc."""
    region = region_of_interest(disc(400, 400, 200, 200, 120))
    assert region.area == pytest.approx(np.pi * 124**2, rel=0.06)
    assert region.mask[200, 200]
    assert not region.mask[10, 10]


def test_a_hole_is_finger_too() -> None:
    """A light spot inside the print (a scar, a dry patch) is filled."""
    picture = disc(500, 500, 250, 250, 200)
    cv2.circle(picture, (250, 250), 60, 240, -1)
    assert region_of_interest(picture).mask[250, 250]


def test_only_the_largest_area_is_kept() -> None:
    """A smudge beside the finger is no finger."""
    picture = disc(600, 400, 180, 200, 140)
    cv2.circle(picture, (330, 540), 45, 40, -1)
    region = region_of_interest(picture)
    assert region.mask[180, 200]
    assert not region.mask[540, 330]


def test_blocks_are_those_that_hold_any_of_it() -> None:
    """A block with a single pixel of the region counts."""
    region = region_of_interest(disc(300, 300, 150, 150, 90))
    for row, column in np.ndindex(region.blocks.shape):
        held = region.mask[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32].any()
        assert region.blocks[row, column] == held

"""Prints for the tests: NIST's two published ones where they are there, a ridge pattern, and what spoils a print."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.devices.seams import Pixels

PUBLISHED = Path(__file__).resolve().parents[5] / "shared" / "nfiq2"
TABLE = PUBLISHED / "conformance_expected_output-v2.3.0.csv"
NIST_PRINTS = ("SFinGe_Test01", "SFinGe_Test03")
PATTERN = "ridge pattern"


def published_file(name: str) -> Path:
    """Return a file of NIST's, or skip the test."""
    path = PUBLISHED / name
    if not path.exists():
        pytest.skip(f"{name} is not in {PUBLISHED.parent.name}/{PUBLISHED.name} beside the repository")
    return path


def finger(name: str) -> Pixels:
    """Return one of NIST's prints, or the ridge pattern."""
    if name == PATTERN:
        return ridge_pattern()
    picture = cv2.imread(str(published_file(f"{name}.pgm")), cv2.IMREAD_GRAYSCALE)
    return np.asarray(picture, np.uint8)


def ridge_pattern(height: int = 560, width: int = 416, seed: int = 1) -> Pixels:
    """Draw wavy rings, nine pixels apart, on an oval; a little noise, white around."""
    y, x = np.mgrid[:height, :width].astype(float)
    rings = np.hypot(x - width / 2, (y - height * 0.55) * 0.8) + 4 * np.sin(x / 60) + 3 * np.cos(y / 75)
    grey = 128 + 90 * np.sin(2 * np.pi * rings / 9)
    noisy = cv2.GaussianBlur(grey + np.random.default_rng(seed).normal(0, 12, grey.shape), (0, 0), 0.8)
    return np.where(_oval(height, width, 0.92), np.clip(noisy, 0, 255), 255).astype(np.uint8)


def blurred(image: Pixels, sigma: float) -> Pixels:
    """Blur as an unfocused or wet print."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def noisy(image: Pixels, sigma: float) -> Pixels:
    """Add grey noise, always the same."""
    noise = np.random.default_rng(0).normal(0, 1, image.shape)
    return np.clip(image + sigma * noise, 0, 255).astype(np.uint8)


def faded(image: Pixels, share: float) -> Pixels:
    """Keep only a share of the contrast around middle grey."""
    return np.rint(128 + (image.astype(float) - 128) * share).astype(np.uint8)


def partial(image: Pixels, share: float) -> Pixels:
    """Keep only the middle; the rest turns white."""
    height, width = image.shape
    return np.asarray(np.where(_oval(height, width, share), image, 255), np.uint8)


def smeared(image: Pixels, length: int) -> Pixels:
    """Drag the print along its columns."""
    return np.asarray(cv2.filter2D(image, -1, np.full((length, 1), 1 / length)), np.uint8)


def skin(grain: float, seed: int) -> Pixels:
    """Draw skin without ridges: grain of about `grain` pixels, and the reader's noise."""
    random = np.random.default_rng(seed)
    grains = cv2.GaussianBlur(random.normal(0, 1, (400, 340)), (0, 0), grain)
    grains = (grains - grains.mean()) / grains.std()
    return np.asarray(np.clip(120 + 25 * grains + random.normal(0, 6, grains.shape), 0, 255), np.uint8)


def _oval(height: int, width: int, share: float) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    y, x = np.mgrid[:height, :width]
    return np.asarray(((x / width - 0.5) * 2 / share) ** 2 + ((y / height - 0.5) * 2 / share) ** 2 < 1)

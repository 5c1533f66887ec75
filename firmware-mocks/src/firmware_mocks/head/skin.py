"""Where the photograph shows skin and where hair, and the detail finer than its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.anatomy import LOBES
from firmware_mocks.head.linear import LUMINANCE, to_linear
from firmware_mocks.head.shape import LID_RINGS
from firmware_mocks.head.source import INNER_LIPS, OVAL, photograph, source
from firmware_mocks.head.spread import spread_out

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# The part of the photograph that the head's texture holds (source pixels), and how much it is enlarged.
LEFT, TOP, RIGHT, BOTTOM = 136, 2, 320, 222
ENLARGED = 4
STRANDS = 0.11


@dataclass(frozen=True, slots=True)
class Zones:
    """Shares 0..1 over the texture: skin (face, ears, neck), hair, eyes; teeth and clothes are none of them."""

    skin: Floats = field(repr=False)
    hair: Floats = field(repr=False)
    eyes: Floats = field(repr=False)


def on_texture(points: NDArray[np.floating]) -> Floats:
    """Turn source pixels into texture pixels."""
    return np.asarray((points[..., :2] - np.array([LEFT, TOP]) + 0.5) * ENLARGED - 0.5, np.float32)


def enlarge(part: Pixels) -> Pixels:
    """Enlarge by Lanczos, and give back some of the contrast that this takes from edges."""
    part = np.asarray(cv2.bilateralFilter(part, 5, 14, 1.5), np.uint8)
    big = cv2.resize(part, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_LANCZOS4).astype(np.float32)
    sharp = big + 0.7 * (big - np.asarray(cv2.GaussianBlur(big, (0, 0), 3.0)))
    return np.asarray(np.clip(np.rint(sharp), 0, 255), np.uint8)


def filled(shape: tuple[int, int], indices: tuple[int, ...], soft: float = 2.0) -> Floats:
    """Return the share inside the polygon through these landmarks."""
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [np.rint(on_texture(source().landmarks[list(indices)])).astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)


@cache
def zones() -> Zones:
    """Return the zones of the head's texture: two colour classes, and the places where there can be no doubt."""
    part = photograph()[TOP:BOTTOM, LEFT:RIGHT]
    colour = cv2.cvtColor(part, cv2.COLOR_BGR2Lab).astype(np.float32)
    rows, columns = np.mgrid[TOP:BOTTOM, LEFT:RIGHT]
    oval = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(oval, [np.rint(source().landmarks[list(OVAL), :2] - [LEFT, TOP]).astype(np.int32)], 1)
    inner = cv2.erode(oval, np.ones((7, 7), np.uint8)) > 0
    matte = source().matte[TOP:BOTTOM, LEFT:RIGHT]
    margin = _likelihood(colour, colour[inner & (rows > 108)]) - _likelihood(colour, colour[matte & (rows < 66)])
    margin += np.where(rows < 70, -30, 0) + np.where(inner & (rows > 92), 60, 0)
    ears = (rows > 116) & (rows < 139) & ~inner
    margin += np.where(ears, 5, 0) + np.where(
        (rows > 136) & (columns > 174) & (columns < np.where(rows < 160, 272, 258)), 25, 0
    )
    margin += np.where((rows > 184) & (colour[..., 0] < 90), -100, 0)
    skin = 1 / (1 + np.exp(-np.clip(margin, -30, 30)))
    # Just beyond the outline, skin and hair go on as the colours there do.
    surely = cv2.erode(matte.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    spread = spread_out(skin[..., None], surely)[..., 0]
    size = (part.shape[1] * ENLARGED, part.shape[0] * ENLARGED)
    soft = cv2.resize(cv2.GaussianBlur(spread, (0, 0), 0.8), size, interpolation=cv2.INTER_CUBIC)
    soft = np.clip(soft, 0, 1)
    shape = (size[1], size[0])
    eyes = np.minimum(sum(filled(shape, ring[0] + ring[1][::-1], 1.5) for ring in LID_RINGS), 1)
    teeth = filled(shape, INNER_LIPS)
    above = np.clip((LOBES[1] - (TOP + np.arange(shape[0]) / ENLARGED)) / 4, 0, 1)[:, None]
    return Zones(*(np.asarray(one, np.float32) for one in (soft * (1 - eyes) * (1 - teeth), (1 - soft) * above, eyes)))


def _likelihood(colour: Floats, samples: Floats) -> NDArray[np.float64]:
    """Return the log-likelihood of each pixel under the normal distribution of the samples."""
    mean = samples.mean(axis=0)
    spread = np.cov(samples.T) + np.eye(3) * 12
    away = (colour - mean).astype(np.float64)
    square = np.einsum("hwi,ij,hwj->hw", away, np.linalg.inv(spread), away)
    return np.asarray(-0.5 * square - 0.5 * np.log(np.linalg.det(spread)), np.float64)


def skin_detail(shape: tuple[int, int], dice: np.random.Generator) -> Floats:
    """Return pores and blotches as a factor on light."""
    relief = np.zeros(shape, np.float32)
    for sigma, amount in ((0.9, 0.016), (1.5, 0.008), (4.0, 0.002), (16.0, 0.006)):
        relief += amount * _noise(shape, sigma, dice)
    return np.asarray(np.exp(relief), np.float32)


def moles(shape: tuple[int, int], dice: np.random.Generator, count: int) -> Floats:
    """Return a few small dark spots on the face as a factor on light."""
    spots = np.zeros(shape, np.float32)
    marks = source().landmarks
    for index in dice.choice([50, 205, 187, 36, 280, 425, 411, 266, 151, 200, 118, 347], count, replace=False):
        x, y = on_texture(marks[index] + dice.uniform(-3, 3, 3))
        cv2.circle(spots, (int(x), int(y)), int(dice.integers(2, 5)), float(dice.uniform(0.3, 0.7)), -1, cv2.LINE_AA)
    return np.asarray(1 - cv2.GaussianBlur(spots, (0, 0), 1.2), np.float32)


def hair_detail(picture: Pixels, dice: np.random.Generator) -> Floats:
    """Return strands as a factor on light: noise smeared along the direction that the photograph's hair has."""
    grey = np.asarray(cv2.GaussianBlur(to_linear(picture) @ LUMINANCE, (0, 0), 3), np.float32)
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    xx, xy, yy = (cv2.GaussianBlur(one, (0, 0), 10) for one in (dx * dx, dx * dy, dy * dy))
    along = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    step_x, step_y = np.cos(along).astype(np.float32), np.sin(along).astype(np.float32)
    height, width = grey.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    noise = _noise((height, width), 0.7, dice) + 0.6 * _noise((height, width), 1.6, dice)
    strands = np.zeros_like(noise)
    for reach in np.linspace(-14, 14, 15, dtype=np.float32):
        strands += cv2.remap(noise, columns + reach * step_x, rows + reach * step_y, cv2.INTER_LINEAR)
    return np.asarray(np.exp(STRANDS * strands / max(float(strands.std()), 1e-6)), np.float32)


def _noise(shape: tuple[int, int], sigma: float, dice: np.random.Generator) -> Floats:
    """Return noise of unit variance with features of this size."""
    raw = np.asarray(cv2.GaussianBlur(dice.standard_normal(shape, np.float32), (0, 0), sigma), np.float32)
    return np.asarray(raw / raw.std(), np.float32)

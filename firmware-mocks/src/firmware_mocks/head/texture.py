"""The head's texture: the photograph enlarged, its light evened out, detail added, tones changed, eyelids painted."""

from __future__ import annotations

from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.anatomy import plain_head
from firmware_mocks.head.linear import LUMINANCE, to_codes, to_linear
from firmware_mocks.head.shape import LID_RINGS
from firmware_mocks.head.skin import (
    BOTTOM,
    ENLARGED,
    LEFT,
    RIGHT,
    STRANDS,
    TOP,
    enlarge,
    hair_detail,
    moles,
    on_texture,
    skin_detail,
    zones,
)
from firmware_mocks.head.source import OVAL, photograph, source
from firmware_mocks.head.spread import spread_out
from firmware_mocks.head.subject import Hair, Skin

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# How far the light of a landmark reaches when the two halves of the face are evened out, source pixels.
EVEN_REACHES = (9.0, 5.0, 3.5)


@lru_cache(maxsize=6)
def head_texture(identity: int, skin: Skin, hair: Hair, eyes_closed: float) -> tuple[Pixels, ...]:
    """Return the texture as BGR plus a channel that frays the outline of hair: full size, half, quarter."""
    light = _detailed(identity).copy()
    where = zones()
    light *= 1 + where.skin[..., None] * (np.array(skin.value[::-1], np.float32) - 1)
    # The white of the eye is in the lids' shadow and its light comes off the skin around it.
    light *= 1 + where.eyes[..., None] * (0.35 * (float(np.mean(skin.value)) - 1))
    light *= 1 + where.hair[..., None] * (np.array(hair.value[::-1], np.float32) - 1)
    if eyes_closed > 0:
        for upper, lower in LID_RINGS:
            _close(light, upper, lower, eyes_closed)
    fray = np.clip(128 + 45 * np.log(hair_strands(identity)) / STRANDS, 0, 255)
    fray = np.where(where.hair > 0.5, fray, 128).astype(np.uint8)
    full = np.dstack([to_codes(np.clip(light, 0, 1)), fray])
    half = np.asarray(cv2.pyrDown(full), np.uint8)
    return full, half, np.asarray(cv2.pyrDown(half), np.uint8)


@lru_cache(maxsize=4)
def hair_strands(identity: int) -> Floats:
    """Return an identity's strands as a factor on light."""
    return hair_detail(_enlarged(), np.random.default_rng((identity, 2)))


@lru_cache(maxsize=4)
def _detailed(identity: int) -> Floats:
    light = _even()
    where = zones()
    pores = skin_detail(light.shape[:2], np.random.default_rng((identity, 1)))
    if identity:
        dice = np.random.default_rng((identity, 3))
        pores = pores * moles(pores.shape, dice, int(dice.integers(0, 6)))
    factor = (1 + where.skin * (pores - 1)) * (1 + where.hair * (hair_strands(identity) - 1))
    return np.asarray(light * factor[..., None], np.float32)


@cache
def _enlarged() -> Pixels:
    """Return the enlarged photograph; beyond the person's outline their own colours go on."""
    big = enlarge(photograph()[TOP:BOTTOM, LEFT:RIGHT])
    matte = source().matte[TOP:BOTTOM, LEFT:RIGHT].astype(np.float32)
    size = (big.shape[1], big.shape[0])
    inside = cv2.GaussianBlur(cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR), (0, 0), 4.0) > 0.72
    return np.asarray(np.clip(np.rint(spread_out(big, inside)), 0, 255), np.uint8)


@cache
def _even() -> Floats:
    """Return linear light with the difference between the halves of the face taken out, from coarse to fine."""
    light = to_linear(_enlarged())
    for reach in EVEN_REACHES:
        light = light * np.exp(-0.5 * _imbalance(light, reach) * (1 - zones().hair))[..., None]
    return np.asarray(light, np.float32)


def _imbalance(light: Floats, reach: float) -> Floats:
    """Return the log-ratio of each place's light to its mirror image's, smooth over `reach` source pixels."""
    smooth = cv2.GaussianBlur(np.log(light @ LUMINANCE + np.float32(0.01)), (0, 0), 1.5 * ENLARGED)
    marks = source().landmarks
    at = np.rint(on_texture(marks)).astype(int)
    value = smooth[at[:, 1], at[:, 0]]
    # Skin against skin only: where one half has the fringe, the other one's forehead must not grow dark.
    is_skin = zones().skin[at[:, 1], at[:, 0]] > 0.9
    inside = np.setdiff1d(np.flatnonzero(is_skin & is_skin[_mirrored()]), OVAL)
    ratio = (value - value[_mirrored()])[inside]
    rows, columns = np.mgrid[0 : light.shape[0] : 8, 0 : light.shape[1] : 8]
    x, y = columns / ENLARGED + LEFT, rows / ENLARGED + TOP
    square = (x[..., None] - marks[inside, 0]) ** 2 + (y[..., None] - marks[inside, 1]) ** 2
    weight = np.exp(-square / (2 * reach**2))
    # Far from the face the change fades out instead of going on.
    field = (weight * ratio).sum(axis=-1) / (weight.sum(axis=-1) + 0.1)
    size = (light.shape[1], light.shape[0])
    return np.asarray(cv2.resize(field.astype(np.float32), size, interpolation=cv2.INTER_CUBIC), np.float32)


@cache
def _mirrored() -> NDArray[np.intp]:
    """Return, for each landmark, the one nearest to its mirror image on the frontal head."""
    points = plain_head().places[:468].astype(np.float64)
    points = points - [points[OVAL[0], 0], 0, 0]
    away = points[:, None] * [-1, 1, 1] - points[None]
    return np.asarray(np.argmin(np.square(away).sum(axis=2), axis=1), np.intp)


def _close(light: Floats, upper: tuple[int, ...], lower: tuple[int, ...], share: float) -> None:
    """Paint an eyelid over `share` of an eye: the skin from above the lid, its fold, and the lashes on its edge."""
    marks = source().landmarks
    top, low = on_texture(marks[list(upper)]), on_texture(marks[list(lower)])
    columns = np.arange(int(top[:, 0].min()) - 3, int(top[:, 0].max()) + 4)
    upper_edge, lower_edge = _curve(top, columns), _curve(low, columns)
    edge = upper_edge + (lower_edge - upper_edge) * share
    rows = np.arange(light.shape[0], dtype=np.float32)[:, None]
    skin_row = np.clip(np.rint(upper_edge - 13), 0, light.shape[0] - 1).astype(int)
    below_row = np.clip(np.rint(lower_edge + 9), 0, light.shape[0] - 1).astype(int)
    depth = np.clip((rows - upper_edge) / np.maximum(lower_edge - upper_edge, 4), 0, 1)[..., None]
    cover = cv2.GaussianBlur(light[skin_row, columns][None], (0, 0), 5)
    under = cv2.GaussianBlur(light[below_row, columns][None], (0, 0), 5)
    lid = (cover * (1 - depth) + under * depth) * (0.93 + 0.10 * np.sin(np.pi * depth))
    fold = 1 - 0.12 * np.exp(-0.5 * ((rows - upper_edge + 2) / 1.8) ** 2)
    lash = 1 - 0.72 * np.exp(-0.5 * ((rows - edge) / 1.9) ** 2)
    ends = np.clip(np.minimum(columns - columns[0], columns[-1] - columns) / 5, 0, 1).astype(np.float32)
    weight = np.asarray(_step((rows - upper_edge + 8) / 1.5) * _step((edge + 1.5 - rows) / 0.8) * ends, np.float32)
    part = light[:, columns[0] : columns[-1] + 1]
    grain = part / np.maximum(cv2.GaussianBlur(part, (0, 0), 2), 1e-3)
    painted = lid * (0.6 + 0.4 * np.clip(grain, 0.8, 1.2))
    part += (painted - part) * weight[..., None]
    part *= (1 - (1 - fold * lash) * ends)[..., None]


def _step(x: NDArray[np.floating]) -> Floats:
    """Return a soft step from 0 (x far below 0) to 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), np.float32)


def _curve(points: Floats, columns: NDArray[np.intp]) -> Floats:
    order = np.argsort(points[:, 0])
    bent = np.polynomial.Polynomial.fit(points[order, 0], points[order, 1], 4)
    inside = np.clip(columns, points[:, 0].min(), points[:, 0].max())
    return np.asarray(bent(inside), np.float32)

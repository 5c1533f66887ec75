"""The body: a layer behind the head that does not turn with it, the neck filled up where the face was in front."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_mocks.head.anatomy import INTER_EYE_MM, LOBES
from firmware_mocks.head.linear import to_codes, to_linear
from firmware_mocks.head.source import OVAL, eye_centres, photograph, source
from firmware_mocks.head.spread import spread_out
from firmware_mocks.head.subject import Camera, Skin, Subject

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

ENLARGED = 3
# The layer's top row in the photograph, and how far below the photograph it goes on.
TOP, MORE = 96, 120
SIDE = 4
# The arms end a little inside the photograph's sides (x at the layer's top and bottom, left and right).
ARMS = ((26, 8), (478, 500))
# How far behind the eyes the neck is, mm, and the neck's edges in the photograph (source pixels).
BEHIND_MM = 55.0
NECK = (187.0, 255.5)
# Where the collar begins: across the neck from left to right (x, y).
COLLAR = np.array([(180, 176), (190, 183), (205, 189), (222, 192), (240, 189), (252, 185), (262, 178)], np.float32)


@lru_cache(maxsize=4)
def body_texture(identity: int, skin: Skin) -> tuple[Pixels, Pixels]:
    """Return the layer as BGR and its alpha 0..255."""
    picture, alpha, neck = _layer()
    light = to_linear(picture)
    light *= 1 + neck[..., None] * (np.array(skin.value[::-1], np.float32) - 1)
    codes = to_codes(np.clip(light, 0, 1))
    return (_dyed(codes, neck, identity) if identity else codes), alpha


def place(subject: Subject, camera: Camera) -> NDArray[np.float64]:
    """Return the 2 x 3 map from the layer to the picture."""
    right, left = eye_centres(source().landmarks)
    middle = (right + left) / 2
    mm = INTER_EYE_MM / float(np.linalg.norm(left - right))
    z = subject.distance_mm + BEHIND_MM
    scale = mm * camera.focal / z
    x = camera.centre[0] + camera.focal * subject.offset_mm[0] / z
    y = camera.centre[1] + camera.focal * subject.offset_mm[1] / z
    first = np.array([-SIDE, TOP]) + 0.5 / ENLARGED - 0.5
    shift = np.array([x, y]) + (first - middle[:2]) * scale
    step = scale / ENLARGED
    return np.array([[step, 0, shift[0]], [0, step, shift[1]]], np.float64)


@cache
def _layer() -> tuple[Pixels, Pixels, Floats]:
    """Return the enlarged layer, its alpha and the share of neck in it."""
    part = photograph()[TOP:]
    neck, hidden, alpha = _masks()
    known = ~hidden
    picture = np.where(neck[..., None] & hidden[..., None], _neck(part, neck & known), part)
    inside = (alpha > 0) & (known | neck)
    surely = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    picture = np.clip(np.rint(spread_out(picture, surely)), 0, 255).astype(np.uint8)
    picture = _wider(picture)
    big = cv2.resize(picture, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_LANCZOS4).astype(np.float32)
    big += 0.7 * (big - np.asarray(cv2.GaussianBlur(big, (0, 0), 2.6)))
    size = (big.shape[1], big.shape[0])
    soft = [
        cv2.GaussianBlur(cv2.resize(_wider(one.astype(np.float32)), size, interpolation=cv2.INTER_LINEAR), (0, 0), 2.0)
        for one in (alpha > 0, neck)
    ]
    edge = np.clip((soft[0] - 0.5) * 2.2 + 0.4, 0, 1)
    return (
        np.asarray(np.clip(np.rint(big), 0, 255), np.uint8),
        np.asarray(edge * 255, np.uint8),
        np.asarray(soft[1], np.float32),
    )


def _masks() -> tuple[NDArray[np.bool_], NDArray[np.bool_], Pixels]:
    """Return, over the photograph from TOP down: neck, what the head hides, and the layer's alpha."""
    rows, columns = np.mgrid[TOP:512, 0:512]
    lobe = LOBES[0] + (LOBES[1] - LOBES[0]) * (columns - 150) / 150
    oval = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(oval, [np.rint(source().landmarks[list(OVAL), :2]).astype(np.int32)], 1)
    face = cv2.dilate(oval, np.ones((5, 5), np.uint8))[TOP:] > 0
    hidden = face | (rows < lobe + 8)
    column = (columns > NECK[0]) & (columns < NECK[1])
    collar = np.interp(columns[0], COLLAR[:, 0], COLLAR[:, 1])
    neck = column & (rows < collar)
    matte = source().matte[TOP:]
    left, right = (top + (bottom - top) * (rows - 300) / 212 for top, bottom in ARMS)
    body = matte & (rows > 150) & ~(face & ~column) & (columns > left) & (columns < right)
    return neck, hidden, np.asarray((body | neck) * 255, np.uint8)


def _neck(part: Pixels, known: NDArray[np.bool_]) -> Floats:
    """Carry the visible neck up behind the face, rounded towards its edges and in the shadow of the chin."""
    flesh = known & (part.max(axis=2) > 90)
    full = spread_out(part, flesh)
    smooth = np.asarray(cv2.GaussianBlur(full, (0, 0), 5), np.float32)
    across = (np.arange(part.shape[1]) - (NECK[0] + NECK[1]) / 2) / ((NECK[1] - NECK[0]) / 2)
    round_off = 0.78 + 0.22 * np.sqrt(np.clip(1 - np.square(np.clip(across, -1, 1)) * 0.9, 0, 1))
    return np.asarray(smooth * round_off[None, :, None] * 0.95, np.float32)


def _wider(layer: Any) -> Any:  # of any depth and number of channels, as OpenCV takes it
    """Let the layer go on at the bottom, where the photograph ends, and leave room at the sides."""
    return np.asarray(cv2.copyMakeBorder(layer, 0, MORE, SIDE, SIDE, cv2.BORDER_REFLECT_101))


def _dyed(codes: Pixels, neck: Floats, identity: int) -> Pixels:
    """Give the clothes another colour."""
    dice = np.random.default_rng((identity, 5))
    hsv = cv2.cvtColor(codes, cv2.COLOR_BGR2HSV)
    hue = (hsv[..., 0].astype(int) + int(dice.integers(20, 160))) % 180
    hsv[..., 0] = hue
    hsv[..., 1] = (hsv[..., 1] * dice.uniform(0.2, 0.8)).astype(np.uint8)
    dyed = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR).astype(np.float32)
    return np.asarray(dyed + (codes - dyed) * neck[..., None], np.uint8)

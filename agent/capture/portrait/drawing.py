"""Pictures for people who look into a portrait's quality: one annotated picture per file, one sheet for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from agent.capture.evidence import Guidance
from agent.capture.portrait import crop
from agent.capture.portrait.face import Mesh
from agent.devices.seams import Pixels

Colour = tuple[int, int, int]
BLACK, GREY = (30, 30, 30), (120, 120, 120)
GREEN, RED, AMBER, CYAN = (80, 160, 40), (50, 50, 210), (20, 150, 230), (220, 200, 60)
LONGEST_SIDE = 1280
TEXT_PX, LINE_PX = 22, 30
SHEET_WIDTH, TILE_LEAST_PX = 2400, 150
AROUND = 0.1


def annotate(pixels: Pixels, mesh: Mesh | None, passed: bool) -> Pixels:
    """Return a copy of at most LONGEST_SIDE with the landmarks and the crop's frame."""
    scale = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    picture = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    if mesh is not None:
        _draw_mesh(picture, mesh, scale, GREEN if passed else RED)
    return picture


def with_words(picture: Pixels, guidance: Sequence[Guidance]) -> Pixels:
    """Return the picture with what to put right below it, in both languages."""
    lines = [line for one in guidance for line in ((one.words.vi, BLACK), (one.words.en, GREY))]
    return np.vstack([picture, _lines(picture.shape[1], lines)]) if lines else picture


def around_face(picture: Pixels, pixels: Pixels, mesh: Mesh | None) -> Pixels:
    """Cut what `annotate` made of `pixels` to the crop and a little around it; all of it without a face."""
    if mesh is None:
        return picture
    corners = crop.outline(mesh) * picture.shape[1] / pixels.shape[1]
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = AROUND * (high - low)
    limits = (picture.shape[1], picture.shape[0])
    left, top = (int(value) for value in np.clip(low - margin, 0, limits))
    right, bottom = (int(value) for value in np.clip(high + margin, 0, limits))
    return picture[top:bottom, left:right] if right > left and bottom > top else picture


def _draw_mesh(picture: Pixels, mesh: Mesh, scale: float, colour: Colour) -> None:
    corners = np.rint(crop.outline(mesh) * scale).astype(np.int32)
    cv2.polylines(picture, [corners], True, colour, 2, cv2.LINE_AA)  # cv2's order
    for x, y in np.rint(mesh.points[:, :2] * scale).astype(int):
        cv2.circle(picture, (int(x), int(y)), 1, CYAN, cv2.FILLED)


def _lines(width: int, lines: Sequence[tuple[str, Colour]]) -> Pixels:
    strip = np.full((LINE_PX * len(lines) + 12, width, 3), 255, np.uint8)
    for row, (text, colour) in enumerate(lines):
        _text(strip, text, (10, LINE_PX * (row + 1)), TEXT_PX, colour)
    return strip


def tile(picture: Pixels, title: str, passed: bool | None, words: str, width: int) -> Pixels:
    """Return a picture of a sheet: framed green (passed), red (failed) or amber (could not be read), with two lines."""
    height = width * 5 // 4
    room = height - 3 * LINE_PX
    scale = min((width - 12) / picture.shape[1], (room - 12) / picture.shape[0])
    size = (max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    found = np.full((height, width, 3), 255, np.uint8)
    left, top = (width - size[0]) // 2, (room - size[1]) // 2
    found[top : top + size[1], left : left + size[0]] = small
    colour = {True: GREEN, False: RED, None: AMBER}[passed]
    cv2.rectangle(found, (2, 2), (width - 3, height - 3), colour, 3)
    text_px = min(TEXT_PX, width // 12)
    _text(found, title[-40:], (8, room + text_px), text_px, BLACK)
    _text(found, words, (8, room + text_px + LINE_PX), text_px, colour)
    return found


def tile_width(count: int) -> int:
    """Return the width of each of `count` tiles, so that they make one page."""
    return max(TILE_LEAST_PX, SHEET_WIDTH // max(1, math.ceil(math.sqrt(count))))


def sheet(tiles: Sequence[Pixels]) -> Pixels:
    """Return all tiles (of equal size, at least one) on one page."""
    columns = math.ceil(math.sqrt(len(tiles)))
    empty = np.full_like(tiles[0], 255)
    filled = [*tiles, *[empty] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(filled[at : at + columns]) for at in range(0, len(filled), columns)])


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _text(picture: Pixels, text: str, at: tuple[int, int], size_px: int, colour: Colour) -> None:
    cv2.putText(picture, text, at, colour, _font(), size_px, 400)

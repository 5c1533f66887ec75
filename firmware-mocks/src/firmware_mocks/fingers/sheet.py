"""One picture with everything the synthetic fingers can do, for people's eyes."""

from __future__ import annotations

import cv2
import numpy as np

from firmware_mocks.fingers.impression import Impression, natural
from firmware_mocks.fingers.imprint import Pixels, press
from firmware_mocks.fingers.master import Master, master
from firmware_mocks.fingers.pattern import Pattern
from firmware_mocks.fingers.surface import blank, plain_skin

COLUMNS = 3
_CAPTION_PX = 22
_TOUCHES = {
    "light": Impression(pressure=0.1),
    "hard": Impression(pressure=1.0),
    "dry": Impression(moisture=0.15),
    "wet": Impression(moisture=0.9),
    "scars": Impression(scars=4),
    "noise": Impression(noise=25),
    "partial": Impression(coverage=0.4, right_px=60, down_px=40),
    "smear": Impression(smear_px=22),
    "turned": Impression(rotation_deg=25, stretch_px=6),
}


def sheet(seed: int) -> Pixels:
    """Return the contact sheet of the fingers from `seed` on: patterns, touches, two natural ones, no finger."""
    pictures = {
        kind.value.replace("_", " "): press(master(seed + number, kind), Impression())
        for number, kind in enumerate(Pattern)
    }
    finger = master(seed + 1)
    pictures |= {name: press(finger, touch) for name, touch in _TOUCHES.items()}
    pictures |= _same_finger(finger)
    pictures |= {"plain skin": plain_skin(seed), "blank": blank(seed)}
    tiles = [_captioned(name, picture) for name, picture in pictures.items()]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[row : row + COLUMNS]) for row in range(0, len(tiles), COLUMNS)])


def _same_finger(finger: Master) -> dict[str, Pixels]:
    return {f"same finger, touch {number}": press(finger, natural(number)) for number in range(1, 4)}


def _captioned(name: str, picture: Pixels) -> Pixels:
    bordered = cv2.copyMakeBorder(picture, _CAPTION_PX, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255,))
    cv2.putText(bordered, name, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0,), 1, cv2.LINE_AA)
    return np.asarray(bordered, np.uint8)

"""How a finger was laid on the glass: everything that makes two prints of one finger differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The glass of the mock pad.
PAD_WIDTH, PAD_HEIGHT = 384, 290
_MOST_PX = 2000


@dataclass(frozen=True, slots=True)
class Impression:
    """One touch. The defaults are a clean, central, well pressed print; the same values give the same pixels.

    `right_px`, `down_px`: where the finger's middle lies from the glass's middle. `rotation_deg`: clockwise.
    `pressure`: 0 hardly touching .. 1 hard. `moisture`: 0 very dry .. 0.5 right .. 1 wet. `noise`: deviation of the
    reader's grey noise. `scars`: how many of the finger's own. `coverage`: share of the fingertip that touches.
    `smear_px`: how far the finger slid. `stretch_px`: how far the soft skin gave way. Raises ValueError.
    """

    seed: int = 0
    right_px: float = 0.0
    down_px: float = 0.0
    rotation_deg: float = 0.0
    pressure: float = 0.5
    moisture: float = 0.5
    noise: float = 5.0
    scars: int = 0
    coverage: float = 1.0
    smear_px: float = 0.0
    stretch_px: float = 2.0
    width: int = PAD_WIDTH
    height: int = PAD_HEIGHT

    def __post_init__(self) -> None:
        for name in ("pressure", "moisture", "coverage"):
            _within(name, getattr(self, name), 0.0, 1.0)
        _within("noise", self.noise, 0.0, 128.0)
        _within("scars", self.scars, 0, 20)
        for name in ("smear_px", "stretch_px"):
            _within(name, getattr(self, name), 0.0, 60.0)
        for name in ("width", "height"):
            _within(name, getattr(self, name), 32, _MOST_PX)


def natural(seed: int) -> Impression:
    """Return a touch as people make it without help: a little off, a little turned, never pressed quite alike."""
    random = np.random.default_rng([seed, 2])
    return Impression(
        seed=seed,
        right_px=float(random.normal(0, 14)),
        down_px=float(random.normal(0, 14)),
        rotation_deg=float(random.normal(0, 7)),
        pressure=float(np.clip(random.normal(0.5, 0.13), 0.2, 0.85)),
        moisture=float(np.clip(random.normal(0.48, 0.13), 0.15, 0.85)),
        noise=float(random.uniform(4, 8)),
        stretch_px=float(random.uniform(1, 4)),
    )


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} is {value}, {least} to {most} are possible")

"""Who a seed is: skin and hair tone, when the subject does not name them."""

from __future__ import annotations

import numpy as np

from firmware_mocks.head.subject import Hair, Skin, Subject

_SKINS = tuple(Skin)
_HAIRS = (Hair.DARK, Hair.BLACK, Hair.BLACK, Hair.GREY, Hair.BROWN)


def tones(subject: Subject) -> tuple[Skin, Hair]:
    """Return the tones to render; the plain subject (identity 0) has the photograph's own."""
    if subject.identity == 0:
        return subject.skin or Skin.LIGHT, subject.hair or Hair.BROWN
    dice = np.random.default_rng((subject.identity, 11))
    skin = _SKINS[int(dice.integers(len(_SKINS)))]
    hair = _HAIRS[int(dice.integers(len(_HAIRS) if skin is Skin.LIGHT else 3))]
    return subject.skin or skin, subject.hair or hair

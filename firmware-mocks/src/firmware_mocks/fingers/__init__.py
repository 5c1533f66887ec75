"""Synthetic fingerprints: a finger from a seed, and any number of impressions of it. No person's print is in them."""

from firmware_mocks.fingers.impression import PAD_HEIGHT, PAD_WIDTH, Impression, natural
from firmware_mocks.fingers.imprint import press
from firmware_mocks.fingers.master import Master, master
from firmware_mocks.fingers.pattern import Pattern
from firmware_mocks.fingers.surface import blank, plain_skin

__all__ = [
    "PAD_HEIGHT",
    "PAD_WIDTH",
    "Impression",
    "Master",
    "Pattern",
    "blank",
    "master",
    "natural",
    "plain_skin",
    "press",
]

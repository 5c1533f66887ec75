"""Impressions of synthetic fingers for the comparison: each made once."""

from __future__ import annotations

from functools import cache

from firmware_mocks.fingers import Impression, master, natural, press

from agent.capture.fingerprint.matching import RidgeMap
from agent.devices.seams import Pixels


@cache
def touch(finger: int, number: int) -> Pixels:
    """Return the picture of a touch as people make it; `number` 0 is a clean, central one."""
    return press(master(finger), natural(1000 * finger + number) if number else Impression())


@cache
def ridges(finger: int, number: int) -> RidgeMap:
    """Return the touch reduced to its ridges."""
    return RidgeMap.of(touch(finger, number))

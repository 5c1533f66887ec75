"""A reader judged by its empty glass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.faults import Faults
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.fingerprint_pad.sensor import empty_glass, through

from agent.capture.evidence import Verdict
from agent.capture.fingerprint.reader_health import Health, reader_health
from agent.devices.seams import FingerImage, Pixels

Change = Callable[[Pixels], Pixels]


def health(change: Change = lambda seen: seen, frame_s: float = 0.1275, count: int = 8) -> Health:
    """Judge a reader that sees its empty glass so."""
    frames = [change(empty_glass(number)) for number in range(count)]
    return reader_health([FingerImage(one, 512, 512, number * frame_s) for number, one in enumerate(frames)])


def failed(found: Health) -> set[str]:
    """Return what is wrong, without the common beginning."""
    wrong = [check.name for check in found.checks if check.verdict is Verdict.FAILED]
    return {name.removeprefix("kiosk_reader_") for name in wrong}


def worn(*words: str) -> Change:
    """Return the view through a worn sensor."""
    return lambda seen: through(seen, Faults.parse(words))


def specks(seen: Pixels) -> Pixels:
    """Kill every thousandth pixel."""
    dirty = seen.copy()
    dirty.reshape(-1)[::1000] = 90
    return dirty


def grainy(seen: Pixels) -> Pixels:
    """Add noise that differs from frame to frame."""
    noise = np.random.default_rng(int(seen.sum())).normal(0, 12, seen.shape)
    return np.clip(seen - 40 + noise, 0, 255).astype(np.uint8)


def test_a_healthy_reader_passes() -> None:
    """All six values, each with its number."""
    found = health()
    assert failed(found) == set()
    assert len(found.checks) == 6
    assert all(check.native is not None for check in found.checks)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (worn("dead-rows=40,41"), {"dead_lines"}),
        (worn("dead-columns=0"), {"dead_lines"}),
        (worn("uneven=90"), {"unevenness"}),
        (specks, {"dead_pixels"}),
        (grainy, {"noise"}),
        (lambda seen: synthetic_finger(1), {"glass_empty"}),
    ],
    ids=["rows", "column", "uneven", "specks", "grain", "finger"],
)
def test_each_fault_fails_its_own_check(change: Change, wrong: set[str]) -> None:
    """A technician sees what is wrong, and only that; under a finger nothing else can be told."""
    found = failed(health(change))
    assert wrong <= found
    if "glass_empty" not in wrong:
        assert found == wrong


def test_dead_lines_are_named() -> None:
    """By their place in the upright picture, at the edges and side by side, too."""
    found = health(worn("dead-rows=0,120,121", "dead-columns=17,383"))
    assert (found.dead_rows, found.dead_columns) == ((0, 120, 121), (17, 383))


def test_a_slow_reader() -> None:
    """Half a second from frame to frame."""
    assert failed(health(frame_s=0.5)) == {"frame_interval"}


def test_light_is_measured_beside_dead_lines() -> None:
    """The shade's slope is found, dead columns do not count as dark."""
    found = health(worn("uneven=30", "dead-columns=200"))
    assert found.column_light[0] - found.column_light[-1] == pytest.approx(30, abs=2)
    assert abs(float(found.column_light[200])) <= 16
    assert np.abs(found.row_light).max() < 2


def test_the_picture_shows_dead_places_in_red() -> None:
    """And everything else in grey."""
    picture = health(worn("dead-rows=40")).picture()
    assert (picture[40] == (0, 0, 255)).all()
    assert (picture[100, :, 0] == picture[100, :, 2]).all()


def test_too_few_frames_say_nothing() -> None:
    """Three are not enough for noise."""
    with pytest.raises(ValueError, match="at least 4"):
        health(count=3)

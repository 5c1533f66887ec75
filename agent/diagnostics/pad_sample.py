"""What a fingerprint reader does, measured once: waking, answering, and pictures of its empty glass. Figures only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

import numpy as np
from numpy.typing import NDArray

from agent.devices.errors import DeviceError, DeviceTimeout, PadFault
from agent.devices.fingerprint_pad import Uru4500
from agent.devices.fingerprint_pad_registers import Register
from agent.devices.fingerprint_pad_usb import UsbBackend, open_usb_pad
from agent.devices.seams import Pixels

WAKE_S, PICTURES_S = 6.0, 6.0
PICTURES, ROUND_TRIPS = 4, 40
# A picture takes 128 ms; letting go of a reader that sends none waits this long.
BULK_MS = 1500
# A finger or dirt is darker than the empty glass, of which the reader makes near white.
DARK = 200
# A whole line that never changes while the others flicker, and differs so much from its neighbours, is dead.
APART = 24
STRIP = 4


@dataclass(frozen=True, slots=True)
class PadSample:
    """Times in seconds. Without pictures `why_no_picture` is their error and the figures of the glass are None."""

    name: str
    versions: str
    wake_s: float
    round_trips_s: tuple[float, ...]
    intervals_s: tuple[float, ...] = ()
    glass: GlassLook | None = None
    why_no_picture: DeviceError | None = None
    picture: Pixels | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GlassLook:
    """`noise` is the deviation of a pixel over time; `covered` the share that is dark; the rest are counts."""

    noise: float
    covered: float
    dead_lines: tuple[str, ...]
    dead_pixels: int


def take_pad_sample(
    backend: Callable[[], UsbBackend],
    ppi: tuple[float, float],
    cancelled: Event,
    *,
    pictures_s: float = PICTURES_S,
    bulk_ms: int = BULK_MS,
) -> PadSample:
    """Open the reader, wake it, and look at its glass without a finger. Raises DeviceError when it cannot be opened."""
    usb = open_usb_pad(backend())
    name = usb.model.name
    with Uru4500(usb, *ppi, bulk_ms=bulk_ms) as pad:
        begun_s = time.monotonic()
        pad.wake(begun_s + WAKE_S, cancelled)
        wake_s, versions = time.monotonic() - begun_s, pad.versions
        round_trips = tuple(_timed(lambda: usb.read_registers(Register.HWSTAT, 1)) for _ in range(ROUND_TRIPS))
        try:
            pictures, times = _pictures(pad, time.monotonic() + pictures_s, cancelled)
        except (DeviceTimeout, PadFault) as failure:
            return PadSample(name, versions, wake_s, round_trips, why_no_picture=failure)
    intervals = tuple(float(value) for value in np.diff(times))
    return PadSample(name, versions, wake_s, round_trips, intervals, look(pictures), picture=pictures[-1])


def look(pictures: Sequence[Pixels]) -> GlassLook:
    """Judge pictures of the empty glass, height x width each, near white."""
    stack = np.stack(pictures).astype(np.float32)
    still, mean = stack.std(axis=0), stack.mean(axis=0)
    covered = float((mean < DARK).mean())
    lines = (*_dead_lines(mean, still, "row"), *_dead_lines(mean.T, still.T, "column"))
    return GlassLook(float(np.median(still)), covered, lines, _dead_pixels(mean))


def _pictures(pad: Uru4500, deadline: float, cancelled: Event) -> tuple[list[Pixels], list[float]]:
    pictures, times = list[Pixels](), list[float]()
    while len(pictures) < PICTURES:
        image = pad.next_frame(deadline, cancelled)
        pictures.append(image.pixels)
        times.append(image.taken_s)
    return pictures, times


def _timed(action: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    action()
    return time.perf_counter() - begun_s


def _dead_lines(mean: NDArray[np.float32], still: NDArray[np.float32], what: str) -> list[str]:
    """Find rows that do not flicker and stand out; the last pixel of some is always white, so medians are compared."""
    levels, flicker = np.median(mean, axis=1), np.median(still, axis=1)
    found = []
    for place in range(len(levels)):
        near = np.r_[levels[max(0, place - STRIP) : place], levels[place + 1 : place + 1 + STRIP]]
        if flicker[place] == 0 and abs(float(levels[place] - np.median(near))) > APART:
            found.append(f"{what} {place}")
    return found


def _dead_pixels(mean: NDArray[np.float32]) -> int:
    """Count single pixels that differ much from both neighbours of their row."""
    left, middle, right = mean[:, :-2], mean[:, 1:-1], mean[:, 2:]
    apart = np.minimum(np.abs(middle - left), np.abs(middle - right)) > 2 * APART
    return int((apart & (np.abs(left - right) < APART)).sum())

"""The portrait's measures on one thread: a preview frame, a still, and each measure against its formula in plain NumPy.

The plain formulas are written as the standard prints them, on whole arrays, and give the same values. What the networks
take is theirs; it is in the preview and the still, which are held against our budgets. CPU time, not wall time: the
budgets are of that kind, and the machine may be busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from firmware_mocks.camera.film import film
from numpy.typing import NDArray

from agent.capture.portrait import models
from agent.capture.portrait.alignment import AlignedFace, align, cheeks
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.crop import crop_map, laid_out
from agent.capture.portrait.face import Mesh
from agent.capture.portrait.light import measure_light
from agent.capture.portrait.measures import Measure
from agent.capture.portrait.sharpness import BLUR_PX, DENOISE_PX, measure_sharpness
from agent.devices.seams import Pixels
from bench.measure import Figure

MODELS = Path(__file__).resolve().parent.parent / "models"
PREVIEW_BUDGET_MS, STILL_BUDGET_MS = 10.0, 20.0
RUNS, WARM_UP = 40, 5
Floats = NDArray[np.float64]


def figures(_folder: Path) -> Iterator[Figure]:
    """Yield preview and still against their budgets, the measures against NumPy; nothing when models are missing."""
    if any(state == "missing" for _, state in models.inspect(MODELS)):
        return
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield from _figures(Analyser(MODELS))
    finally:
        cv2.setNumThreads(threads)


def _figures(analyser: Analyser) -> Iterator[Figure]:
    jpeg = film("passing", 1, 1280, 720)[0]
    frame = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    seen = analyser.inspect(frame)
    assert seen.mesh is not None
    face = align(frame, seen.mesh)
    assert face is not None
    yield _against("portrait preview, 1280x720, CPU", lambda: analyser.preview(frame), PREVIEW_BUDGET_MS)
    yield _against("portrait still, all measures, CPU", lambda: analyser.inspect(frame), STILL_BUDGET_MS)
    yield _against("portrait still, measures + two JPEGs, CPU", lambda: analyser.still(frame), STILL_BUDGET_MS)
    yield _ratio("portrait light and colour", lambda: measure_light(face), lambda: plain_light(face))
    yield _ratio("portrait sharpness, motion", lambda: measure_sharpness(face), lambda: plain_sharpness(face))
    yield from _warps(frame, seen.mesh)


def _warps(frame: Pixels, mesh: Mesh) -> Iterator[Figure]:
    ours = _cpu_ms(lambda: laid_out(frame, mesh))
    plain = _cpu_ms(lambda: plain_crop(frame, mesh), runs=5)
    yield Figure("portrait crop, 420x540", ours, "bilinear in plain NumPy", plain, RUNS)


def _against(name: str, work: Callable[[], object], budget_ms: float) -> Figure:
    return Figure(name, _cpu_ms(work), "budget", budget_ms, RUNS)


def _ratio(name: str, work: Callable[[], list[Measure]], plain: Callable[[], dict[str, float]]) -> Figure:
    ours = {measure.name: measure.native for measure in work()}
    for measure, value in plain().items():
        assert ours[measure] is not None
        # Our luminance is rounded to 256 levels, which moves a share by one level's pixels.
        assert abs(float(ours[measure] or 0) - value) <= 0.03 * max(1.0, abs(value)), measure
    return Figure(name, _cpu_ms(work), "plain NumPy", _cpu_ms(plain), RUNS)


def _cpu_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median CPU time of this thread in milliseconds."""
    times = []
    for run in range(runs + WARM_UP):
        started = time.thread_time()
        work()
        if run >= WARM_UP:
            times.append((time.thread_time() - started) * 1000)
    return median(times)


def _linear(pixels: Pixels) -> Floats:
    x = pixels / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _luminance(pixels: Pixels) -> Floats:
    return np.asarray(_linear(pixels) @ np.array([0.0722, 0.7152, 0.2126]), np.float64)


def plain_light(face: AlignedFace) -> dict[str, float]:
    """Return the measures of light as the formulas read."""
    light = _luminance(face.pixels)[face.mask > 0]
    shares = np.histogram(light * 255, 256, (0, 256))[0] / light.size
    seen = shares[shares > 0]
    right, left = (np.histogram(_luminance(one) * 255, 256, (0, 256))[0] / one[..., 0].size for one in cheeks(face))
    return {
        "luminance_mean": float(light.mean()),
        "luminance_variance": float(light.var()),
        "under_exposure_prevention": float((light * 255 <= 25.5).mean()),
        "over_exposure_prevention": float((light * 255 >= 246.5).mean()),
        "dynamic_range": float(-(seen * np.log2(seen)).sum()),
        "illumination_uniformity": float(np.minimum(right, left).sum()),
    }


def _smoothed(grey: Floats, sigma: float) -> Floats:
    reach = round(3 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(grey, [(reach, reach) if one == axis else (0, 0) for one in (0, 1)], "reflect")
        length = grey.shape[axis]
        grey = sum(weight * np.take(padded, range(at, at + length), axis) for at, weight in enumerate(weights))
    return grey


def _gradients(grey: Floats) -> tuple[Floats, Floats]:
    padded = np.pad(grey, 1, "reflect")
    across, down = padded[:, 2:] - padded[:, :-2], padded[2:] - padded[:-2]
    return across[:-2] + 2 * across[1:-1] + across[2:], down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]


def plain_sharpness(face: AlignedFace) -> dict[str, float]:
    """Return sharpness and motion blur as their formulas read."""
    grey = _smoothed(face.pixels @ np.array([0.114, 0.587, 0.299]), DENOISE_PX)
    inside = np.asarray(cv2.erode(face.mask, np.ones((9, 9), np.uint8))) > 0
    tensors = []
    for one in (grey, _smoothed(grey, BLUR_PX)):
        across, down = (gradient[inside] for gradient in _gradients(one))
        tensors.append(np.array([[across @ across, across @ down], [across @ down, down @ down]]))
    before, after = tensors
    taken = 1 - np.linalg.eigvals(np.linalg.solve(before, after)).real
    return {
        "kiosk_sharpness": float(1 - np.trace(after) / np.trace(before)),
        "kiosk_motion_blur": float(1 - taken.min() / taken.max()),
    }


def plain_crop(frame: Pixels, mesh: Mesh) -> Floats:
    """Return the crop by four neighbours each."""
    back = cv2.invertAffineTransform(crop_map(mesh))
    x, y = np.meshgrid(np.arange(420), np.arange(540))
    u, v = (row[0] * x + row[1] * y + row[2] for row in back)
    u, v = np.clip(u, 0, frame.shape[1] - 1.001), np.clip(v, 0, frame.shape[0] - 1.001)
    left, top = u.astype(int), v.astype(int)
    a, b = (u - left)[..., None], (v - top)[..., None]
    upper = frame[top, left] * (1 - a) + frame[top, left + 1] * a
    lower = frame[top + 1, left] * (1 - a) + frame[top + 1, left + 1] * a
    return np.asarray(upper * (1 - b) + lower * b, np.float64)

"""Comparing the chip's portrait with the live one, and the live one with the face that answered the challenge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from agent.capture.evidence import Check, Evidence, Verdict
from agent.capture.match import model
from agent.capture.match.errors import MatchFailed
from agent.devices.errors import Cancelled, DeviceTimeout

STAGE = "match"
CHIP_CHECK, LIVE_CHECK = "chip_portrait_match", "live_face_match"
WITHIN_S, POLL_S = 30.0, 0.05
ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def match_faces(
    portrait: bytes | None,
    chip: bytes | None,
    live: Sequence[bytes],
    models_folder: Path,
    *,
    threshold: float = model.DISTANCE,
    cancelled: Event,
) -> Evidence:
    """Compare the portrait (JPEG) with the chip's picture (JPEG, JPEG 2000) and with frames of the challenge.

    What is missing is not assessed, with the reason. Raises MatchFailed, DeviceTimeout or Cancelled.
    """
    facts = {"model": "not installed", "threshold": f"distance {threshold:g}"}
    reason = model.missing() or ("" if portrait else "no portrait")
    if portrait is None or reason:
        checks = [Check(name, Verdict.NOT_ASSESSED, reason) for name in (CHIP_CHECK, LIVE_CHECK)]
        return Evidence(STAGE, tuple(checks), facts=facts)
    pictures = ([chip] if chip else []) + list(live)
    found = compare([portrait, *pictures], models_folder, cancelled) if pictures else []
    to_chip, to_live = (found[:1], found[1:]) if chip else ([], found)
    checks = [
        _check(CHIP_CHECK, to_chip, threshold, "the chip gave no picture"),
        _check(LIVE_CHECK, to_live, threshold, "no frames of a challenge"),
    ]
    return Evidence(STAGE, tuple(checks), facts=facts | {"model": f"{model.NAME} {model.SHA256}"})


def compare(pictures: Sequence[bytes], models_folder: Path, cancelled: Event) -> list[float | None]:
    """Return the distance of the first picture's face to each other's, None where there is no face.

    Raises MatchFailed, DeviceTimeout after WITHIN_S, Cancelled.
    """
    command = [sys.executable, "-m", "agent.capture.match._match_worker", str(models_folder)]
    head = json.dumps({"pictures": [len(picture) for picture in pictures]}).encode("ascii") + b"\n"
    environment: Mapping[str, str] = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | ONE_THREAD
    # In nameless memory, whole before the worker starts: no pipe can fill up, and nothing reaches the disk.
    with os.fdopen(os.memfd_create("match"), "w+b") as request:
        request.write(head + b"".join(pictures))
        request.seek(0)
        with subprocess.Popen(
            command, stdin=request, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        ) as process:
            try:
                answer = _answer(process, cancelled)
            finally:
                process.kill()
    return _parsed(answer, len(pictures) - 1)


def _answer(process: subprocess.Popen[bytes], cancelled: Event) -> bytes:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            return process.communicate(timeout=POLL_S)[0]
        except subprocess.TimeoutExpired:
            if cancelled.is_set():
                raise Cancelled from None
            if time.monotonic() >= deadline:
                raise DeviceTimeout("the faces were not compared in time") from None


def _parsed(answer: bytes, count: int) -> list[float | None]:
    try:
        told: Any = json.loads(answer)
        if "error" in told:
            raise MatchFailed(str(told["error"])[:40])
        found = [None if one is None else float(one) for one in told["distances"]]
    except (ValueError, KeyError, TypeError) as error:
        raise MatchFailed("no answer") from error
    if len(found) != count:
        raise MatchFailed("not as many answers as pictures")
    return found


def _check(name: str, distances: Sequence[float | None], threshold: float, absent: str) -> Check:
    """Judge by the farthest picture: all must be the same face."""
    if not distances:
        return Check(name, Verdict.NOT_ASSESSED, absent)
    seen = [one for one in distances if one is not None]
    if not seen:
        return Check(name, Verdict.NOT_ASSESSED, "no face was found in the picture")
    farthest = max(seen)
    if farthest > threshold:
        return Check(name, Verdict.FAILED, f"distance {farthest:.2f} is above {threshold:g}", farthest, "distance")
    return Check(name, Verdict.PASSED, native=farthest, unit="distance")

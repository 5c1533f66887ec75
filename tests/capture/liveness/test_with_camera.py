"""The whole way of a challenge: camera on the wire, both workers, a screen that reports, evidence, decided again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from threading import Event, Thread

import pytest

from agent.capture.evidence import Evidence, Guidance, Verdict
from agent.capture.liveness.capture import SERIES, capture_liveness
from agent.capture.liveness.challenge import Turn
from agent.capture.liveness.decision import FLASH
from agent.capture.liveness.policy import LivenessPolicy
from agent.capture.liveness.screen import NoScreen, Rgb
from agent.capture.liveness.verifying import verify_series
from agent.capture.portrait import VisionWorker
from agent.devices.camera import Camera
from agent.devices.errors import Cancelled
from tests.capture.liveness.conftest import LivingCamera

POLICY = LivenessPolicy(tries=1, turn_within_s=20, face_within_s=30, lag_s=(-0.2, 0.4))


class LitScreen:
    """A screen whose light falls on the person before the camera, as far as it is bright."""

    flashes = True

    def __init__(self, room: LivingCamera, share: float = 0.2) -> None:
        self._room, self._share = room, share
        self._shown: tuple[float, ...] | None = None

    def show(self, colours: Sequence[Rgb], hold_ms: int) -> None:
        """Show dark, the colours, dark."""
        self._shown = None
        Thread(target=self._run, args=(((0, 0, 0), *colours, (0, 0, 0)), hold_ms / 1000)).start()

    def _run(self, colours: Sequence[Rgb], hold_s: float) -> None:
        shown = []
        for red, green, blue in colours:
            self._room.light = (red / 255 * self._share, green / 255 * self._share, blue / 255 * self._share)
            shown.append(time.monotonic())
            time.sleep(hold_s)  # the light stays: that is what is shown, not a wait for something
        self._shown = tuple(shown)

    def shown_s(self) -> tuple[float, ...] | None:
        """Tell when."""
        return self._shown


@pytest.fixture
def camera(living: LivingCamera) -> Iterator[Camera]:
    """Return the agent's camera."""
    with Camera(living.url, 640, 360, 20, development=True) as opened:
        opened.newest(0, time.monotonic() + 60, Event())
        yield opened


def _challenge(
    living: LivingCamera, camera: Camera, vision: VisionWorker, *, flash: bool, cancelled: Event | None = None
) -> tuple[Evidence, list[Guidance]]:
    told: list[Guidance] = []

    def guide(guidance: Guidance) -> None:
        told.append(guidance)
        name = guidance.code.removeprefix("liveness.turn_")
        living.turn = Turn(name) if name in set(Turn) else None

    evidence = capture_liveness(
        camera,
        vision,
        POLICY,
        guide,
        LitScreen(living) if flash else NoScreen(),
        lambda count: bytes(range(count)),
        cancelled=cancelled or Event(),
        skipped={} if flash else {FLASH: "no screen"},
    )
    return evidence, told


def test_a_living_person_passes_and_the_evidence_decides_again(
    living: LivingCamera, camera: Camera, vision: VisionWorker
) -> None:
    """Turns and flash hold; the part alone gives the same decision, and small pictures are there."""
    evidence, told = _challenge(living, camera, vision, flash=True)
    assert evidence.verdict is Verdict.PASSED, evidence.reason
    parts = {part.name: part for part in evidence.parts}
    (again,) = verify_series(parts[SERIES].data)
    assert again.passed
    assert again.agrees
    assert again.checks == tuple(check for check in evidence.checks if check.name != "liveness_response")
    assert {"liveness/frontal", "liveness/flash", "liveness/turn-1", "liveness/turn-2"} <= set(parts)
    assert all(part.data.startswith(b"\xff\xd8") for name, part in parts.items() if name != SERIES)
    assert [one.done for one in told] == sorted(one.done or 0 for one in told)
    assert told[-1].done == told[-1].total == 4


def test_without_a_screen_turns_alone_decide_and_the_flash_is_not_assessed(
    living: LivingCamera, camera: Camera, vision: VisionWorker
) -> None:
    """Three turns are asked for; the flash's checks name the reason and decide nothing."""
    evidence, _ = _challenge(living, camera, vision, flash=False)
    assert evidence.verdict is Verdict.PASSED, evidence.reason
    flash = [check for check in evidence.checks if check.name.startswith("liveness_flash")]
    assert [check.verdict for check in flash] == [Verdict.NOT_ASSESSED] * 2
    assert {check.reason for check in flash} == {"no screen"}
    assert evidence.facts["head turns"] == "3"


def test_a_challenge_is_cancelled_at_once(living: LivingCamera, camera: Camera, vision: VisionWorker) -> None:
    """The operator's stop ends the wait for a turn."""
    living.obeys = False
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        _challenge(living, camera, vision, flash=False, cancelled=cancelled)

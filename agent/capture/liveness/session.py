"""One challenge as it goes on: frames in, what to say and show out. No clock, no camera and no screen in here.

Look straight ahead, then the flash where there is one, then the head turns. Each step ends as early as it can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np

from agent.capture.liveness.challenge import Challenge, Turn, draw
from agent.capture.liveness.decision import FLASH, HEAD_TURN, RULE, reach
from agent.capture.liveness.policy import LivenessPolicy
from agent.capture.liveness.series import FlashTaken, Floats, Glimpse, Mark, Series, TurnTaken
from agent.capture.liveness.turning import nose_place, progress, residual_percent

FRONTAL_FRAMES = 3
# The camera's last answer to the flash comes this much after the screen is dark again; nobody has begun to turn then.
AFTER_FLASH_MS = 120
# Nobody sees more of a turn than this share of the whole way before the frames are worth a look.
NEAR = 0.9


class Step(StrEnum):
    """Where a challenge stands. NO_RESPONSE is a time-out: counted apart from an answer that was wrong."""

    FACE = "face"
    FLASH = "flash"
    TURN = "turn"
    DONE = "done"
    NO_RESPONSE = "no_response"


class Session:
    """Collects the series of one challenge. All times are milliseconds since it began, and go forward."""

    def __init__(self, seed: bytes, policy: LivenessPolicy, skipped: Mapping[str, str]) -> None:
        self._policy, self._skipped = policy, dict(skipped)
        turns = 0 if HEAD_TURN in skipped else policy.turns_alone if FLASH in skipped else policy.turns
        self._sizes = (turns, 0 if FLASH in skipped else policy.colours)
        self.challenge: Challenge = draw(seed, *self._sizes)
        self.step = Step.FACE
        self.reason = ""
        self.pictures: dict[str, bytes] = {}
        self._seed = seed
        self._marks: list[Mark] = []
        self._surround: Floats | None = None
        self._place: Floats | None = None
        self._base: Floats | None = None
        self._straight = 0
        self._turns: list[TurnTaken] = []
        self._best = 0.0
        self._lit: list[tuple[int, Floats]] = []
        self._shown: tuple[int, ...] = ()

    @property
    def asked(self) -> Turn | None:
        """The turn that is asked for now."""
        return self._turns[-1].asked if self.step is Step.TURN else None

    @property
    def done(self) -> int:
        """How many steps are done: the face, the flash and each turn; `total` is all of them."""
        finished = self.step in {Step.DONE, Step.NO_RESPONSE}
        return (self._base is not None) + bool(self._shown) + len(self._turns) - (not finished and bool(self._turns))

    @property
    def total(self) -> int:
        """How many steps there are."""
        return 1 + bool(self.challenge.colours) + len(self.challenge.turns)

    def see(self, glimpse: Glimpse, number: int, at_ms: int) -> None:
        """Take in the next frame."""
        place = (0.0, 0.0, 0.0) if glimpse.mesh is None else nose_place(glimpse.mesh)
        self._marks.append(self._mark(glimpse, number, at_ms, place))
        match self.step:
            case Step.FACE:
                self._face(glimpse, at_ms, place)
            case Step.FLASH:
                self._flash(glimpse, at_ms)
            case Step.TURN:
                self._keep_light(glimpse, at_ms)
                self._turn(glimpse, number, at_ms)

    def flashed(self, shown_ms: Sequence[int]) -> None:
        """Take in when the screen showed dark, each colour and dark again."""
        self._shown = tuple(shown_ms)

    def skip_flash(self, reason: str) -> None:
        """Go on without the flash: the screen could not show it. The seed's turns stay the same."""
        self._skipped[FLASH] = reason
        self._lit.clear()
        if self.step is Step.FLASH:
            self._ask_next(self._marks[-1].at_ms)

    def series(self) -> Series:
        """Return everything that was measured."""
        flash = None
        if self._lit and self._shown:
            light = np.array([light for _, light in self._lit])
            flash = FlashTaken(self._shown, tuple(at for at, _ in self._lit), light)
        low, high = (round(one * 1000) for one in self._policy.lag_s)
        return Series(
            RULE.version, self._seed, *self._sizes, tuple(self._marks), self._base, tuple(self._turns), flash,
            dict(self._skipped), (low, high),
        )  # fmt: skip

    def _face(self, glimpse: Glimpse, at_ms: int, place: tuple[float, float, float]) -> None:
        straight = glimpse.mesh is not None and glimpse.faces == 1 and abs(place[0]) < RULE.frontal
        self._straight = self._straight + 1 if straight else 0
        if self._straight >= FRONTAL_FRAMES:
            self._base = glimpse.mesh
            self.pictures["frontal"] = glimpse.picture
            if self.challenge.colours:
                self.step = Step.FLASH
            else:
                self._ask_next(at_ms)
        elif at_ms > self._policy.face_within_s * 1000:
            self._give_up("nobody looked straight into the camera")

    def _flash(self, glimpse: Glimpse, at_ms: int) -> None:
        self._keep_light(glimpse, at_ms)
        self.pictures["flash"] = glimpse.picture
        over = self._shown[-1] + (0 if self.challenge.turns else AFTER_FLASH_MS) if self._shown else None
        if over is not None and at_ms >= over:
            self._ask_next(at_ms)

    def _keep_light(self, glimpse: Glimpse, at_ms: int) -> None:
        if glimpse.skin is not None and (not self._shown or at_ms <= self._shown[-1] + AFTER_FLASH_MS):
            self._lit.append((at_ms, glimpse.skin))

    def _turn(self, glimpse: Glimpse, number: int, at_ms: int) -> None:
        taken = self._turns[-1]
        if glimpse.mesh is not None and self._base is not None and at_ms >= taken.asked_ms + RULE.reaction_ms:
            across, below, _ = nose_place(self._base)
            x, y, _ = nose_place(glimpse.mesh)
            went = progress(taken.asked, x - across, y - below) / reach(taken.asked)
            if went > max(self._best, NEAR):
                self._best = went
                found = glimpse.mesh[:, :2]
                self._turns[-1] = TurnTaken(taken.asked, taken.asked_ms, number, found)
                self.pictures[f"turn-{len(self._turns)}"] = glimpse.picture
                if went >= 1 and residual_percent(self._base, found) >= _least(taken.asked):
                    self._ask_next(at_ms)
                    return
        if at_ms > taken.asked_ms + self._policy.turn_within_s * 1000:
            self._give_up(f"no turn {taken.asked} within {self._policy.turn_within_s:g} s")

    def _ask_next(self, at_ms: int) -> None:
        if len(self._turns) == len(self.challenge.turns):
            self.step = Step.DONE
            return
        self.step, self._best = Step.TURN, 0.0
        self._turns.append(TurnTaken(self.challenge.turns[len(self._turns)], at_ms))

    def _give_up(self, reason: str) -> None:
        self.step, self.reason = Step.NO_RESPONSE, reason

    def _mark(self, glimpse: Glimpse, number: int, at_ms: int, place: tuple[float, float, float]) -> Mark:
        moved, face_moved = 0.0, 0.0
        if glimpse.surround is not None:
            if self._surround is not None and self._surround.shape == glimpse.surround.shape:
                # Where the face and the body are is not told: the grid's sides and top are mostly neither.
                change = np.abs(glimpse.surround - self._surround)
                across = change.shape[1] // 5
                moved = float(np.concatenate([change[:, :across], change[:, -across:]], axis=1).mean())
            self._surround = glimpse.surround
        if glimpse.mesh is not None:
            middle = glimpse.mesh[[33, 133, 263, 362], :2].mean(axis=0)
            if self._place is not None:
                face_moved = float(np.linalg.norm(middle - self._place)) / max(place[2], 1e-6)
            self._place = middle
        return Mark(number, at_ms, glimpse.faces, *place, glimpse.digest, moved, face_moved)


def _least(turn: Turn) -> float:
    return RULE.residual_below if turn is Turn.UP else RULE.residual_across

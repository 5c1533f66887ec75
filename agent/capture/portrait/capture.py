"""Taking the portrait: watch frames until all gates have held for a while, keep the best one of that time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event

from agent.capture.evidence import Check, Evidence, Guidance, Guide, Part, Verdict
from agent.capture.portrait.by_hand import ByHand, Reason
from agent.capture.portrait.errors import NoFace, SizeLimitTooSmall
from agent.capture.portrait.facts import portrait_facts
from agent.capture.portrait.guidance import CAMERA_RECOVERING, Advice
from agent.capture.portrait.largest import (
    FACT,
    LARGEST,
    NO_LARGER,
    NOT_GOOD,
    PREVIEW,
    WITHIN_S,
    StillSource,
    same_face,
)
from agent.capture.portrait.locking import SeriesLock, series_lock
from agent.capture.portrait.measures import SINGLE_FACE, STILL_ONLY, Analysis, Measure, Still
from agent.capture.portrait.policy import PortraitPolicy
from agent.capture.portrait.vision import VisionWorker
from agent.devices.errors import Cancelled, DeviceError, DeviceTimeout
from agent.devices.seams import Frame, FrameSource

STAGE = "portrait"
SHARPNESS = "kiosk_sharpness"
HELD = "kiosk_gates_held"
# So long a camera may be away, being restarted or plugged in again, before the capture is given up.
CAMERA_WITHIN_S = 10.0
FRAME_WITHIN_S, RETRY_S = 1.0, 0.05
# The best frame is still measured and encoded when the deadline has passed; long enough for a restarted worker.
STILL_WITHIN_S = 60.0

GuideAll = Callable[[tuple[Guidance, ...]], None]


def capture_portrait(
    source: FrameSource,
    vision: VisionWorker,
    policy: PortraitPolicy,
    guide: Guide,
    *,
    deadline: float,
    cancelled: Event,
    by_hand: ByHand | None = None,
    guide_all: GuideAll = lambda _: None,
    policy_now: Callable[[], PortraitPolicy] | None = None,
) -> Evidence:
    """Return the evidence of the best frame, with the parts portrait/still and portrait/crop.

    `guide` is told the worst fault whenever it changes, `guide_all` the whole list (worst first) whenever that does.
    An order of `by_hand` takes the next frame with a face as it is: its checks say what holds, and kiosk_gates_held is
    not assessed, with the operator's reason.
    `policy_now` is asked at every frame, when gates may be relaxed while the portrait is being taken.
    When the gates never held until `deadline` (time.monotonic()), it is the best frame seen, with its failed checks,
    and kiosk_gates_held has failed: no such portrait passes, whatever its last frame measured. A face with too few
    pixels for a crop leaves no part portrait/crop, and kiosk_crop_height fails.
    Raises NoFace when there never was a face; NoCamera, CameraFrozen or another DeviceError when the camera gave
    nothing for CAMERA_WITHIN_S or at the deadline; VisionFailed, FrameNotTaken, SizeLimitTooSmall, Cancelled.
    """
    with series_lock(source) as lock:
        orders = (by_hand or ByHand(), policy_now or (lambda: policy))
        return _Capture(source, vision, policy, guide, guide_all, *orders, deadline, cancelled, lock).run()


@dataclass(frozen=True, slots=True)
class _Seen:
    frame: Frame
    failed: int
    sharpness: float

    @property
    def rank(self) -> tuple[int, float]:
        """Fewer failed gates first, then sharper."""
        return (-self.failed, self.sharpness)


@dataclass(slots=True)
class _Capture:
    """One portrait being taken. Only the best frame is kept, whatever the time it takes."""

    source: FrameSource
    vision: VisionWorker
    policy: PortraitPolicy
    guide: Guide
    guide_all: GuideAll
    by_hand: ByHand
    policy_now: Callable[[], PortraitPolicy]
    deadline: float
    cancelled: Event
    lock: SeriesLock
    advice: Advice = field(init=False)
    said: Guidance | None = None
    of_still: dict[str, Measure] = field(default_factory=dict)
    others: Measure | None = None
    best: _Seen | None = None
    best_held: _Seen | None = None
    held_since_s: float = 0.0
    still_mode: str = PREVIEW

    def __post_init__(self) -> None:
        self.advice = Advice(self.policy)

    def run(self) -> Evidence:
        """Watch until the gates have held, the operator takes it by hand, or the deadline."""
        number = 0
        while (frame := self._next(number)) is not None:
            number = frame.number
            self._follow_policy()
            try:
                analysis = self.vision.preview(frame.pixels, self.deadline, self.cancelled)
            except DeviceTimeout:
                break
            self._look(analysis)
            if analysis.has_face and (order := self.by_hand.pending()):
                return self._taken_by_hand(frame, analysis, order)
            held = self._note(frame, analysis)
            if held is not None and (evidence := self._still_holds(held)) is not None:
                return evidence
        if self.best is None:
            raise NoFace
        reason = f"not all gates held for {self.policy.hold_s:g} s in time"
        return self._evidence(self.best, self._still(self.best), Check(HELD, Verdict.FAILED, reason))

    def _follow_policy(self) -> None:
        policy = self.policy_now()
        if policy is not self.policy:
            self.policy, self.advice, self.best_held = policy, Advice(policy), None

    def _next(self, after: int) -> Frame | None:
        """Return the next frame, or None at the deadline; bridges a camera that is being restarted."""
        since_s = time.monotonic()
        while True:
            until = min(time.monotonic() + FRAME_WITHIN_S, self.deadline)
            try:
                frame = self.source.newest(after, until, self.cancelled)
            except Cancelled:
                raise
            except DeviceError:
                now_s = time.monotonic()
                if now_s >= self.deadline and after and now_s - since_s < FRAME_WITHIN_S:
                    return None  # the camera was well; only the time is over
                if now_s >= min(since_s + CAMERA_WITHIN_S, self.deadline):
                    raise
                self.best_held = None
                self.lock.hold(False)
                self._say(self.advice.see_only(CAMERA_RECOVERING, now_s))
                self.cancelled.wait(RETRY_S)
            else:
                return frame if time.monotonic() < self.deadline else None

    def _note(self, frame: Frame, analysis: Analysis) -> _Seen | None:
        """Remember a frame; return the best one of the time in which all gates have held, if that is long enough."""
        seen = self._seen(frame, analysis)
        if analysis.has_face:
            self.best = _better(self.best, seen)
        holds = analysis.has_face and not seen.failed
        self.lock.hold(holds)
        if not holds:
            self.best_held = None
            return None
        if self.best_held is None:
            self.held_since_s = frame.taken_s
        self.best_held = _better(self.best_held, seen)
        return self.best_held if frame.taken_s - self.held_since_s >= self.policy.hold_s else None

    def _still_holds(self, held: _Seen) -> Evidence | None:
        """Return the evidence if the gates hold on the still, too; else say what does not and begin again."""
        still = self._still(held)
        if not self.policy.failed(still.analysis):
            return self._larger(held, still) or self._evidence(held, still, Check(HELD, Verdict.PASSED))
        self.best_held = None
        self.of_still = {name: one for name, one in still.analysis.measures.items() if name in STILL_ONLY}
        failed = SINGLE_FACE in self.policy.failed(still.analysis)
        self.others = still.analysis.measures.get(SINGLE_FACE) if failed else None
        return None

    def _larger(self, held: _Seen, still: Still) -> Evidence | None:
        """Return the evidence of the same face in the camera's largest mode, where that is as good."""
        if not isinstance(self.source, StillSource):
            return None
        self.still_mode = NO_LARGER
        frame = self.source.still(min(time.monotonic() + WITHIN_S, self.deadline), self.cancelled)
        if frame is None:
            return None
        self.still_mode = NOT_GOOD
        seen = _Seen(frame, 0, 0.0)
        try:
            larger = self._still(seen)
        except SizeLimitTooSmall:
            return None
        same = same_face(still.analysis, held.frame.pixels, larger.analysis, frame.pixels)
        if not same or self.policy.failed(larger.analysis):
            return None
        self.still_mode = LARGEST
        return self._evidence(seen, larger, Check(HELD, Verdict.PASSED))

    def _taken_by_hand(self, frame: Frame, analysis: Analysis, reason: Reason) -> Evidence:
        seen = self._seen(frame, analysis)
        check = Check(HELD, Verdict.NOT_ASSESSED, f"taken by hand: {reason}")
        evidence = self._evidence(seen, self._still(seen), check)
        return replace(evidence, facts={**evidence.facts, "taken by hand": reason.value})

    def _seen(self, frame: Frame, analysis: Analysis) -> _Seen:
        return _Seen(frame, len(self.policy.failed(analysis)), analysis.native(SHARPNESS) or 0.0)

    def _still(self, seen: _Seen) -> Still:
        until_s = time.monotonic() + STILL_WITHIN_S
        return self.vision.still(seen.frame.pixels, until_s, self.cancelled, self.policy.limits)

    def _look(self, analysis: Analysis) -> None:
        """Guide by a preview and by what only the last still has told."""
        if analysis.has_face:
            # A face that only the still's second detector saw is told until the next still.
            others = {} if self.others is None else {SINGLE_FACE: self.others}
            analysis = replace(analysis, measures={**self.of_still, **analysis.measures, **others})
        self._say(self.advice.see(analysis, time.monotonic()))

    def _say(self, changed: bool) -> None:
        shown = self.advice.shown
        if not changed or not shown:
            return
        self.guide_all(shown)
        if shown[0] != self.said:
            self.said = shown[0]
            self.guide(shown[0])

    def _evidence(self, seen: _Seen, still: Still, held: Check) -> Evidence:
        pictures = (("portrait/still", still.picture), ("portrait/crop", still.crop))
        parts = tuple(Part(name, one.media_type, one.data) for name, one in pictures if one.data)
        checks = (*self.policy.checks(still.analysis), held)
        facts = portrait_facts(seen.frame, still, self.policy, self.vision.model_hashes)
        return Evidence(STAGE, checks, parts, facts | self.lock.facts() | {FACT: self.still_mode})


def _better(one: _Seen | None, other: _Seen) -> _Seen:
    return other if one is None else max(one, other, key=lambda seen: seen.rank)

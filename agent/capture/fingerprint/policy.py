"""What is asked of a finger's picture, and how often and how long a finger is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.capture.fingerprint.exceptions import Reason
from agent.capture.fingerprint.names import kind_of
from agent.capture.fingerprint.packing import Packing
from agent.capture.fingerprint.quality import GateLimits

# BSI TR-03121 v6, plain enrolment. It means NFIQ 2; where `nfiq2` is not installed our own score is held against it.
TR_03121 = MappingProxyType({"thumb": 30, "index": 30, "middle": 20, "ring": 10, "little": 10})


@dataclass(frozen=True, slots=True)
class PreviewLimits:
    """What a preview frame must show to be taken by itself. Provisional: from synthetic prints, not from people.

    `spare_area` is how many times the gate's smallest area must be there; `off_centre` how far from the middle a finger
    that is too small may lie (0..1). Greys are 0..255: darker on average than `dark` is pressed too hard or wet,
    lighter than `light` or with less deviation than `faint` too light or dry. `clear` is the least coherence of
    the ridges; unclear ones lighter than `unclear_light` are dry. `moving` is the change from frame to frame, in
    deviations.
    """

    spare_area: float = 1.25
    off_centre: float = 0.2
    dark: float = 90.0
    light: float = 222.0
    faint: float = 14.0
    clear: float = 0.36
    unclear_light: float = 165.0
    moving: float = 0.35


@dataclass(frozen=True, slots=True)
class FingerprintPolicy:
    """The rules of taking fingers.

    A finger has `finger_wait_s` seconds for all its `attempts`. In each touch up to `frames_per_touch` preview frames
    are looked at; a picture is kept as soon as `still_frames` good ones in a row agree. `thresholds` are the smallest
    scores by kind of finger; a kind that is not named needs none. `photo_of` names the exceptions that need a photo.
    `program_s` bounds NIST's program and the minutiae, where they are installed.
    With `refuse_doubles` a finger that was taken before under another name fails; else that is only reported.
    `packing` is for the finger image record; the masters are lossless whatever it says. `data_block` asks for a data
    block of ISO/IEC 39794-4 besides.
    """

    attempts: int = 3
    finger_wait_s: float = 60.0
    frames_per_touch: int = 30
    still_frames: int = 2
    thresholds: Mapping[str, int] = field(default_factory=lambda: TR_03121)
    limits: GateLimits = field(default_factory=GateLimits)
    preview: PreviewLimits = field(default_factory=PreviewLimits)
    photo_of: frozenset[Reason] = frozenset()
    program_s: float = 5.0
    refuse_doubles: bool = True
    packing: Packing = Packing.WSQ
    data_block: bool = False

    def threshold(self, finger: str) -> int:
        """Return the smallest score, 0..100, of a finger of `FINGERS`."""
        return self.thresholds.get(kind_of(finger), 0)

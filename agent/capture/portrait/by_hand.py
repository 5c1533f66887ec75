"""The operator takes the picture by hand: an order from another thread, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from threading import Lock
from types import MappingProxyType

from agent.words import Words


class Reason(StrEnum):
    """Why the operator did not wait for all gates; a closed list, so that nothing personal gets into a record."""

    CANNOT_HOLD_STILL = "the person cannot hold still"
    CANNOT_POSE = "the person cannot take the pose"
    LIGHT = "the light cannot be changed"
    BACKGROUND = "the background cannot be changed"
    JUDGED_GOOD = "the operator judges the picture good"


WORDS: Mapping[Reason, Words] = MappingProxyType(
    {
        Reason.CANNOT_HOLD_STILL: Words("Người dân không giữ yên được", "The person cannot hold still"),
        Reason.CANNOT_POSE: Words("Người dân không giữ được tư thế", "The person cannot take the pose"),
        Reason.LIGHT: Words("Không chỉnh được ánh sáng", "The light cannot be changed"),
        Reason.BACKGROUND: Words("Không đổi được phông nền", "The background cannot be changed"),
        Reason.JUDGED_GOOD: Words("Cán bộ thấy ảnh đạt", "The operator judges the picture good"),
    }
)


class ByHand:
    """Where an order waits until the capture takes it; threads may share it. One order takes one picture."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._reason: Reason | None = None

    def take(self, reason: Reason) -> None:
        """Order the next frame with a face to be taken as it is."""
        with self._lock:
            self._reason = reason

    def pending(self) -> Reason | None:
        """Return the order and forget it, or None when there is none."""
        with self._lock:
            reason, self._reason = self._reason, None
            return reason

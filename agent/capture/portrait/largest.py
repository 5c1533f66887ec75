"""The still in the camera's largest mode: the same face a moment later, in more pixels, where the camera has them."""

from __future__ import annotations

from threading import Event
from typing import Protocol, runtime_checkable

from agent.capture.portrait.measures import Analysis
from agent.devices.seams import Frame, Pixels

FACT = "still mode"
PREVIEW, LARGEST = "preview", "the camera's largest"
NO_LARGER = "preview: the camera has no larger mode, or did not give it in time"
NOT_GOOD = "preview: in the larger mode not all gates held, or the face had moved"
WITHIN_S = 4.0
# In shares of the frame's width, which modes of another shape have in common.
MOST_MOVED, SMALLEST, LARGEST_RATIO = 0.5, 0.75, 1.35


@runtime_checkable
class StillSource(Protocol):
    """A frame source that can give one picture in its largest mode."""

    def still(self, deadline: float, cancelled: Event) -> Frame | None:
        """Return it; None when there is no larger mode than the one of `newest`. Raises Cancelled."""
        ...


def same_face(before: Analysis, pixels: Pixels, after: Analysis, larger: Pixels) -> bool:
    """Say whether the face is where it was and as large, so that nobody has taken the person's place."""
    if before.face is None or after.face is None:
        return False
    (x, _, width, _), (new_x, _, new_width, _) = before.face, after.face
    wide, new_wide = pixels.shape[1], larger.shape[1]
    share, new_share = width / wide, new_width / new_wide
    moved = abs((x + width / 2) / wide - (new_x + new_width / 2) / new_wide)
    return bool(moved <= MOST_MOVED * share and SMALLEST <= new_share / share <= LARGEST_RATIO)

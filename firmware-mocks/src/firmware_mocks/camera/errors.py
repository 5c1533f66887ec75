"""Why there is no mock camera, or why it cannot do what was asked."""

from __future__ import annotations


class CameraError(Exception):
    """The mock camera did not come up or refused an order; the text says why."""

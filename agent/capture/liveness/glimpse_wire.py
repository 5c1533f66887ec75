"""A glimpse between the vision worker and the daemon: numbers as JSON, its picture beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agent.capture.liveness.series import MESH_POINTS, Floats, Glimpse
from agent.capture.liveness.skin import SKIN

GRID_ROWS, GRID_COLUMNS = 18, 32


def encode_glimpse(glimpse: Glimpse) -> dict[str, Any]:  # Any: JSON
    """Return a glimpse for JSON, without its picture."""
    return {
        "faces": glimpse.faces,
        "mesh": _numbers(glimpse.mesh, 2),
        "skin": _numbers(glimpse.skin, 5),
        "surround": _numbers(glimpse.surround, 0),
        "digest": glimpse.digest,
    }


def decode_glimpse(told: Mapping[str, Any], picture: bytes) -> Glimpse:
    """Return the glimpse in an answer; raise ValueError for anything that is none."""
    try:
        return Glimpse(
            int(told["faces"]),
            _shaped(told["mesh"], (MESH_POINTS, 3)),
            _shaped(told["skin"], (len(SKIN), 3)),
            _shaped(told["surround"], (GRID_ROWS, GRID_COLUMNS)),
            str(told["digest"])[:16],
            picture,
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("not a glimpse") from error


def _numbers(values: Floats | None, digits: int) -> list[float] | None:
    return None if values is None else np.round(values, digits).reshape(-1).tolist()


def _shaped(values: Any, shape: tuple[int, int]) -> Floats | None:
    if values is None:
        return None
    found = np.asarray(values, np.float64)
    if found.size != shape[0] * shape[1] or not np.isfinite(found).all():
        raise ValueError("numbers of the wrong shape")
    return found.reshape(shape)

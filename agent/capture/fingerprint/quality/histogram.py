"""Ten bins, mean and deviation of a measure's block values, under NIST's names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from agent.capture.fingerprint.quality.errors import TooLittlePrint
from agent.capture.fingerprint.quality.picture import Floats

# Upper limits of the first nine bins (NFIQ 2; ISO/IEC 29794-4); a value equal to a limit belongs to the next bin.
LIMITS = {
    "FDA": (0.268, 0.304, 0.33, 0.355, 0.38, 0.407, 0.44, 0.5, 1.0),
    "LCS": (0.0, 0.7, 0.74, 0.77, 0.79, 0.81, 0.83, 0.85, 0.87),
    "OCL": (0.337, 0.479, 0.579, 0.655, 0.716, 0.766, 0.81, 0.852, 0.898),
    "OF": (0.01715, 0.035, 0.0557, 0.081, 0.115, 0.1718, 0.2569, 0.4758, 0.748),
    "RVUP": (0.5, 0.667, 0.8, 1.0, 1.25, 1.5, 2.0, 24.0, 30.0),
}
BINS = 10


def histogram(measure: str, values: Floats) -> Iterator[tuple[str, float]]:
    """Yield the twelve named values of `measure` (a key of LIMITS); raise TooLittlePrint when there is no value."""
    if values.size == 0:
        raise TooLittlePrint(f"no block has a value of {measure}")
    counts = np.bincount(np.searchsorted(LIMITS[measure], values, side="right"), minlength=BINS)
    for number, count in enumerate(counts):
        yield f"{measure}_Bin10_{number}", float(count)
    yield f"{measure}_Bin10_Mean", float(values.mean())
    yield f"{measure}_Bin10_StdDev", float(values.std())

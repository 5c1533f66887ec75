"""Bins, mean and deviation under NIST's names."""

import numpy as np
import pytest

from agent.capture.fingerprint.quality.errors import TooLittlePrint
from agent.capture.fingerprint.quality.histogram import LIMITS, histogram


def test_bins_mean_and_deviation_by_hand() -> None:
    """Values 0.5 and 2.5 and 40 of RVUP: bins 1, 7 and 9; a value on a limit belongs to the next bin."""
    found = dict(histogram("RVUP", np.array([0.5, 2.5, 40.0])))
    counts = [found[f"RVUP_Bin10_{number}"] for number in range(10)]
    assert counts == [0, 1, 0, 0, 0, 0, 0, 1, 0, 1]
    assert found["RVUP_Bin10_Mean"] == pytest.approx(43 / 3)
    assert found["RVUP_Bin10_StdDev"] == pytest.approx(np.sqrt((0.5**2 + 2.5**2 + 40**2) / 3 - (43 / 3) ** 2))


@pytest.mark.parametrize("measure", LIMITS)
def test_every_value_is_in_one_bin(measure: str) -> None:
    """Ten bins hold all values, from below the first limit to above the last."""
    values = np.linspace(-1, 50, 400)
    found = dict(histogram(measure, values))
    assert len(found) == 12
    assert sum(found[f"{measure}_Bin10_{number}"] for number in range(10)) == 400
    assert list(LIMITS[measure]) == sorted(LIMITS[measure])


def test_no_value_is_an_error_and_not_a_zero() -> None:
    """A mean of nothing is not invented."""
    with pytest.raises(TooLittlePrint, match="OF"):
        dict(histogram("OF", np.array([])))

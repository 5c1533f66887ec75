"""Which pictures are accepted, and what is cut off."""

from typing import Any

import numpy as np
import pytest

from agent.capture.fingerprint.quality.errors import BlankPrint, PrintTooSmall, WrongPixels
from agent.capture.fingerprint.quality.picture import trimmed


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((100, 100), np.uint16),
        np.zeros((100, 100), np.float64),
        np.full((100, 100), np.nan),
        np.zeros((100, 100), bool),
        np.zeros((100, 100, 3), np.uint8),
        np.zeros((100, 100, 1), np.uint8),
        np.zeros(100, np.uint8),
        np.uint8(7),
        [[0] * 100] * 100,
        b"\x00" * 10_000,
        None,
    ],
    ids=lambda wrong: f"{type(wrong).__name__}-{getattr(wrong, 'dtype', '')}-{getattr(wrong, 'shape', '')}",
)
def test_only_two_dimensions_of_bytes_are_a_picture(wrong: Any) -> None:
    """Another type or shape is named in the error, in both languages."""
    with pytest.raises(WrongPixels, match="uint8") as caught:
        trimmed(wrong)
    assert caught.value.words.vi
    assert caught.value.remedy.en


def test_the_frame_is_cut_where_the_mean_is_above_250() -> None:
    """250 belongs to the print, 251 to the frame."""
    picture = np.full((100, 120), 255, np.uint8)
    picture[10:80, :] = 250
    picture[20:70, 30:110] = 100
    cut = trimmed(picture)
    assert cut.shape == (70, 80)
    assert np.shares_memory(cut, picture)


def test_a_white_row_inside_the_print_stays() -> None:
    """Only the frame is cut, from the edges inwards."""
    picture = np.full((100, 100), 60, np.uint8)
    picture[50] = 255
    assert trimmed(picture).shape == (100, 100)


def test_a_white_picture_is_blank() -> None:
    """There is no row that is not frame."""
    with pytest.raises(BlankPrint):
        trimmed(np.full((100, 100), 255, np.uint8))


def test_what_is_left_must_hold_a_block() -> None:
    """A thin line on white is no print."""
    picture = np.full((100, 100), 255, np.uint8)
    picture[40:60] = 0
    with pytest.raises(PrintTooSmall, match="after trimming"):
        trimmed(picture)

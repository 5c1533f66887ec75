"""The committed data file can be made again."""

from pathlib import Path

import numpy as np
import pytest
from firmware_mocks.head.landmarks import find_outline, main, triangulate
from firmware_mocks.head.source import source

MODELS = Path(__file__).parents[3] / "models"


def test_triangles_follow_from_the_landmarks() -> None:
    """The committed triangles are those of the committed landmarks."""
    assert np.array_equal(triangulate(source().landmarks), source().triangles)


@pytest.mark.skipif(not (MODELS / "face_landmark.tflite").exists(), reason="the model files are not installed")
def test_models_give_the_committed_landmarks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Running the script again gives the same landmarks to a tenth of a pixel."""
    again = tmp_path / "again.npz"
    assert main([str(MODELS), "--out", str(again)]) == 0
    assert "468 landmarks" in capsys.readouterr().out
    with np.load(again) as stored:
        assert np.abs(stored["landmarks"] - source().landmarks).max() < 0.1


@pytest.mark.skipif(not (MODELS / "selfie_segmentation.tflite").exists(), reason="the model files are not installed")
def test_models_give_the_committed_outline() -> None:
    """The outline differs in less than one pixel of a thousand."""
    assert np.mean((find_outline(MODELS) > 0) != source().matte) < 0.001

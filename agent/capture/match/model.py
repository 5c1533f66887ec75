"""The face model: a file of the package face_recognition_models, known by its hash; dlib runs it."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

NAME = "dlib_face_recognition_resnet_model_v1.dat"
SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
PACKAGES = ("dlib", "face_recognition_models")
# dlib's own limit for "the same person" on its 128 numbers.
DISTANCE = 0.6


def missing() -> str:
    """Say what is missing for a match, nothing when all is there. The packages are found, not imported."""
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        return f"the extra [match] is not installed ({', '.join(absent)})"
    return "" if path().is_file() else f"{NAME} is not there"


def path() -> Path:
    """Return where the model's file is. The package itself is not imported: it looks for files of its own."""
    spec = find_spec("face_recognition_models")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) / "models" / NAME if places else Path(NAME)


def is_right() -> bool:
    """Say whether the file is the one we know."""
    try:
        return hashlib.sha256(path().read_bytes()).hexdigest() == SHA256
    except OSError:
        return False

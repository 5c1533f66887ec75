"""One comparison in a process of its own: pictures from a chip may be hostile, and the model is large.

Standard input: {pictures: [bytes of each]} as one JSON line, then the pictures. Standard output: {distances: [from the
first to each other, null where there is no face]} or {error}.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from agent.capture.match import model
from agent.capture.match.chip_picture import face_picture
from agent.capture.portrait.face import FaceFinder, Mesh
from agent.devices.seams import Pixels

MOST_PIXELS, MOST_BYTES = 25_000_000, 20_000_000
CPU_S = 60
# A smaller face than this is enlarged before its landmarks are looked for.
SMALL = 400


def main() -> int:
    """Run with the folder of the landmarks' models."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cv2.setNumThreads(1)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    answer: dict[str, object]
    try:
        answer = {"distances": _distances(_pictures(sys.stdin.buffer), FaceFinder(Path(sys.argv[1])))}
    except (ValueError, OSError, UnidentifiedImageError, Image.DecompressionBombError, cv2.error) as error:
        # The text of an error may quote what was seen; its kind does not.
        answer = {"error": type(error).__name__}
    with os.fdopen(os.dup(1), "w", encoding="ascii") as out:
        json.dump(answer, out)
    return 0


def _pictures(stream: Any) -> list[Pixels]:  # Any: a binary file
    sizes = json.loads(stream.readline(65_536))["pictures"]
    if not all(isinstance(size, int) and 0 < size <= MOST_BYTES for size in sizes):
        raise ValueError("sizes")
    return [_decoded(stream.read(size)) for size in sizes]


def _decoded(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=("JPEG", "JPEG2000", "PNG")) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError("pixels")
        return np.asarray(np.asarray(image.convert("RGB"))[..., ::-1], np.uint8)


def _distances(pictures: list[Pixels], finder: FaceFinder) -> list[float | None]:
    if not model.is_right():
        raise ValueError("model")
    import dlib  # noqa: PLC0415 # only where the extra is installed

    network = dlib.face_recognition_model_v1(str(model.path()))
    found = [_described(network, finder, picture) for picture in pictures]
    first = found[0]
    return [None if first is None or one is None else float(np.linalg.norm(one - first)) for one in found[1:]]


def _described(network: Any, finder: FaceFinder, picture: Pixels) -> NDArray[np.float64] | None:
    if max(picture.shape[:2]) < SMALL:
        picture = np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    mesh = _mesh(finder, picture)
    if mesh is None:
        return None
    chip = np.ascontiguousarray(face_picture(picture, mesh)[..., ::-1])
    return np.asarray(network.compute_face_descriptor(chip), np.float64)


def _mesh(finder: FaceFinder, picture: Pixels) -> Mesh | None:
    """Return the landmarks of the largest face, or None."""
    boxes = finder.faces(picture)
    return finder.mesh(picture, boxes[0]) if boxes else None


if __name__ == "__main__":
    sys.exit(main())

"""Checking pictures that are there already, or one live still: measures, verdicts, words, and a picture of it all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import cv2
import numpy as np

from agent.capture.evidence import Check, Evidence, Guidance, Verdict
from agent.capture.portrait import drawing
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.capture import STAGE, capture_portrait
from agent.capture.portrait.errors import NoFaceInPicture, PictureNotWritten, PortraitError
from agent.capture.portrait.face import Mesh
from agent.capture.portrait.guidance import GOOD, faults
from agent.capture.portrait.picture_file import decode_picture, read_picture
from agent.capture.portrait.policy import PortraitPolicy
from agent.capture.portrait.vision import VisionWorker
from agent.devices.seams import FrameSource, Pixels
from agent.words import Words

SHEET = "contact-sheet.jpg"
PASSED = Words("Ảnh đạt.", "The picture passed.")
NO_PICTURE: Pixels = np.full((400, 320, 3), 230, np.uint8)


@dataclass(frozen=True, slots=True)
class Checked:
    """One checked picture; `guidance` is what to put right. With `error` it was not judged, and there are no checks."""

    name: str
    size: str = ""
    reduced: int = 1
    faces: int = 0
    checks: tuple[Check, ...] = ()
    guidance: tuple[Guidance, ...] = ()
    error: PortraitError | None = None
    pixels: Pixels | None = field(default=None, repr=False)
    mesh: Mesh | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """Failed without a judgement, else what the gates say."""
        return Verdict.FAILED if self.error else Evidence(STAGE, self.checks).verdict

    @property
    def passed(self) -> bool:
        """Every gate was assessed and holds."""
        return self.verdict is Verdict.PASSED


def check_files(files: Iterable[Path], models: Path, policy: PortraitPolicy) -> Iterator[Checked]:
    """Yield the check of each file, one picture in memory at a time. Raises ModelMissing, ModelWrong."""
    analyser = Analyser(models)
    for path in files:
        try:
            picture = read_picture(path)
        except PortraitError as error:
            yield Checked(path.name, error=error)
            continue
        yield check_pixels(analyser, picture.pixels, path.name, policy, picture.reduced)


def check_pixels(analyser: Analyser, pixels: Pixels, name: str, policy: PortraitPolicy, reduced: int = 1) -> Checked:
    """Check a decoded picture (BGR)."""
    size = f"{pixels.shape[1]}x{pixels.shape[0]}"
    seen = analyser.inspect(pixels)
    analysis = seen.analysis
    if not analysis.has_face:
        error = NoFaceInPicture(name)
        return Checked(name, size, reduced, analysis.faces, error=error, pixels=pixels)
    checks = policy.checks(analysis)
    guidance = tuple(one for one in faults(analysis, policy) if one is not GOOD)
    return Checked(name, size, reduced, analysis.faces, checks, guidance, pixels=pixels, mesh=seen.mesh)


def check_live(
    source: FrameSource,
    models: Path,
    vision: VisionWorker,
    policy: PortraitPolicy,
    say: Callable[[Words], None],
    deadline: float,
    cancelled: Event,
) -> Checked:
    """Take one portrait as an intake does and return its check. Raises like `capture_portrait`."""

    def guide(guidance: Guidance) -> None:
        say(guidance.words)

    evidence = capture_portrait(source, vision, policy, guide, deadline=deadline, cancelled=cancelled)
    still = next(part.data for part in evidence.parts if part.name == "portrait/still")
    again = check_pixels(Analyser(models), decode_picture(still, "camera").pixels, "camera", policy)
    # The measures are those of the capture; the encoded picture only shows where they were taken.
    return replace(again, checks=evidence.checks)


class Pictures:
    """Writes an annotated picture for each check into a folder, and at last one sheet with all of them."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._tiles: list[Pixels] = []
        self._names: set[str] = set()

    def add(self, checked: Checked) -> Path | None:
        """Write the annotated picture and return its path; None when there is no picture to draw on."""
        words = checked.error.words if checked.error else next((one.words for one in checked.guidance), PASSED)
        passed = None if checked.error else checked.passed
        pixels = NO_PICTURE if checked.pixels is None else checked.pixels
        picture = drawing.annotate(pixels, checked.mesh, checked.passed)
        face = drawing.around_face(picture, pixels, checked.mesh)
        self._tiles.append(drawing.tile(face, checked.name, passed, words.vi, drawing.tile_width(self._count)))
        if checked.pixels is None:
            return None
        return self._write(self._free_name(Path(checked.name).stem), drawing.with_words(picture, checked.guidance))

    def finish(self) -> Path | None:
        """Write the sheet when there was more than one picture, and return its path."""
        return self._write(SHEET, drawing.sheet(self._tiles)) if len(self._tiles) > 1 else None

    def _free_name(self, stem: str) -> str:
        """Two files of one name from two folders get two pictures."""
        numbered = (f"{stem}{number}.checked.jpg" for number in ("", *(f"-{n}" for n in range(2, self._count + 2))))
        name = next(one for one in numbered if one not in self._names)
        self._names.add(name)
        return name

    def _write(self, name: str, picture: Pixels) -> Path:
        path = self._folder / name
        ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        try:
            if not ok:
                raise OSError("the picture could not be encoded")
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.tobytes())
        except OSError as error:
            raise PictureNotWritten(f"{path}: {error.strerror or error}") from error
        return path

"""Renders a subject, an attack or a contact sheet into a picture file, for people to look at."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields, replace
from pathlib import Path

import cv2
from numpy.typing import NDArray

from firmware_mocks.head.attacks import Attack, Medium, present
from firmware_mocks.head.renderer import Picture, Renderer
from firmware_mocks.head.sheet import contact_sheet
from firmware_mocks.head.subject import Camera, Hair, Skin, Subject, Wall

_NUMBERS = (
    "yaw", "pitch", "roll", "distance_mm", "mouth", "eyes_closed", "strength", "glare", "texture", "light_strength",
    "exposure", "noise", "blur_px", "motion_px", "motion_deg",
)  # fmt: skip
_SEVERAL = {"offset_mm": 2, "wall_tone": 3, "light_from": 2, "cast": 3, "flash": 3}
_CHOICES = {"skin": Skin, "hair": Hair, "wall": Wall}


def main(arguments: list[str] | None = None) -> int:
    """Render what the arguments say; the exit status is 2 for unusable ones."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        renderer = Renderer(Camera(*options.size))
        if options.sheet:
            _write(options.sheet, contact_sheet(renderer))
        if options.out:
            picture = _picture(renderer, _subject(options), options)
            _write(options.out, picture.exposed(options.frame))
            print(json.dumps(_facts(picture), indent=2))
    except (ValueError, OSError) as error:
        parser.error(str(error))
    if not (options.sheet or options.out):
        parser.error("nothing to do: give --out or --sheet")
    return 0


def _subject(options: argparse.Namespace) -> Subject:
    given = {one.name: getattr(options, one.name) for one in fields(Subject)}
    for name, kind in _CHOICES.items():
        if given[name] is not None:
            given[name] = kind[given[name].upper()]
    return replace(Subject(), **{name: value for name, value in given.items() if value is not None})


def _picture(renderer: Renderer, subject: Subject, options: argparse.Namespace) -> Picture:
    if options.attack is None:
        return renderer.render(subject)
    scene = replace(
        Subject(), light_from=subject.light_from, light_strength=subject.light_strength, flash=subject.flash
    )
    shown = replace(subject, flash=(0.0, 0.0, 0.0), light_strength=0.0)
    medium = Medium(options.attack)
    return present(renderer, Attack(shown, medium, yaw=options.turned, radius_mm=options.radius_mm, scene=scene))


def _facts(picture: Picture) -> dict[str, object]:
    """Return the truth without its 468 points."""
    truth = picture.truth
    skipped = ("points", "depth_mm")
    return {one.name: getattr(truth, one.name) for one in fields(truth) if one.name not in skipped}


def _write(path: Path, pixels: NDArray) -> None:  # type: ignore[type-arg]  # any picture
    if not cv2.imwrite(str(path), pixels):
        raise OSError(f"{path} could not be written")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    size = (int(width), int(height))
    if not all(16 <= side <= 8192 for side in size):
        raise ValueError
    return size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m firmware_mocks.head", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="FILE", help="picture of one subject; its truth is printed")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="contact sheet of poses, lights, people and attacks")
    parser.add_argument("--size", type=_size, default=(1280, 720), help="WIDTHxHEIGHT in pixels")
    parser.add_argument("--frame", type=int, default=0, help="number of the frame: which sensor noise")
    for name in _NUMBERS:
        parser.add_argument(_option(name), type=float)
    for name in ("identity", "jpeg"):
        parser.add_argument(_option(name), type=int)
    for name, count in _SEVERAL.items():
        parser.add_argument(_option(name), type=float, nargs=count)
    for name, kind in _CHOICES.items():
        parser.add_argument(_option(name), choices=[one.name.lower() for one in kind])
    parser.add_argument("--glasses", action="store_true")
    parser.add_argument("--attack", choices=[one.value for one in Medium], help="show the subject on paper or a screen")
    parser.add_argument("--turned", type=float, default=0.0, help="yaw of the paper or screen, degrees")
    parser.add_argument("--radius-mm", type=float, help="bend the paper to this radius")
    return parser


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


if __name__ == "__main__":
    sys.exit(main())

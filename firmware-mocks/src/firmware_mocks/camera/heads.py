"""A rendered head as the camera's subject: `head`, or `head,yaw=20,skin=dark,glare=0.5`.

Keys are the fields of firmware_mocks.head.Subject; fields of several numbers take them joined by `:`.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from firmware_mocks.head import Camera, Hair, Renderer, Skin, Subject, Wall

HEAD = "head"
# So near that the 35x45 crop has its pixels at 720 lines, and so far that it stays inside the frame.
DISTANCE_MM = 640.0
STRENGTH = 0.5
_CHOICES: dict[str, type[Skin] | type[Hair] | type[Wall]] = {"skin": Skin, "hair": Hair, "wall": Wall}


def is_head(subject: str) -> bool:
    """Say whether a subject's name asks for a rendered head."""
    return subject.split(",", maxsplit=1)[0] == HEAD


def described(subject: str, seed: int) -> Subject:
    """Return the subject of a name; seed 1 is the plain one. Raises ValueError for an unknown key or value."""
    found = Subject(distance_mm=DISTANCE_MM, identity=seed - 1, strength=STRENGTH)
    known = {one.name: getattr(found, one.name) for one in fields(Subject)}
    for item in subject.split(",")[1:]:
        name, _, value = item.partition("=")
        if name not in known:
            raise ValueError(f"a head has no {name!r}; there are {', '.join(known)}")
        try:
            found = replace(found, **{name: _value(name, value, known[name])})
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name} cannot be {value!r}: {error}") from error
    return found


def head_frames(subject: str, seed: int, width: int, height: int, frames: int) -> tuple[bytes, ...]:
    """Return JPEG frames of a head, each with its own sensor noise. Raises ValueError."""
    picture = _renderer(width, height).render(described(subject, seed))
    return tuple(picture.jpeg(number) for number in range(frames))


@lru_cache(maxsize=1)
def _renderer(width: int, height: int) -> Renderer:
    return Renderer(Camera(width, height))


def _value(name: str, text: str, present: object) -> Any:  # Any: the type of that field
    if name in _CHOICES:
        return _CHOICES[name][text.upper().replace("-", "_")]
    if isinstance(present, tuple):
        numbers = tuple(float(one) for one in text.split(":"))
        if len(numbers) != len(present):
            raise ValueError(f"{name} takes {len(present)} numbers, joined by `:`")
        return numbers
    if isinstance(present, bool):
        return {"yes": True, "no": False}[text]
    return int(text) if isinstance(present, int) else float(text)

"""Made-up people for the demo: who they are, their cards' profiles and the station's roster."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
from firmware_mocks.camera.subjects import render
from firmware_mocks.chip_card import Person, made_up_person

FINGERS = 10


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person with the card they carry: its profile and the portrait on its chip. `seed` also picks their face."""

    seed: int
    person: Person
    profile: Path
    portrait: Path

    @property
    def first_finger(self) -> int:
        """Seed of their first finger; the others follow."""
        return self.seed * FINGERS


def make_people(count: int, folder: Path) -> list[DemoPerson]:
    """Write `count` different card profiles into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    people = []
    for seed in range(1, count + 1):
        person = made_up_person(seed)
        profile = folder / f"person-{seed}.json"
        profile.write_text(person.to_json(), encoding="utf-8")
        portrait = folder / f"person-{seed}.jpg"
        portrait.write_bytes(_chip_portrait(seed))
        people.append(DemoPerson(seed, person, profile, portrait))
    return people


def _chip_portrait(seed: int) -> bytes:
    """Return the person as on a card's chip: small, and as JPEG as issuers keep it."""
    width, height = 240, 320
    picture = render("passing", seed, 2 * height * width // height, 2 * height)
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()


def write_roster(people: list[DemoPerson], path: Path) -> None:
    """Write the station's roster with all of them on it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("number", "full_name", "birth_date", "branch", "eligible"))
        for one in people:
            rows.writerow((one.person.number, one.person.full_name, one.person.birth_date, "Chi bộ 1", "yes"))

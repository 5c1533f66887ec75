"""Made-up people for the demo: who they are, their cards' profiles and the station's roster."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from firmware_mocks.chip_card import Person, made_up_person


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person with the card they carry; `seed` also picks their face and fingers."""

    seed: int
    person: Person
    profile: Path


def make_people(count: int, folder: Path) -> list[DemoPerson]:
    """Write `count` different card profiles into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    people = []
    for seed in range(1, count + 1):
        person = made_up_person(seed)
        profile = folder / f"person-{seed}.json"
        profile.write_text(person.to_json(), encoding="utf-8")
        people.append(DemoPerson(seed, person, profile))
    return people


def write_roster(people: list[DemoPerson], path: Path) -> None:
    """Write the station's roster with all of them on it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("number", "full_name", "birth_date", "branch", "eligible"))
        for one in people:
            rows.writerow((one.person.number, one.person.full_name, one.person.birth_date, "Chi bộ 1", "yes"))

"""The roster as a CSV file: number, full_name, birth_date, branch, eligible."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from agent.roster.errors import AmbiguousName, NotEligible, NotOnRoster, RosterUnreadable
from agent.roster.member import Member

COLUMNS = ("number", "full_name", "birth_date", "branch", "eligible")
MAX_BYTES = 64 * 1024 * 1024
_ELIGIBLE = {"yes": True, "no": False}


class Roster:
    """All members of a station, looked up by their 12-digit number."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self._members = dict(members)

    @classmethod
    def load(cls, path: Path) -> Roster:
        """Read the whole file; raise RosterUnreadable with file, line and column at the first fault."""
        try:
            if path.stat().st_size > MAX_BYTES:
                raise RosterUnreadable(f"{path}: larger than {MAX_BYTES} bytes")
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise RosterUnreadable(f"{path}: {error}") from error
        members: dict[str, Member] = {}
        for line, member in _rows(path, text):
            if member.number in members:
                raise RosterUnreadable(f"{path}: line {line}: the number stands twice")
            members[member.number] = member
        return cls(members)

    def __len__(self) -> int:
        return len(self._members)

    def eligible(self, number: str) -> Member:
        """Return the member with this number; raise NotOnRoster or NotEligible."""
        member = self._members.get(number)
        if member is None:
            raise NotOnRoster
        if not member.eligible:
            raise NotEligible
        return member

    def by_name(self, name: str) -> Member:
        """Return the one eligible member whose name holds `name`, marks and case ignored.

        Raises NotOnRoster, AmbiguousName or NotEligible.
        """
        wanted = _plain(name)
        found = [m for m in self._members.values() if wanted and wanted in _plain(m.full_name)]
        if not found:
            raise NotOnRoster
        if len(found) > 1:
            raise AmbiguousName(f"{len(found)} people")
        return self.eligible(found[0].number)


def _rows(path: Path, text: str) -> Iterator[tuple[int, Member]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise RosterUnreadable(f"{path}: line 1: columns missing: {', '.join(sorted(missing))}")
        for row in reader:
            yield reader.line_num, _member(path, reader.line_num, row)
    except csv.Error as error:
        raise RosterUnreadable(f"{path}: line {reader.line_num}: {error}") from error


def _member(path: Path, line: int, row: Mapping[str, str | None]) -> Member:
    def cell(column: str) -> str:
        value = (row.get(column) or "").strip()
        if not value:
            raise RosterUnreadable(f"{path}: line {line}: {column} is empty")
        return value

    number, eligible = cell("number"), cell("eligible").lower()
    if not re.fullmatch(r"[0-9]{12}", number):
        raise RosterUnreadable(f"{path}: line {line}: number is not 12 digits")
    if eligible not in _ELIGIBLE:
        raise RosterUnreadable(f"{path}: line {line}: eligible must be yes or no")
    try:
        born = date.fromisoformat(cell("birth_date"))
    except ValueError as error:
        raise RosterUnreadable(f"{path}: line {line}: birth_date is not YYYY-MM-DD") from error
    name = unicodedata.normalize("NFC", cell("full_name"))
    return Member(number, name, born, cell("branch"), _ELIGIBLE[eligible])


def _plain(text: str) -> str:
    """Vietnamese without marks: a volunteer types `nguyen` for `NGUYỄN`."""
    spread = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in spread if not unicodedata.combining(c)).split())

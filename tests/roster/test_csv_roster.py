"""The roster: who is on it, who is not, and what is wrong with the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.roster import AmbiguousName, NotEligible, NotOnRoster, Roster, RosterUnreadable

HEAD = "number,full_name,birth_date,branch,eligible\n"
ROWS = (
    "001085000001,Nguyễn Văn Đức,1985-02-03,Chi bộ 1,yes\n"
    "001185000002,Trần Thị Hoa,1985-12-31,Chi bộ 1,no\n"
    "001085000003,Nguyễn Văn An,1985-02-04,Chi bộ 2,yes\n"
)


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    """Three people, one of them not eligible."""
    path = tmp_path / "roster.csv"
    path.write_text(HEAD + ROWS, encoding="utf-8")
    return Roster.load(path)


def test_a_member_is_found_by_number(roster: Roster) -> None:
    """The row comes back in full."""
    assert roster.eligible("001085000001").full_name == "Nguyễn Văn Đức"


def test_someone_who_is_not_on_it_is_told_so(roster: Roster) -> None:
    """Unknown and not eligible are two different words."""
    with pytest.raises(NotOnRoster):
        roster.eligible("001085999999")
    with pytest.raises(NotEligible):
        roster.eligible("001185000002")


def test_a_name_is_found_without_its_marks(roster: Roster) -> None:
    """`van duc` finds Văn Đức; two matches are refused."""
    assert roster.by_name("van duc").number == "001085000001"
    with pytest.raises(AmbiguousName):
        roster.by_name("Nguyen Van")
    with pytest.raises(NotOnRoster):
        roster.by_name("  ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("number,full_name\n", "columns missing"),
        (HEAD + "12345,A,1985-01-01,B,yes\n", "line 2: number"),
        (HEAD + "001085000001,A,01/02/1985,B,yes\n", "line 2: birth_date"),
        (HEAD + "001085000001,A,1985-01-01,B,maybe\n", "line 2: eligible"),
        (HEAD + "001085000001,A,1985-01-01,B\n", "line 2: eligible is empty"),
        (HEAD + ROWS + ROWS, "line 5: the number stands twice"),
    ],
)
def test_a_wrong_file_is_told_with_line_and_column_but_no_data(tmp_path: Path, text: str, told: str) -> None:
    """The error names the place and never the person."""
    path = tmp_path / "roster.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RosterUnreadable, match=told) as caught:
        Roster.load(path)
    assert "001085000001" not in str(caught.value)


def test_repr_hides_the_person(roster: Roster) -> None:
    """A member in a log or a traceback shows nothing."""
    assert "Nguyễn" not in repr(roster.eligible("001085000001"))

"""Notes on discarded visits: kept until a record carries them."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.intake.discards import NOTES_PER_RECORD, Discard, Discards

NOTE = Discard("v1", 1_700_000_000 * 10**9, ("chip", "portrait"), "tester", "peer uid 0")


@pytest.fixture
def discards(tmp_path: Path) -> Discards:
    """Return the notes of a kiosk."""
    return Discards(tmp_path / "journal")


def test_a_note_survives_a_restart_until_it_is_forgotten(discards: Discards, tmp_path: Path) -> None:
    """In the order in which visits were discarded, for the owner only."""
    later = replace(NOTE, visit_id="v2")
    discards.add(NOTE)
    discards.add(later)
    restarted = Discards(tmp_path / "journal")
    assert restarted.pending() == (NOTE, later)
    assert stat.S_IMODE((tmp_path / "journal" / "discarded").stat().st_mode) == 0o600
    restarted.forget([NOTE])
    assert discards.pending() == (later,)


def test_one_visit_has_one_note(discards: Discards) -> None:
    """Discarded again after a power cut in between; visits without an id are all kept."""
    again, unknown = replace(NOTE, discarded_at_ns=5), replace(NOTE, visit_id="")
    for note in (NOTE, unknown, again, replace(unknown, discarded_at_ns=7)):
        discards.add(note)
    assert discards.pending() == (unknown, again, replace(unknown, discarded_at_ns=7))


def test_a_record_carries_no_more_than_it_can(discards: Discards) -> None:
    """What is left over goes with the next one."""
    notes = [replace(NOTE, visit_id=str(number)) for number in range(NOTES_PER_RECORD + 3)]
    for note in notes:
        discards.add(note)
    carried = discards.pending()
    assert carried == tuple(notes[:NOTES_PER_RECORD])
    discards.forget(carried)
    assert discards.pending() == tuple(notes[NOTES_PER_RECORD:])


def test_a_visit_that_is_gone_on_with_after_all_has_no_note(discards: Discards) -> None:
    """Also where its note would have gone with a later record than the next."""
    others = [replace(NOTE, visit_id=f"other {number}") for number in range(NOTES_PER_RECORD)]
    for note in (*others, NOTE):
        discards.add(note)
    discards.forget_visit(NOTE.visit_id)
    discards.forget(others)
    assert discards.pending() == ()


def test_notes_cut_at_any_byte_stop_nobody(discards: Discards, tmp_path: Path) -> None:
    """They are set aside and told, and new ones can be taken."""
    discards.add(NOTE)
    path = tmp_path / "journal" / "discarded"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with capture_logs() as logs:
            assert discards.pending() == ()
        assert logs[0]["event"] == "visit.discards_unreadable"
        assert path.with_suffix(".bad").read_bytes() == whole[:length]
    discards.add(NOTE)
    assert discards.pending() == (NOTE,)

from __future__ import annotations

from pathlib import Path

import pytest

from agent.enrolment import TimeFloor
from agent.enrolment.time_floor import STEP_NS


def test_it_only_grows_and_survives(tmp_path: Path) -> None:
    """What was known to be past stays so."""
    path = tmp_path / "data" / "time.json"
    floor = TimeFloor(path)
    assert floor.at_least(7) == 7
    floor.raise_to(10 * STEP_NS)
    floor.raise_to(3 * STEP_NS)
    assert TimeFloor(path).at_least(7) == 10 * STEP_NS
    assert TimeFloor(path).at_least(11 * STEP_NS) == 11 * STEP_NS


def test_small_steps_are_not_written(tmp_path: Path) -> None:
    """Flash is not worn out by a clock that ticks."""
    floor = TimeFloor(tmp_path / "time.json")
    floor.raise_to(10 * STEP_NS)
    before = (tmp_path / "time.json").stat().st_mtime_ns
    floor.raise_to(10 * STEP_NS + 1)
    assert (tmp_path / "time.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"lowest_ns": -1}', b'{"lowest_ns": "x"}', b"\xff"])
def test_a_broken_file_stops_nobody(tmp_path: Path, data: bytes) -> None:
    """Capture never depends on it: the kiosk starts without a bound and gets another one."""
    (tmp_path / "time.json").write_bytes(data)
    floor = TimeFloor(tmp_path / "time.json")
    assert floor.lowest_ns == 0
    floor.raise_to(2 * STEP_NS)
    assert TimeFloor(tmp_path / "time.json").lowest_ns == 2 * STEP_NS

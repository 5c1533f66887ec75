"""Deciding again from a record's part, and parts that are none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.evidence import Verdict
from agent.capture.liveness.errors import SeriesUnreadable
from agent.capture.liveness.series import encode
from agent.capture.liveness.verifying import verify_series
from tests.capture.liveness.doll import Doll, flat, run


def part_of(doll: Doll, *, said: bool) -> bytes:
    """Return a part with one try and what the kiosk says of it."""
    session = run(doll)
    told = {"no_response": session.reason, "passed": said, "series": encode(session.series())}
    return json.dumps([told], separators=(",", ":")).encode()


GOOD = part_of(Doll(), said=True)


def test_a_good_part_passes_and_agrees() -> None:
    """The kiosk's word and the evidence say the same."""
    (found,) = verify_series(GOOD)
    assert found.passed
    assert found.agrees
    assert len(GOOD) < 200_000


def test_a_kiosk_that_says_passed_without_evidence_is_found_out() -> None:
    """A flat picture that a kiosk calls passed."""
    (found,) = verify_series(part_of(Doll(shape=flat, relief=False), said=True))
    assert not found.passed
    assert not found.agrees


def test_another_seed_in_the_part_fails() -> None:
    """A recorded challenge under another seed."""
    told = json.loads(GOOD)
    told[0]["series"]["seed"] = "ff" * 16
    (found,) = verify_series(json.dumps(told).encode())
    assert any(check.verdict is Verdict.FAILED for check in found.checks)


class TestHostileParts:
    """Parts from a kiosk that lies or a disk that rots: an error in words, nothing else."""

    @given(st.integers(0, len(GOOD) - 1))
    @settings(max_examples=60, deadline=None)
    def test_truncated_anywhere(self, length: int) -> None:
        """Cut off at any byte."""
        with pytest.raises(SeriesUnreadable):
            verify_series(GOOD[:length])

    @pytest.mark.parametrize(
        "part",
        [
            b"",
            b"[]",
            b"{}",
            b"null",
            b"[1]",
            b"[" * 100_000,
            b'[{"no_response":"","passed":true,"series":[]}]',
            b"\xff",
        ],
        ids=["empty", "no tries", "map", "null", "number", "deep", "list", "no text"],
    )
    def test_what_is_no_part(self, part: bytes) -> None:
        """Any JSON that is something else."""
        with pytest.raises(SeriesUnreadable):
            verify_series(part)

    @pytest.mark.parametrize("key", sorted(json.loads(GOOD)[0]["series"]))
    @pytest.mark.parametrize("value", [None, -1, "x", [], [[1e308, "a"]], {"a": 1}], ids=str)
    def test_a_wrong_value_anywhere_never_passes(self, key: str, value: object) -> None:
        """Each key with what does not belong there: unreadable, or decided and not passed."""
        told = json.loads(GOOD)
        told[0]["series"][key] = value
        if value == told[0]["series"] or (key == "skipped" and value == {"a": 1}):
            return
        try:
            (found,) = verify_series(json.dumps(told).encode())
        except SeriesUnreadable:
            return
        assert not found.passed

    def test_too_large(self) -> None:
        """More bytes than any challenge leaves."""
        with pytest.raises(SeriesUnreadable, match="bytes"):
            verify_series(b" " * 5_000_000)

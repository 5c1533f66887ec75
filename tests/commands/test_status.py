"""`kiosk status` against a kiosk's API."""

from __future__ import annotations

import json
import time

import pytest

from agent.commands.status import DAY_NS, certificate_words
from tests.commands.conftest import Run
from tests.console.service import STATUS, ScriptedKiosk

NOW_NS = time.time_ns()
CERTIFICATE = {
    "renews_itself": True,
    "begins_at_ns": NOW_NS - 2 * DAY_NS,
    "due_at_ns": NOW_NS + 3 * DAY_NS,
    "expires_at_ns": NOW_NS + 5 * DAY_NS,
    "clock_offset_ns": 10**6,
    "error": None,
}
UPLINK = {"connected": True, "error": None}


def test_all_is_well(run: Run, kiosk: ScriptedKiosk) -> None:
    """Age and remaining life of the certificate, and the clock."""
    kiosk.told = {**STATUS, "station": "S", "version": "1", "uplink": UPLINK, "certificate": CERTIFICATE}
    done = run("status")
    assert done.exit_code == 0, done.output
    for text in ("2.0 days old", "5.0 left", "connected", "right"):
        assert text in done.stdout
    assert json.loads(run("status", "--json").stdout)["certificate"] == CERTIFICATE


def test_what_fails_is_told_and_in_the_exit_code(run: Run, kiosk: ScriptedKiosk) -> None:
    """A renewal that fails, a clock that is behind, a connection that is refused."""
    certificate = {**CERTIFICATE, "error": {"code": "enrolment.revoked"}, "clock_offset_ns": 3600 * 10**9}
    uplink = {"connected": False, "error": {"code": "uplink.kiosk_refused"}}
    kiosk.told = {**STATUS, "station": "S", "version": "1", "uplink": uplink, "certificate": certificate}
    done = run("status")
    assert done.exit_code == 7
    for text in ("enrolment.revoked", "uplink.kiosk_refused", "behind 3600 s"):
        assert text in done.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expires_at_ns": None, "begins_at_ns": None}, "not known"),
        ({"expires_at_ns": NOW_NS - DAY_NS}, "expired 1.0 days ago"),
        ({"renews_itself": False}, "does not renew itself"),
    ],
    ids=["unknown", "expired", "by hand"],
)
def test_a_certificate_in_words(change: dict[str, object], words: str) -> None:
    """Each state has its own."""
    assert words in certificate_words({**CERTIFICATE, **change}, NOW_NS)

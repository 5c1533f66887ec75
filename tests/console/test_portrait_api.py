"""Orders about a visit's portrait over the local API."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from agent.capture.portrait import Reason
from agent.console.client import KioskClient
from agent.console.errors import RemoteError
from tests.console.service import ScriptedKiosk, ScriptedVisit


@pytest.fixture
def visit(kiosk: ScriptedKiosk) -> ScriptedVisit:
    """Return an open visit, `v1`."""
    return kiosk.visits.setdefault("v1", ScriptedVisit("v1"))


def test_the_choices_are_told_with_their_words(client: KioskClient, visit: ScriptedVisit) -> None:
    """What a screen needs for its buttons, Vietnamese first."""
    told = client.portrait_choices("v1")
    assert (told["open"], told["tries_left"]) == (True, 3)
    assert told["by_hand"][0] == {
        "code": "cannot_hold_still",
        "words": {"vi": "Người dân không giữ yên được", "en": "The person cannot hold still"},
    }
    assert {one["code"] for one in told["special_cases"]} >= {"tremor", "closed_eye"}


def test_an_order_reaches_its_visit(client: KioskClient, visit: ScriptedVisit) -> None:
    """By hand with a reason, a special case with a supervisor."""
    client.take_by_hand("v1", "light")
    assert visit.portrait.by_hand.pending() is Reason.LIGHT
    client.relax_portrait("v1", "tremor", "Trần Thị Bình")
    assert client.portrait_choices("v1")["relaxed"] == ["tremor"]


def test_neither_case_nor_supervisor_is_logged(client: KioskClient, visit: ScriptedVisit) -> None:
    """The case tells of the person's health, and the supervisor is a person, too."""
    with capture_logs() as logs:
        client.relax_portrait("v1", "medical_device", "Trần Thị Bình")
    assert [entry["event"] for entry in logs] == ["portrait.relaxed"]
    assert "Bình" not in repr(logs)
    assert "medical" not in repr(logs)


@pytest.mark.parametrize(
    ("case", "supervisor", "code"),
    [
        ("hurry", "Bình", "intake.portrait_order"),
        ("tremor", " ", "intake.supervisor_missing"),
        ("tremor", "x" * 201, "api.bad_request"),
    ],
)
def test_what_is_not_allowed_is_refused(
    client: KioskClient, visit: ScriptedVisit, case: str, supervisor: str, code: str
) -> None:
    """With a code and words; nothing is relaxed."""
    with pytest.raises(RemoteError) as caught:
        client.relax_portrait("v1", case, supervisor)
    assert caught.value.code == code
    assert client.portrait_choices("v1")["relaxed"] == []


def test_an_order_for_an_unknown_or_settled_visit_is_refused(client: KioskClient, visit: ScriptedVisit) -> None:
    """It must not reach the next person."""
    visit.portrait.close()
    for visit_id, code in (("v1", "intake.portrait_over"), ("v2", "intake.no_such_visit")):
        with pytest.raises(RemoteError) as caught:
            client.take_by_hand(visit_id, "light")
        assert caught.value.code == code


@pytest.mark.parametrize("body", [b"", b"[]", b'{"reason": 1}', b'{"reason": "light", "more": 1}'])
def test_a_body_that_is_none_is_a_bad_request(socket_path: Path, visit: ScriptedVisit, body: bytes) -> None:
    """Whatever is in it."""
    transport = httpx.HTTPTransport(uds=str(socket_path))
    with httpx.Client(transport=transport, base_url="http://kiosk", trust_env=False, timeout=30) as raw:
        answer = raw.post("/v0/intakes/v1/portrait/by-hand", content=body)
    assert answer.status_code == 400
    assert visit.portrait.by_hand.pending() is None

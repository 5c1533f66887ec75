from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest
from structlog.testing import capture_logs

from agent.console import api, requests
from agent.console.client import KioskClient
from agent.console.errors import RemoteError
from tests.console.service import STATUS, ScriptedKiosk, ScriptedVisit


@pytest.fixture
def raw(socket_path: Path) -> Iterator[httpx.Client]:
    """Speak HTTP without our client."""
    transport = httpx.HTTPTransport(uds=str(socket_path))
    with httpx.Client(transport=transport, base_url="http://kiosk", trust_env=False, timeout=30) as speaking:
        yield speaking


@pytest.fixture
def visit(kiosk: ScriptedKiosk) -> ScriptedVisit:
    """Return an open visit, `v1`."""
    return kiosk.visits.setdefault("v1", ScriptedVisit("v1"))


def test_status_devices_and_records_are_told(client: KioskClient) -> None:
    """As the service gives them, JSON-ready."""
    assert client.status() == STATUS
    assert [device["state"] for device in client.devices()] == ["ready"] * 3
    assert client.record_state(1, 7) == "1/7"


def test_a_visit_is_opened_by_the_user_at_the_other_end_of_the_socket(
    client: KioskClient, kiosk: ScriptedKiosk
) -> None:
    """The kernel says who that is; nothing in the request can."""
    assert client.open_intake(number="001085000001", language="en") == "v1"
    ((caller, operator, language),) = kiosk.opened
    assert (caller.number, language) == ("001085000001", "en")
    assert operator.name == getpass.getuser()
    assert operator.authenticated_by == f"peer uid {os.getuid()}"


def test_every_way_to_say_who_is_here_reaches_the_desk(client: KioskClient, kiosk: ScriptedKiosk) -> None:
    """Scanned text as it was scanned."""
    client.open_intake(qr="q|")
    client.open_intake(mrz="M<<\nM<<")
    assert [(caller.qr, caller.mrz) for caller, _, _ in kiosk.opened] == [("q|", ""), ("", "M<<\nM<<")]


def test_a_card_before_the_camera_is_scanned_between_visits_only(client: KioskClient, visit: ScriptedVisit) -> None:
    """In a visit the camera is the portrait's."""
    with pytest.raises(RemoteError) as caught:
        client.scan_card()
    assert caught.value.code == "intake.busy"
    visit.events.close()
    assert client.scan_card() == "001085000001|||||||"


def test_a_cut_off_visit_is_gone_on_with_or_discarded(client: KioskClient, kiosk: ScriptedKiosk) -> None:
    """Both are acts of the operator."""
    kiosk.cut_off = "v7"
    assert client.resume_intake() == "v7"
    client.discard_intake()
    assert kiosk.cut_off == ""


def test_events_are_lines_that_end_with_the_visit(client: KioskClient, visit: ScriptedVisit) -> None:
    """Past ones at once, new ones as they come."""
    visit.events.add("state", {"state": "notice"})

    def go_on() -> None:
        visit.events.add("guidance", {"words": "Đặt thẻ"})
        visit.events.close()

    following = Thread(target=go_on)
    lines = client.events("v1")
    assert next(lines) == {"number": 1, "kind": "state", "state": "notice"}
    following.start()
    assert list(lines) == [{"number": 2, "kind": "guidance", "words": "Đặt thẻ"}]
    following.join()


def test_events_go_on_after_a_number(client: KioskClient, visit: ScriptedVisit) -> None:
    """A screen that was away misses nothing and sees nothing twice."""
    for number in range(5):
        visit.events.add("state", {"n": number})
    visit.events.close()
    assert [event["number"] for event in client.events("v1", after=3)] == [4, 5]
    assert list(client.events("v1", after=5)) == []


def test_a_quiet_visit_shows_that_both_ends_are_alive(
    raw: httpx.Client, visit: ScriptedVisit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty lines come while a person takes their time."""
    monkeypatch.setattr(api, "HEARTBEAT_S", 0.01)
    with raw.stream("GET", "/v0/intakes/v1/events") as response:
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == ["", ""]
        visit.events.close()


def test_many_watchers_do_not_keep_others_waiting(socket_path: Path, client: KioskClient, visit: ScriptedVisit) -> None:
    """Following visits takes no thread away from status and answers."""
    watchers = [KioskClient(socket_path) for _ in range(60)]
    threads = [Thread(target=lambda w=w: list(w.events("v1"))) for w in watchers]
    for thread in threads:
        thread.start()
    assert client.status() == STATUS
    visit.events.close()
    for thread, watcher in zip(threads, watchers, strict=True):
        thread.join(30)
        watcher.__exit__(None, None, None)
        assert not thread.is_alive()


def test_answers_and_cancellation_reach_the_visit(client: KioskClient, visit: ScriptedVisit) -> None:
    """By number and choice."""
    client.answer("v1", 3, "yes")
    client.cancel("v1")
    assert (visit.answers, visit.cancelled) == ([(3, "yes")], 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v0/intakes", b"", 400, "api.bad_request"),
        ("POST", "/v0/intakes", b"[]", 400, "api.bad_request"),
        ("POST", "/v0/intakes", b"\xff", 400, "api.bad_request"),
        ("POST", "/v0/intakes", b'{"numbr": "1"}', 400, "api.bad_request"),
        ("POST", "/v0/intakes", b'{"number": 1}', 400, "api.bad_request"),
        ("POST", "/v0/intakes", b'{"language": "fr"}', 400, "api.bad_request"),
        ("POST", "/v0/intakes", b'{"name": "' + b"a" * 300 + b'"}', 400, "api.bad_request"),
        ("POST", "/v0/intakes", b"a" * (requests.MAX_BODY_BYTES + 1), 400, "api.bad_request"),
        ("POST", "/v0/intakes", b'{"number": "1"}', 409, "intake.wrong_number"),
        ("POST", "/v0/intakes/resume", b"", 409, "intake.nothing_unfinished"),
        ("POST", "/v0/intakes/discard", b"", 409, "intake.nothing_unfinished"),
        ("POST", "/v0/intakes/v9/answer", b'{"number": 1, "choice": "yes"}', 404, "intake.no_such_visit"),
        ("POST", "/v0/intakes/v9/cancel", b"", 404, "intake.no_such_visit"),
        ("GET", "/v0/intakes/v9/events", b"", 404, "intake.no_such_visit"),
        ("POST", "/v0/intakes/v1/answer", b'{"number": 99, "choice": "yes"}', 409, "intake.no_such_question"),
        ("POST", "/v0/intakes/v1/answer", b'{"number": 1}', 400, "api.bad_request"),
        ("GET", "/v0/intakes/v1/events?after=x", b"", 400, "api.bad_request"),
        ("GET", "/v0/intakes/v1/events?after=-1", b"", 400, "api.bad_request"),
        ("GET", "/v0/intakes/v1/events?after=" + "9" * 5000, b"", 400, "api.bad_request"),
        ("GET", "/v0/records/1/" + "9" * 5000, b"", 400, "api.bad_request"),
        ("GET", "/v0/records/1/x", b"", 400, "api.bad_request"),
        ("GET", "/v0/nothing", b"", 404, "api.not_found"),
        ("GET", "/v0/intakes", b"", 405, "api.not_found"),
        ("DELETE", "/v0/intakes/v1/cancel", b"", 405, "api.not_found"),
    ],
)
def test_wrong_requests_are_answered_in_words(
    raw: httpx.Client, visit: ScriptedVisit, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    """A code, a cause and a remedy in both languages, whatever was sent; and nothing happens."""
    response = raw.request(method, path, content=body)
    told = response.json()
    assert (response.status_code, told["code"]) == (status, code)
    assert told["words"]["vi"]
    assert told["remedy"]["en"]
    assert (visit.answers, visit.cancelled) == ([], 0)


def test_a_bad_request_does_not_repeat_what_was_sent(raw: httpx.Client) -> None:
    """A name in a wrong field must not come back in an error that is logged."""
    response = raw.post("/v0/intakes", content=json.dumps({"nam": "Nguyễn Văn Đức"}))
    assert "Đức" not in response.text
    assert "nam" in response.json()["detail"]


def test_a_bug_is_told_by_type_and_place_only(raw: httpx.Client, kiosk: ScriptedKiosk) -> None:
    """Its message may hold people's data."""
    kiosk.bug = ZeroDivisionError("Nguyễn Văn Đức")
    with capture_logs() as events:
        response = raw.get("/v0/status")
    assert response.status_code == 500
    assert response.json()["detail"] == "ZeroDivisionError"
    assert [event["event"] for event in events] == ["api.bug"]
    assert "Đức" not in response.text + str(events)

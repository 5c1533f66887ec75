"""Fingers that cannot be taken, over the local API."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from agent.console.client import KioskClient
from agent.console.errors import RemoteError
from tests.console.service import ScriptedKiosk, ScriptedVisit

PATH = "/v0/intakes/v1/fingers/right_index/exception"


@pytest.fixture(autouse=True)
def visit(kiosk: ScriptedKiosk) -> ScriptedVisit:
    """Return an open visit, `v1`; its policy wants a photo of bandaged fingers."""
    return kiosk.visits.setdefault("v1", ScriptedVisit("v1"))


def declared(client: KioskClient) -> dict[str, str | None]:
    """Return each finger's reason, as told."""
    return {one["finger"]: (one["exception"] or {}).get("code") for one in client.fingers("v1")["fingers"]}


def test_declared_told_and_withdrawn(client: KioskClient) -> None:
    """What was declared is told to every screen, and may be taken back, twice too."""
    assert client.except_finger("v1", "right_index", "missing") is False
    assert declared(client) == {"right_index": "missing", "left_index": None}
    for _ in range(2):
        client.withdraw_exception("v1", "right_index")
    assert declared(client) == {"right_index": None, "left_index": None}


def test_a_photo_comes_from_the_kiosks_camera(client: KioskClient, visit: ScriptedVisit) -> None:
    """Where the policy asks, and where the operator does; its bytes are never told."""
    assert client.except_finger("v1", "right_index", "bandaged") is True
    assert client.except_finger("v1", "left_index", "worn", photo=True) is True
    kept = [visit.fingers.exceptions.of(finger) for finger in visit.fingers.asked]
    assert [one and one.photo for one in kept] == [b"jpeg", b"jpeg"]
    assert "jpeg" not in str(client.fingers("v1"))


def test_without_the_camera_nothing_is_declared(client: KioskClient, kiosk: ScriptedKiosk) -> None:
    """The camera's own cause and remedy are told."""
    kiosk.has_camera = False
    with pytest.raises(RemoteError) as caught:
        client.except_finger("v1", "right_index", "bandaged")
    assert caught.value.code == "camera.none"
    assert declared(client)["right_index"] is None


def test_too_late_is_told(client: KioskClient, visit: ScriptedVisit) -> None:
    """Both ways."""
    visit.fingers.exceptions.settle()
    with pytest.raises(RemoteError) as caught:
        client.except_finger("v1", "right_index", "missing")
    assert caught.value.code == "fingerprint.settled"
    with pytest.raises(RemoteError):
        client.withdraw_exception("v1", "right_index")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", PATH, b"", 400, "api.bad_request"),
        ("POST", PATH, b'{"reason": "lost"}', 400, "api.bad_request"),
        ("POST", PATH, b'{"reason": "missing", "photo": "x"}', 400, "api.bad_request"),
        ("POST", PATH, b'{"reason": "missing", "jpeg": ""}', 400, "api.bad_request"),
        ("POST", PATH.replace("right", "middle"), b'{"reason": "missing"}', 409, "intake.finger_not_asked"),
        ("POST", PATH.replace("right_index", "left_thumb"), b'{"reason": "missing"}', 409, "intake.finger_not_asked"),
        ("DELETE", PATH.replace("right_index", "%00"), b"", 409, "intake.finger_not_asked"),
        ("POST", PATH.replace("v1", "v9"), b'{"reason": "missing"}', 404, "intake.no_such_visit"),
        ("DELETE", PATH.replace("v1", "v9"), b"", 404, "intake.no_such_visit"),
        ("GET", "/v0/intakes/v9/fingers", b"", 404, "intake.no_such_visit"),
        ("GET", PATH, b"", 405, "api.not_found"),
    ],
)
def test_wrong_requests(
    socket_path: Path, visit: ScriptedVisit, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    """Refused in words, and nothing is declared."""
    transport = httpx.HTTPTransport(uds=str(socket_path))
    with httpx.Client(transport=transport, base_url="http://kiosk", trust_env=False, timeout=30) as raw:
        response = raw.request(method, path, content=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["words"]["vi"]
    assert all(visit.fingers.exceptions.of(finger) is None for finger in visit.fingers.asked)

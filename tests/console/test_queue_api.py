"""The part of the local API that looks after the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.console import queue_api
from agent.console.client import KioskClient
from agent.console.errors import RemoteError
from tests.console.service import ScriptedKiosk


@pytest.fixture
def raw(socket_path: Path) -> Iterator[httpx.Client]:
    """Speak HTTP without our client."""
    transport = httpx.HTTPTransport(uds=str(socket_path))
    with httpx.Client(transport=transport, base_url="http://kiosk", trust_env=False, timeout=30) as speaking:
        yield speaking


def test_records_come_in_pages(client: KioskClient, kiosk: ScriptedKiosk) -> None:
    """From a seq on, at most so many."""
    kiosk.listed = [{"seq": seq} for seq in range(10)]
    assert [row["seq"] for row in client.queue_records(3, 4)] == [3, 4, 5, 6]
    assert client.queue_records(10, 4) == []


def test_a_page_is_bounded_whatever_is_asked(raw: httpx.Client, kiosk: ScriptedKiosk) -> None:
    """A backlog of a hundred thousand records is not one answer."""
    kiosk.listed = [{"seq": seq} for seq in range(queue_api.MOST_RECORDS + 5)]
    for asked in ("", "?limit=999999999"):
        assert len(raw.get(f"/v0/queue/records{asked}").json()) == queue_api.MOST_RECORDS


def test_an_index_is_signed_as_the_bytes_it_is(client: KioskClient) -> None:
    """Nothing is taken for text on the way."""
    payload = bytes(range(256))
    assert client.sign_export(payload) == b"signed " + payload


def test_a_tombstone_is_signed_for_its_number(client: KioskClient) -> None:
    """As bytes."""
    assert client.sign_lost(7) == b"lost 7"
    with pytest.raises(RemoteError) as told:
        client.sign_lost(0)
    assert told.value.code == "custody.not_lost"


def test_a_receipt_is_handed_in(client: KioskClient) -> None:
    """And what it covers comes back."""
    assert client.take_receipt(b"seven b") == 7


def test_refusals_keep_their_words(client: KioskClient) -> None:
    """The daemon's own code, cause and remedy."""
    for refused in (lambda: client.sign_export(b""), lambda: client.take_receipt(b"")):
        with pytest.raises(RemoteError) as told:
            refused()
        assert told.value.code == "custody.not_ours"


@pytest.mark.parametrize(
    ("method", "path", "size"),
    [
        ("GET", "/v0/queue/records?from=x", 0),
        ("GET", "/v0/queue/records?limit=-1", 0),
        ("POST", "/v0/queue/exports", queue_api.MAX_INDEX_BYTES + 1),
        ("POST", "/v0/queue/tombstones", 0),
        ("POST", "/v0/queue/tombstones?seq=-1", 0),
        ("POST", "/v0/queue/receipts", queue_api.MAX_RECEIPT_BYTES + 1),
    ],
)
def test_wrong_requests_are_answered_in_words(raw: httpx.Client, method: str, path: str, size: int) -> None:
    """Wrong numbers, and more bytes than any index has."""
    response = raw.request(method, path, content=bytes(size))
    assert (response.status_code, response.json()["code"]) == (400, "api.bad_request")

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.provisioning import NotProvisioned, load_trust
from agent.sealing import SealingError, WrongBundle
from tests.collector.world import KIOSK, OTHER_KIOSK, World

KINDS = ("recipients", "receipts", "anchors", "policy")


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """Return the folder of trust of a kiosk that was set up."""
    World.make(tmp_path)
    return tmp_path / "trust" / KIOSK


def test_everything_a_kiosk_needs_is_loaded(trust: Path) -> None:
    """Keys, bundles and the places of the TLS files, without a word in the log."""
    with capture_logs() as events:
        loaded = load_trust(trust, time.time_ns())
    assert events == []
    assert loaded.policy.document == b"{}"
    assert loaded.tls.ca.read_bytes().startswith(b"-----BEGIN CERTIFICATE")
    assert len(loaded.receipt_keys.by_id) == 1


@pytest.mark.parametrize("name", ["campaign.pem", *(f"bundles/{kind}.bundle" for kind in KINDS)])
def test_a_missing_file_is_named(trust: Path, name: str) -> None:
    """The remedy is to copy the folder again."""
    (trust / name).unlink()
    with pytest.raises(NotProvisioned, match=name):
        load_trust(trust, time.time_ns())


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_that_was_changed_is_refused(trust: Path, kind: str) -> None:
    """Any bit: the campaign key signed all of it."""
    path = trust / "bundles" / f"{kind}.bundle"
    good = path.read_bytes()
    for place in range(0, len(good), max(1, len(good) // 25)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :])
        with pytest.raises(SealingError):
            load_trust(trust, time.time_ns())


def test_a_bundle_in_anothers_place_is_refused(trust: Path) -> None:
    """A right signature does not make receipts' keys out of recipients' keys."""
    bundles = trust / "bundles"
    (bundles / "receipts.bundle").write_bytes((bundles / "recipients.bundle").read_bytes())
    with pytest.raises(WrongBundle):
        load_trust(trust, time.time_ns())


def test_bundles_of_another_campaign_are_refused(trust: Path, tmp_path: Path) -> None:
    """Only the campaign key that the kiosk was given counts."""
    World.make(tmp_path / "another")
    foreign = tmp_path / "another" / "trust" / OTHER_KIOSK / "bundles" / "receipts.bundle"
    (trust / "bundles" / "receipts.bundle").write_bytes(foreign.read_bytes())
    with pytest.raises(SealingError):
        load_trust(trust, time.time_ns())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_record_key_that_others_can_read_is_refused(trust: Path, mode: int) -> None:
    """Capture does not start with a key that somebody may have copied."""
    (trust / "record.key").chmod(mode)
    with pytest.raises(SealingError, match=r"record\.key"):
        load_trust(trust, time.time_ns())


def test_an_expired_bundle_is_told_and_used(trust: Path) -> None:
    """Capture never depends on a right clock."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=4000)
    with capture_logs() as events:
        load_trust(trust, int(later.timestamp() * 10**9))
    assert sorted(event["kind"] for event in events if event["event"] == "trust.bundle_expired") == sorted(KINDS)


def test_no_secret_can_be_printed(trust: Path) -> None:
    """Neither the key's number nor its file's text is in the repr."""
    text = (trust / "record.key").read_text(encoding="ascii")
    assert not any(line in repr(load_trust(trust, 0)) for line in text.splitlines()[1:-1])

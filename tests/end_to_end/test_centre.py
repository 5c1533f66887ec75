"""What the centre and a whole kiosk tell each other besides records: mock devices, real daemon, real collector."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

from agent.sealing import Bundle, FileSigningKey, sign_bundle
from collector.fleet import KioskReport, kiosks
from demo.stage import POLICY
from tests.end_to_end.harness import PATIENCE_S, Kiosk


def _heard(kiosk: Kiosk) -> KioskReport | None:
    return next(iter(kiosks(kiosk.stage.folder / "collector" / "store")), None)


def test_stage_times_reach_the_centre_and_nothing_of_the_person_does(kiosk: Kiosk) -> None:
    """After a visit the heartbeat has a line per stage; neither number nor name nor record are in it."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    told = kiosk.visit(one.person.number)
    assert told.record_id
    deadline = time.monotonic() + PATIENCE_S
    while (report := _heard(kiosk)) is None or not report.beat.timings:
        assert time.monotonic() < deadline, report
        time.sleep(0.1)
    stages = {timing.stage: timing for timing in report.beat.timings}
    assert {"chip", "portrait", "fingerprints"} <= stages.keys()
    assert all(timing.visits >= 1 for timing in stages.values())
    assert {device.kind for device in report.beat.devices} == {"card_reader", "camera", "fingerprint_pad"}
    said = json.dumps(asdict(report), default=str).casefold()
    data_base = b"".join(path.read_bytes() for path in (kiosk.stage.folder / "collector" / "store").glob("fleet*"))
    words = [*one.person.full_name.casefold().split(), one.person.number, one.person.number[-6:], told.record_id]
    for word in words:
        assert word not in said
    for secret in (one.person.number.encode(), one.person.full_name.encode(), told.record_id.encode()):
        assert secret not in data_base


def test_a_published_policy_is_in_force_at_the_next_visit_without_a_restart(kiosk: Kiosk, tmp_path: Path) -> None:
    """Signed by the campaign key and laid into the collector's folder: the record names the new policy."""
    folder = kiosk.stage.folder / "collector"
    policy = json.loads(POLICY.read_bytes()) | {"version": "published-2"}
    body = json.dumps(policy, ensure_ascii=False).encode()
    key = FileSigningKey.load(folder / "campaign" / "campaign.key")
    data = sign_bundle(Bundle("policy", 2, time.time_ns(), time.time_ns() + 10**17, body), key)
    (folder / "bundles").mkdir(exist_ok=True)
    scratch = tmp_path / "policy.bundle"
    scratch.write_bytes(data)
    scratch.replace(folder / "bundles" / "policy-2.bundle")
    kiosk.await_status(lambda status: status["policy"] == "published-2")
    one = kiosk.next_person()
    kiosk.arrange(one)
    told = kiosk.visit(one.person.number)
    kiosk.await_receipts()
    assert kiosk.opened(told.record_id, tmp_path / "out")["manifest"]["policy"]["version"] == "published-2"
    kiosk.stage.end_agent()
    kiosk.stage.start_agent()
    assert kiosk.status()["policy"] == "published-2"

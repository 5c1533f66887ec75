"""Every kiosk by its last heartbeat."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from agent.proto.sync import BundleVerdict, DeviceHealth, Heartbeat, Hello, QueueHealth
from collector.cli import app
from collector.fleet import Fleet, KioskReport
from collector.fleet_rows import fleet_rows
from tests.collector.world import KIOSK, OTHER_KIOSK, World

NOW_NS = 10**18
QUEUE = QueueHealth(1, 10, 10, 0, 0, 0, 10**10, 0)
BEAT = Heartbeat(NOW_NS, 60, False, QUEUE, (DeviceHealth("camera", "ready"),), (), (), ())
WELL = KioskReport("kiosk-a", NOW_NS, "v1.0.0", BEAT, ())


@pytest.mark.parametrize(
    ("report", "worst"),
    [
        (WELL, ""),
        (replace(WELL, received_at_ns=NOW_NS - 3700 * 10**9), "silent"),
        (replace(WELL, beat=replace(BEAT, queue=replace(QUEUE, lost_records=2))), "lost records"),
        (replace(WELL, beat=replace(BEAT, errors=("uplink.clock",))), "uplink.clock"),
        (replace(WELL, beat=replace(BEAT, devices=(DeviceHealth("camera", "absent"),))), "camera: absent"),
        (replace(WELL, beat=replace(BEAT, kiosk_time_ns=NOW_NS - 400 * 10**9)), "clock -400 s"),
        (replace(WELL, beat=replace(BEAT, queue=replace(QUEUE, oldest_pending_s=90_000))), "old records wait"),
        (replace(WELL, verdicts=(BundleVerdict("policy", 3, "intake.policy"),)), "bundle policy 3: intake.policy"),
    ],
    ids=["well", "silent", "lost", "error", "device", "clock", "old", "bundle"],
)
def test_what_is_wrong_with_a_kiosk_is_named(report: KioskReport, worst: str) -> None:
    """The worst of it, in one word or two."""
    assert fleet_rows([report], NOW_NS)[0].worst == worst


def test_kiosks_with_something_wrong_come_first() -> None:
    """The longest silent one on top, those that are well by name."""
    silent = [
        replace(WELL, kiosk=f"kiosk-{name}", received_at_ns=NOW_NS - hours * 3600 * 10**9)
        for name, hours in (("x", 2), ("y", 9))
    ]
    rows = fleet_rows([replace(WELL, kiosk="kiosk-b"), *silent, WELL], NOW_NS)
    assert [row.kiosk for row in rows] == ["kiosk-y", "kiosk-x", "kiosk-a", "kiosk-b"]


def test_the_command_shows_what_the_collector_heard(world: World) -> None:
    """As a table and for scripts; `--wrong` leaves out those that are well."""
    now_ns = time.time_ns()
    with Fleet(world.config.store) as fleet:
        for kiosk, errors in ((KIOSK, ()), (OTHER_KIOSK, ("camera.frozen",))):
            hello = Hello(kiosk, "v1.0.0", ())
            fleet.heard(hello, replace(BEAT, kiosk_time_ns=now_ns, errors=errors), now_ns)
    config = ["--config", str(world.folder / "collector")]
    shown = CliRunner().invoke(app, ["fleet", *config], env={"COLUMNS": "200"}).stdout
    assert "✓" in shown
    assert "2 kiosk, 1" in shown
    told = json.loads(CliRunner().invoke(app, ["fleet", "--wrong", "--json", *config]).stdout)
    assert [(row["kiosk"], row["worst"]) for row in told] == [(OTHER_KIOSK, "camera.frozen")]

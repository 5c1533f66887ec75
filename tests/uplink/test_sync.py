"""Heartbeats, bundles and messages between a kiosk's uplink and the real collector over one mTLS connection."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agent.bundle_inbox import BundleInbox
from agent.bundle_versions import BundleVersions
from agent.centre import KioskCentre
from agent.centre_rules import BODIES
from agent.proto.sync import (
    BundleOffer,
    BundleVerdict,
    DeviceHealth,
    Heartbeat,
    Hello,
    QueueHealth,
    SyncCall,
)
from agent.provisioning import campaign_key
from agent.sealing import Bundle, FileSigningKey, sign_bundle
from agent.stage_times import StageTime, StageTimes
from agent.uplink.channel import open_channel
from collector.fleet import EVERYBODY, Fleet
from collector.fleet import kiosks as kiosks_heard_of
from collector.grpc_health import Health
from collector.published import Published
from collector.server import Beside, open_server
from collector.sync_service import SyncService
from tests.collector.world import KIOSK, OTHER_KIOSK, World
from tests.uplink.conftest import Serve
from tests.uplink.kiosk import Kiosk, Loop, await_

POLICY = (Path(__file__).parents[2] / "demo" / "policy.json").read_bytes()


class Told:
    """A kiosk's side: its centre, what is in use, and whether a visit is open."""

    def __init__(self, kiosk: Kiosk, folder: Path) -> None:
        self.in_use = {"policy": 1, "receipts": 1, "anchors": 1, "recipients": 1}
        self.visit_open = False
        self.taken_up = 0
        self.times = StageTimes()
        self.offsets: list[int] = []
        trust = folder / "trust" / KIOSK
        self.centre = KioskCentre(
            kiosk=KIOSK,
            test=True,
            inbox=BundleInbox(folder / "inbox", campaign_key(trust), BundleVersions(folder / "versions.json"), BODIES),
            in_use=lambda: self.in_use,
            take_up=self._take_up,
            queue=kiosk.queue,
            devices=lambda: (DeviceHealth("camera", "ready"),),
            times=self.times,
            errors=lambda: ("uplink.collector_down",),
            measured=self.offsets.append,
        )

    def _take_up(self) -> bool:
        if self.visit_open:
            return False
        self.taken_up += 1
        self.in_use["policy"] = 2
        return True


@pytest.fixture
def told(kiosk: Kiosk, world: World) -> Told:
    """Make the kiosk's side."""
    return Told(kiosk, world.folder)


@contextmanager
def collecting(world: World, loop: Loop, published: Published | None = None) -> Iterator[Fleet]:
    """Run the real services of a collector at its address; give its fleet."""
    with ExitStack() as stack:
        store = stack.enter_context(world.store())
        service = world.service(store)
        stack.callback(service.close)
        fleet = stack.enter_context(Fleet(world.config.store))
        published = published or Published(world.config.bundles)
        sync = SyncService(fleet, published, lambda kiosk: store.position(kiosk) is not None, look_s=0.1)
        stack.callback(sync.close)
        server = loop.call(open_server(world.config, service, beside=Beside(sync, Health())))
        stack.callback(lambda: loop.call(server.stop(0)))
        yield fleet


def publish(world: World, version: int, body: bytes = POLICY, key: FileSigningKey | None = None) -> None:
    """Sign a policy and lay it into the collector's folder."""
    key = key or FileSigningKey.load(world.folder / "collector" / "campaign" / "campaign.key")
    world.config.bundles.mkdir(exist_ok=True)
    data = sign_bundle(Bundle("policy", version, 1, time.time_ns() + 10**15, body), key)
    scratch = world.config.bundles / "policy.new"
    scratch.write_bytes(data)
    scratch.replace(world.config.bundles / f"policy-{version}.bundle")


def test_a_heartbeat_is_kept_with_queue_devices_and_stage_times(
    world: World, kiosk: Kiosk, told: Told, loop: Loop
) -> None:
    """What an operator of the fleet wants to know, readable while the collector serves."""
    told.times.note(StageTime("chip", took, failed=took > 3000) for took in (1000, 2000, 4000))
    kiosk.enqueue(2)
    with collecting(world, loop) as fleet, kiosk.uplink(centre=told.centre):
        await_(lambda: bool(fleet.kiosks()))
        (report,) = kiosks_heard_of(world.config.store)
    assert (report.kiosk, report.software[0]) == (KIOSK, "v")
    assert report.beat.queue.next_seq == 2
    assert report.beat.devices == (DeviceHealth("camera", "ready"),)
    (timing,) = report.beat.timings
    assert (timing.stage, timing.visits, timing.failed, timing.median_ms) == ("chip", 3, 1, 2000)
    assert report.beat.errors == ("uplink.collector_down",)
    await_(lambda: bool(told.offsets))


def test_a_published_bundle_reaches_the_kiosk_and_is_taken_up_between_visits(
    world: World, kiosk: Kiosk, told: Told, loop: Loop
) -> None:
    """It is stored at once, and used only when no visit is open."""
    told.visit_open = True
    with collecting(world, loop) as fleet, kiosk.uplink(centre=told.centre):
        await_(lambda: bool(fleet.kiosks()))
        publish(world, 2)
        await_((world.folder / "inbox" / "policy.bundle").exists)
        await_(lambda: fleet.kiosks()[0].verdicts == (BundleVerdict("policy", 2),))
        assert told.centre.waiting
        assert told.taken_up == 0
        told.visit_open = False
        await_(lambda: told.taken_up == 1)
        # The next heartbeat is not waited for: it tells at once what is in use now.
        await_(lambda: {one.kind: one.version for one in fleet.kiosks()[0].beat.bundles}["policy"] == 2)
        assert not told.centre.waiting


def test_a_forged_bundle_is_refused_and_told_at_both_ends(
    world: World, kiosk: Kiosk, told: Told, loop: Loop, tmp_path: Path
) -> None:
    """Signed by another key: the kiosk keeps its own, says so, and records go on."""
    publish(world, 9, key=FileSigningKey.create(tmp_path / "other.key"))
    with collecting(world, loop) as fleet, kiosk.uplink(centre=told.centre):
        await_(lambda: told.centre.refusal is not None)
        assert told.centre.refusal is not None
        assert told.centre.refusal.code == "sealing.signature_invalid"
        await_(lambda: [v.code for r in fleet.kiosks() for v in r.verdicts] == ["sealing.signature_invalid"])
        kiosk.enqueue(1)
        kiosk.await_acknowledged(1)
    assert told.taken_up == 0
    assert not (world.folder / "inbox").exists()


def test_an_older_bundle_from_a_collector_that_offers_it_all_the_same_is_refused(
    world: World, kiosk: Kiosk, told: Told, loop: Loop
) -> None:
    """The honest collector never offers one; a captured one may."""
    key = FileSigningKey.load(world.folder / "collector" / "campaign" / "campaign.key")
    data = sign_bundle(Bundle("policy", 1, 1, 2, POLICY), key)
    told.in_use["policy"] = 7

    class Captured(Published):
        def newer(self, have: Mapping[str, int]) -> list[BundleOffer]:
            return [BundleOffer("policy", 1, data)] if have["policy"] == 7 else []

    with collecting(world, loop, Captured(world.folder)) as fleet, kiosk.uplink(centre=told.centre):
        await_(lambda: [v.code for r in fleet.kiosks() for v in r.verdicts] == ["trust.bundle_too_old"])
    assert told.taken_up == 0


def test_messages_reach_their_kiosk_once(world: World, kiosk: Kiosk, told: Told, loop: Loop) -> None:
    """For all and for one; another kiosk's stay away; what is shown does not come again."""
    with collecting(world, loop) as fleet:
        fleet.announce(EVERYBODY, "Nghỉ trưa", "Lunch", 1)
        fleet.announce(OTHER_KIOSK, "Khác", "Other", 1)
        with kiosk.uplink(centre=told.centre):
            await_(lambda: [one.en for one in told.centre.announcements] == ["Lunch"])
            fleet.announce(KIOSK, "Riêng", "Yours", 1)
            await_(lambda: [one.en for one in told.centre.announcements] == ["Lunch", "Yours"])
            await_(lambda: fleet.waiting(KIOSK) == ())
        assert [one.en for one in fleet.waiting(OTHER_KIOSK)] == ["Lunch", "Other"]


def test_a_collector_without_it_still_gets_the_records(kiosk: Kiosk, told: Told, serve: Serve) -> None:
    """An older collector answers UNIMPLEMENTED; the stream of records does not notice."""
    with serve(), kiosk.uplink(centre=told.centre):
        kiosk.enqueue(2)
        kiosk.await_acknowledged(2)


def test_another_kiosks_name_is_refused(world: World, loop: Loop) -> None:
    """The certificate decides who speaks; nothing is kept for the other one."""
    queue = (1, 2, 3, 4, 5, 6, 7, 8)
    with collecting(world, loop) as fleet:
        channel = open_channel(world.config.address, world.trust(OTHER_KIOSK).tls)
        try:
            beat = Heartbeat(1, 2, True, QueueHealth(*queue), (), (), (), ())
            assert list(SyncCall(channel, [Hello(KIOSK, "v1", ()), beat])) == []
            assert list(SyncCall(channel, [beat])) == []
        finally:
            channel.close()
        assert fleet.kiosks() == []

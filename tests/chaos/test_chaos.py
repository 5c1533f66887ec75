"""Kiosks and collector killed at random, the network cut and slowed: N sealed = N stored, none doubled, chain whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.sealing import epoch_start, public_key_from_point, verify_record
from tests.chaos.loopback import Forwarder
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, World
from tests.uplink.kiosk import CollectorProcess, Kiosk

CHAOS_S = float(os.environ.get("CHAOS_S", "20"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 10**9)  # noqa: S311 # moments, no secrets
RECORDS_PER_S = 20
HEALED_WITHIN_S = 120.0
KIOSKS = (KIOSK, OTHER_KIOSK)


class Theatre:
    """Everything that runs, and what may be done to it."""

    def __init__(self, world: World, count: int) -> None:
        self.world, self.count = world, count
        self.network = Forwarder(world.config.address)
        self.collector: CollectorProcess | None = CollectorProcess(world.folder / "collector")
        self.kiosks = {name: self._kiosk(name) for name in KIOSKS}
        self.done: Counter[str] = Counter()

    def act(self, dice: random.Random) -> None:
        """Do one thing."""
        acts: tuple[Callable[[random.Random], None], ...] = (
            self._kill_kiosk,
            self._kill_kiosk,
            self._kill_collector,
            self._stop_collector,
            self._cut,
            self._slow,
        )
        chosen = dice.choice(acts)
        self.done[chosen.__name__.strip("_")] += 1
        chosen(dice)

    def heal(self) -> None:
        """Have everything running and connected."""
        self.network.heal()
        if self.collector is None:
            self.collector = CollectorProcess(self.world.folder / "collector")

    def await_receipts(self) -> None:
        """Wait until both kiosks have all receipts."""
        for name, kiosk in self.kiosks.items():
            assert kiosk.stdout is not None
            os.set_blocking(kiosk.stdout.fileno(), False)
            deadline = time.monotonic() + HEALED_WITHIN_S
            while not kiosk.stdout.read():
                assert time.monotonic() < deadline, f"{name}: receipts are missing (seed {SEED})"
                time.sleep(0.1)

    def close(self) -> None:
        """End what was started here."""
        for kiosk in self.kiosks.values():
            self._end(kiosk)
        if self.collector is not None:
            self.collector.kill()
        self.network.close()

    def _kiosk(self, name: str) -> subprocess.Popen[bytes]:
        arguments = [str(self.world.folder), name, self.network.address, str(self.count)]
        with (self.world.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.kiosk_process", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )

    def _kill_kiosk(self, dice: random.Random) -> None:
        name = dice.choice(KIOSKS)
        self._end(self.kiosks[name])
        self.kiosks[name] = self._kiosk(name)

    def _kill_collector(self, dice: random.Random) -> None:
        if self.collector is not None:
            self.collector.kill()
        self.collector = None
        time.sleep(dice.uniform(0, 1))
        self.collector = CollectorProcess(self.world.folder / "collector")

    def _stop_collector(self, dice: random.Random) -> None:
        if self.collector is not None:
            assert self.collector.stop() == 0
        self.collector = CollectorProcess(self.world.folder / "collector")

    def _cut(self, dice: random.Random) -> None:
        self.network.cut()
        time.sleep(dice.uniform(0.1, 1))
        self.network.heal()

    def _slow(self, dice: random.Random) -> None:
        self.network.bytes_per_s = dice.choice((50_000.0, 500_000.0))
        time.sleep(dice.uniform(0.1, 1))
        self.network.heal()

    @staticmethod
    def _end(kiosk: subprocess.Popen[bytes]) -> None:
        kiosk.kill()
        kiosk.wait()
        assert kiosk.stdout is not None
        kiosk.stdout.close()


@pytest.mark.chaos
def test_whatever_is_killed_and_cut_every_record_is_stored_once(tmp_path: Path) -> None:
    """Two kiosks seal while anything may happen; in the end all is there, in one chain, by our own verification."""
    world, dice = World.make(tmp_path), random.Random(SEED)  # noqa: S311 # moments, no secrets
    count = max(50, int(CHAOS_S * RECORDS_PER_S / len(KIOSKS)))
    theatre = Theatre(world, count)
    try:
        ends = time.monotonic() + CHAOS_S
        while time.monotonic() < ends:
            time.sleep(dice.uniform(0.2, 1.5))
            theatre.act(dice)
        theatre.heal()
        theatre.await_receipts()
    finally:
        theatre.close()
    for name in KIOSKS:
        assert_whole(world, name, count)
    told = ", ".join(f"{what} {times}" for what, times in sorted(theatre.done.items()))
    print(f"\nseed {SEED}: {len(KIOSKS)} x {count} records sealed and stored once; {told}")


def assert_whole(world: World, name: str, count: int) -> None:
    """Every record of a kiosk is stored once, in one chain of right signatures, the same as in its own queue."""
    trust = world.trust(name)
    key = public_key_from_point(_point(world, name))
    head = epoch_start(name, EPOCH, trust.record_key.key_id)
    with world.store() as store, Kiosk(world, f"queue-{name}", name) as kiosk:
        rows = [row for row in store.every_record() if row.kiosk == name]
        assert [row.seq for row in rows] == list(range(count))
        assert len({row.record_id for row in rows}) == count
        for row in rows:
            record = store.load(row)
            claims = verify_record(record.cose_sign1, record.ciphertext, key)
            assert (claims.seq, claims.prev, claims.payload_sha256) == (row.seq, head, row.payload_sha256)
            head = row.payload_sha256
        assert kiosk.queue.position.head == head
        assert kiosk.queue.acknowledged == count


def _point(world: World, name: str) -> bytes:
    with world.store() as store:
        position = store.position(name)
        assert position is not None
        return position.record_key

"""The whole way under kill -9: seal, queue, uplink, a collector's process, receipt, purge. Both ends die.

The two ends run in processes of their own, forked from this one, which has loaded the libraries once; they talk mTLS on
the loopback. One folder goes through all cycles. A kiosk tells which record it is about to store and which one is
durable; whatever it told must be at the collector in the end, exactly once, and nothing that it never tried.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread

import structlog

from agent.queue import EpochStart, Queue, QueueReader, QueueSettings
from agent.sealing import epoch_start, peek_record
from agent.uplink import Uplink
from collector.server import serve
from tests.collector.world import EPOCH, KIOSK, World
from tests.torture.failpoints import ENDED_WITHIN_S, Child, Failpoints, Tell
from tests.torture.queue_cycles import note

SETTINGS = QueueSettings(segment_bytes=2**20, max_record_bytes=2**18, keep_receipted_s=0)
KIOSK_POINTS = 45
COLLECTOR_POINTS = 60
LONGEST_LIFE_S = 0.25


class Cycles:
    """One world and what was told in it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.world, self._chance = World.make(folder), chance
        self.points: Counter[str] = Counter()
        self.tried: set[str] = set()
        self.stored: list[str] = []
        self.kills: Counter[str] = Counter()
        self._collector: Child | None = None

    def run(self, kills: int) -> None:
        """Go on until so many processes were killed; then let everything drain and compare."""
        while self.kills.total() < kills:
            self._cycle()
            self._check()
        self._end_collector()
        self._collector = self._start_collector(None)
        kiosk = self._start_kiosk(None, 1)
        self._await_kiosk(kiosk)
        assert not kiosk.killed, kiosk.lines
        self._end_collector()
        self._compare()

    def _cycle(self) -> None:
        if self._collector is None:
            dies = self._chance.random() < 0.5
            self._collector = self._start_collector(self._chance.randint(0, COLLECTOR_POINTS) if dies else None)
        at_a_point = self._chance.random() < 0.6
        kill_at = self._chance.randint(0, KIOSK_POINTS) if at_a_point else None
        kiosk = self._start_kiosk(kill_at, self._chance.randint(1, 6))
        if self._chance.random() < 0.4:
            time.sleep(self._chance.uniform(0, LONGEST_LIFE_S))
            self._collector.kill()
        if self._chance.random() < 0.5:
            time.sleep(self._chance.uniform(0, LONGEST_LIFE_S))
            kiosk.kill()
        self._await_kiosk(kiosk)

    def _await_kiosk(self, kiosk: Child) -> None:
        """Let the kiosk finish; a collector that died is started again, as systemd would."""
        began = time.monotonic()
        while not kiosk.has_ended():
            if self._collector is not None and self._collector.has_ended():
                self._end_collector()
                self._collector = self._start_collector(None)
            assert time.monotonic() - began < ENDED_WITHIN_S, "the kiosk hangs"
            time.sleep(0.005)
        self._learn(kiosk)
        if self._collector is not None and (self._collector.has_ended() or self._chance.random() < 0.3):
            self._end_collector()

    def _learn(self, kiosk: Child) -> None:
        kiosk.wait()
        self.kills["kiosk"] += kiosk.killed
        note(self.points, kiosk)
        told = [line.split() for line in kiosk.lines]
        self.tried |= {rest[0] for word, *rest in told if word == "trying"}
        self.stored += [rest[0] for word, *rest in told if word == "stored"]

    def _end_collector(self) -> None:
        if self._collector is None:
            return
        self._collector.kill()
        self._collector.wait()
        self.kills["collector"] += self._collector.killed
        note(self.points, self._collector)
        self._collector = None

    def _start_collector(self, kill_at: int | None) -> Child:
        config = self.world.config

        def work(tell: Tell) -> None:
            structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(open("/dev/null", "w")))  # noqa: SIM115
            if kill_at is not None:
                Failpoints(config.store, kill_at, lambda line: tell(f"{line} (collector)")).install()
            serve(config, lambda _: tell("ready"))

        child = Child.start(work)
        child.wait_for("ready")
        return child

    def _start_kiosk(self, kill_at: int | None, records: int) -> Child:
        def work(tell: Tell) -> None:
            structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(open("/dev/null", "w")))  # noqa: SIM115
            Failpoints(self.world.folder / "queue", kill_at, tell).install()
            _kiosk(self.world, records, tell)

        return Child.start(work)

    def _check(self) -> None:
        """After each cycle: no double at the collector, and nothing acknowledged that it has not."""
        arrived = self.world.stored_ids()
        assert len(arrived) == len(set(arrived)), "doubled"
        assert set(arrived) <= self.tried, "never tried"
        if any((self.world.folder / "queue").glob("segment-*")):
            acknowledged = QueueReader.open(self.world.folder / "queue").acknowledged
            assert acknowledged <= len(arrived), "acknowledged and not at the collector"

    def _compare(self) -> None:
        arrived = self.world.stored_ids()
        assert len(arrived) == len(set(arrived)), "doubled"
        missing = set(self.stored) - set(arrived)
        assert not missing, f"{len(missing)} lost"
        assert [record for record in arrived if record in set(self.stored)] == self.stored, "out of order"
        assert set(arrived) <= self.tried
        reader = QueueReader.open(self.world.folder / "queue")
        assert reader.acknowledged == reader.next_seq == len(arrived)


def _kiosk(world: World, records: int, tell: Tell) -> None:
    """Take people in and send; end when everything is receipted."""
    trust, chain, stop = world.trust(), world.chain(), Event()
    start = EpochStart(EPOCH, epoch_start(KIOSK, EPOCH, trust.record_key.key_id))
    with Queue.open(world.folder / "queue", start=start, settings=SETTINGS) as queue:
        uplink = Uplink(
            queue=queue,
            kiosk=KIOSK,
            addresses=(world.config.address,),
            tls=trust.tls,
            receipt_keys=trust.receipt_keys,
            record_key=trust.record_key,
            jitter=lambda: 0.02,
        )
        sending = Thread(target=uplink.run, args=(stop,))
        sending.start()
        for number in range(records):
            queue.ensure_room(1)
            chain.next_seq, chain.head = queue.position.next_seq, queue.position.head
            entry = chain.entry(bytes(20_000 * (1 + number % 3)))
            record_id = peek_record(entry.cose_sign1).core.record_id.hex()
            tell(f"trying {record_id}")
            queue.append(entry)
            tell(f"stored {record_id}")
        while queue.acknowledged < queue.position.next_seq:
            stop.wait(0.005)
        stop.set()
        sending.join()


def main() -> None:
    """Run from the command line, a process of its own: it forks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    cycles = Cycles(arguments.folder, random.Random(arguments.seed))  # noqa: S311 # choices, no secrets
    cycles.run(arguments.kills)
    died = " ".join(f"{who}={times}" for who, times in sorted(cycles.kills.items()))
    print(f"kills={cycles.kills.total()} {died} records={len(cycles.stored)} lost=0 doubled=0")
    for name, times in sorted(cycles.points.items()):
        print(f"  {times:6} {name}")


if __name__ == "__main__":
    main()

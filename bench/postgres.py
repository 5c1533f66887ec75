"""Draining kiosks to a collector on PostgreSQL, over mTLS, against a bare COPY of the same bytes in the same run."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import psycopg
import structlog

from agent.provisioning import Trust, load_trust
from agent.queue import Entry, EpochStart, Queue
from agent.sealing import ClockState, Core, epoch_start, seal_content, sign_record
from agent.uplink import Uplink
from bench.storing import RECORD_BYTES
from collector.setup import Plan, set_up
from tests.collector.postgres.server import Server

KIOSKS, RECORDS = 4, 150
WITHIN_S = 300


def main() -> None:
    """Print records per second of the whole path, of COPY and of INSERT, on as many connections."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as scratch, Server.create() as server:
        version = server.execute("SHOW server_version")[0][0]
        print(f"PostgreSQL {version}, {os.cpu_count()} cores, {KIOSKS} x {RECORDS} records of {RECORD_BYTES} bytes")
        bare = {name: bare_rate(server, name) for name in ("COPY", "INSERT")}
        whole = whole_rate(Path(scratch), server.new_data_base("whole"))
    for name, rate in bare.items():
        print(f"bare {name}, one commit per record  {rate:7.0f} records/s")
    print(f"whole path                          {whole:7.0f} records/s = {whole / bare['COPY']:.2f} of bare COPY")


def bare_rate(server: Server, how: str) -> float:
    """Return the records per second that the server takes without anything of ours."""
    address = server.new_data_base(f"bare_{how.lower()}")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE body (number bigserial PRIMARY KEY, data bytea NOT NULL)")
        connection.execute("ALTER TABLE body ALTER COLUMN data SET STORAGE EXTERNAL")
    started = time.monotonic()
    with ThreadPoolExecutor(KIOSKS) as threads:
        list(threads.map(_bare, [address] * KIOSKS, [how] * KIOSKS))
    return KIOSKS * RECORDS / (time.monotonic() - started)


def _bare(address: str, how: str) -> None:
    data = os.urandom(RECORD_BYTES)
    with psycopg.connect(address, autocommit=True) as connection:
        for _ in range(RECORDS):
            if how == "INSERT":
                connection.execute("INSERT INTO body (data) VALUES (%b)", (data,))
                continue
            with connection.cursor().copy("COPY body (data) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(("bytea",))
                copy.write_row((data,))


def whole_rate(folder: Path, database: str) -> float:
    """Return the records per second from the kiosks' queues to signed receipts."""
    kiosks = tuple(f"kiosk-{number}" for number in range(KIOSKS))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    plan = Plan(folder / "collector", folder / "trust", "bench", address, kiosks, (), b"{}", True, database=database)
    set_up(plan)
    command = [sys.executable, "-m", "collector.cli", "serve", "--config", str(plan.folder), "--json"]
    with ExitStack() as stack:
        filled = [stack.enter_context(_Filled(folder, kiosk)) for kiosk in kiosks]
        server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        stack.callback(server.terminate)
        assert server.stdout is not None
        server.stdout.readline()
        started, cancelled = time.monotonic(), Event()
        with ThreadPoolExecutor(KIOSKS) as threads:
            running = [threads.submit(one.uplink(address).run, cancelled) for one in filled]
            while not all(one.queue.acknowledged == RECORDS for one in filled):
                assert time.monotonic() < started + WITHIN_S, [one.queue.acknowledged for one in filled]
                time.sleep(0.005)
            took = time.monotonic() - started
            cancelled.set()
        for each in running:
            each.result()
    return KIOSKS * RECORDS / took


class _Filled:
    """A kiosk whose queue is full of really sealed records."""

    def __init__(self, folder: Path, kiosk: str) -> None:
        self.kiosk, self.trust = kiosk, load_trust(folder / "trust" / kiosk, time.time_ns())
        start = EpochStart(1, epoch_start(kiosk, 1, self.trust.record_key.key_id))
        self.queue = Queue.open(folder / kiosk, start=start)
        for _ in range(RECORDS):
            self.queue.append(_next_entry(self.queue, kiosk, self.trust))

    def __enter__(self) -> _Filled:
        return self

    def __exit__(self, *ended: object) -> None:
        self.queue.close()

    def uplink(self, address: str) -> Uplink:
        """Return what sends it."""
        trust = self.trust
        return Uplink(
            queue=self.queue,
            kiosk=self.kiosk,
            addresses=(address,),
            tls=trust.tls,
            receipt_keys=trust.receipt_keys,
            record_key=trust.record_key,
        )


def _next_entry(queue: Queue, kiosk: str, trust: Trust) -> Entry:
    recipient, place = trust.recipients.current(time.time_ns()), queue.position
    core = Core(True, kiosk, os.urandom(16), recipient.key_id, bytes(32), time.time_ns(), ClockState(0, None))
    ciphertext = seal_content(os.urandom(RECORD_BYTES), core, recipient)
    signed = sign_record(core, 1, place.next_seq, place.head, ciphertext, trust.record_key)
    return Entry(1, signed.seq, signed.prev, signed.payload_sha256, signed.cose_sign1, ciphertext)


if __name__ == "__main__":
    main()

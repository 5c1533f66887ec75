"""Draining a backlog to a real collector over mTLS, against storing the same bytes twice (both ends must sync)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from agent.provisioning import load_trust
from agent.queue import Entry, EpochStart, Queue
from agent.sealing import ClockState, Core, epoch_start, seal_content, sign_record
from agent.uplink import Uplink
from bench.measure import Figure
from bench.storing import RECORD_BYTES, write_and_sync
from collector.setup import Plan, set_up

RECORDS = 100
KIOSK = "bench-kiosk"


def figures(folder: Path) -> Iterator[Figure]:
    """Yield the time per record of 100 records of 500 KB: verify, sync at the collector, receipt, purge."""
    content = os.urandom(RECORD_BYTES)
    floor_ms = write_and_sync(folder / "floor.bin", content)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    set_up(Plan(folder / "collector", folder / "trust", "bench", address, (KIOSK,), (), b"{}", True))
    command = [sys.executable, "-m", "collector.cli", "serve", "--config", str(folder / "collector"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            took_ms = _drain(folder, address, content)
        finally:
            server.terminate()
    yield Figure("drain, per 500 KB record", took_ms, "2 x (write + fdatasync)", 2 * floor_ms, RECORDS)


def _drain(folder: Path, address: str, content: bytes) -> float:
    trust = load_trust(folder / "trust" / KIOSK, time.time_ns())
    head = epoch_start(KIOSK, 1, trust.record_key.key_id)
    recipient = trust.recipients.current(time.time_ns())
    core = Core(True, KIOSK, bytes(16), recipient.key_id, bytes(32), 0, ClockState(0, None))
    with Queue.open(folder / "queue", start=EpochStart(1, head)) as queue:
        for _ in range(RECORDS):
            core = replace(core, record_id=os.urandom(16))
            ciphertext = seal_content(content, core, recipient)
            place = queue.position
            signed = sign_record(core, 1, place.next_seq, place.head, ciphertext, trust.record_key)
            queue.append(Entry(1, signed.seq, signed.prev, signed.payload_sha256, signed.cose_sign1, ciphertext))
        uplink = Uplink(
            queue=queue,
            kiosk=KIOSK,
            addresses=(address,),
            tls=trust.tls,
            receipt_keys=trust.receipt_keys,
            record_key=trust.record_key,
        )
        stop = Event()
        thread = Thread(target=uplink.run, args=(stop,))
        thread.start()
        try:
            return _time_from_first_to_last(queue, uplink)
        finally:
            stop.set()
            thread.join()


def _time_from_first_to_last(queue: Queue, uplink: Uplink) -> float:
    deadline = time.monotonic() + 120
    while not uplink.state.connected and time.monotonic() < deadline:
        time.sleep(0.001)
    started = time.monotonic()
    while queue.acknowledged < RECORDS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{queue.acknowledged} of {RECORDS} records drained")
        time.sleep(0.001)
    return (time.monotonic() - started) * 1000 / RECORDS

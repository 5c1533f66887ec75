"""The whole way of a record to the collector and its receipt, against bare gRPC and bare file + sync, in one run."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Semaphore, Thread

import grpc
import grpc.aio
import structlog

from agent.proto.stream import METHOD, Ack, Open, encode_request
from agent.provisioning import Trust, load_trust
from agent.queue import Entry, EpochStart, Queue
from agent.sealing import ClockState, Core, epoch_start, seal_content, sign_record
from agent.uplink import Uplink
from agent.uplink.channel import OPTIONS as KIOSK_OPTIONS
from agent.uplink.channel import open_channel
from bench import echo_server
from bench.storing import RECORD_BYTES, write_and_sync
from collector.setup import Plan, set_up

KIOSK = "bench-kiosk"
RECORDS, IN_FLIGHT = 200, 8
RATE_PER_S, RATE_FOR_S = 52, 10
STREAMS = 200
DEADLINE_S = 180.0


def figures(folder: Path) -> dict[str, float]:
    """Return records/s of 500 KB, the p95 of receipts at 52 records/s in ms, and KB per idle stream, with floors."""
    place = _Place.make(folder)
    file_ms = write_and_sync(folder / "floor.bin", os.urandom(RECORD_BYTES))
    with place.echo_server() as echo:
        echo_rate = place.echo_rate()
        echo_kb = place.idle_kb(echo, echo_server.METHOD, b"x")
    with place.collector() as collector:
        idle_kb = place.idle_kb(collector, METHOD, place.greeting())
    with place.collector():
        rate = place.drain_rate()
    with place.collector():
        p95_ms = place.p95_ms()
    return {
        "records_per_s": rate,
        "bare_grpc_echo_per_s": echo_rate,
        "bare_file_sync_per_s": 1000 / file_ms,
        "p95_receipt_ms_at_52_per_s": p95_ms,
        "idle_stream_kb": idle_kb,
        "bare_idle_stream_kb": echo_kb,
        "idle_stream_ratio": idle_kb / echo_kb,
    }


@dataclass(frozen=True, slots=True)
class _Place:
    folder: Path
    address: str
    trust: Trust

    @classmethod
    def make(cls, folder: Path) -> _Place:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        set_up(Plan(folder / "collector", folder / "trust", "bench", address, (KIOSK,), (), b"{}", True))
        return cls(folder, address, load_trust(folder / "trust" / KIOSK, time.time_ns()))

    @contextmanager
    def collector(self) -> Iterator[int]:
        command = ["-m", "collector.cli", "serve", "--config", str(self.folder / "collector"), "--json"]
        with _program(command) as pid:
            yield pid

    @contextmanager
    def echo_server(self) -> Iterator[int]:
        with _program(["-m", "bench.echo_server", self.address, str(self.folder / "collector" / "tls")]) as pid:
            yield pid

    def greeting(self) -> bytes:
        head = epoch_start(KIOSK, 1, self.trust.record_key.key_id)
        return encode_request(Open(KIOSK, 1, 0, head))

    def echo_rate(self) -> float:
        """Return messages/s of 500 KB with 8 in flight, each answered."""
        window, body = Semaphore(IN_FLIGHT), os.urandom(RECORD_BYTES)

        def requests() -> Iterator[bytes]:
            for _ in range(RECORDS):
                window.acquire()
                yield body

        with open_channel(self.address, self.trust.tls) as channel:
            grpc.channel_ready_future(channel).result(DEADLINE_S)
            call = channel.stream_stream(echo_server.METHOD, request_serializer=bytes, response_deserializer=bytes)
            started = time.monotonic()
            for _ in call(requests()):
                window.release()
            return RECORDS / (time.monotonic() - started)

    def drain_rate(self) -> float:
        """Return records/s of a backlog: read, verify at both ends, store with sync, sign, receipt."""
        with self._queue("drain") as queue:
            for _ in range(RECORDS):
                self._append(queue)
            with self._sending(queue) as uplink:
                _until(lambda: uplink.state.connected)
                started = time.monotonic()
                _until(lambda: queue.acknowledged == RECORDS)
                return RECORDS / (time.monotonic() - started)

    def p95_ms(self) -> float:
        """Return the 95th percentile from durable here to receipted, with 52 records a second."""
        begun: dict[int, float] = {}
        first = RECORDS
        with self._queue("drain") as queue, self._sending(queue) as uplink:
            _until(lambda: uplink.state.connected)
            for _ in range(RATE_PER_S * RATE_FOR_S):
                due = time.monotonic() + 1 / RATE_PER_S
                seq = self._append(queue)
                begun[seq] = time.monotonic()
                time.sleep(max(0.0, due - time.monotonic()))
            _until(lambda: queue.acknowledged == first + len(begun))
            took = sorted((uplink.receipted[seq] - at) * 1000 for seq, at in begun.items())
        return took[len(took) * 95 // 100]

    def idle_kb(self, pid: int, method: str, message: bytes) -> float:
        """Return how much a server's resident memory grows with each stream that says hello and nothing more."""
        return asyncio.run(self._idle_kb(pid, method, message))

    async def _idle_kb(self, pid: int, method: str, message: bytes) -> float:
        tls = self.trust.tls
        ca, key, certificate = (path.read_bytes() for path in (tls.ca, tls.key, tls.certificate))
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        channels, sizes = [], []
        for count in (20, STREAMS):
            for _ in range(count):
                channel = grpc.aio.secure_channel(self.address, credentials, options=KIOSK_OPTIONS)
                call = channel.stream_stream(method, request_serializer=bytes, response_deserializer=bytes)()
                await call.write(message)
                await call.read()
                channels.append((channel, call))
            sizes.append(_resident_kb(pid))
        for channel, call in channels:
            call.cancel()
            await channel.close()
        return (sizes[1] - sizes[0]) / STREAMS

    def _queue(self, name: str) -> Queue:
        head = epoch_start(KIOSK, 1, self.trust.record_key.key_id)
        return Queue.open(self.folder / name, start=EpochStart(1, head))

    def _append(self, queue: Queue) -> int:
        recipient = self.trust.recipients.current(time.time_ns())
        core = Core(True, KIOSK, os.urandom(16), recipient.key_id, bytes(32), 0, ClockState(0, None))
        ciphertext = seal_content(_CONTENT, core, recipient)
        place = queue.position
        signed = sign_record(core, 1, place.next_seq, place.head, ciphertext, self.trust.record_key)
        queue.append(Entry(1, signed.seq, signed.prev, signed.payload_sha256, signed.cose_sign1, ciphertext))
        return signed.seq

    @contextmanager
    def _sending(self, queue: Queue) -> Iterator[_Timed]:
        uplink, stop = _Timed(self, queue), Event()
        thread = Thread(target=uplink.run, args=(stop,))
        thread.start()
        try:
            yield uplink
        finally:
            stop.set()
            thread.join()


_CONTENT = os.urandom(RECORD_BYTES)


class _Timed(Uplink):
    """An uplink that remembers when each receipt was believed."""

    def __init__(self, place: _Place, queue: Queue) -> None:
        trust = place.trust
        super().__init__(
            queue=queue,
            kiosk=KIOSK,
            addresses=(place.address,),
            tls=trust.tls,
            receipt_keys=trust.receipt_keys,
            record_key=trust.record_key,
        )
        self.receipted: dict[int, float] = {}
        self._next = queue.acknowledged

    def acknowledged(self, ack: Ack) -> None:
        """Note the time as well."""
        super().acknowledged(ack)
        now = time.monotonic()
        for seq in range(self._next, ack.through_seq + 1):
            self.receipted[seq] = now
        self._next = ack.through_seq + 1


@contextmanager
def _program(arguments: list[str]) -> Iterator[int]:
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        assert program.stdout is not None
        program.stdout.readline()
        # It writes a line per batch: an unread pipe would fill up and make it wait for us.
        reading = Thread(target=program.stdout.read, name="log")
        reading.start()
        try:
            yield program.pid
        finally:
            program.terminate()
            reading.join()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.002)


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def main() -> None:
    """Measure and print as JSON."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(figures(Path(scratch)), indent=2))


if __name__ == "__main__":
    main()

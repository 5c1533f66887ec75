"""A kiosk's queue and uplink, and collectors to talk to: real servers over mTLS on the loopback."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

from agent.proto.stream import AppendServicer, Request, Response
from agent.provisioning import Trust
from agent.queue import EpochStart, Queue, QueueSettings
from agent.sealing import epoch_start, peek_record
from agent.uplink import Uplink
from agent.uplink.channel import TlsFiles
from agent.uplink.stream import Patience
from collector.config import CollectorConfig
from collector.server import open_server
from tests.collector.world import EPOCH, KIOSK, World

WITHIN_S = 40.0
SETTINGS = QueueSettings(segment_bytes=2**20, max_record_bytes=2**18)
T = TypeVar("T")

Script = Callable[[AsyncIterator[Request]], AsyncIterator[Response]]


class Loop:
    """One event loop in a thread of its own, for servers beside the synchronous uplink."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="servers")
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def serving(self, config: CollectorConfig, servicer: AppendServicer) -> Iterator[None]:
        """Serve at the configured address."""
        server = self.call(open_server(config, servicer))
        try:
            yield
        finally:
            self.call(server.stop(0))


class Scripted(AppendServicer):
    """A collector that answers as the test says."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def append(self, requests: AsyncIterator[Request], peer_name: str) -> AsyncIterator[Response]:
        """Follow the script."""
        return self._script(requests)


class Kiosk:
    """One kiosk's queue on the disk; a second one on the same folder is the kiosk after a restart."""

    name: str = KIOSK

    def __init__(self, world: World, folder: str = "queue", name: str = KIOSK) -> None:
        self.world, self.trust, self.name = world, world.trust(name), name
        head = epoch_start(name, EPOCH, self.trust.record_key.key_id)
        self.queue = Queue.open(world.folder / folder, start=EpochStart(EPOCH, head), settings=SETTINGS)
        self.chain = world.chain(name)
        self.chain.next_seq, self.chain.head = self.queue.position.next_seq, self.queue.position.head

    def __enter__(self) -> Kiosk:
        return self

    def __exit__(self, *_: object) -> None:
        self.queue.close()

    def enqueue(self, count: int, size: int = 1000) -> list[str]:
        """Sign, seal and store records; return their ids."""
        ids = []
        for _ in range(count):
            entry = self.chain.entry(bytes(size))
            self.queue.append(entry)
            ids.append(peek_record(entry.cose_sign1).core.record_id.hex())
        return ids

    def new_uplink(self, *, trust: Trust | None = None, tls: TlsFiles | None = None, **more: Any) -> Uplink:
        """Return an uplink that comes back fast; `more` are further arguments of Uplink."""
        trust = trust or self.trust
        return Uplink(
            queue=self.queue,
            kiosk=self.name,
            addresses=more.pop("addresses", (self.world.config.address,)),
            tls=tls or trust.tls,
            receipt_keys=trust.receipt_keys,
            record_key=trust.record_key,
            jitter=more.pop("jitter", lambda: 0.05),
            patience=more.pop("patience", Patience()),
            **more,
        )

    @contextmanager
    def uplink(self, **more: Any) -> Iterator[Uplink]:
        """Run an uplink; on the way out it must end, whatever the collector does."""
        uplink, cancelled = self.new_uplink(**more), Event()
        thread = Thread(target=uplink.run, args=(cancelled,), name="uplink")
        thread.start()
        try:
            yield uplink
        finally:
            cancelled.set()
            thread.join(WITHIN_S)
            assert not thread.is_alive(), "the uplink did not end"

    def await_acknowledged(self, count: int) -> None:
        """Wait until so many records are receipted."""
        await_(lambda: self.queue.acknowledged >= count, lambda: f"{self.queue.acknowledged} of {count}")

    def await_error(self, uplink: Uplink, code: str) -> str:
        """Wait until the uplink tells this error; return its detail."""

        def told() -> bool:
            error = uplink.state.last_error
            return error is not None and error.code == code

        await_(told, lambda: f"{code}: {uplink.state}")
        assert uplink.state.last_error is not None
        return uplink.state.last_error.detail


class CollectorProcess:
    """`collector serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "collector.cli", "serve", "--config", str(folder), "--json"]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        self.lines: list[str] = []
        for line in self._process.stdout:
            self.lines.append(line.decode())
            if json.loads(line).get("ready"):
                break

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._reap()

    def stop(self) -> int:
        """End it as systemd would; return the exit code."""
        self._process.terminate()
        return self._reap()

    def _reap(self) -> int:
        assert self._process.stdout is not None
        self.lines += [line.decode() for line in self._process.stdout]
        self._process.stdout.close()
        return self._process.wait(WITHIN_S)


def await_(condition: Callable[[], bool], what: Callable[[], str] = lambda: "condition") -> None:
    """Wait for a condition with a generous deadline."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)

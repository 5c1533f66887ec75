"""The daemon: the one place that knows every layer. It owns devices, queue and uplink and serves the API."""

from __future__ import annotations

import ctypes
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from agent.capture.chip import ChipPolicy, TrustAnchors
from agent.config import Config
from agent.console.api import create_app
from agent.console.server import create_server, listen
from agent.devices.seams import CardLink, DeviceInfo
from agent.devices.smartcard import CardReader, list_readers
from agent.diagnostics import ListDevices, list_devices
from agent.intake.desk import Desk
from agent.intake.policy import parse_policy
from agent.intake.record import Setting
from agent.intake.stages import ChipStage, Stage, StageNotBuilt
from agent.intake.submission import Submission
from agent.intake.visit import describe
from agent.log import set_up_logging
from agent.provisioning import Trust, load_trust
from agent.queue import EpochStart, Queue, QueueSettings
from agent.roster import Roster
from agent.sealing import epoch_start
from agent.uplink import Uplink

log = structlog.get_logger()

# A new kiosk starts here; opening further epochs comes with key rotation.
FIRST_EPOCH = 1
STOP_WITHIN_S = 5.0
PEOPLE_IN_PROGRESS = 1
PR_SET_DUMPABLE = 4


class Daemon:
    """The running kiosk. A context manager: everything it opened is closed in reverse order."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stack = ExitStack()
        self._stopping = Event()
        trust = load_trust(config.trust.folder, time.time_ns())
        self._policy = parse_policy(trust.policy.document)
        self._queue = self._open_queue(trust)
        self._uplink = self._open_uplink(trust)
        self._families = device_families(config)
        self.desk = Desk(
            load_roster=lambda: Roster.load(config.roster.file),
            stages=self._stages(trust),
            policy=self._policy,
            submit=self._submission(trust),
            ensure_room=lambda: self._queue.ensure_room(PEOPLE_IN_PROGRESS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.desk.close(STOP_WITHIN_S)
        self._stopping.set()
        self._stack.close()

    def status(self) -> Mapping[str, object]:
        """Kiosk, queue and uplink, JSON-ready; no personal data."""
        state, queue, position = self._uplink.state, self._queue.status(), self._queue.position
        return {
            "kiosk": self._config.kiosk.name,
            "station": self._config.kiosk.station,
            "test": self._config.kiosk.development,
            "policy": self._policy.version,
            "queue": {
                "epoch": position.epoch,
                "next_seq": position.next_seq,
                "acknowledged": self._queue.acknowledged,
                "sent_seq": state.sent_seq,
                "pending": queue.pending_records,
                "pending_bytes": queue.pending_bytes,
                "oldest_pending_s": queue.oldest_pending_s,
                "receipted_kept": queue.receipted_kept,
                "free_bytes": queue.free_bytes,
            },
            "uplink": {
                "connected": state.connected,
                "collector_offset_ns": state.collector_offset_ns,
                "error": describe(state.last_error) if state.last_error else None,
            },
        }

    def devices(self) -> list[DeviceInfo]:
        """Every device as found now."""
        return list_devices(self._families)

    def record(self, epoch: int, seq: int) -> str:
        """Where a record is: acknowledged, sent, durable or unknown."""
        position = self._queue.position
        if epoch != position.epoch or seq >= position.next_seq:
            return "unknown"
        if seq < self._queue.acknowledged:
            return "acknowledged"
        sent = self._uplink.state.sent_seq
        return "sent" if sent is not None and seq <= sent else "durable"

    def serve(self) -> None:
        """Serve the local API until SIGTERM or Ctrl-C."""
        path = self._config.kiosk.socket
        with listen(path) as socket:
            log.info("daemon.ready", socket=str(path), kiosk=self._config.kiosk.name, ready=True)
            try:
                create_server(create_app(self)).run(sockets=[socket])
            finally:
                path.unlink(missing_ok=True)
        log.info("daemon.stopped")

    def _open_queue(self, trust: Trust) -> Queue:
        kiosk, settings = self._config.kiosk, self._config.queue
        head = epoch_start(kiosk.name, FIRST_EPOCH, trust.record_key.key_id)
        queue = Queue.open(
            kiosk.data_folder / "queue",
            start=EpochStart(FIRST_EPOCH, head),
            settings=QueueSettings(
                segment_bytes=settings.segment_mib * 2**20,
                max_record_bytes=settings.max_record_mib * 2**20,
                keep_receipted_s=settings.keep_receipted_h * 3600,
            ),
        )
        return self._stack.enter_context(queue)

    def _open_uplink(self, trust: Trust) -> Uplink:
        uplink = Uplink(
            queue=self._queue,
            kiosk=self._config.kiosk.name,
            address=self._config.collector.address,
            tls=trust.tls,
            receipt_keys=trust.receipt_keys,
            record_key=trust.record_key,
        )
        thread = Thread(target=uplink.run, args=(self._stopping,), name="uplink")
        thread.start()
        self._stack.callback(thread.join, STOP_WITHIN_S)
        self._stack.callback(self._stopping.set)
        return uplink

    def _stages(self, trust: Trust) -> list[Stage]:
        config, policy = self._config, self._policy
        chip_policy = ChipPolicy(keep_raw_dg13=policy.keep_raw_dg13)
        if policy.dg13_fields is not None:
            chip_policy = ChipPolicy(policy.dg13_fields, policy.keep_raw_dg13)
        return [
            ChipStage(
                _card_opener(config),
                TrustAnchors.from_der(list(trust.anchors.certificates)),
                chip_policy,
                config.card.wait_s,
                config.card.read_s,
            ),
            StageNotBuilt("portrait"),
            StageNotBuilt("liveness"),
            StageNotBuilt("fingerprints"),
        ]

    def _submission(self, trust: Trust) -> Submission:
        kiosk = self._config.kiosk
        setting = Setting(kiosk.name, kiosk.station, self._policy, trust.policy.sha256, {})
        return Submission(
            queue=self._queue,
            record_key=trust.record_key,
            recipient=trust.recipient,
            setting=setting,
            test=kiosk.development,
            collector_offset_ns=lambda: self._uplink.state.collector_offset_ns,
        )


def run_daemon(config: Config) -> None:
    """Run until SIGTERM or Ctrl-C. Raises KioskError when the kiosk cannot start."""
    set_up_logging(config.kiosk.log_format)
    _forbid_core_files()
    with Daemon(config) as daemon:
        daemon.serve()


def device_families(config: Config) -> dict[str, ListDevices]:
    """Return the listers of each kind of device, for use with and without a running daemon."""
    del config
    return {"card_reader": list_readers}


def _card_opener(config: Config) -> Callable[[float, Event], AbstractContextManager[CardLink]]:
    reader = CardReader(config.card.reader or None)
    return reader.wait_for_card


def _forbid_core_files() -> None:
    """Keep keys and people's data out of core files and away from debuggers of the same user (prctl(2))."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

"""The daemon: the one place that knows every layer. It owns devices, queue and uplink and serves the API."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from agent import __version__
from agent.bundle_inbox import BundleInbox
from agent.bundle_versions import BundleVersions
from agent.capture.chip.qr_picture import scan
from agent.capture.evidence import Verdict
from agent.capture.portrait import PortraitError, VisionWorker
from agent.capture.portrait.encoding import encode
from agent.centre import KioskCentre
from agent.centre_rules import BODIES, pacing_of
from agent.config import Config
from agent.console.api import create_app
from agent.console.client import KioskClient
from agent.console.server import create_server, listen
from agent.custody.listing import Sending, lines
from agent.custody.signing import sign_lost, sign_own, take_receipt
from agent.daemon import status
from agent.daemon.devices import device_families
from agent.daemon.stages import make_stages
from agent.devices.camera import Camera
from agent.devices.seams import DeviceInfo
from agent.diagnostics import list_devices
from agent.diagnostics.camera_sample import take_sample
from agent.diagnostics.picture import png
from agent.enrolment import Renewal, TimeFloor, TlsFolder
from agent.epochs import EpochBook, Epochs
from agent.intake.desk import Desk
from agent.intake.discards import Discards
from agent.intake.errors import VisitRunning
from agent.intake.journal import Journal, JournalKey
from agent.intake.policy import Rules, parse_policy
from agent.intake.record import Setting
from agent.intake.stages import Stage
from agent.intake.submission import ClockOffset, Submission
from agent.intake.visit import Stored, VisitFile
from agent.log import set_up_logging
from agent.proto.sync import DeviceHealth
from agent.provisioning import (
    Trust,
    bundle_inbox,
    campaign_key,
    epoch_book,
    load_bundles,
    load_trust,
    queue_folder,
    queue_settings,
    require_provisioned,
)
from agent.queue import Queue, QueueReader
from agent.roster import Roster
from agent.sealing import AnchorCertificates, release
from agent.service_notice import ServiceNotice
from agent.stage_times import StageTime, StageTimes
from agent.transfer import parse_index_payload
from agent.uplink import Uplink

log = structlog.get_logger()

STOP_WITHIN_S = 5.0
PICTURE_WITHIN_S = 5.0
HAND_PHOTO_BYTES = 500_000
SCAN_WITHIN_S = 12.0
# As in LoadCredentialEncrypted= of the systemd unit.
JOURNAL_CREDENTIAL = "journal.key"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PR_SET_DUMPABLE = 4


class Daemon:
    """The running kiosk. A context manager: everything it opened is closed in reverse order."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stack = ExitStack()
        self._stopping = Event()
        self._versions = BundleVersions(config.kiosk.data_folder / "bundle-versions.json")
        require_provisioned(config.trust.folder)
        book = epoch_book(config)
        self._epoch = book.current()
        TlsFolder(config.trust.folder / "tls").settle()
        self._floor = TimeFloor(config.kiosk.data_folder / "time.json")
        now_ns = self._floor.at_least(time.time_ns())
        keys, inbox = book.keys(self._epoch.number), bundle_inbox(config)
        self._trust = trust = load_trust(config.trust.folder, now_ns, keys, self._versions, inbox)
        self._stack.callback(release, trust.record_key)
        self._rules = Rules(parse_policy(trust.policy.document), trust.policy.sha256)
        self._queue = self._open_queue(trust, book)
        self._times = StageTimes()
        self._camera = self._open_camera()
        self._vision: VisionWorker | None = None
        self._prepare_vision()
        self._families = {**device_families(config), "camera": lambda: [self._camera.info()]}
        self._discards = Discards(config.kiosk.data_folder / "journal")
        self._uplink = self._new_uplink(trust)
        self._submission = submission = self._new_submission(trust)
        self.desk = Desk(
            load_roster=lambda: Roster.load(config.roster.file),
            stages=self._stages(self._rules, trust.anchors),
            rules=self._rules,
            submit=self._submit,
            ensure_room=submission.ensure_room,
            journal=self._open_journal(),
            newest_record_id=submission.newest_record_id,
            discards=self._discards,
        )
        self._renewal = self._open_renewal(trust)
        self._start_uplink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.desk.close(STOP_WITHIN_S)
        self._stopping.set()
        self._stack.close()

    def status(self) -> Mapping[str, object]:
        """Kiosk, queue, uplink, certificate and what came from the centre, JSON-ready; no personal data."""
        kiosk, versions = self._config.kiosk, self._trust.bundled.versions
        return {
            "version": __version__,
            "kiosk": kiosk.name,
            "station": kiosk.station,
            "test": kiosk.development,
            "policy": self._rules.policy.version,
            "unfinished_visit": self.desk.unfinished(),
            "visit": self.desk.open_visit(),
            "queue": status.of_queue(self._queue, self._uplink.state),
            "uplink": status.of_uplink(self._uplink.state),
            "certificate": status.of_certificate(self._renewal, bool(self._config.collector.enrolment_address)),
            "centre": status.of_centre(self._centre, versions),
        }

    def devices(self) -> list[DeviceInfo]:
        """Every device as found now."""
        return list_devices(self._families)

    def device_use(self) -> Mapping[str, object]:
        """Whether a visit is open (then card and pad are in use; the camera always is), and the newest one's stages."""
        return {"visit_open": self.desk.busy(), "stages": self.desk.stages()}

    def camera_sample(self) -> Mapping[str, object]:
        """Return what the camera gives now, figures only. Raises DeviceError."""
        return asdict(take_sample(self._camera, self._stopping)[0])

    def camera_picture(self) -> bytes:
        """One picture, PNG. Raises VisitRunning, DeviceError."""
        if self.desk.busy():
            raise VisitRunning
        return png(self._camera.newest(0, time.monotonic() + PICTURE_WITHIN_S, self._stopping).pixels)

    def hand_photo(self) -> bytes:
        """One picture of a hand that is held before the camera, JPEG. Raises DeviceError."""
        seen = self._camera.newest(0, time.monotonic() + PICTURE_WITHIN_S, self._stopping)
        return encode(seen.pixels, HAND_PHOTO_BYTES).data

    def scan_card(self) -> str:
        """Return the text of a card's QR code before the camera. Raises VisitRunning, QrNotFound, DeviceError."""
        if self.desk.busy():
            raise VisitRunning
        return scan(self._camera, time.monotonic() + SCAN_WITHIN_S, self._stopping)

    def record(self, epoch: int, seq: int) -> str:
        """Where a record is: acknowledged, sent, durable or unknown."""
        position = self._queue.position
        if epoch != position.epoch or seq >= position.next_seq:
            return "unknown"
        if seq < self._queue.acknowledged:
            return "acknowledged"
        sent = self._uplink.state.sent_seq
        return "sent" if sent is not None and seq <= sent else "durable"

    def records(self, from_seq: int, limit: int) -> list[Mapping[str, object]]:
        """Return what is known of up to `limit` records from `from_seq` on, JSON-ready; no personal data."""
        state = self._uplink.state
        reader = QueueReader.open(queue_folder(self._config))
        found = lines(reader, Sending(state.sent_seq, state.quarantined), time.time_ns(), from_seq)
        return [asdict(line) for line in islice(found, limit)]

    def sign_export(self, payload: bytes) -> bytes:
        """Sign the index of an export of our own records; raise NotOurExport or Malformed."""
        return sign_own(parse_index_payload(payload), self._config.kiosk.name, self._queue, self._trust.record_key)

    def sign_lost(self, seq: int) -> bytes:
        """Sign the tombstone of a record that our queue cannot read; raise NotLost or NotOurExport."""
        return sign_lost(seq, self._config.kiosk.name, self._queue, self._trust.record_key, time.time_ns())

    def take_receipt(self, receipt: bytes) -> int:
        """Believe a receipt that was carried here, as one from the network; return its through_seq."""
        taken = take_receipt(receipt, self._trust.receipt_keys, self._config.kiosk.name, self._queue)
        log.info("queue.receipt_carried", through_seq=taken.through_seq)
        return taken.through_seq

    def serve(self) -> None:
        """Serve the local API until SIGTERM or Ctrl-C."""
        path = self._config.kiosk.socket
        with listen(path) as socket:
            log.info("daemon.ready", socket=str(path), kiosk=self._config.kiosk.name, ready=True)
            try:
                with ServiceNotice(lambda: _ask_status(path)):
                    create_server(create_app(self)).run(sockets=[socket])
            finally:
                path.unlink(missing_ok=True)
        log.info("daemon.stopped")

    def _open_queue(self, trust: Trust, book: EpochBook) -> Queue:
        config = self._config
        epochs = Epochs(book, config.kiosk.name, config.trust.folder, queue_settings(config))
        return self._stack.enter_context(epochs.open_queue(self._epoch, trust.record_key))

    def _open_journal(self) -> Journal:
        folder = self._config.kiosk.data_folder / "journal"
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        credential = Path(credentials) / JOURNAL_CREDENTIAL if credentials else None
        key = JournalKey.load(credential, self._config.kiosk.data_folder / "journal.key")
        if not key.bound:
            log.warning("journal.key_on_disk", remedy="docs/install.md: systemd-creds")
        return Journal(folder, key)

    def _new_uplink(self, trust: Trust) -> Uplink:
        collector = self._config.collector
        self._centre = self._open_centre()
        return Uplink(
            queue=self._queue,
            kiosk=self._config.kiosk.name,
            addresses=(collector.address, *collector.fallbacks),
            tls=trust.tls,
            receipt_keys=trust.receipt_keys,
            record_key=trust.record_key,
            epoch_start=self._epoch.start,
            proxy=collector.proxy,
            pacing=pacing_of(self._rules.policy.uplink),
            back_after_s=collector.back_to_first_s,
            centre=self._centre,
        )

    def _start_uplink(self) -> None:
        thread = Thread(target=self._uplink.run, args=(self._stopping,), name="uplink")
        thread.start()
        self._stack.callback(thread.join, STOP_WITHIN_S)
        self._stack.callback(self._stopping.set)

    def _open_centre(self) -> KioskCentre:
        config = self._config
        key = campaign_key(config.trust.folder)
        return KioskCentre(
            kiosk=config.kiosk.name,
            test=config.kiosk.development,
            inbox=BundleInbox(bundle_inbox(config), key, self._versions, BODIES),
            in_use=lambda: self._trust.bundled.versions,
            take_up=self._take_up_bundles,
            queue=self._queue,
            devices=lambda: tuple(DeviceHealth(one.kind, one.state.value) for one in self.devices()),
            times=self._times,
            errors=lambda: tuple(error.code for error in (self._uplink.state.last_error,) if error),
            # Not the method itself: the uplink is made after this.
            measured=lambda collector_time_ns: self._uplink.measured(collector_time_ns),  # noqa: PLW0108
        )

    def _take_up_bundles(self) -> bool:
        """Work with the newest bundles from the next visit on; false while a visit is open."""
        return self.desk.change(self._reload)

    def _reload(self) -> tuple[list[Stage], Rules]:
        folder, inbox = self._config.trust.folder, bundle_inbox(self._config)
        bundled = load_bundles(folder, self._floor.at_least(time.time_ns()), self._versions, inbox)
        rules = Rules(parse_policy(bundled.policy.document), bundled.policy.sha256)
        # Whatever can fail comes before the first change: a record must not name rules that its visit did not follow.
        stages = self._stages(rules, bundled.anchors)
        self._trust, self._rules = replace(self._trust, bundled=bundled), rules
        self._submission.recipients = bundled.recipients
        self._submission.setting = replace(self._submission.setting, rules=rules)
        self._uplink.change(pacing_of(rules.policy.uplink), bundled.receipt_keys)
        self._renewal.change(bundled.receipt_keys)
        log.info("bundle.in_use", policy=rules.policy.version, versions=dict(bundled.versions))
        return stages, rules

    def _submit(self, file: VisitFile) -> Stored:
        stored = self._submission(file)
        self._times.note(
            StageTime(one.evidence.stage, one.took_ms, one.evidence.verdict is Verdict.FAILED) for one in file.stages
        )
        self._centre.changed()
        return stored

    def _open_renewal(self, trust: Trust) -> Renewal:
        collector = self._config.collector
        renewal = Renewal(
            kiosk=self._config.kiosk.name,
            address=collector.enrolment_address,
            folder=TlsFolder(trust.tls.certificate.parent),
            receipt_keys=trust.receipt_keys,
            floor=self._floor,
        )
        if not collector.enrolment_address:
            log.warning("enrolment.no_address", remedy="docs/enrolment.md: collector.enrolment_address")
            return renewal
        thread = Thread(target=renewal.run, args=(self._stopping,), name="renewal")
        thread.start()
        self._stack.callback(thread.join, STOP_WITHIN_S)
        self._stack.callback(self._stopping.set)
        return renewal

    def _stages(self, rules: Rules, anchors: AnchorCertificates) -> list[Stage]:
        return make_stages(
            self._config, rules.policy, anchors, self._camera, self._open_vision, lambda: self._queue.position.head
        )

    def _open_camera(self) -> Camera:
        camera, development = self._config.camera, self._config.kiosk.development
        size = (camera.width, camera.height, camera.fps)
        opened = Camera(camera.source, *size, development=development, largest_still=camera.largest_still)
        return self._stack.enter_context(opened)

    def _open_vision(self) -> VisionWorker:
        """Start the picture analysis once; raise PortraitError while its models are not there."""
        if self._vision is None:
            self._vision = self._stack.enter_context(VisionWorker(self._config.models.folder))
        return self._vision

    def _models_used(self) -> Mapping[str, str]:
        return self._vision.model_hashes if self._vision else {}

    def _prepare_vision(self) -> None:
        try:
            self._open_vision()
        except PortraitError as error:
            # The kiosk works without it; the portrait stage names it to the operator.
            log.warning("vision.not_ready", code=error.code, detail=error.detail)

    def _new_submission(self, trust: Trust) -> Submission:
        kiosk = self._config.kiosk
        setting = Setting(kiosk.name, kiosk.station, self._rules, self._models_used, _boot_id())
        return Submission(
            queue=self._queue,
            record_key=trust.record_key,
            recipients=trust.recipients,
            setting=setting,
            test=kiosk.development,
            collector_offset=self._collector_offset,
            discards=self._discards,
        )

    def _collector_offset(self) -> ClockOffset | None:
        state = self._uplink.state
        if state.collector_offset_ns is None:
            return None
        return ClockOffset(state.collector_offset_ns, state.offset_measured_at_ns)


def run_daemon(config: Config) -> None:
    """Run until SIGTERM or Ctrl-C. Raises KioskError when the kiosk cannot start."""
    set_up_logging(config.kiosk.log_format)
    _forbid_core_files()
    with Daemon(config) as daemon:
        daemon.serve()


def _ask_status(path: Path) -> None:
    """Ask the kiosk over its own socket, as anybody would; raise KioskError without an answer."""
    with KioskClient(path) as client:
        client.status()


def _boot_id() -> bytes:
    """Return what names this boot (random(4)), 16 bytes; nothing where the kernel does not tell."""
    try:
        return bytes.fromhex(BOOT_ID.read_text(encoding="ascii").strip().replace("-", ""))
    except (OSError, ValueError):
        return b""


def _forbid_core_files() -> None:
    """Keep keys and people's data out of core files and away from debuggers of the same user (prctl(2))."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

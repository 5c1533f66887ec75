"""`kiosk queue export` and `kiosk queue import`: records to the collector, and its receipt back, on a disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import Config, load_config
from agent.console.client import KioskClient
from agent.console.errors import DaemonUnreachable
from agent.custody.errors import ExportDiskFailing, NoDisk, NoReceipt
from agent.custody.exporting import Export, Exported
from agent.custody.signing import sign_lost, sign_own, take_receipt
from agent.log import log_to_standard_error
from agent.provisioning import epoch_book, load_record_trust, queue_folder, queue_settings
from agent.queue import EpochStart, Queue, QueueReader
from agent.sealing import RecordKey, release
from agent.transfer import ExportFolder, ExportIndex, folder_name, index_payload


def export(screen: Screen, socket: Path, path: Path, disk: Path) -> ExitCode:
    """Write what waits to `disk`; the daemon signs, or we do when none runs."""
    config = load_config(path)
    if not disk.is_dir():
        raise ExportDiskFailing(f"{disk}: no such folder")
    reader = QueueReader.open(queue_folder(config))
    with screen.progress("Xuất · Exporting", reader.next_seq - reader.acknowledged) as seen:
        signer, first_seq = _Signer(socket, config, reader), reader.acknowledged
        work = Export(reader, config.kiosk.name, disk, signer, time.time_ns, lambda seq: seen(seq - first_seq))
        exported = work.run()
    if screen.as_json:
        screen.json({"exported": None if exported is None else asdict(exported)})
    elif exported is None:
        screen.line("✓ Không có hồ sơ nào chờ gửi.", "No record waits.", "green")
    else:
        _tell(screen, exported)
    return ExitCode.OK


def take_back(screen: Screen, socket: Path, path: Path, disk: Path) -> ExitCode:
    """Take the collector's receipt from the disk; what it names need not be sent any more."""
    config = load_config(path)
    if not disk.is_dir():
        raise NoDisk(str(disk))
    receipt = ExportFolder(disk / folder_name(config.kiosk.name)).receipt()
    if receipt is None:
        raise NoReceipt(str(disk / folder_name(config.kiosk.name)))
    try:
        with KioskClient(socket) as client:
            through_seq = client.take_receipt(receipt)
    except DaemonUnreachable:
        through_seq = _take_receipt(config, receipt)
    if screen.as_json:
        screen.json({"through_seq": through_seq})
    else:
        screen.line(
            f"✓ Trung tâm đã ký nhận đến số {through_seq}.",
            f"The collector has signed for everything through seq {through_seq}.",
            "green",
        )
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Signer:
    """The daemon signs; when none runs, we do."""

    socket: Path
    config: Config
    reader: QueueReader

    def sign_export(self, index: ExportIndex) -> bytes:
        try:
            with KioskClient(self.socket) as client:
                return client.sign_export(index_payload(index))
        except DaemonUnreachable:
            with _record_key(self.config) as key:
                return sign_own(index, self.config.kiosk.name, self.reader, key)

    def sign_lost(self, seq: int) -> bytes:
        try:
            with KioskClient(self.socket) as client:
                return client.sign_lost(seq)
        except DaemonUnreachable:
            log_to_standard_error()
            with _record_key(self.config) as key, _own_queue(self.config) as queue:
                return sign_lost(seq, self.config.kiosk.name, queue, key, time.time_ns())


@contextmanager
def _record_key(config: Config) -> Iterator[RecordKey]:
    key = load_record_trust(config, time.time_ns()).record_key
    try:
        yield key
    finally:
        release(key)


def _own_queue(config: Config) -> Queue:
    """Open the queue of the current epoch; nobody else may hold it."""
    book = epoch_book(config)
    epoch = book.current()
    start = EpochStart(epoch.number, epoch.head)
    return Queue.open(book.queue_folder(epoch.number), start=start, settings=queue_settings(config))


def _take_receipt(config: Config, receipt: bytes) -> int:
    log_to_standard_error()
    trust = load_record_trust(config, time.time_ns())
    release(trust.record_key)
    with _own_queue(config) as queue:
        return take_receipt(receipt, trust.receipt_keys, config.kiosk.name, queue).through_seq


def _tell(screen: Screen, exported: Exported) -> None:
    screen.line(
        f"✓ {exported.records} hồ sơ, {exported.bytes:,} byte: {exported.folder}",
        f"{exported.records} records in {exported.pieces} files, {exported.kept} of them from an earlier attempt.",
        "green",
    )
    screen.line(
        "  Tháo ổ an toàn, mang đến trung tâm: `collector import`. Hồ sơ vẫn ở kiosk đến khi có biên nhận.",
        "Unmount the disk and carry it to the centre. The records stay here until the receipt has come.",
    )
    if exported.lost:
        seqs = ", ".join(map(str, exported.lost))
        screen.line(
            f"✗ Hồ sơ đã mất, chỉ mang giấy báo mất; cần thu nhận lại: {seqs}.",
            f"Lost; only the notice of it is carried, take these people in again: {seqs}.",
            "red",
        )

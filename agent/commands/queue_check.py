"""`kiosk queue verify` and `kiosk queue repair`."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import Config, load_config
from agent.custody.checking import Checked, check
from agent.log import log_to_standard_error
from agent.provisioning import NotProvisioned, epoch_book, load_record_trust, queue_folder, queue_settings
from agent.queue import EpochStart, QueueReader, Repair, repair
from agent.sealing import SealingError, release


def verify(screen: Screen, path: Path) -> ExitCode:
    """Read every record while the daemon goes on; FAILED when something is wrong."""
    config = load_config(path)
    reader = QueueReader.open(queue_folder(config))
    with screen.progress("Kiểm tra · Verifying", reader.next_seq) as seen:
        checked = check(reader, _public_key(config), lambda seq: seen(seq + 1))
    if screen.as_json:
        screen.json({"ok": not checked.findings} | asdict(checked))
    else:
        _tell(screen, checked)
    return ExitCode.FAILED if checked.findings else ExitCode.OK


def mend(screen: Screen, path: Path) -> ExitCode:
    """Repair what is safe, with no daemon running, and say what was done."""
    log_to_standard_error()
    config = load_config(path)
    book = epoch_book(config)
    epoch = book.current()
    folder = book.queue_folder(epoch.number)
    done = repair(folder, start=EpochStart(epoch.number, epoch.head), settings=queue_settings(config))
    if screen.as_json:
        screen.json({"done": [asdict(one) for one in done]})
    else:
        _tell_repairs(screen, folder, done)
    return ExitCode.OK


def _public_key(config: Config) -> ec.EllipticCurvePublicKey | None:
    try:
        key = load_record_trust(config, time.time_ns()).record_key
    except (NotProvisioned, SealingError):
        return None
    try:
        return key.public_key
    finally:
        release(key)


def _tell(screen: Screen, checked: Checked) -> None:
    for finding in checked.findings:
        screen.line(f"✗ {finding.place}: {finding.what}", "", "red")
    counted = f"{checked.records} hồ sơ · records, {checked.bytes:,} byte"
    if checked.findings and all(one.set_aside for one in checked.findings):
        screen.line(
            f"✗ {len(checked.findings)} hồ sơ đã mất, đã cách ly: mời những người này thu nhận lại. Không sửa gì thêm.",
            f"{len(checked.findings)} records are lost and set aside: take these people in again. No more to repair.",
            "red",
        )
    elif checked.findings:
        screen.line(
            f"✗ {len(checked.findings)} lỗi trong {counted}. Dừng kiosk rồi chạy `kiosk queue repair`.",
            f"{len(checked.findings)} findings. Stop the kiosk, then run `kiosk queue repair`.",
            "red",
        )
    else:
        screen.line(f"✓ {counted}: không có lỗi.", "Nothing is wrong.", "green")
    screen.line(f"  Chữ ký · Signatures: {checked.signatures}", "")


def _tell_repairs(screen: Screen, folder: Path, done: list[Repair]) -> None:
    for one in done:
        kept = f" (giữ tại · kept in {folder / one.kept})" if one.kept else ""
        screen.line(f"• {one.place}: {one.done}{kept}", "")
    if not done:
        screen.line("✓ Không có gì cần sửa.", "Nothing needed repair.", "green")

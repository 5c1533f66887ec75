"""`kiosk trust`: the CSCA certificates, master lists and revocation lists that chips are checked against."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from agent.capture.chip.trust_store import Entry, TrustStore
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen

COLUMNS = ("Vân tay · Fingerprint", "Loại · Kind", "Nước · Country", "Tên · Name", "Từ · From", "Đến · Until")
SHOWN = 16


def import_file(screen: Screen, folder: Path, file: Path) -> ExitCode:
    """Check one file and keep what it brings; raises NotTrusted, ChipDataError or OSError."""
    checked = TrustStore(folder).add(file.read_bytes())
    count = len(checked.certificates)
    if screen.as_json:
        screen.json({"kind": checked.kind.value, "certificates": count, "skipped": checked.skipped})
        return ExitCode.OK
    screen.line(
        f"✓ {file.name}: {checked.kind.value}, {count} chứng thư được tin, {checked.skipped} không dùng được.",
        f"{file.name}: {checked.kind.value}, {count} certificates trusted, {checked.skipped} unusable.",
        "green",
    )
    return ExitCode.OK


def list_all(screen: Screen, folder: Path) -> ExitCode:
    """Print everything that is trusted."""
    entries = TrustStore(folder).entries()
    if screen.as_json:
        screen.json([_plain(entry) for entry in entries])
    else:
        screen.table("Neo tin cậy · Trust anchors", COLUMNS, [_row(entry) for entry in entries])
    return ExitCode.OK


def show(screen: Screen, folder: Path, fingerprint: str) -> ExitCode:
    """Print one entry by the beginning of its fingerprint; raises NoSuchAnchor."""
    entry = TrustStore(folder).find(fingerprint)
    if screen.as_json:
        screen.json(_plain(entry))
    else:
        values = [(name, str(value)) for name, value in _plain(entry).items()]
        screen.table(entry.name, ("Mục · Item", "Giá trị · Value"), values)
    return ExitCode.OK


def remove(screen: Screen, folder: Path, fingerprint: str) -> ExitCode:
    """Stop trusting one entry; raises NoSuchAnchor or OSError."""
    entry = TrustStore(folder).remove(fingerprint)
    if screen.as_json:
        screen.json(_plain(entry))
    else:
        screen.line(f"✓ Không còn tin {entry.name}.", f"{entry.name} is no longer trusted.", "green")
    return ExitCode.OK


def _plain(entry: Entry) -> dict[str, object]:
    return asdict(entry) | {"path": str(entry.path)}


def _row(entry: Entry) -> tuple[str, ...]:
    dates = (f"{day:%Y-%m-%d}" if day else "—" for day in (entry.since, entry.until))
    return (entry.fingerprint[:SHOWN], entry.kind, entry.country, entry.name, *dates)

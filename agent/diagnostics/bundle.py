"""The support bundle: findings, report, versions, configuration and log, with everything secret or personal left out.

Three doors keep it clean: only named things go in, never folders; of the configuration only settings that are on a
list; of the log only JSON lines of ours, of each only keys on a list, and of those only words without blanks, and
nothing that looks like a person's number or a long secret.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.diagnostics.limits import Limits, NotAssessed
from agent.diagnostics.system import System, read_text

MAX_BYTES = 20_000_000
LOG_LINES, LOG_BYTES = 20_000, 8_000_000
UNIT = "kiosk"
PRIVATE = 0o600
GONE = "[removed]"
# Tables and keys of the configuration that say nothing of people and open nothing.
SETTINGS: Mapping[str, frozenset[str]] = {
    "kiosk": frozenset({"name", "station", "data_folder", "socket", "development", "log_format"}),
    "collector": frozenset({"address", "fallbacks", "back_to_first_s", "proxy", "enrolment_address"}),
    "card": frozenset({"reader", "wait_s", "read_s", "return_s"}),
    "camera": frozenset({"source", "width", "height", "fps", "wait_s", "largest_still"}),
    "pad": frozenset({"backend", "driver", "address", "x_ppi", "y_ppi", "wait_s"}),
    "roster": frozenset({"file"}),
    "trust": frozenset({"folder"}),
    "keys": frozenset({"kind", "name", "wait_s", "module", "device"}),
    "queue": frozenset({"segment_mib", "max_record_mib", "keep_receipted_h", "max_folder_gib", "keep_free_mib"}),
    "models": frozenset({"folder"}),
}
# Keys of log events; free text and nested values never pass.
# fmt: off
LOGGED = frozenset({
    "after", "code", "count", "epoch", "errno", "event", "first_seq", "kind", "level", "library", "next_seq",
    "policy", "ready", "record", "resumed", "seconds", "segment", "seq", "severity", "size_bytes", "stage", "state",
    "status", "through_seq", "timestamp", "verdict", "version", "versions", "visit", "where",
})
# fmt: on
# URLs with a password in them, runs of digits that may be somebody's number, and long runs of hex or base64.
_SECRET = re.compile(r"(?<=//)[^/@\s]+@|(?<!\d)\d{9,}(?!\d)|[A-Za-z0-9+/=_-]{40,}|[0-9a-fA-F]{33,}")
_EVENT = re.compile(r"[a-z0-9_.]{1,80}")
_WORD = re.compile(r"[A-Za-z0-9_.:/+-]{0,100}")
MAX_VALUE = 200


def pack_bundle(files: Mapping[str, bytes], *, now_s: float) -> bytes:
    """Return a tar.gz; what does not fit into MAX_BYTES is left out and named."""
    left, room, packed = list[str](), MAX_BYTES, io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            if len(data) > room:
                left.append(name)
                continue
            room -= len(data)
            _add(archive, name, data, now_s)
        if left:
            _add(archive, "LEFT_OUT.txt", "\n".join(left).encode(), now_s)
    return packed.getvalue()


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read; it appears whole or not at all. Raises OSError."""
    scratch = path.with_name(path.name + ".new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    scratch.replace(path)


def machine_mark(system: System) -> str:
    """Return what tells machines apart; the machine-id itself is confidential (machine-id(5))."""
    told = read_text(system.at("etc/machine-id"))
    return hashlib.sha256(b"kiosk-report" + told.encode()).hexdigest()[:12] if told else "?"


def about_machine(system: System) -> dict[str, str]:
    """Return kernel, distribution and model, without names that people gave."""
    release = (read_text(system.at("etc/os-release")) or "").splitlines()
    names = dict(line.split("=", 1) for line in release if "=" in line)
    model = read_text(system.at("sys/class/dmi/id/product_name")) or read_text(system.at("proc/device-tree/model"))
    return {
        "machine": machine_mark(system),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "distribution": names.get("PRETTY_NAME", "?").strip('"'),
        "model": (model or "?").strip("\0"),
    }


def clean_config(path: Path) -> bytes:
    """Return the configuration as JSON; what is not on the list is shown as removed, without its value."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        return json.dumps({"unreadable": type(failure).__name__}).encode()
    shown = {table: _table(table, values) for table, values in tables.items() if table in SETTINGS}
    other = sorted(GONE for table in tables if table not in SETTINGS)
    return json.dumps({**shown, **({"other tables": other} if other else {})}, ensure_ascii=False, indent=1).encode()


def clean_log(lines: Iterable[str]) -> Iterator[str]:
    """Yield our JSON events with what may be shown of them; everything else is counted and dropped."""
    dropped = 0
    for line in lines:
        event = _event(line)
        if event is None:
            dropped += bool(line.strip())
        else:
            yield json.dumps(event, ensure_ascii=False)
    yield json.dumps({"event": "bundle.lines_dropped", "count": dropped})


def read_journal(system: System, limits: Limits) -> bytes:
    """Return the unit's newest log lines from systemd's journal, cleaned; or why there are none."""
    command = ["journalctl", "--unit", UNIT, "--lines", str(LOG_LINES), "--output", "cat", "--no-pager", "--quiet"]
    try:
        told = system.ask(command, limits)
    except NotAssessed as unknown:
        return f"{unknown.words.en} {unknown.evidence}\n".encode()
    return "\n".join(clean_log(told.splitlines())).encode()[-LOG_BYTES:]


def clean_text(text: str) -> str:
    """Take out of free text what looks like a person's number, a password or a key."""
    return _SECRET.sub(GONE, text)


def _table(name: str, values: object) -> object:
    if not isinstance(values, Mapping):
        return GONE
    return {key: _setting(value) if key in SETTINGS[name] else GONE for key, value in values.items()}


def _setting(value: Any) -> object:  # Any: TOML nests freely
    if isinstance(value, bool | int | float):
        return value
    return clean_text(value)[:MAX_VALUE] if isinstance(value, str) else GONE


def _event(line: str) -> dict[str, object] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict) or not _EVENT.fullmatch(str(told.get("event", ""))):
        return None
    return {key: _logged(value) for key, value in told.items() if key in LOGGED}


def _logged(value: Any) -> object:  # Any: JSON nests freely
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        # A number of nine digits may be somebody's; times are texts in our log.
        return value if abs(value) < 1e8 else GONE
    if isinstance(value, list):
        return [_logged(item) if isinstance(item, str) else GONE for item in value[:20]]
    return clean_text(value) if isinstance(value, str) and _WORD.fullmatch(value) else GONE


def _add(archive: tarfile.TarFile, name: str, data: bytes, now_s: float) -> None:
    entry = tarfile.TarInfo(f"kiosk-support/{name}")
    entry.size, entry.mtime, entry.mode = len(data), int(now_s), PRIVATE
    archive.addfile(entry, io.BytesIO(data))

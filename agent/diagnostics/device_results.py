"""Results of full tests, dated, on the kiosk: figures and verdicts, never a picture."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.diagnostics.bundle import clean_text, write_private
from agent.diagnostics.device_test import TESTS, Done, all_findings
from agent.diagnostics.finding import Verdict, worst

FOLDER = "device-tests"
KEPT = 50
MAX_BYTES = 1_000_000
STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class DeviceResult:
    """The last full test of a device; `rows` are verdict, code and evidence."""

    device: str
    at_s: float
    verdict: Verdict
    rows: tuple[tuple[Verdict, str, str], ...]


def save_result(data_folder: Path, device: str, steps: Sequence[Done], now_s: float) -> Path:
    """Write the result of a test, for the owner of the folder; the oldest beyond KEPT go. Raises OSError."""
    folder = data_folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{datetime.fromtimestamp(now_s, UTC):{STAMP}}-{device}.json"
    write_private(path, json.dumps(_as_json(device, steps, now_s), ensure_ascii=False, indent=1).encode())
    owner = data_folder.stat()
    if os.geteuid() == 0:
        # `sudo kiosk doctor device` leaves files that the kiosk's user reads.
        for made in (folder, path):
            os.chown(made, owner.st_uid, owner.st_gid)
    for old in sorted(folder.glob(f"*-{device}.json"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def last_results(data_folder: Path) -> list[DeviceResult]:
    """Return the newest result of each device that has one; what cannot be read is left out."""
    found = []
    for device in TESTS:
        for path in sorted((data_folder / FOLDER).glob(f"*-{device}.json"), reverse=True):
            with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                found.append(_parse(device, path))
                break
    return found


def _parse(device: str, path: Path) -> DeviceResult:
    with path.open("rb") as file:
        told: Mapping[str, Any] = json.loads(file.read(MAX_BYTES))
    rows = tuple(
        (Verdict(one["verdict"]), str(one["code"]), str(one["evidence"]))
        for step in told["steps"]
        for one in step["findings"]
    )
    return DeviceResult(device, float(told["at_s"]), Verdict(told["worst"]), rows)


def _as_json(device: str, steps: Sequence[Done], now_s: float) -> dict[str, object]:
    told = [
        {
            "step": {"vi": step.title.vi, "en": step.title.en},
            "findings": [
                {"verdict": str(one.verdict), "code": one.code, "evidence": clean_text(one.evidence)}
                for one in step.findings
            ],
        }
        for step in steps
    ]
    return {"device": device, "at_s": now_s, "worst": str(worst(all_findings(steps))), "steps": told}

"""`collector open` on records of a whole kiosk: the chip is judged again by people who were not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.end_to_end.harness import PATIENCE_S, Kiosk


def _open(kiosk: Kiosk, folder: Path, *records: str) -> list[dict[str, Any]]:
    config = str(kiosk.stage.folder / "collector")
    command = [sys.executable, "-m", "collector.cli", "open", *records, "--config", config, "--folder", str(folder)]
    command += ["--who", "tester", "--why", "test", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _visit(kiosk: Kiosk, folder: Path) -> str:
    (folder / "keys").mkdir(parents=True)
    shutil.copy(kiosk.stage.folder / "collector" / "keys" / "recipient.key", folder / "keys")
    one = kiosk.next_person()
    kiosk.arrange(one)
    record = kiosk.visit(one.person.number).record_id
    kiosk.await_receipts()
    return record


def test_passive_and_active_authentication_hold_when_judged_again(kiosk: Kiosk, tmp_path: Path) -> None:
    """With the CSCA here all four checks pass, the chip's own number is the roster's, and nothing is an alarm."""
    record = _visit(kiosk, tmp_path)
    shutil.copy(kiosk.stage.folder / "csca" / "csca.pem", tmp_path / "keys")
    (done,) = _open(kiosk, tmp_path, record)
    assert (done["code"], done["alarms"]) == ("", [])
    judged = json.loads((Path(done["folder"]) / "reverified.json").read_bytes())
    assert {check["check"]: check["verdict"] for check in judged["checks"]} == {
        "active_authentication": "passed",
        "sod_signature": "passed",
        "certificate_chain": "passed",
        "data_group_hashes": "passed",
    }


def test_without_the_csca_the_chain_is_not_assessed(kiosk: Kiosk, tmp_path: Path) -> None:
    """What cannot be judged here is said so; the kiosk's word is not taken instead."""
    (done,) = _open(kiosk, tmp_path, _visit(kiosk, tmp_path))
    judged = json.loads((Path(done["folder"]) / "reverified.json").read_bytes())
    assert {c["check"]: c["verdict"] for c in judged["checks"]}["certificate_chain"] == "not assessed"

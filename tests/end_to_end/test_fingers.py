"""A person with a finger that cannot be taken, from the operator's word to the opened record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.capture.fingerprint.formats import (
    Annotation,
    AnnotationReason,
    Compression,
    Position,
    read_data_block,
    read_record,
)
from agent.console.client import KioskClient
from tests.end_to_end.harness import Kiosk, Told


def visit_without(kiosk: Kiosk, number: str, finger: str, reason: str) -> tuple[Told, bool]:
    """Take a person in; while the notice is read the operator excepts a finger. Say whether a photo was taken."""
    told, has_photo = Told(), False
    with KioskClient(kiosk.stage.socket) as client:
        visit_id = client.open_intake(number=number)
        for event in client.events(visit_id):
            told.events.append(event)
            if event.get("code") == "notice":
                has_photo = client.except_finger(visit_id, finger, reason)
            if event["kind"] == "question":
                client.answer(visit_id, event["question"], "cancel" if event["code"] == "stage_failed" else "yes")
    return told, has_photo


def test_a_missing_finger_with_its_photo_reaches_the_collector(kiosk: Kiosk, tmp_path: Path) -> None:
    """Not assessed with the reason; the camera's photo is a part; the other finger is taken as ever."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    told, has_photo = visit_without(kiosk, one.person.number, "left_index", "missing")
    assert told.events[-1]["state"] == "durable", told.events[-1]
    assert has_photo
    assert told.verdict("fingerprints") == "not assessed"
    kiosk.await_receipts()
    opened = kiosk.opened(told.record_id, tmp_path / "opened")
    stage: Any = next(one for one in opened["manifest"]["stages"] if one["name"] == "fingerprints")
    checks = {one["name"]: one for one in stage["checks"]}
    assert checks["left_index_captured"]["reason"] == "left index finger: missing permanently"
    assert checks["left_index_captured"]["verdict"] == "not assessed"
    assert checks["left_index_exception_photo"]["verdict"] == "passed"
    assert checks["right_index_captured"]["verdict"] == "passed"
    media = {part["name"]: part["media_type"] for part in opened["manifest"]["parts"]}
    assert media["fingerprints/left_index_exception"] == "image/jpeg"
    assert "fingerprints/left_index" not in media
    files = {Path(name).stem: Path(name) for name in opened["files"]}
    (taken,) = read_record(files["fingerprints-fir"].read_bytes()).representations
    assert (taken.position, taken.compression) == (Position.RIGHT_INDEX, Compression.WSQ)
    (block,) = read_data_block(files["fingerprints-iso39794_4"].read_bytes())
    assert block.image == taken.image
    assert block.annotations == (Annotation(Position.LEFT_INDEX, AnnotationReason.AMPUTATED),)
    photo = cv2.imread(str(files["fingerprints-left_index_exception"]))
    assert photo is not None
    assert photo.shape[2] == 3
    assert float(np.std(photo)) > 5


def test_the_minutiae_are_counted_or_say_why_not(kiosk: Kiosk) -> None:
    """By libfprint's detector where it is installed; never left out."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    told = kiosk.visit(one.person.number)
    counted = told.check("fingerprints", "right_index_minutiae")
    if counted["verdict"] == "passed":
        assert counted["native"] > 5
    else:
        assert "libfprint" in counted["reason"]


def test_the_log_does_not_tell_whose_finger_is_missing(kiosk: Kiosk) -> None:
    """Only that one was excepted, and whether with a photo; here in the terminal."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    command = [sys.executable, "-m", "agent.cli", "intake", "--socket", str(kiosk.stage.socket), "--json", "--yes"]
    command += ["--number", one.person.number, "--except", "right_index=bandaged"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    verdicts = [line["verdict"] for line in told if line["kind"] == "stage_ended" and line["stage"] == "fingerprints"]
    assert verdicts == ["not assessed"]
    log = (kiosk.stage.logs / "agent.log").read_text(encoding="utf-8")
    assert "visit.finger_excepted" in log
    assert "bandaged" not in log

"""One person through the whole kiosk, on the devices' own wires, to the collector's receipt."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image

from agent.capture.portrait.models import MODELS
from agent.console.client import KioskClient
from demo.people import DemoPerson
from tests.end_to_end.harness import Kiosk, Told


@pytest.fixture(scope="module")
def taken_in(kiosk: Kiosk) -> tuple[DemoPerson, Told]:
    """One person who was taken in, and what the visit told."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    told = kiosk.visit(one.person.number)
    kiosk.await_receipts()
    return one, told


def test_every_stage_that_is_built_passes(taken_in: tuple[DemoPerson, Told]) -> None:
    """Chip, portrait and fingers pass; liveness and match say that the policy does not ask for them."""
    _, told = taken_in
    verdicts = {event["stage"]: event["verdict"] for event in told.kinds("stage_ended")}
    asked = {"chip": "passed", "portrait": "passed", "fingerprints": "passed"}
    expected = asked | {"liveness": "not assessed", "match": "not assessed"}
    assert verdicts == expected, told.kinds("stage_ended")
    assert told.events[-1]["state"] == "durable"


def test_the_collector_opens_exactly_what_the_devices_gave(
    kiosk: Kiosk, taken_in: tuple[DemoPerson, Told], tmp_path: Path
) -> None:
    """The chip's portrait byte for byte, a face picture of 35x45, one lossless picture per finger, the member's row."""
    one, told = taken_in
    opened = kiosk.opened(told.record_id, tmp_path / "opened")
    files = {Path(name).name: Path(name) for name in opened["files"]}
    manifest = opened["manifest"]
    assert manifest["member"]["full_name"] == one.person.full_name
    assert manifest["software"]["models"].items() >= {model.name: model.sha256 for model in MODELS}.items()
    media = {part["name"]: part["media_type"] for part in manifest["parts"]}
    assert {"portrait/crop", "fingerprints/right_index", "fingerprints/left_index"} <= set(media)
    chip_portrait = next(path for name, path in files.items() if path.read_bytes() == one.portrait.read_bytes())
    assert chip_portrait
    pictures = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in files.values() if path.suffix == ".png"]
    # The centre proves the chip by itself, with its own trust anchors and without the kiosk's word.
    again = {check["name"]: check["verdict"] for check in opened["verified_again"]}
    assert {"certificate_chain", "active_authentication", "active_authentication_freshness"} <= set(again)
    assert set(again.values()) == {"passed"}, again
    assert len(pictures) == 2
    assert all(picture is not None and picture.dtype == np.uint8 and picture.ndim == 2 for picture in pictures)


def test_the_record_is_at_the_collector_once(kiosk: Kiosk, taken_in: tuple[DemoPerson, Told]) -> None:
    """One row with this id, not quarantined, marked as a test."""
    rows = [row for row in kiosk.at_collector() if row["record_id"] == taken_in[1].record_id]
    assert [(bool(row["quarantined"]), row["test"]) for row in rows] == [(False, True)]


def test_no_log_holds_a_name_a_number_a_picture_or_a_key(kiosk: Kiosk, taken_in: tuple[DemoPerson, Told]) -> None:
    """Every log of collector and agent, searched for everything of the person and for every private key."""
    one, _ = taken_in
    logs = b"".join((kiosk.stage.logs / f"{name}.log").read_bytes() for name in ("agent", "collector"))
    text = unicodedata.normalize("NFC", logs.decode()).casefold()
    assert "visit.durable" in text
    for secret in _personal(one):
        # Not inside a longer number: six digits of a time or an id may happen to be somebody's.
        assert not re.search(rf"(?<![0-9a-f.]){re.escape(secret.casefold())}(?![0-9a-f])", text), "personal data"
    for path in [one.portrait, *kiosk.stage.folder.rglob("*.key")]:
        for form in _forms(path.read_bytes()):
            assert form not in logs, f"{path.name} is in a log"


def test_nothing_of_the_person_lies_readable_on_the_disk(kiosk: Kiosk, taken_in: tuple[DemoPerson, Told]) -> None:
    """Queue and collector store hold ciphertext only."""
    one, _ = taken_in
    searched = 0
    for folder in ("kiosk", "collector/store"):
        for path in (kiosk.stage.folder / folder).rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            searched += len(data)
            for secret in (*(s.encode() for s in _personal(one)), one.portrait.read_bytes()[200:260]):
                assert secret not in data, path
    assert searched > 100_000


def test_every_device_is_ready(kiosk: Kiosk) -> None:
    """`kiosk devices --json` finds the three devices, asked through the daemon."""
    found = kiosk.run("agent.cli", "devices", "--socket", str(kiosk.stage.socket), "--json")
    assert {device["kind"]: device["state"] for device in found} == {
        "card_reader": "ready",
        "camera": "ready",
        "fingerprint_pad": "ready",
    }


def test_a_command_line_intake_waits_for_the_receipt(kiosk: Kiosk) -> None:
    """`kiosk intake --yes --json --wait-receipt` ends with the record acknowledged."""
    one = kiosk.next_person()
    kiosk.arrange(one)
    command = [sys.executable, "-m", "agent.cli", "intake", "--socket", str(kiosk.stage.socket), "--json", "--yes"]
    command += ["--number", one.person.number, "--wait-receipt", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["state"] == "acknowledged"


def test_the_cards_qr_code_before_the_camera_is_read(kiosk: Kiosk, tmp_path: Path) -> None:
    """By the daemon's own camera, over the local API; without a card it is told what to do."""
    text = "001085000017|123456789|Nguyễn Văn Đức|01011985|Nam|Hà Nội|01012022"
    picture = tmp_path / "card.png"
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=8, add_quiet_zones=True)
    Image.fromarray(np.asarray(drawn)).save(picture)
    kiosk.stage.camera.thaw()
    kiosk.stage.camera.show(picture)
    with KioskClient(kiosk.stage.socket) as client:
        assert client.scan_card() == text


def _personal(one: DemoPerson) -> list[str]:
    person = one.person
    plain = "".join(c for c in unicodedata.normalize("NFD", person.full_name) if not unicodedata.combining(c))
    return [person.full_name, plain.replace("đ", "d").replace("Đ", "D"), person.number, person.number[-9:], person.can]


def _forms(data: bytes) -> list[bytes]:
    """Return the middle of a file raw, in hex and in base64: enough to recognise it by."""
    middle = data[len(data) // 2 :][:48]
    return [middle, middle.hex().encode(), base64.b64encode(middle)[:60]]

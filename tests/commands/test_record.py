"""`kiosk record verify` and `open`, on records as the collector keeps them."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app
from agent.opening import pack_record
from tests.collector.captured import PICTURES, captured
from tests.collector.world import KIOSK, OTHER_KIOSK, World, as_sent


@dataclass(frozen=True)
class Desk:
    """A record file and the keys that belong to it."""

    file: Path
    record_key: Path
    other_record_key: Path
    recipient_key: Path

    def run(self, *arguments: object) -> Result:
        """Run `kiosk record`."""
        return CliRunner().invoke(app, ["record", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk with one record on it."""
    world = World.make(tmp_path)
    file = tmp_path / "one.record"
    file.write_bytes(b"".join(pack_record(as_sent(captured(world.chain())))))
    own, other = (tmp_path / "trust" / kiosk / "record.pub.pem" for kiosk in (KIOSK, OTHER_KIOSK))
    return Desk(file, own, other, world.config.keys / "recipient.key")


def test_verify_tells_what_everyone_may_know_and_opens_nothing(desk: Desk) -> None:
    """Kiosk, epoch, seq, record id; no key that opens is asked for."""
    result = desk.run("verify", desk.file, "--record-key", desk.record_key, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["verified"], told["kiosk"], told["epoch"], told["seq"]) == (True, KIOSK, 1, 0)
    assert "Đức" not in desk.run("verify", desk.file, "--record-key", desk.record_key).output


def test_another_kiosks_key_and_a_changed_file_are_told(desk: Desk) -> None:
    """The cause, the file, and what to do."""
    other = desk.run("verify", desk.file, "--record-key", desk.other_record_key)
    assert other.exit_code == 1
    assert "sealing.signature_invalid" in other.output
    data = bytearray(desk.file.read_bytes())
    data[-1] ^= 1
    desk.file.write_bytes(data)
    assert "sealing.signature_invalid" in desk.run("verify", desk.file, "--record-key", desk.record_key).output
    desk.file.write_bytes(data[:-1])
    assert "record.not_a_record" in desk.run("verify", desk.file, "--record-key", desk.record_key).output


def test_a_record_filed_under_another_number_is_refused(desk: Desk) -> None:
    """The number in the file is not signed; the one in the record is."""
    data = bytearray(desk.file.read_bytes())
    data[8] = 5
    desk.file.write_bytes(data)
    result = desk.run("verify", desk.file, "--record-key", desk.record_key)
    assert "filed as record 5, signed as 0" in result.output


def test_open_writes_record_pictures_and_verdicts(desk: Desk, tmp_path: Path) -> None:
    """A folder for its owner only."""
    out = tmp_path / "opened"
    keys = ("--record-key", desk.record_key, "--recipient-key", desk.recipient_key)
    result = desk.run("open", desk.file, *keys, "--out", out)
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert json.loads((out / "record.json").read_bytes())["manifest"]["member"]["full_name"] == "Nguyễn Văn Đức"
    assert "sharpness" in (out / "verdicts.txt").read_text(encoding="utf-8")
    assert (out / "portrait.png").read_bytes() == PICTURES[0][2]
    assert "record.folder_in_use" in desk.run("open", desk.file, *keys, "--out", out).output


def test_open_without_a_folder_writes_nothing(desk: Desk, tmp_path: Path) -> None:
    """The table alone."""
    before = set(tmp_path.rglob("*"))
    keys = ("--record-key", desk.record_key, "--recipient-key", desk.recipient_key)
    told = json.loads(desk.run("open", desk.file, *keys, "--json").stdout)
    assert told["files"] == []
    assert told["manifest"]["visit"]["resumed"] is False
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("missing", ["--record-key", "--recipient-key"])
def test_a_missing_key_is_named(desk: Desk, missing: str) -> None:
    """With its path."""
    keys: dict[str, object] = {"--record-key": desk.record_key, "--recipient-key": desk.recipient_key}
    keys[missing] = "/nowhere.pem"
    result = desk.run("open", desk.file, *[word for pair in keys.items() for word in pair], "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (1, "sealing.key_unusable")
    assert "/nowhere.pem" in error["detail"]


def test_another_collectors_key_does_not_open(desk: Desk, tmp_path: Path) -> None:
    """The error names the key that is missing."""
    other = World.make(tmp_path / "other")
    key = other.config.keys / "recipient.key"
    result = desk.run("open", desk.file, "--record-key", desk.record_key, "--recipient-key", key, "--json")
    assert json.loads(result.stdout)["error"]["code"] == "sealing.seal_broken"

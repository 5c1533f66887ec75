"""`collector open` as a process of its own: log, doubles, one person on two kiosks, damage, and an interrupted run."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.capture.chip import TrustAnchors
from collector.opening import Opener, OpenerFolder
from collector.opening.errors import OpeningFailed, OpeningInUse, OpeningLogBroken
from collector.opening.log import START, OpeningLog, check_log
from tests.collector.captured import PICTURES, captured
from tests.collector.world import KIOSK, OTHER_KIOSK, Chain, World, as_sent

WITHIN_S = 60
WITHOUT_CHIP = PICTURES[:2]


class Desk:
    """A collector with stored records, and a folder where they are opened; the collector's has no sealing key."""

    def __init__(self, folder: Path) -> None:
        self.world = World.make(folder)
        self.chains = {kiosk: self.world.chain(kiosk) for kiosk in (KIOSK, OTHER_KIOSK)}
        self.place = OpenerFolder(folder / "opening")
        self.place.keys.mkdir(parents=True)
        shutil.move(self.world.config.keys / "recipient.key", self.place.keys / "recipient.key")

    def store(self, kiosk: str, *entries: Any) -> None:
        """Have the collector's own service store these records."""
        with self.world.store() as store:
            service = self.world.service(store)
            for entry in entries:
                position = store.position(kiosk)
                assert position is not None
                assert service.take(position, [as_sent(entry)]).refused is None
            service.close()

    def visit(self, kiosk: str = KIOSK) -> str:
        """Store one record of the same made-up person; return its id."""
        chain: Chain = self.chains[kiosk]
        self.store(kiosk, captured(chain, WITHOUT_CHIP, kiosk=kiosk))
        with self.world.store() as store:
            return store.records(1)[0].record_id.hex()

    def run(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """Run the command; return what it told of each record."""
        command = [sys.executable, "-m", "collector.cli", "open", *arguments, "--json"]
        command += ["--config", str(self.world.folder / "collector"), "--folder", str(self.place.path)]
        command += ["--who", "Trần Thị B", "--why", "kiểm tra"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
        assert done.returncode == code, done.stdout + done.stderr
        return [] if code == 3 else [json.loads(line) for line in done.stdout.splitlines()]

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        lines = (self.place.path / "openings.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Set a collector and an opener's folder up."""
    return Desk(tmp_path)


def test_records_are_opened_once_logged_and_readable_by_their_owner_only(desk: Desk) -> None:
    """Who and why are in the log before and after; a second run opens nothing again."""
    record = desk.visit()
    (done,) = desk.run()
    assert (done["record_id"], done["code"]) == (record, "")
    folder = Path(done["folder"])
    told = json.loads((folder / "record.json").read_bytes())
    assert told["manifest"]["member"]["number"] == "001085000001"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert [(line["what"], line["who"], line["why"]) for line in desk.log()] == [
        ("opens", "Trần Thị B", "kiểm tra"),
        ("opened", "Trần Thị B", "kiểm tra"),
    ]
    (again,) = desk.run()
    assert again["code"] == "double"
    assert len(desk.log()) == 2


def test_the_log_and_the_book_name_no_person(desk: Desk) -> None:
    """Both may be looked at by those who may not see the records."""
    desk.visit()
    desk.run()
    for path in desk.place.path.glob("openings*"):
        data = path.read_bytes()
        assert b"001085000001" not in data
        assert "Nguyễn Văn Đức".encode() not in data


def test_one_person_on_two_kiosks_is_an_alarm(desk: Desk) -> None:
    """Both records are opened; the later one names the other."""
    first = desk.visit(KIOSK)
    desk.visit(OTHER_KIOSK)
    one, two = desk.run()
    assert one["alarms"] == []
    (alarm,) = two["alarms"]
    assert alarm["code"] == "same_person_two_kiosks"
    assert first in alarm["detail"]
    desk.visit(KIOSK)
    third = desk.run()[-1]
    assert {alarm["code"] for alarm in third["alarms"]} == {"same_person_again", "same_person_two_kiosks"}


def test_a_record_with_a_false_hash_is_told_and_the_others_are_opened(desk: Desk) -> None:
    """Its salted hashes do not fit: nothing of it is written, the log has its code."""
    bad = captured(desk.chains[KIOSK], salt=bytes(32))
    desk.store(KIOSK, bad)
    desk.visit()
    damaged, good = desk.run(code=1)
    assert (damaged["code"], good["code"]) == ("record.damaged", "")
    assert [line["what"] for line in desk.log()] == ["opens", "record.damaged", "opens", "opened"]
    assert len(list(desk.place.records.iterdir())) == 1


def test_a_chip_that_the_kiosk_could_not_have_read_is_an_alarm(desk: Desk) -> None:
    """The parts hold no valid EF.SOD: judged again here it fails, whatever the kiosk said."""
    desk.visit()
    (done,) = desk.run()
    judged = json.loads((Path(done["folder"]) / "reverified.json").read_bytes())
    assert {check["verdict"] for check in judged["checks"]} == {"not assessed"}
    parts = (("chip/sod", "application/vnd.icao.sod", b"\x77\x02\x05\x00"),)
    desk.store(KIOSK, captured(desk.chains[KIOSK], parts))
    last = desk.run()[-1]
    assert "verdict_differs" in {alarm["code"] for alarm in last["alarms"]}


def test_one_record_by_its_id_and_an_unknown_one(desk: Desk) -> None:
    """The beginning of an id is enough; an id that is not there is said so, and nothing is logged for it."""
    record = desk.visit()
    desk.visit(OTHER_KIOSK)
    assert [done["record_id"] for done in desk.run(record[:10])] == [record]
    assert len(desk.log()) == 2
    desk.run("ffffffffffffffffffff", code=3)
    assert len(desk.log()) == 2


def test_without_sealing_keys_nothing_is_opened(desk: Desk) -> None:
    """And the log stays empty."""
    (desk.place.keys / "recipient.key").unlink()
    with desk.world.store() as store, pytest.raises(OpeningFailed, match="recipient"):
        Opener(store, desk.place, "a", "b", TrustAnchors(()))


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("x", " ")])
def test_nobody_opens_without_a_name_and_a_reason(desk: Desk, who: str, why: str) -> None:
    """Both must be told."""
    with desk.world.store() as store, pytest.raises(OpeningFailed, match="who and why"):
        Opener(store, desk.place, who, why, TrustAnchors(()))


def test_a_run_that_was_cut_off_is_done_again(desk: Desk) -> None:
    """Power went between the folder and the book: the folder is made again, the log shows both attempts."""
    desk.visit()
    (done,) = desk.run()
    (desk.place.path / "openings.sqlite").unlink()
    left = Path(done["folder"]).with_suffix(".new")
    left.mkdir()
    (left / "half").write_bytes(b"")
    (again,) = desk.run()
    assert again["code"] == ""
    assert not left.exists()
    assert [line["what"] for line in desk.log()] == ["opens", "opened"] * 2


def test_a_changed_log_stops_everything(desk: Desk) -> None:
    """A line that was changed or taken out is named."""
    desk.visit()
    desk.run()
    path = desk.place.path / "openings.log"
    lines = path.read_bytes().splitlines(keepends=True)
    for broken in (lines[1:], [lines[0].replace("kiểm".encode(), b"xem"), lines[1]], [lines[0], lines[1][:-1]]):
        path.write_bytes(b"".join(broken))
        with pytest.raises(OpeningLogBroken, match="line"):
            OpeningLog(path)


def test_the_log_is_one_process_at_a_time(tmp_path: Path) -> None:
    """Two could not both follow the last line."""
    with OpeningLog(tmp_path / "log") as log:
        log.append({"what": "opens"})
        with pytest.raises(OpeningInUse):
            OpeningLog(tmp_path / "log")
    assert check_log(tmp_path / "log") != START

"""`kiosk queue list, verify, repair, export, import` and `collector import`, with and without a daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app
from agent.queue import Queue
from collector.cli import app as collector_app
from tests.collector.world import KIOSK, World
from tests.commands.conftest import Run
from tests.console.service import ScriptedKiosk
from tests.uplink.kiosk import Kiosk

CONFIG = """
[kiosk]
name = "{kiosk}"
station = "s"
data_folder = "."
[collector]
address = "127.0.0.1:1"
[roster]
file = "roster.csv"
[trust]
folder = "trust/{kiosk}"
[models]
folder = "models"
[queue]
segment_mib = 16
"""
ROW = {
    "epoch": 1,
    "record_id": "ab" * 16,
    "size_bytes": 500_000,
    "age_s": 7300.0,
    "state": "durable",
    "note": "",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set a collector and two kiosks up in a new folder, with the kiosk's configuration."""
    (tmp_path / "kiosk.toml").write_text(CONFIG.format(kiosk=KIOSK), encoding="utf-8")
    (tmp_path / "usb").mkdir()
    return World.make(tmp_path)


@pytest.fixture
def kiosk_queue(world: World) -> Iterator[Kiosk]:
    """Open the first kiosk's queue."""
    with Kiosk(world) as opened:
        yield opened


def kiosk_alone(world: World, *arguments: object) -> Result:
    """Run `kiosk queue` where no daemon is."""
    environment = {"KIOSK_SOCKET": str(world.folder / "gone"), "KIOSK_CONFIG": str(world.folder / "kiosk.toml")}
    told = ["queue", *map(str, arguments)]
    return CliRunner().invoke(app, told, env={**environment, "COLUMNS": "200"})


def collector(world: World, *arguments: object) -> Result:
    """Run `collector`."""
    environment = {"COLLECTOR_CONFIG": str(world.folder / "collector"), "COLUMNS": "200"}
    return CliRunner().invoke(collector_app, list(map(str, arguments)), env=environment)


def values(done: Result) -> list[dict[str, Any]]:
    """Return the JSON lines of a command that went well."""
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


class TestList:
    """One line for each record."""

    def test_the_daemon_is_asked_page_by_page(self, run: Run, kiosk: ScriptedKiosk) -> None:
        """It knows what was sent; nobody needs rights on the folder."""
        kiosk.listed = [{**ROW, "seq": seq} for seq in range(1203)]
        assert len(values(run("queue", "list", "--json"))) == 1203
        assert [row["seq"] for row in values(run("queue", "list", "--json", "--from", 1200))] == [1200, 1201, 1202]
        assert [row["seq"] for row in values(run("queue", "list", "--json", "--limit", 2))] == [0, 1]

    def test_people_get_a_table_and_are_told_that_there_is_more(self, run: Run, kiosk: ScriptedKiosk) -> None:
        """Both languages, sizes and ages that can be read."""
        states = ("durable", "sent", "acknowledged", "quarantined")
        kiosk.listed = [{**ROW, "seq": seq, "state": states[seq % 4], "age_s": None} for seq in range(150)]
        kiosk.listed[0] = {**ROW, "seq": 0}
        done = run("queue", "list")
        assert done.exit_code == 0
        for words in ("chờ gửi", "đã ký nhận", "cách ly", "500,000", "2 h", "ab" * 16, "50 more: --from 100"):
            assert words in done.stdout
        done = run("queue", "list", "--waiting", "--limit", 3)
        assert "acknowledged" not in done.stdout

    def test_without_a_daemon_the_disk_is_read(self, world: World, kiosk_queue: Kiosk) -> None:
        """With the ids out of the signed payloads."""
        ids = kiosk_queue.enqueue(3)
        kiosk_queue.queue.acknowledge(0, kiosk_queue.queue.read(0).payload_sha256)
        rows = values(kiosk_alone(world, "list", "--json"))
        assert [row["record_id"] for row in rows] == ids
        assert [row["state"] for row in rows] == ["acknowledged", "durable", "durable"]
        assert [row["seq"] for row in values(kiosk_alone(world, "list", "--json", "--waiting"))] == [1, 2]

    def test_a_queue_that_is_not_there_is_told(self, world: World) -> None:
        """With where it was looked for."""
        done = kiosk_alone(world, "list", "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["error"]["code"] == "queue.not_there"


class TestVerifyAndRepair:
    """Finding and mending damage."""

    def test_a_healthy_queue_passes_while_it_is_held(self, world: World, kiosk_queue: Kiosk) -> None:
        """Signatures included."""
        kiosk_queue.enqueue(4)
        (told,) = values(kiosk_alone(world, "verify", "--json"))
        assert (told["ok"], told["records"], told["findings"], told["signatures"]) == (True, 4, [], "checked")
        done = kiosk_alone(world, "verify")
        assert "không có lỗi" in done.stdout

    def test_without_the_trust_folder_signatures_are_not_assessed(self, world: World, kiosk_queue: Kiosk) -> None:
        """The sums and the chain still are."""
        kiosk_queue.enqueue(1)
        (world.folder / "trust" / KIOSK / "campaign.pem").unlink()
        (told,) = values(kiosk_alone(world, "verify", "--json"))
        assert told["signatures"].startswith("not assessed")

    def test_damage_is_found_refused_while_held_then_mended_and_told(self, world: World) -> None:
        """The whole way of a technician."""
        with Kiosk(world) as kiosk:
            kiosk.enqueue(4)
            damaged = kiosk.queue.read(2).ciphertext
            (path,) = (world.folder / "queue").glob("segment-*")
            data = bytearray(path.read_bytes())
            data[data.index(damaged)] ^= 0xFF
            path.write_bytes(data)
            done = kiosk_alone(world, "verify")
            assert done.exit_code == 1
            assert "record 2" in done.stdout
            assert "kiosk queue repair" in done.stdout
            done = kiosk_alone(world, "repair")
            assert done.exit_code == 1
            assert "queue.locked" in done.stderr
            assert "process" in done.stderr
        (told,) = values(kiosk_alone(world, "repair", "--json"))
        assert [(one["place"], one["kept"]) for one in told["done"]] == [("record 2", "quarantine")]
        done = kiosk_alone(world, "repair")
        assert "Nothing needed repair" in done.stdout
        done = kiosk_alone(world, "verify")
        assert (done.exit_code, done.stdout.count("record 2")) == (1, 1)
        assert "take these people in again" in " ".join(done.stdout.split())
        assert "kiosk queue repair" not in done.stdout
        assert values(kiosk_alone(world, "list", "--json"))[2]["state"] == "quarantined"


class TestTransfer:
    """Out on a disk, in at the collector, the receipt back."""

    def test_the_whole_way_without_a_network(self, world: World) -> None:
        """The records may go from the kiosk once its receipt has come back."""
        usb = world.folder / "usb"
        with Kiosk(world) as kiosk:
            ids = kiosk.enqueue(5)
            (told,) = values(kiosk_alone(world, "export", usb, "--json"))
            assert told["exported"]["records"] == 5
            assert kiosk.queue.acknowledged == 0
        done = kiosk_alone(world, "import", usb)
        assert "custody.no_receipt" in done.stderr
        (told,) = values(collector(world, "import", usb, "--json"))
        assert (told["stored"], told["through_seq"], told["receipt_written"]) == (5, 4, True)
        assert world.stored_ids() == ids
        assert "5 đã có" in collector(world, "import", usb).stdout
        (told,) = values(kiosk_alone(world, "import", usb, "--json"))
        assert told == {"through_seq": 4}
        with Kiosk(world) as kiosk:
            assert kiosk.queue.acknowledged == 5
        assert "No record waits" in kiosk_alone(world, "export", usb).stdout

    def test_the_daemon_signs_and_takes_the_receipt(self, world: World, run: Run, kiosk_queue: Kiosk) -> None:
        """It holds the key and the queue."""
        kiosk_queue.enqueue(2)
        usb = world.folder / "usb"
        done = run("queue", "export", usb)
        assert done.exit_code == 0, done.output
        folder = usb / f"kiosk-export-{KIOSK}"
        assert (folder / "index.cose").read_bytes().startswith(b"signed ")
        assert "2 records" in done.stdout
        (folder / "receipt.cose").write_bytes(b"seven b")
        assert "through seq 7" in run("queue", "import", usb).stdout

    def test_a_disk_that_is_not_there_is_told(self, world: World, kiosk_queue: Kiosk) -> None:
        """Before anything is read."""
        done = kiosk_alone(world, "export", world.folder / "gone")
        assert (done.exit_code, "custody.disk_failing" in done.stderr) == (1, True)

    def test_an_import_from_a_disk_that_is_not_there_is_told(self, world: World) -> None:
        """Plugging it in is the remedy, not another import at the centre."""
        done = kiosk_alone(world, "import", str(world.folder / "nowhere"))
        assert done.exit_code == 1
        assert "custody.no_disk" in done.stderr

    def test_a_lost_record_is_told_and_the_rest_arrives(self, world: World) -> None:
        """Its tombstone goes in its place, an alarm is raised, the receipt covers it."""
        usb = world.folder / "usb"
        with Kiosk(world) as kiosk:
            ids = kiosk.enqueue(4)
            (path,) = (world.folder / "queue").glob("segment-*")
            data = bytearray(path.read_bytes())
            data[data.index(kiosk.queue.read(1).ciphertext)] ^= 0xFF
            path.write_bytes(data)
            assert "queue.locked" in kiosk_alone(world, "export", usb).stderr
        done = kiosk_alone(world, "export", usb)
        assert "take these people in again: 1." in done.stdout
        (told,) = values(collector(world, "import", usb, "--json"))
        assert (told["stored"], told["known"], told["lost"], told["through_seq"]) == (3, 0, [1], 3)
        assert world.stored_ids() == [ids[0], *ids[2:]]
        assert "mất ở kiosk · lost 1" in collector(world, "import", usb).stdout
        assert "record_lost" in collector(world, "alarms").stdout
        (told,) = values(kiosk_alone(world, "import", usb, "--json"))
        assert told == {"through_seq": 3}
        assert "No record waits" in kiosk_alone(world, "export", usb).stdout

    def test_an_import_that_fails_tells_why(self, world: World) -> None:
        """With the collector's own words."""
        done = collector(world, "import", world.folder / "usb", "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["error"]["code"] == "transfer.incomplete"


def test_a_carried_receipt_needs_the_queue_when_no_daemon_runs(world: World, kiosk_queue: Kiosk) -> None:
    """Somebody else holds it: their pid is told."""
    kiosk_queue.enqueue(1)
    usb = world.folder / "usb"
    kiosk_alone(world, "export", usb)
    collector(world, "import", usb)
    done = kiosk_alone(world, "import", usb)
    assert "queue.locked" in done.stderr
    assert isinstance(kiosk_queue.queue, Queue)

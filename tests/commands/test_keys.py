"""`kiosk keys`, with the centre's own commands beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app
from agent.config import Config, load_config
from agent.provisioning import epoch_book, queue_settings
from agent.queue import EpochStart, Queue
from collector.cli import app as collector_app
from tests.collector.world import KIOSK, World

Run = Callable[..., Result]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set a collector and its kiosks up."""
    return World.make(tmp_path)


@pytest.fixture
def run(world: World) -> Run:
    """Return a function that runs `kiosk keys` on the first kiosk."""
    config = world.folder / "kiosk.toml"
    config.write_text(
        f'[kiosk]\nname = "{KIOSK}"\nstation = "s"\ndata_folder = "data"\n[collector]\naddress = "localhost:1"\n'
        f'[trust]\nfolder = "trust/{KIOSK}"\n[queue]\nsegment_mib = 16\nmax_record_mib = 1\n',
        encoding="utf-8",
    )
    (world.folder / "data").mkdir(mode=0o700)
    _start_once(load_config(config))
    return lambda *words: CliRunner().invoke(app, ["keys", *words, "--config", str(config), "--json"])


def _start_once(config: Config) -> None:
    """Make the queue, as the kiosk's first start does."""
    book = epoch_book(config)
    first = book.current()
    start = EpochStart(first.number, first.head)
    Queue.open(book.queue_folder(first.number), start=start, settings=queue_settings(config)).close()


def centre(world: World, *words: str) -> Result:
    """Run `collector`."""
    return CliRunner().invoke(collector_app, [*words, "--config", str(world.folder / "collector"), "--json"])


def test_show_tells_place_epoch_and_public_half_and_nothing_secret(run: Run, world: World) -> None:
    """What was registered, word for word."""
    told = json.loads(run("show").stdout)
    trust = world.folder / "trust" / KIOSK
    assert (told["epoch"], told["kind"]) == ("1", "file")
    assert told["public_pem"] == (trust / "record.pub.pem").read_text()
    assert (trust / "record.key").read_text().splitlines()[1] not in run("show").output


def test_rotate_opens_the_next_epoch(run: Run) -> None:
    """With a key of its own."""
    before = json.loads(run("show").stdout)
    assert json.loads(run("rotate", "--reason", "yearly").stdout) == {"epoch": 2, "lost": []}
    after = json.loads(run("show").stdout)
    assert (after["epoch"], after["key_id"] != before["key_id"]) == ("2", True)
    assert json.loads(run("rotate").stdout)["error"]["code"] == "epoch.not_accepted_yet"


def test_a_data_folder_without_the_queue_opens_no_epoch(run: Run, world: World) -> None:
    """A wrong kiosk.data_folder must not give up what waits in the right one."""
    shutil.rmtree(world.folder / "data" / "queue")
    assert json.loads(run("rotate").stdout)["error"]["code"] == "queue.not_there"
    assert not (world.folder / "data" / "epochs").exists()


def test_a_lost_key_is_replaced_with_the_centres_token(run: Run, world: World) -> None:
    """The remedy that the error names works."""
    (world.folder / "trust" / KIOSK / "record.key").unlink()
    assert json.loads(run("rotate").stdout)["error"]["code"] == "epoch.token_needed"
    token = json.loads(centre(world, "token", KIOSK, "--reason", "TPM replaced").stdout)["token"]
    assert token.startswith("2-")
    assert json.loads(run("rotate", "--token", token).stdout)["epoch"] == 2


def test_a_wrong_token_is_told_before_anything_is_made(run: Run, world: World) -> None:
    """Nothing half done stays behind."""
    assert json.loads(run("rotate", "--token", "nonsense").stdout)["error"]["code"] == "epoch.token"
    assert not (world.folder / "data" / "epochs").exists()


def test_create_never_overwrites_and_its_key_can_be_registered(run: Run, world: World) -> None:
    """A new kiosk's first key, by name, once."""
    assert json.loads(run("create").stdout)["error"]["code"] == "key.exists"
    trust = world.folder / "trust" / KIOSK
    for name in ("record.key", "record.pub.pem"):
        (trust / name).unlink()
    made = json.loads(run("create").stdout)
    pem = world.folder / "new.pem"
    pem.write_text(made["public_pem"])
    told = json.loads(centre(world, "register", "kiosk-9", "--record-key", str(pem)).stdout)
    assert told == {"kiosk": "kiosk-9", "key_id": made["key_id"]}
    again = json.loads(centre(world, "register", KIOSK, "--record-key", str(pem)).stdout)
    assert again["error"]["code"] == "collector.registered_otherwise"


def test_the_centre_knows_no_token_for_a_stranger(world: World) -> None:
    """A typing error in the name is told."""
    result = centre(world, "token", "kiosk-77", "--reason", "x")
    assert json.loads(result.stdout)["error"]["code"] == "collector.no_such_kiosk"
    assert json.loads(centre(world, "alarms").stdout) == []

"""A client that shares no line of code with us appends the published test vector and gets a receipt."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.sealing import verify_receipt
from tests.collector.world import KIOSK, World
from tests.uplink.kiosk import CollectorProcess

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VECTORS = ROOT / "tests" / "data" / "record-v1.json"
INSTALL_WITHIN_S, WITHIN_S = 90, 60


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install gRPC for Node beside a copy of the script; skip where that cannot be done."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("append.js", "package.json"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_WITHIN_S)
    except subprocess.TimeoutExpired:
        pytest.skip("npm install did not end: no registry?")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm install failed: {error.stderr[-200:]}")
    return folder / "append.js"


def _take_over_the_published_key(world: World, published: dict[str, Any]) -> None:
    """Have the published record key stand for the kiosk, and the published sealing keys be known."""
    point, head = bytes.fromhex(published["signing_keys"]["record"]["point"]), published["epoch_start"]["head"]
    with closing(sqlite3.connect(world.config.store / "collector.sqlite")) as rows, rows:
        rows.execute("UPDATE kiosk SET record_key = ?, head = ? WHERE name = ?", (point, bytes.fromhex(head), KIOSK))
        rows.execute("UPDATE epoch SET record_key = ? WHERE kiosk = ?", (point, KIOSK))
    for label, key in published["sealing_keys"].items():
        (world.config.keys / f"recipient-{label}.pub").write_text(f"{label} {key['public']}\n", encoding="ascii")


def test_a_node_client_appends_the_published_records_and_is_acknowledged(client: Path, tmp_path: Path) -> None:
    """From the .proto and the published file alone: stored byte for byte, with a receipt that we believe."""
    published = json.loads(VECTORS.read_text(encoding="ascii"))
    world = World.make(tmp_path)
    assert published["epoch_start"]["kiosk"] == KIOSK
    _take_over_the_published_key(world, published)
    collector = CollectorProcess(world.folder / "collector")
    try:
        command = ["node", str(client), world.config.address, str(world.trust().tls.ca.parent), str(ROOT), str(VECTORS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S, cwd=client.parent)
    finally:
        assert collector.stop() == 0
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    records = published["records"]
    receipt = verify_receipt(bytes.fromhex(told["receipt"]), world.trust().receipt_keys)
    # The published records are one capture sealed by both suites, with one record id: the second one needs people.
    assert (receipt.kiosk, receipt.through_seq, receipt.quarantined) == (KIOSK, len(records) - 1, (1,))
    assert told["head"] == receipt.head.hex() == records[-1]["payload_sha256"]
    with world.store() as store:
        stored = store.every_record()
        assert [row.payload_sha256.hex() for row in stored] == [record["payload_sha256"] for record in records]
        assert [store.load(row).ciphertext.hex() for row in stored] == [record["ciphertext"] for record in records]

"""`collector bundle`: signing with the campaign key, with no collector and no network."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.bundle_versions import BundleTooOld, BundleVersions
from agent.provisioning import load_trust
from agent.sealing import FileSigningKey, open_bundle, public_key_pem
from collector.cli import app
from tests.collector.world import KIOSK, World


@pytest.fixture
def offline(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the campaign key on a machine where every connection fails."""

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    folder = world.folder / "offline"
    (world.folder / "collector" / "campaign").rename(folder)
    return folder


def run(*arguments: object) -> Result:
    """Run `collector bundle`."""
    return CliRunner().invoke(app, ["bundle", *map(str, arguments)], env={"COLUMNS": "200"})


def sign(offline: Path, kind: str, *more: object) -> Result:
    """Sign with the campaign key into `new.bundle`."""
    key, out = offline / "campaign.key", offline / "new.bundle"
    return run("sign", kind, *more, "--campaign-key", key, "--out", out, "--json")


def policy(folder: Path, text: str = '{"n": 2}') -> Path:
    """Write a policy document."""
    path = folder / "policy.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_new_policy_follows_the_one_before_and_kiosks_take_it(world: World, offline: Path) -> None:
    """The version is one higher; afterwards the older one is refused."""
    before = world.folder / "trust" / KIOSK / "bundles" / "policy.bundle"
    done = sign(offline, "policy", policy(offline), "--after", before)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["version"] == 2
    older = before.read_bytes()
    before.write_bytes((offline / "new.bundle").read_bytes())
    versions = BundleVersions(world.folder / "versions.json")
    assert load_trust(world.folder / "trust" / KIOSK, 0, versions=versions).policy.document == b'{"n": 2}'
    before.write_bytes(older)
    with pytest.raises(BundleTooOld):
        load_trust(world.folder / "trust" / KIOSK, 0, versions=versions)


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_that_is_not_above_is_refused(world: World, offline: Path, version: int) -> None:
    """Whoever signs is told before any kiosk is."""
    before = world.folder / "trust" / KIOSK / "bundles" / "policy.bundle"
    assert sign(offline, "policy", policy(offline), "--after", before).exit_code == 0
    second = offline / "second.bundle"
    (offline / "new.bundle").rename(second)
    done = sign(offline, "policy", policy(offline), "--after", second, "--version", version)
    assert done.exit_code == 1
    assert "collector.bundle_refused" in done.stdout
    assert not (offline / "new.bundle").exists()


def test_each_kind_is_signed_from_its_files(world: World, offline: Path) -> None:
    """Certificates, receipt keys, sealing keys; what was signed is shown."""
    collector = world.folder / "collector"
    receipt = FileSigningKey.load(collector / "keys" / "receipt.key")
    (offline / "receipt.pem").write_bytes(public_key_pem(receipt.public_key))
    contents = {
        "anchors": collector / "tls" / "ca.pem",
        "receipts": offline / "receipt.pem",
        "recipients": collector / "keys" / "recipient.pub",
    }
    for kind, path in contents.items():
        done = sign(offline, kind, path, "--version", 1)
        assert done.exit_code == 0, done.output
        shown = run("show", offline / "new.bundle", "--campaign", offline / "campaign.pem")
        assert shown.exit_code == 0, shown.output
        assert kind in shown.stdout
        (offline / "new.bundle").unlink()


@pytest.mark.parametrize(
    ("kind", "text"), [("policy", "{"), ("anchors", "x"), ("receipts", "x"), ("recipients", "x"), ("other", "x")]
)
def test_what_does_not_fit_is_not_signed(offline: Path, kind: str, text: str) -> None:
    """The file is named, and nothing is written."""
    assert sign(offline, kind, policy(offline, text), "--version", 1).exit_code == 1
    assert not (offline / "new.bundle").exists()


def test_a_number_or_a_bundle_before_is_needed(offline: Path) -> None:
    """A version is never guessed."""
    done = sign(offline, "policy", policy(offline))
    assert done.exit_code == 1
    assert "--after" in done.stdout


def test_nothing_is_written_over(offline: Path) -> None:
    """A bundle that is there stays."""
    (offline / "new.bundle").write_bytes(b"mine")
    assert sign(offline, "policy", policy(offline), "--version", 1).exit_code == 1
    assert (offline / "new.bundle").read_bytes() == b"mine"


def test_a_bundle_of_another_campaign_is_not_shown_as_good(world: World, offline: Path, tmp_path: Path) -> None:
    """Nor one with a single byte changed."""
    bundle = world.folder / "trust" / KIOSK / "bundles" / "policy.bundle"
    other = FileSigningKey.create(tmp_path / "other.key")
    (tmp_path / "other.pem").write_bytes(public_key_pem(other.public_key))
    assert run("show", bundle, "--campaign", tmp_path / "other.pem").exit_code == 1
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(bytes(data))
    done = run("show", bundle, "--campaign", offline / "campaign.pem")
    assert done.exit_code == 1
    assert "collector.bundle_refused" in done.stderr


def test_a_bundle_to_follow_must_be_of_the_same_kind_and_key(world: World, offline: Path) -> None:
    """Otherwise its number says nothing."""
    receipts = world.folder / "trust" / KIOSK / "bundles" / "receipts.bundle"
    done = sign(offline, "policy", policy(offline), "--after", receipts)
    assert done.exit_code == 1
    assert "receipts" in done.stdout


def test_signed_bundles_open_with_the_campaign_key_only(offline: Path, world: World) -> None:
    """The same format that kiosks read."""
    assert sign(offline, "policy", policy(offline), "--version", 7).exit_code == 0
    key = FileSigningKey.load(offline / "campaign.key")
    assert open_bundle((offline / "new.bundle").read_bytes(), key.public_key, "policy").version == 7

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from collector.config import load_config
from collector.errors import AlreadyExists, ConfigInvalid, SetupFailed
from collector.recipients import private_keys, recipient_key_ids
from collector.setup import Plan, set_up
from tests.collector.world import KIOSK, World


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return a plan for one kiosk."""
    return Plan(tmp_path / "c", tmp_path / "k", "centre", "127.0.0.1:8443", (KIOSK,), (), b"{}", False)


def test_everything_that_is_made_is_for_its_owner_only(plan: Plan, tmp_path: Path) -> None:
    """Files 0600, folders 0700: keys and bundles alike; the public half of the record key is no secret."""
    set_up(plan)
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*") if p not in {plan.kiosk_folder}}
    store = plan.folder / "store"
    wide = [p for p, mode in modes.items() if mode & 0o077 and not p.is_relative_to(store) and p.is_file()]
    assert [p.name for p in wide] == ["record.pub.pem"]
    assert modes[store] == modes[plan.folder / "keys"] == 0o700


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kiosks": ("../up",)}, SetupFailed),
        ({"kiosks": ("Kiosk",)}, SetupFailed),
        ({"kiosks": ("a", "a")}, SetupFailed),
        ({"policy": b"{"}, SetupFailed),
        ({"policy": b"\xff"}, SetupFailed),
        ({"name": 'x"\ndevelopment = true #'}, ConfigInvalid),
        ({"address": "nowhere"}, ConfigInvalid),
        ({"address": 'a":1'}, ConfigInvalid),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_plan_is_refused_before_anything_is_written(
    plan: Plan, tmp_path: Path, change: dict[str, object], error: type[Exception]
) -> None:
    """Names that lead out of the folder, values that would write other settings, a policy that is not JSON."""
    with pytest.raises(error):
        set_up(replace(plan, **change))  # type: ignore[arg-type] # the table's own types
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("used", ["c", f"k/{KIOSK}"])
def test_a_folder_in_use_is_never_written_to(plan: Plan, tmp_path: Path, used: str) -> None:
    """Keys are never replaced."""
    (tmp_path / used).mkdir(parents=True)
    (tmp_path / used / "mine").write_text("x", encoding="utf-8")
    with pytest.raises(AlreadyExists):
        set_up(plan)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["mine"]


def test_a_disk_that_refuses_is_told(plan: Plan, tmp_path: Path) -> None:
    """The error names the path."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(SetupFailed, match="file"):
        set_up(replace(plan, folder=tmp_path / "file" / "below"))


def test_certificates_serve_one_side_only(world: World) -> None:
    """A kiosk's certificate cannot pose as a collector, nor the other way round."""
    usages = {}
    for name, path in {
        "server": world.config.tls / "server.pem",
        "client": world.trust().tls.certificate,
    }.items():
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        usages[name] = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert usages == {"server": [ExtendedKeyUsageOID.SERVER_AUTH], "client": [ExtendedKeyUsageOID.CLIENT_AUTH]}


def test_the_written_settings_are_the_plans(plan: Plan) -> None:
    """What `init` writes, `serve` reads."""
    set_up(plan)
    config = load_config(plan.folder)
    assert (config.name, config.address, config.development) == ("centre", "127.0.0.1:8443", False)


def test_accepting_records_needs_no_private_sealing_key(world: World) -> None:
    """With the private key moved elsewhere the ids of the recipients are still known, and nothing opens."""
    (world.config.keys / "recipient.key").unlink()
    assert recipient_key_ids(world.config.keys) == {world.trust().recipients.current(0).key_id}
    assert private_keys(world.config.keys) == []

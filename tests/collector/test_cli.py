from __future__ import annotations

import datetime
import json
import socket
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from collector.certificates import Authority, Period
from collector.cli import app
from collector.store import NewRecord
from tests.collector.captured import captured
from tests.collector.world import KIOSK, World, as_sent


@pytest.fixture(autouse=True)
def _logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` sets logging up for its whole process, which is the tests' process here."""
    monkeypatch.setattr("agent.log.set_up_logging", lambda _: None)


def run(*arguments: object) -> Result:
    """Run `collector` with these arguments."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def filled(world: World) -> World:
    """Return a collector with two records, the second one in quarantine."""
    chain = world.chain()
    entries = [captured(chain), captured(chain)]
    with world.store() as store:
        position = store.position(KIOSK)
        assert position is not None
        identities = [bytes([n]) * 16 for n in (0xAA, 0xAB)]
        records = [
            NewRecord(as_sent(e), i, e.prev, e.payload_sha256, True, bytes(32), reason)
            for e, i, reason in zip(entries, identities, ("", "why"), strict=True)
        ]
        store.append(position, records, 10**18)
    return world


def init_arguments(folder: Path) -> list[object]:
    """Return arguments of `init` that work."""
    now = datetime.datetime.now(datetime.UTC)
    certificate = Authority.create("CSCA", Period.of_days(10, now)).certificate
    (folder / "csca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "policy.json").write_text("{}", encoding="utf-8")
    return [
        *("init", "--folder", folder / "c", "--kiosk", "k-1", "--kiosk", "k-2", "--kiosk-folder", folder / "k"),
        *("--policy", folder / "policy.json", "--csca", folder / "csca.pem"),
    ]


def test_init_makes_collector_and_kiosks(tmp_path: Path) -> None:
    """Both folders are named; as JSON too."""
    done = run(*init_arguments(tmp_path), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["kiosk_folders"] == [str(tmp_path / "k" / name) for name in ("k-1", "k-2")]
    assert (tmp_path / "k" / "k-2" / "record.key").exists()
    again = run(*init_arguments(tmp_path))
    assert again.exit_code == 1
    assert "collector.already_exists" in again.stderr


@pytest.mark.parametrize(("name", "data"), [("policy.json", None), ("csca.pem", None), ("csca.pem", b"nonsense")])
def test_init_names_the_file_that_is_wrong(tmp_path: Path, name: str, data: bytes | None) -> None:
    """Nothing is made."""
    arguments = init_arguments(tmp_path)
    (tmp_path / name).unlink() if data is None else (tmp_path / name).write_bytes(data)
    done = run(*arguments)
    assert done.exit_code == 1
    assert name in done.stderr.replace("\n", "")
    assert not (tmp_path / "c").exists()


def test_init_takes_der_and_pem(tmp_path: Path) -> None:
    """A CSCA certificate comes in either form."""
    arguments = init_arguments(tmp_path)
    certificate = x509.load_pem_x509_certificate((tmp_path / "csca.pem").read_bytes())
    (tmp_path / "csca.pem").write_bytes(certificate.public_bytes(Encoding.DER))
    assert run(*arguments).exit_code == 0


def test_list_shows_the_newest_first(filled: World) -> None:
    """Seq, quarantine and time, for people and as JSON."""
    done = run("list", "--config", filled.folder / "collector", "--json")
    rows = json.loads(done.stdout)
    assert [row["seq"] for row in rows] == [1, 0]
    assert rows[0]["quarantined"] == "why"
    assert rows[0]["received_at"] == "2001-09-09T01:46:40+00:00"
    assert len(json.loads(run("list", "--config", filled.folder / "collector", "--limit", 1, "--json").stdout)) == 1
    assert "abab" in run("list", "--config", filled.folder / "collector").stdout


def test_show_opens_and_writes_out(filled: World, tmp_path: Path) -> None:
    """`--json` prints the whole record and the files; a table is for people."""
    out = tmp_path / "opened"
    done = run("show", "latest", "--config", filled.folder / "collector", "--out", out, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["manifest"]["member"]["full_name"] == "Nguyễn Văn Đức"
    assert sorted(told["files"]) == sorted(str(path) for path in out.iterdir())
    assert "sharpness" in run("show", "aa", "--config", filled.folder / "collector").stdout


@pytest.mark.parametrize(
    ("record", "exit_code", "code"),
    [
        ("ff", 3, "collector.no_such_record"),
        ("a", 1, "collector.several_records"),
        ("zz", 3, "collector.no_such_record"),
    ],
)
def test_show_says_why_it_opens_nothing(filled: World, record: str, exit_code: int, code: str) -> None:
    """Words on standard error, or JSON on standard output; the exit code tells them apart."""
    done = run("show", record, "--config", filled.folder / "collector")
    assert done.exit_code == exit_code
    assert code in done.stderr
    assert done.stdout == ""
    as_json = run("show", record, "--config", filled.folder / "collector", "--json")
    assert json.loads(as_json.stdout)["error"]["code"] == code
    assert as_json.exit_code == exit_code


def test_show_without_the_sealing_key_opens_nothing(filled: World) -> None:
    """The word says which key is missing."""
    (filled.config.keys / "recipient.key").unlink()
    done = run("show", "aa", "--config", filled.folder / "collector")
    assert done.exit_code == 1
    assert "sealing.seal_broken" in done.stderr


@pytest.mark.parametrize("command", [["list"], ["show", "latest"], ["serve"]])
def test_a_missing_configuration_is_told(tmp_path: Path, command: list[str]) -> None:
    """File and remedy, in both languages."""
    done = run(*command, "--config", tmp_path / "gone.toml")
    assert done.exit_code == 1
    assert "gone.toml" in done.stderr.replace("\n", "")
    assert "collector.config" in done.stderr


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ("tls/server.pem", "collector.tls"),
        ("tls/ca.pem", "collector.tls"),
        ("keys/receipt.key", "sealing.key_unusable"),
        ("keys/recipient.pub", "sealing.key_unusable"),
        ("store/collector.sqlite", "collector.store_failed"),
    ],
)
def test_serve_names_what_keeps_it_from_starting(world: World, spoil: str, code: str) -> None:
    """A missing or broken file is the cause told, not the address."""
    path = world.folder / "collector" / spoil
    for data in (b"garbage" * 100, None):
        path.write_bytes(data) if data is not None else path.unlink()
        done = run("serve", "--config", world.folder / "collector", "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["error"]["code"] == code


def test_wrong_usage_has_its_own_exit_code() -> None:
    """As every program's."""
    assert run("show").exit_code == 2
    assert run("list", "--limit", 0).exit_code == 2


def test_serve_refuses_an_address_in_use(world: World) -> None:
    """Another program listens there."""
    with socket.socket() as taken:
        host, _, port = world.config.address.rpartition(":")
        taken.bind((host, int(port)))
        taken.listen()
        done = run("serve", "--config", world.folder / "collector", "--json")
    assert json.loads(done.stdout)["error"]["code"] == "collector.address"

"""The support bundle: what is in it, and that nothing personal, secret or pictured is, even when it is offered."""

from __future__ import annotations

import json
import os
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands.doctor import Order, examine
from agent.commands.screen import Screen
from agent.diagnostics import bundle
from agent.diagnostics.bundle import GONE, clean_config, clean_log, clean_text, machine_mark, pack_bundle
from agent.diagnostics.catalogue import CHECKS
from agent.diagnostics.context import Wishes
from agent.diagnostics.picture import SIGNATURE
from agent.diagnostics.run import select
from agent.provisioning import NotProvisioned
from agent.queue import Queue
from collector.support import BundleFile, open_bundle_file
from tests.collector.world import World
from tests.diagnostics.conftest import Kiosk
from tests.queue.records import SETTINGS, START, append

NUMBER, NAME, CAN = "001099012345", "Nguyễn Văn An", "012345"
SECRET_PIN = "9182736450"  # noqa: S105 # it is what the test looks for
EVENTS = [
    {
        "event": "visit.ended",
        "visit": "0a1b2c3d4e5f6071",
        "state": "done",
        "code": "",
        "timestamp": "2026-08-07T01:02:03Z",
    },
    {"event": "visit.bug", "kind": "ValueError", "where": ["visit.py:12", f"Họ tên {NAME}"], "detail": NAME},
    {"event": "queue.record_lost", "seq": 7, "note": NUMBER, "nested": {"name": NAME}},
    {"event": "camera.recovering", "code": "camera.frozen", "detail": f"http://user:{SECRET_PIN}@10.0.0.9/"},
    {"event": f"person {NAME}", "seq": 1},
    {"event": "visit.started", "visit": NUMBER, "seq": int(NUMBER)},
]


def contents(path: Path) -> dict[str, bytes]:
    """Unpack a bundle."""
    with tarfile.open(path) as archive:
        found = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read() for name, file in found.items() if file is not None}


@pytest.fixture
def full(kiosk: Kiosk) -> Kiosk:
    """Fill a kiosk with everything that must not leave it."""
    with Queue.open(kiosk.data / "queue", start=START, settings=SETTINGS) as queue:
        append(queue, 3)
    journal = kiosk.data / "journal"
    journal.mkdir(mode=0o700)
    (journal / "visit").write_text(f"{NUMBER} {NAME}")
    (kiosk.folder / "pin").write_text(SECRET_PIN)
    kiosk.configure(f'[keys]\nkind = "file"\npin_file = "{kiosk.folder / "pin"}"\npin_credential = "{SECRET_PIN}"\n')
    log = "\n".join(json.dumps(event, ensure_ascii=False) for event in EVENTS)
    kiosk.machine.program("journalctl", f"{log}\nTraceback: {NAME} {NUMBER}\n")
    kiosk.machine.put("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    return kiosk


def made(kiosk: Kiosk, tmp_path: Path) -> Path:
    """Run the whole doctor on the file tree and write the bundle."""
    target = tmp_path / "support.tar.gz"
    only = ("queue", "software", "trust", "machine")
    wishes = Wishes(can=CAN, out=tmp_path / "pictures")
    order = Order(kiosk.path, kiosk.folder / "none.sock", only, wishes=wishes, bundle=target)
    examine(Screen(as_json=True), order, kiosk.machine.system())
    return target


def test_what_is_in_it(full: Kiosk, tmp_path: Path) -> None:
    """Findings, report, configuration, machine and log; private, and small."""
    path = made(full, tmp_path)
    files = contents(path)
    names = {"findings.json", "report.html", "config.json", "system.json", "log.jsonl"}
    assert set(files) == {f"kiosk-support/{name}" for name in names}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < 100_000
    assert json.loads(files["kiosk-support/config.json"])["keys"] == {
        "kind": "file",
        "pin_file": GONE,
        "pin_credential": GONE,
    }
    log = [json.loads(line) for line in files["kiosk-support/log.jsonl"].splitlines()]
    assert log[0] == EVENTS[0]
    assert log[-1] == {"event": "bundle.lines_dropped", "count": 2}
    assert b"0123456789abcdef0123456789abcdef" not in b"".join(files.values())


def test_nothing_personal_no_key_and_no_picture(full: Kiosk, tmp_path: Path) -> None:
    """Every secret of this kiosk is looked for in every file, as text, as bytes, and in pieces."""
    everything = b"\n".join(contents(made(full, tmp_path)).values())
    for secret in (NUMBER, NAME, "Nguyễn", CAN + '"', SECRET_PIN, "1990-01-02"):
        assert secret.encode() not in everything, secret
        assert json.dumps(secret).strip('"').encode() not in everything, secret
    for path in (*full.trust.rglob("*.key"), *full.trust.rglob("*.bundle")):
        data = path.read_bytes()
        for line in re.findall(rb"[A-Za-z0-9+/=]{24,}", data):
            assert line[:24] not in everything, path
    for path in (full.data / "queue").glob("segment-*"):
        data = path.read_bytes()
        pieces = {data[at : at + 16] for at in range(8192, 40960, 512)} - {bytes(16)}
        assert not [piece for piece in pieces if piece in everything]
    assert SIGNATURE not in everything
    assert b"\xff\xd8\xff" not in everything
    assert b"PRIVATE KEY" not in everything


def test_unknown_settings_are_not_shown(tmp_path: Path) -> None:
    """A later version's secrets, a typo, a table of somebody's own."""
    path = tmp_path / "kiosk.toml"
    path.write_text(
        '[kiosk]\nname="k"\npasswrod="hunter2"\n[owner]\nphone="0912345678"\n[camera]\nsource="rtsp://u:p@h/s"\n'
    )
    shown = clean_config(path).decode()
    assert json.loads(shown) == {
        "kiosk": {"name": "k", "passwrod": GONE},
        "camera": {"source": f"rtsp://{GONE}h/s"},
        "other tables": [GONE],
    }


@pytest.mark.parametrize("data", [b"\xff\xfe", b"not toml [", b""])
def test_an_unreadable_configuration(tmp_path: Path, data: bytes) -> None:
    """Only that it is unreadable; the parser's message could quote it."""
    path = tmp_path / "kiosk.toml"
    path.write_bytes(data)
    assert len(json.loads(clean_config(path))) <= 1


@given(st.text(min_size=1, max_size=60), st.text(alphabet="0123456789", min_size=9, max_size=14))
def test_no_log_line_lets_text_or_numbers_through(name: str, number: str) -> None:
    """Whatever stands in whichever value: blanks, letters with marks and long numbers never pass."""
    event = {"event": "a.b", "detail": name, "visit": number, "code": f"x {name}", "where": [number, f"{name} "]}
    (shown, counted) = (json.loads(line) for line in clean_log([json.dumps(event)]))
    assert shown == {"event": "a.b", "visit": GONE, "code": GONE, "where": [GONE, GONE]}
    assert counted["count"] == 0


@pytest.mark.parametrize("line", ["", "{", "[]", "7", '{"event": 3}', '{"event": "A B"}', '{"no": "event"}'])
def test_lines_that_are_no_event_are_dropped(line: str) -> None:
    """And counted."""
    assert [json.loads(shown)["event"] for shown in clean_log([line])][-1] == "bundle.lines_dropped"


def test_free_text_loses_what_looks_secret() -> None:
    """Numbers of people, passwords in addresses, keys."""
    assert clean_text(f"a {NUMBER} b http://u:p@h/ {'ab' * 32} 1234") == f"a {GONE} b http://{GONE}h/ {GONE} 1234"


def test_its_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is left out and named."""
    monkeypatch.setattr(bundle, "MAX_BYTES", 1000)
    path = tmp_path / "b.tar.gz"
    path.write_bytes(pack_bundle({"small": bytes(10), "large": os.urandom(5000), "other": bytes(20)}, now_s=0))
    assert set(contents(path)) == {f"kiosk-support/{name}" for name in ("small", "other", "LEFT_OUT.txt")}


def test_without_a_journal_it_says_so(kiosk: Kiosk, tmp_path: Path) -> None:
    """The program that is missing is named in place of the log."""
    files = contents(made(kiosk, tmp_path))
    assert b"journalctl" in files["kiosk-support/log.jsonl"]
    assert machine_mark(kiosk.machine.system()) == "?"


def test_a_sealed_bundle_is_for_the_collector_alone(full: Kiosk, made_world: World, tmp_path: Path) -> None:
    """No archive on the kiosk; the collector's key opens it; without the recipients' bundle nothing is written."""
    sealed, opened = tmp_path / "support.sealed", tmp_path / "support.tar.gz"
    checks = select(CHECKS, ["software.config"])
    order = Order(full.path, full.folder / "none.sock", bundle=sealed, seal=True)
    examine(Screen(as_json=True), order, full.machine.system(), checks)
    assert not tarfile.is_tarfile(sealed)
    assert open_bundle_file(made_world.config, sealed, opened) == opened.stat().st_size
    assert "kiosk-support/findings.json" in contents(opened)
    with pytest.raises(BundleFile):
        open_bundle_file(made_world.config, sealed, opened)
    sealed.unlink()
    (full.trust / "bundles" / "recipients.bundle").unlink()
    with pytest.raises(NotProvisioned):
        examine(Screen(as_json=True), order, full.machine.system(), checks)
    assert not sealed.exists()

from __future__ import annotations

import json
from pathlib import Path

import pytest
from firmware_mocks.chip_card.trust_files import State

from agent.capture.chip.errors import NoSuchAnchor, NotTrusted
from agent.commands import trust
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    """Import a CSCA; return the store's folder."""
    file = tmp_path / "csca.der"
    file.write_bytes(State.make().csca.der)
    assert trust.import_file(Screen(), tmp_path / "store", file) is ExitCode.OK
    return tmp_path / "store"


def test_import_list_show_remove(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The life of an anchor, for scripts."""
    screen = Screen(as_json=True)
    capsys.readouterr()
    trust.list_all(screen, imported)
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["kind"], entry["name"]) == ("csca", "CSCA")
    trust.show(screen, imported, entry["fingerprint"][:10])
    assert json.loads(capsys.readouterr().out)["fingerprint"] == entry["fingerprint"]
    trust.remove(screen, imported, entry["fingerprint"][:10])
    capsys.readouterr()
    trust.list_all(screen, imported)
    assert json.loads(capsys.readouterr().out) == []


def test_tables_for_people(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both languages."""
    trust.list_all(Screen(), imported)
    shown = capsys.readouterr().out
    assert "Neo tin cậy" in shown
    assert "csca" in shown


def test_what_cannot_be_trusted_is_an_error(imported: Path, tmp_path: Path) -> None:
    """It names the remedy."""
    file = tmp_path / "list.ml"
    file.write_bytes(State.make("Stranger").master_list([]))
    with pytest.raises(NotTrusted) as caught:
        trust.import_file(Screen(), imported, file)
    assert "CSCA" in caught.value.remedy.en
    with pytest.raises(NoSuchAnchor):
        trust.show(Screen(), imported, "abcdef")

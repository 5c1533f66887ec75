"""One door to the record key: settings decide; the optional libraries may be absent."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.sealing.errors import KeyUnusable
from agent.sealing.key_errors import KeyExists, KeyLibraryMissing, KeyMismatch, KeyMissing, RecordKeyError
from agent.sealing.key_settings import InFile, InTpm, OnToken, PinSource, RecordKeySettings
from agent.sealing.keys import FileRecordKey
from agent.sealing.record_key import (
    create_record_key,
    delete_record_key,
    load_record_key,
    release,
    show_record_key,
)
from agent.sealing.registered_key import PUBLIC_MODE, public_pem, write_new
from agent.words import KioskError

LABEL = "kiosk"


def test_a_file_key_is_made_loaded_shown_and_deleted(tmp_path: Path) -> None:
    """The default kind: `record.key` 0600 and its public half, the same key each time."""
    made = create_record_key(InFile(), tmp_path)
    assert stat.S_IMODE((tmp_path / "record.key").stat().st_mode) == 0o600
    loaded = load_record_key(InFile(), tmp_path)
    shown = show_record_key(InFile(), tmp_path)
    assert loaded.key_id == made.key_id
    assert (shown.kind, shown.key_id) == ("file", made.key_id.hex())
    assert shown.public_pem.encode() == public_pem(made.public_key)
    assert shown.place == str(tmp_path / "record.key")
    delete_record_key(InFile(), tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyMissing):
        delete_record_key(InFile(), tmp_path)


def test_a_file_key_without_registered_half_loads(tmp_path: Path) -> None:
    """Trust folders from before hold only record.key."""
    made = FileRecordKey.create(tmp_path / "record.key")
    key = load_record_key(InFile(), tmp_path)
    assert key.key_id == made.key_id
    release(key)


def test_a_file_key_must_be_the_registered_one(tmp_path: Path) -> None:
    """A swapped file is refused, with both key ids."""
    create_record_key(InFile(), tmp_path)
    other = FileRecordKey.create(tmp_path / "other.key")
    (tmp_path / "other.key").replace(tmp_path / "record.key")
    with pytest.raises(KeyMismatch, match=other.key_id.hex()):
        load_record_key(InFile(), tmp_path)


def test_create_never_overwrites(tmp_path: Path) -> None:
    """Neither the key nor a registered half that is left of a lost one."""
    made = create_record_key(InFile(), tmp_path)
    with pytest.raises(KeyExists):
        create_record_key(InFile(), tmp_path)
    (tmp_path / "record.key").unlink()
    with pytest.raises(KeyExists):
        create_record_key(InFile(), tmp_path)
    assert (tmp_path / "record.pub.pem").read_bytes() == public_pem(made.public_key)


def test_a_registered_half_that_is_no_key_is_unusable(tmp_path: Path) -> None:
    """A torn or foreign file is told, not ignored."""
    create_record_key(InFile(), tmp_path)
    (tmp_path / "record.pub.pem").write_text("torn")
    with pytest.raises(KeyUnusable):
        load_record_key(InFile(), tmp_path)


def test_a_new_file_in_a_missing_folder_is_a_typed_error(tmp_path: Path) -> None:
    """The cause is the folder, and the error says so."""
    with pytest.raises(RecordKeyError, match="No such file"):
        write_new(tmp_path / "nowhere" / "record.pub.pem", b"x", PUBLIC_MODE)


@pytest.mark.parametrize(
    ("settings", "library", "extra"),
    [
        (OnToken(Path("/x.so"), LABEL, PinSource(Path("/pin"))), "pkcs11", r"\[pkcs11\]"),
        (InTpm(), "tpm2_pytss", r"\[tpm\]"),
    ],
    ids=["pkcs11", "tpm"],
)
@pytest.mark.parametrize("action", [create_record_key, load_record_key, show_record_key, delete_record_key])
def test_a_missing_library_is_told_with_the_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: RecordKeySettings,
    library: str,
    extra: str,
    action: object,
) -> None:
    """Without the optional library: which extra to install."""
    for name in [name for name in sys.modules if name.startswith(("agent.sealing.pkcs11", "agent.sealing.tpm"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    assert callable(action)
    with pytest.raises(KeyLibraryMissing, match=extra):
        action(settings, tmp_path)


@pytest.mark.parametrize(("kind", "fixture"), [("pkcs11", "on_token"), ("tpm", "with_pin")])
def test_a_hardware_key_goes_through_the_same_door(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, fixture: str
) -> None:
    """Create, load, show and delete, as with a file."""
    pytest.importorskip({"pkcs11": "pkcs11", "tpm": "tpm2_pytss"}[kind], reason=f"extra {kind} is not installed")
    settings: RecordKeySettings = request.getfixturevalue(fixture)
    folder = tmp_path / "trust"
    made = create_record_key(settings, folder)
    release(made)
    loaded = load_record_key(settings, folder)
    assert len(loaded.sign(b"x")) == 64
    release(loaded)
    shown = show_record_key(settings, folder)
    assert (shown.kind, shown.key_id) == (kind, made.key_id.hex())
    assert shown.place
    delete_record_key(settings, folder)
    assert not list(folder.iterdir())


def test_the_door_needs_neither_library() -> None:
    """A kiosk with a file key imports neither python-pkcs11 nor tpm2-pytss."""
    program = (
        "import sys; import agent.sealing, agent.sealing.record_key;"
        "sys.exit(any(sys.modules.get(name) for name in ('pkcs11', 'tpm2_pytss')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def _all_below(kind: type[KioskError]) -> list[type[KioskError]]:
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in _all_below(below))]


def test_every_error_speaks_both_languages() -> None:
    """Each has its own code, words and remedy, Vietnamese and English."""
    errors = _all_below(RecordKeyError)[1:]
    assert len({error.code for error in errors}) == len(errors) >= 12
    for error in errors:
        texts = (error.words.vi, error.words.en, error.remedy.vi, error.remedy.en)
        assert all(texts)
        assert error.remedy != KioskError.remedy, error.__name__

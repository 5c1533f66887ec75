from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.opening import FolderInUse, NotWritten, OpenedRecord, RecordDamaged, as_json, open_record, write_out
from agent.queue import Entry
from agent.sealing import RecipientPrivateKey, SealBroken, SignatureInvalid, point_of
from collector.recipients import private_keys
from tests.collector.captured import PICTURES, Part, captured, manifest
from tests.collector.world import Chain, World, as_sent

Open = Callable[[Entry], OpenedRecord]


@pytest.fixture
def opened(world: World) -> Open:
    """Return a function that opens a record with the collector's keys."""
    point = point_of(world.trust().record_key.public_key)
    return lambda entry: open_record(as_sent(entry), point, private_keys(world.config.keys))


def test_a_record_opens_to_what_was_sealed(opened: Open, chain: Chain) -> None:
    """Parts byte for byte, verdicts as words, the person's name in its own letters."""
    entry = captured(chain)
    record = opened(entry)
    assert record.parts == tuple(data for _, _, data in PICTURES)
    told = json.loads(json.dumps(as_json(record)))
    assert told["manifest"]["member"]["full_name"] == "Nguyễn Văn Đức"
    assert told["manifest"]["operator"]["verdict"] == "not assessed"
    assert told["signed"]["seq"] == entry.seq


def test_nothing_of_the_person_is_in_its_repr(opened: Open, chain: Chain) -> None:
    """An opened record may be printed by accident."""
    assert "Đức" not in repr(opened(captured(chain)))


def test_a_record_signed_by_another_key_does_not_open(world: World, chain: Chain) -> None:
    """The signature is checked before anything is decrypted."""
    other = point_of(world.trust("kiosk-2").record_key.public_key)
    with pytest.raises(SignatureInvalid):
        open_record(as_sent(captured(chain)), other, private_keys(world.config.keys))


def test_a_record_for_another_key_does_not_open(world: World, chain: Chain) -> None:
    """The error names the key that is missing."""
    point, stranger = point_of(world.trust().record_key.public_key), RecipientPrivateKey.create(world.folder / "s.key")
    with pytest.raises(SealBroken, match=world.trust().recipients.current(0).key_id.hex()):
        open_record(as_sent(captured(chain)), point, [stranger])


@pytest.mark.parametrize(
    "wrong",
    [
        {"record_id": bytes(16)},
        {"kiosk": "kiosk-2"},
        {"parts": ()},
        {"salt": bytes(32)},
        {"parts": tuple(replace(p, size_bytes=p.size_bytes + 1) for p in manifest(PICTURES, bytes(16)).parts)},
        {"parts": tuple(reversed(manifest(PICTURES, bytes(16)).parts))},
    ],
    ids=["record id", "kiosk", "no parts", "salt", "size", "order"],
)
def test_a_manifest_that_does_not_fit_is_damage(opened: Open, chain: Chain, wrong: dict[str, Any]) -> None:
    """Every claim of the manifest is compared with what is there."""
    with pytest.raises(RecordDamaged):
        opened(captured(chain, **wrong))


def test_another_manifest_than_the_signed_one_is_damage(opened: Open, chain: Chain) -> None:
    """The signed core names the manifest's hash."""
    with pytest.raises(RecordDamaged, match="manifest hash"):
        opened(chain.entry(b""))


def test_pictures_and_json_are_written_for_the_owner_only(opened: Open, chain: Chain, tmp_path: Path) -> None:
    """One file per part with the ending of its type, and record.json; 0600 in 0700 whatever the umask."""
    out, before = tmp_path / "out", os.umask(0)
    try:
        files = write_out(opened(captured(chain)), out)
    finally:
        os.umask(before)
    assert {file.name for file in files} == {
        "record.json",
        "verdicts.txt",
        "portrait.png",
        "fingerprints-right_index.png",
        "chip-sod.p7b",
    }
    assert (out / "portrait.png").read_bytes() == PICTURES[0][2]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "parts",
    [
        (("../../outside", "image/png", b"1"),),
        (("/etc/passwd", "image/png", b"1"),),
        (("..", "text/plain", b"1"), (".", "text/plain", b"2"), ("", "text/plain", b"3")),
        (("record", "application/json", b"1"), ("verdicts", "text/plain", b"2")),
        (("a/b", "image/png", b"1"), ("a-b", "image/png", b"2"), ("a b", "image/png", b"3")),
        (("ạ" * 300, "image/png", b"1"), ("x\0y\n", "image/png", b"2")),
    ],
    ids=["up", "absolute", "dots", "record.json", "one name", "long and odd"],
)
def test_names_from_a_record_cannot_leave_the_folder_or_meet(
    opened: Open, chain: Chain, tmp_path: Path, parts: tuple[Part, ...]
) -> None:
    """Each part gets a file of its own below the folder, and record.json stays ours."""
    out = tmp_path / "a" / "out"
    record = opened(captured(chain, parts))
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    files = write_out(record, out)
    assert sorted(out.iterdir()) == sorted(set(files))
    assert [file.read_bytes() for file in files[2:]] == [data for _, _, data in parts]
    assert json.loads(files[0].read_bytes())["signed"]["epoch"] == 1
    assert {p for p in tmp_path.rglob("*") if p.is_file() and not p.is_relative_to(out)} <= before


def test_nothing_is_written_over(opened: Open, chain: Chain, tmp_path: Path) -> None:
    """A folder that holds anything is refused, a second opening included."""
    record = opened(captured(chain))
    write_out(record, tmp_path / "out")
    with pytest.raises(FolderInUse):
        write_out(record, tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_told(opened: Open, chain: Chain, tmp_path: Path) -> None:
    """The error names the path."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(NotWritten, match="file"):
        write_out(opened(captured(chain)), tmp_path / "file")

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.capture.chip import ChipDataError, ChipPolicy, RecordBinding
from agent.capture.chip.folder import TRANSCRIPT, inspect, read_folder, write_folder
from agent.capture.chip.tlv import encode
from agent.capture.evidence import Verdict

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEEP = ChipPolicy(keep_raw_dg13=True)


@pytest.fixture
def written(new_link: Callable[..., Any], read: Any, tmp_path: Path) -> Path:
    """Read a card and write its files."""
    folder = tmp_path / "card"
    binding = RecordBinding(bytes(16), bytes(32))
    write_folder(read(new_link(), policy=KEEP, binding=binding).evidence, folder)
    return folder


def verdicts(folder: Path, read: Any) -> dict[str, Verdict]:
    """Judge a folder."""
    result = inspect(read_folder(folder), read.anchors, KEEP, NOW)
    return {check.name: check.verdict for check in result.evidence.checks}


def test_what_was_read_is_judged_again(written: Path, read: Any) -> None:
    """Passive and active authentication; what needs the chip is not assessed."""
    found = verdicts(written, read)
    assert {name for name, verdict in found.items() if verdict is Verdict.NOT_ASSESSED} == {
        "access_control",
        "chip_authentication",
    }
    assert Verdict.FAILED not in found.values()
    assert found["active_authentication"] is Verdict.PASSED


def test_only_its_owner_reads_it(written: Path) -> None:
    """Personal data on a disk: modes 0700 and 0600, and never over something else."""
    assert written.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in written.iterdir()} == {0o600}
    assert (written / "portrait.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    with pytest.raises(FileExistsError):
        write_folder(None, written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "naming",
    [
        {"EF_SOD": "011D", "DG1": "0101", "DG2": "0102.bin", "DG13": "010d"},
        {"EF_SOD": "EF.SOD", "DG1": "EF_DG1.bin", "DG2": "dg2.BIN", "DG14": "010E", "DG15": "EF.DG15"},
        {"EF_SOD": "sod.bin"},
    ],
)
def test_other_softwares_names(written: Path, read: Any, naming: dict[str, str]) -> None:
    """By name, by file identifier, with or without an ending, in any case; other files are left alone."""
    (written / "notes.txt").write_text("x")
    for name, other in naming.items():
        (written / name).rename(written / other)
    assert verdicts(written, read)["data_group_hashes"] is Verdict.PASSED


@pytest.mark.parametrize(
    ("tags", "verdict", "reason"),
    [
        ("6175636D6E6F", Verdict.PASSED, ""),
        ("61756D6E6F", Verdict.FAILED, "EF.COM and EF.SOD differ in DG3"),
        ("6175636B6D6E6F", Verdict.FAILED, "EF.COM and EF.SOD differ in DG11"),
        ("61FF", Verdict.FAILED, "EF.COM lists tag FF"),
    ],
)
def test_ef_com_is_held_against_what_is_signed(
    written: Path, read: Any, tags: str, verdict: Verdict, reason: str
) -> None:
    """Told, and no gate: it is not signed."""
    listed = bytes.fromhex(tags)
    versions = bytes.fromhex("5F0104303130375F3606303430303030")
    (written / "EF_COM").write_bytes(encode(0x60, versions + encode(0x5C, listed)))
    result = inspect(read_folder(written), read.anchors, KEEP, NOW)
    (check,) = [check for check in result.evidence.checks if check.name == "ef_com_consistency"]
    assert (check.verdict, check.reason, check.gate) == (verdict, reason, False)
    assert result.evidence.verdict is Verdict.PASSED


def test_a_folder_without_a_whole_ef_com_is_judged(written: Path, read: Any) -> None:
    """Garbage there ends nothing."""
    (written / "EF_COM").write_bytes(b"\x60\x00")
    assert verdicts(written, read)["ef_com_consistency"] is Verdict.FAILED


def test_a_changed_file_fails(written: Path, read: Any) -> None:
    """By its hash."""
    content = bytearray((written / "DG13").read_bytes())
    content[-1] ^= 1
    (written / "DG13").write_bytes(content)
    assert verdicts(written, read)["data_group_hashes"] is Verdict.FAILED


def test_a_transcript_of_another_chip_fails(
    written: Path, read: Any, new_link: Callable[..., Any], tmp_path: Path
) -> None:
    """Its answer is not this DG15's."""
    other = tmp_path / "other"
    write_folder(read(new_link(), binding=RecordBinding(bytes(16), bytes(32))).evidence, other)
    (written / TRANSCRIPT).write_bytes((other / TRANSCRIPT).read_bytes())
    assert verdicts(written, read)["active_authentication"] is Verdict.FAILED


@pytest.mark.parametrize("name", ["EF_SOD", "0101", "DG5", "DG2"])
def test_folders_that_cannot_be_judged_are_refused(written: Path, read: Any, name: str) -> None:
    """No EF.SOD, two files for one, a group that nobody signed, a file too large."""
    if name == "EF_SOD":
        (written / name).unlink()
    elif name == "DG2":
        (written / name).write_bytes(bytes(600_000))
    else:
        (written / name).write_bytes(b"\x61\x00")
    with pytest.raises(ChipDataError):
        verdicts(written, read)

"""A chip's files in a folder, as this kiosk or other software writes them, judged without the chip."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent.capture.chip import active_authentication
from agent.capture.chip.active_authentication import Transcript
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.files import MAX_FILE_BYTES
from agent.capture.chip.judging import ChipFiles, ChipPolicy, ChipResult, Proofs, judge
from agent.capture.chip.security_infos import SecurityInfos, parse_dg14
from agent.capture.chip.security_object import SecurityObject, parse_sod
from agent.capture.chip.travel_groups import parse_com
from agent.capture.chip.trust import TrustAnchors
from agent.capture.evidence import Check, Evidence, Verdict

# EF_SOD, EF.SOD, SOD, DG1, EF_DG1, 011D, 0101, with or without .bin, in any case.
_NAME = re.compile(r"(?:EF[_.])?(SOD|COM|DG([1-9]|1[0-6])|01(1D|1E|0[1-9A-F]|10))(?:\.BIN)?")
TRANSCRIPT = "active_authentication.json"
_SOD, _COM = 0x1D, 0x1E
OFFLINE = "judged offline: the chip was not there"


@dataclass(frozen=True, slots=True)
class Folder:
    """The files by their short identifiers, and the transcript of active authentication, if any."""

    files: dict[int, bytes] = field(repr=False)
    transcript: Transcript | None = field(repr=False, default=None)


def read_folder(folder: Path) -> Folder:
    """Read the chip's files in a folder; raise ChipDataError for none, two of one kind, or one too large; OSError."""
    files: dict[int, bytes] = {}
    for path in sorted(folder.iterdir()):
        found = _NAME.fullmatch(path.name.upper())
        if found is None or not path.is_file():
            continue
        number = _number(found)
        if number in files:
            raise ChipDataError(f"{path.name}: there is another file for the same")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ChipDataError(f"{path.name} has {path.stat().st_size} bytes")
        files[number] = path.read_bytes()
    if _SOD not in files:
        raise ChipDataError("the folder has no EF.SOD")
    transcript = folder / TRANSCRIPT
    return Folder(files, Transcript.from_json(transcript.read_bytes()) if transcript.is_file() else None)


def _number(found: re.Match[str]) -> int:
    if found[2]:
        return int(found[2])
    return {"SOD": _SOD, "COM": _COM}[found[1]] if found[3] is None else int(found[3], 16)


def inspect(folder: Folder, anchors: TrustAnchors, policy: ChipPolicy, now: datetime) -> ChipResult:
    """Judge a folder as read_chip judges a chip, as far as that goes without it; raise ChipDataError."""
    sod = parse_sod(folder.files[_SOD])
    groups = {number: data for number, data in folder.files.items() if number in sod.data_groups}
    unsigned = [f"DG{number}" for number in folder.files if number not in (*sod.data_groups, _SOD, _COM)]
    if unsigned:
        raise ChipDataError(f"not listed in EF.SOD: {', '.join(unsigned)}")
    checks = (
        *_common_data(folder, sod),
        Check("access_control", Verdict.NOT_ASSESSED, OFFLINE, gate=False, attested=True),
        _active(folder, groups),
        Check("chip_authentication", Verdict.NOT_ASSESSED, OFFLINE, gate=False, attested=True),
    )
    return judge(ChipFiles(folder.files[_SOD], groups), sod, Proofs(checks), None, anchors, policy, now)


def _common_data(folder: Folder, sod: SecurityObject) -> tuple[Check, ...]:
    """Hold EF.COM, which is not signed, against EF.SOD; told only, since genuine documents differ too."""
    if _COM not in folder.files:
        return ()
    name = "ef_com_consistency"
    try:
        listed = parse_com(folder.files[_COM]).data_groups
    except ChipDataError as error:
        return (Check(name, Verdict.FAILED, error.detail, gate=False),)
    differing = sorted(listed ^ set(sod.data_groups))
    if differing:
        which = ", ".join(f"DG{number}" for number in differing)
        return (Check(name, Verdict.FAILED, f"EF.COM and EF.SOD differ in {which}", gate=False),)
    return (Check(name, Verdict.PASSED, gate=False),)


def _active(folder: Folder, groups: dict[int, bytes]) -> Check:
    if folder.transcript is None or 15 not in groups:
        return Check(active_authentication.NAME, Verdict.NOT_ASSESSED, OFFLINE, gate=False)
    infos = parse_dg14(groups[14]) if 14 in groups else SecurityInfos()
    return active_authentication.verify(folder.transcript, groups[15], infos.active_algorithm)


def write_folder(evidence: Evidence, folder: Path) -> list[Path]:
    """Write what a reading kept into a folder of its own, readable by its owner alone; raise OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=False)
    written = []
    for part in evidence.parts:
        path = folder / _file_name(part.name, part.media_type)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(part.data)
        written.append(path)
    return written


def _file_name(part: str, media_type: str) -> str:
    name = part.removeprefix("chip/")
    if name == "portrait":
        return "portrait.jpg" if media_type == "image/jpeg" else "portrait.jp2"
    if media_type == "application/json":
        return f"{name}.json"
    return {"sod": "EF_SOD", "dg13_raw": "DG13"}.get(name, name.upper())

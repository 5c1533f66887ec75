"""Opening a record, for people who hold the key: verify, decrypt, check every part against the manifest, write out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from itertools import chain, count
from pathlib import Path

from agent.capture.chip import TrustAnchors
from agent.opening.again import NO_ANCHORS, chip_again
from agent.opening.errors import FolderInUse, NotWritten, RecordDamaged
from agent.opening.verdicts import verdict_table
from agent.proto.border import Check, Manifest, SealedContent
from agent.proto.stream import SealedRecord
from agent.sealing import (
    RecipientPrivateKey,
    RecordClaims,
    SealBroken,
    open_content,
    public_key_from_point,
    verify_record,
)

_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/jp2": ".jp2",
    "application/json": ".json",
    "application/cms": ".p7b",
    "application/vnd.iso.19794-4": ".fir",
    "application/vnd.iso.39794-4": ".der",
}


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record in the clear: what was signed, the manifest, the parts in its order, and what was verified again."""

    claims: RecordClaims
    manifest: Manifest = field(repr=False)
    parts: tuple[bytes, ...] = field(repr=False)
    again: tuple[Check, ...] = field(repr=False, default=())


def open_record(
    record: SealedRecord,
    record_key: bytes,
    keys: Iterable[RecipientPrivateKey],
    anchors: TrustAnchors = NO_ANCHORS,
) -> OpenedRecord:
    """Verify and open; `record_key` is the kiosk's public point, `anchors` are who may sign chips.

    Raises SignatureInvalid, SealBroken when no key fits, or RecordDamaged when a hash does not match.
    """
    claims = verify_record(record.cose_sign1, record.ciphertext, public_key_from_point(record_key))
    key = next((key for key in keys if key.key_id == claims.core.recipient_key_id), None)
    if key is None:
        raise SealBroken(f"no private key {claims.core.recipient_key_id.hex()} here")
    content = SealedContent.from_bytes(open_content(record.ciphertext, claims.core, key))
    if hashlib.sha256(content.manifest).digest() != claims.core.manifest_sha256:
        raise RecordDamaged("manifest hash")
    manifest = Manifest.from_bytes(content.manifest)
    if manifest.record_id != claims.core.record_id or len(manifest.parts) != len(content.parts):
        raise RecordDamaged("record id or number of parts")
    if manifest.kiosk != claims.core.kiosk:
        raise RecordDamaged(f"signed by kiosk {claims.core.kiosk}, written by {manifest.kiosk}")
    for place, (entry, part) in enumerate(zip(manifest.parts, content.parts, strict=True)):
        if hashlib.sha256(manifest.salt + part).digest() != entry.salted_sha256 or len(part) != entry.size_bytes:
            raise RecordDamaged(f"part {place}")
    parts = {entry.name: part for entry, part in zip(manifest.parts, content.parts, strict=True)}
    return OpenedRecord(claims, manifest, content.parts, chip_again(claims, manifest, parts, anchors))


def write_out(opened: OpenedRecord, folder: Path) -> list[Path]:
    """Write record.json, verdicts.txt and every part into a new or empty `folder` (0700, files 0600); return the files.

    Raises FolderInUse rather than writing over anything, and NotWritten.
    """
    contents = {
        "record.json": json.dumps(as_json(opened), ensure_ascii=False, indent=2).encode(),
        "verdicts.txt": verdict_table(opened.manifest, opened.again).encode(),
    }
    for entry, part in zip(opened.manifest.parts, opened.parts, strict=True):
        name = _free_name(_file_name(entry.name), _ENDINGS.get(entry.media_type, ".bin"), contents)
        contents[name] = part
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FolderInUse(str(folder))
        folder.chmod(0o700)
        for name, data in contents.items():
            _write_new(folder / name, data)
    except OSError as error:
        raise NotWritten(f"{error.filename or folder}: {error.strerror}") from error
    return [folder / name for name in contents]


def as_json(opened: OpenedRecord) -> dict[str, object]:
    """Return everything but the parts, JSON-ready: bytes as hex, verdicts as words."""
    claims = {"epoch": opened.claims.epoch, "seq": opened.claims.seq, "core": asdict(opened.claims.core)}
    again = [asdict(check) for check in opened.again]
    readable = _readable({"signed": claims, "manifest": asdict(opened.manifest), "verified_again": again})
    if not isinstance(readable, dict):
        raise TypeError(type(readable).__name__)
    return readable


def _readable(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, IntEnum):
        return value.name.lower().replace("_", " ")
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value


def _file_name(part: str) -> str:
    """Turn a part's name into a file name: a name from a record must not lead out of the folder."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in "_-" else "-" for c in part)[:100] or "part"


def _free_name(stem: str, ending: str, taken: Container[str]) -> str:
    """Two parts may come to one name, and a part may be called like our own file: none is written over."""
    names = chain((f"{stem}{ending}",), (f"{stem}-{number}{ending}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _write_new(path: Path, data: bytes) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600)) as file:
        file.write(data)

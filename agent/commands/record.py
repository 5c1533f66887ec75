"""`kiosk record`: verify a record's signature, or open it, for people who hold the keys."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.opening import (
    COLUMNS,
    OpenedRecord,
    anchors_in,
    as_json,
    open_record,
    read_record,
    verdict_rows,
    write_out,
)
from agent.sealing import (
    KeyUnusable,
    RecipientPrivateKey,
    RecordClaims,
    SignatureInvalid,
    key_id,
    point_of,
    signing_key_from_pem,
    verify_record,
)


def verify(screen: Screen, file: Path, record_key: Path) -> ExitCode:
    """Check signature and ciphertext of a record file against a kiosk's public record key (PEM).

    Raises NotARecordFile, KeyUnusable, Malformed or SignatureInvalid.
    """
    record, public = read_record(file), _public_key(record_key)
    claims = verify_record(record.cose_sign1, record.ciphertext, public)
    _same_seq(file, record.seq, claims)
    if screen.as_json:
        screen.json({"file": str(file), "verified": True, "signed_by": key_id(public).hex()} | _told(claims))
        return ExitCode.OK
    screen.table("Hồ sơ · Record", ("Mục · Item", "Giá trị · Value"), [(k, str(v)) for k, v in _told(claims).items()])
    screen.line(
        "✓ Chữ ký đúng, nội dung mã hóa nguyên vẹn (chưa mở).",
        "The signature is right and the ciphertext is the signed one (it was not opened).",
        "green",
    )
    return ExitCode.OK


def open_file(
    screen: Screen, file: Path, record_key: Path, recipient_keys: list[Path], out: Path | None, trust: Path
) -> ExitCode:
    """Verify and open a record file; with `out` write record.json, verdicts.txt and the pictures there.

    The chip is verified again against the anchors in `trust`. Raises what `verify` raises, and SealBroken,
    RecordDamaged, MessageInvalid, FolderInUse or NotWritten.
    """
    record, public = read_record(file), _public_key(record_key)
    keys = [RecipientPrivateKey.load(path) for path in recipient_keys]
    opened = open_record(record, point_of(public), keys, anchors_in(trust))
    _same_seq(file, record.seq, opened.claims)
    files = write_out(opened, out) if out is not None else []
    _show(screen, opened, files)
    return ExitCode.OK


def _show(screen: Screen, opened: OpenedRecord, files: list[Path]) -> None:
    if screen.as_json:
        screen.json(as_json(opened) | {"files": [str(path) for path in files]})
        return
    screen.table("Kết quả · Verdicts", COLUMNS, verdict_rows(opened.manifest, opened.again))
    for path in files:
        screen.line(str(path), "")
    if files:
        screen.line(
            "! Thư mục này chứa dữ liệu cá nhân không mã hóa: bạn chịu trách nhiệm bảo vệ và xóa.",
            "That folder holds plain personal data: it is yours to protect and to delete.",
            "yellow",
        )


def _public_key(path: Path) -> ec.EllipticCurvePublicKey:
    try:
        return signing_key_from_pem(path.read_bytes())
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    except KeyUnusable as error:
        raise KeyUnusable(f"{path}: {error.detail}") from error


def _same_seq(file: Path, seq: int, claims: RecordClaims) -> None:
    if seq != claims.seq:
        raise SignatureInvalid(f"{file}: filed as record {seq}, signed as {claims.seq}")


def _told(claims: RecordClaims) -> dict[str, object]:
    core = claims.core
    return {
        "record_id": core.record_id.hex(),
        "kiosk": core.kiosk,
        "epoch": claims.epoch,
        "seq": claims.seq,
        "test": core.test,
        "captured_at_ns": core.captured_at_ns,
        "recipient_key": core.recipient_key_id.hex(),
        "ciphertext_bytes": claims.ciphertext_length,
        "payload_sha256": claims.payload_sha256.hex(),
    }

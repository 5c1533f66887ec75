"""The signature of a readiness report: made beside the file by the record key, and checked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import structlog

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import Config
from agent.diagnostics.bundle import write_private
from agent.diagnostics.report import Subject
from agent.diagnostics.report_proof import claims_of, proof_path, sign_report, verify_report
from agent.provisioning import epoch_book
from agent.sealing import load_record_key, release, signing_key_from_pem
from agent.words import KioskError, Words

log = structlog.get_logger()

MAX_BYTES = 50_000_000


class ReportUnreadable(KioskError):
    """The report or its signature cannot be read; `detail` names it."""

    code = "doctor.report_unreadable"
    words = Words("Không đọc được báo cáo hoặc chữ ký của nó.", "The report or its signature cannot be read.")
    remedy = Words("Chép cả hai tệp: báo cáo và tệp .cose.", "Copy both files: the report and its .cose file.")


def sign_beside(path: Path, data: bytes, subject: Subject, config: Config) -> Path | None:
    """Sign a report that was written; a key that cannot be had is told in the log, and the report stays unsigned.

    Raises OSError.
    """
    try:
        book = epoch_book(config)
        key = load_record_key(book.keys(book.current_number()), config.trust.folder)
    except (KioskError, OSError) as error:
        log.warning("doctor.report_not_signed", code=getattr(error, "code", type(error).__name__))
        proof_path(path).unlink(missing_ok=True)
        return None
    try:
        time_ns = int(subject.at_s * 1e9)
        proof = sign_report(claims_of(data, subject.kiosk, subject.machine_id, subject.version, time_ns), key)
    finally:
        release(key)
    write_private(proof_path(path), proof)
    return proof_path(path)


def verify_as(report: Path, record_key: Path, *, as_json: bool) -> ExitCode:
    """Check a report as the command line asks for it."""
    return verify(Screen(as_json=as_json), report, record_key)


def verify(screen: Screen, report: Path, record_key: Path) -> ExitCode:
    """Check a report against the kiosk's public record key. Raises ReportUnreadable, Malformed, SignatureInvalid."""
    data, proof, public = (_read(path) for path in (report, proof_path(report), record_key))
    claims = verify_report(data, proof, signing_key_from_pem(public))
    at = datetime.fromtimestamp(claims.time_ns / 1e9, UTC).isoformat(timespec="seconds")
    told = {"kiosk": claims.kiosk, "machine": claims.machine, "version": claims.version, "at": at}
    if screen.as_json:
        screen.json({"report": str(report), "verified": True, **told})
        return ExitCode.OK
    screen.table("Báo cáo · Report", ("Mục · Item", "Giá trị · Value"), list(told.items()))
    screen.line("✓ Chữ ký đúng, báo cáo nguyên vẹn.", "The signature is right; the report was not changed.", "green")
    return ExitCode.OK


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise ReportUnreadable(f"{path}: {error.strerror}") from error

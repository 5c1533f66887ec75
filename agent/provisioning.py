"""What a kiosk was given: keys, certificates and the bundles that the campaign key signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from agent.sealing import (
    AnchorCertificates,
    Bundle,
    FileRecordKey,
    PolicyDocument,
    ReceiptKeys,
    RecipientKey,
    RecipientKeys,
    open_bundle,
    signing_key_from_pem,
)
from agent.uplink import TlsFiles
from agent.words import KioskError, Words

log = structlog.get_logger()


class NotProvisioned(KioskError):
    """A file that a kiosk must be given is missing or unreadable; `detail` names it."""

    code = "trust.not_provisioned"
    words = Words("Kiosk chưa được cấp đủ khóa và gói tin cậy.", "The kiosk was not given all its keys and bundles.")
    remedy = Words(
        "Chép lại thư mục tin cậy do trung tâm cấp, rồi chạy `kiosk config check`.",
        "Copy the trust folder from the centre again, then run `kiosk config check`.",
    )


@dataclass(frozen=True, slots=True)
class Trust:
    """Everything that decides whom this kiosk believes and how it signs."""

    record_key: FileRecordKey
    recipient: RecipientKey
    receipt_keys: ReceiptKeys
    anchors: AnchorCertificates
    policy: PolicyDocument = field(repr=False)
    tls: TlsFiles


def load_trust(folder: Path, now_ns: int) -> Trust:
    """Load and check the trust folder.

    An expired bundle is told in the log and used: capture never depends on a right clock. Raises NotProvisioned for a
    missing file, SealingError for a wrong signature, kind or key mode.
    """
    bundles = _Bundles(folder, now_ns)
    recipients = RecipientKeys.from_bundle(bundles.open("recipients"))
    return Trust(
        record_key=FileRecordKey.load(folder / "record.key"),
        recipient=recipients.current(),
        receipt_keys=ReceiptKeys.from_bundle(bundles.open("receipts")),
        anchors=AnchorCertificates.from_bundle(bundles.open("anchors")),
        policy=PolicyDocument.from_bundle(bundles.open("policy")),
        tls=TlsFiles(*(folder / "tls" / name for name in ("ca.pem", "client.pem", "client.key"))),
    )


class _Bundles:
    def __init__(self, folder: Path, now_ns: int) -> None:
        self._folder, self._now_ns = folder, now_ns
        self._campaign_key = signing_key_from_pem(_read(folder / "campaign.pem"))

    def open(self, kind: str) -> Bundle:
        bundle = open_bundle(_read(self._folder / "bundles" / f"{kind}.bundle"), self._campaign_key, kind)
        if bundle.expired(self._now_ns):
            log.warning("trust.bundle_expired", kind=kind, version=bundle.version)
        return bundle


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotProvisioned(f"{path}: {error.strerror}") from error

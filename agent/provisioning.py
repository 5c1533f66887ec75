"""What a kiosk was given: keys, certificates and the bundles that the campaign key signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from agent.bundle_versions import BundleVersions
from agent.config import Config
from agent.epochs import EpochBook
from agent.queue import QueueSettings
from agent.sealing import (
    AnchorCertificates,
    Bundle,
    InFile,
    InTpm,
    OnToken,
    PinSource,
    PolicyDocument,
    ReceiptKeys,
    RecipientKeys,
    RecordKey,
    RecordKeySettings,
    load_record_key,
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
        "Chép campaign.pem của trung tâm, chạy `kiosk keys create` và `kiosk enrol`, rồi `kiosk config check`.",
        "Copy the centre's campaign.pem, run `kiosk keys create` and `kiosk enrol`, then `kiosk config check`.",
    )


@dataclass(frozen=True, slots=True)
class Trust:
    """Everything that decides whom this kiosk believes and how it signs."""

    record_key: RecordKey
    recipients: RecipientKeys
    receipt_keys: ReceiptKeys
    anchors: AnchorCertificates
    policy: PolicyDocument = field(repr=False)
    tls: TlsFiles


def load_trust(
    folder: Path, now_ns: int, keys: RecordKeySettings | None = None, versions: BundleVersions | None = None
) -> Trust:
    """Load and check the trust folder; `keys` says where the record key lives (default: a file in the folder).

    An expired bundle is told in the log and used: capture never depends on a right clock. A version below the one that
    `versions` has is refused. Whoever has the result lets go of its key with `release`. Raises NotProvisioned for a
    missing file, BundleTooOld, SealingError for a wrong signature or kind, or a key that cannot be used.
    """
    bundles = _Bundles(folder, now_ns, versions)
    recipients = RecipientKeys.from_bundle(bundles.open("recipients"))
    if not recipients.covers(now_ns):
        log.warning("trust.no_recipient_valid_now", used=recipients.current(now_ns).key_id.hex())
    receipt_keys = ReceiptKeys.from_bundle(bundles.open("receipts"))
    anchors = AnchorCertificates.from_bundle(bundles.open("anchors"))
    policy = PolicyDocument.from_bundle(bundles.open("policy"))
    bundles.settle()
    tls = TlsFiles(*(folder / "tls" / name for name in ("ca.pem", "client.pem", "client.key")))
    # Last: a device that is open must not be left open by an error in a file.
    return Trust(load_record_key(keys or InFile(), folder), recipients, receipt_keys, anchors, policy, tls)


def record_key_settings(config: Config) -> RecordKeySettings:
    """Return where [keys] says that the record key lives."""
    keys = config.keys
    pin = PinSource(keys.pin_file, keys.pin_credential) if keys.pin_file or keys.pin_credential else None
    match keys.kind:
        case "file":
            return InFile(keys.name)
        case "pkcs11":
            module, pin = keys.module or Path(), pin or PinSource()
            return OnToken(module, keys.token, pin, keys.serial, keys.label, keys.name, keys.wait_s)
        case "tpm":
            return InTpm(keys.device, pin, config.kiosk.development, keys.name, keys.wait_s)


def require_provisioned(folder: Path) -> None:
    """Raise NotProvisioned when the kiosk was given no trust folder at all."""
    _read(folder / "campaign.pem")


def epoch_book(config: Config) -> EpochBook:
    """Return the kiosk's epochs."""
    kiosk = config.kiosk
    return EpochBook(kiosk.data_folder, config.trust.folder, kiosk.name, record_key_settings(config))


def queue_folder(config: Config) -> Path:
    """Return the folder of the queue that is written now: each epoch has one of its own."""
    book = epoch_book(config)
    return book.queue_folder(book.current_number())


def load_record_trust(config: Config, now_ns: int) -> Trust:
    """Load the trust folder with the record key of the epoch that counts; raises what `load_trust` raises."""
    book = epoch_book(config)
    return load_trust(config.trust.folder, now_ns, book.keys(book.current_number()))


def queue_settings(config: Config) -> QueueSettings:
    """Return the limits of [queue] in the queue's own units."""
    settings = config.queue
    return QueueSettings(
        segment_bytes=settings.segment_mib * 2**20,
        max_record_bytes=settings.max_record_mib * 2**20,
        keep_receipted_s=settings.keep_receipted_h * 3600,
        max_folder_bytes=round(settings.max_folder_gib * 2**30) or None,
        keep_free_bytes=settings.keep_free_mib * 2**20,
    )


class _Bundles:
    def __init__(self, folder: Path, now_ns: int, versions: BundleVersions | None) -> None:
        self._folder, self._now_ns, self._versions = folder, now_ns, versions
        self._used: dict[str, int] = {}
        self._campaign_key = signing_key_from_pem(_read(folder / "campaign.pem"))

    def open(self, kind: str) -> Bundle:
        bundle = open_bundle(_read(self._folder / "bundles" / f"{kind}.bundle"), self._campaign_key, kind)
        if self._versions is not None:
            self._versions.check(kind, bundle.version)
        if bundle.expired(self._now_ns):
            log.warning("trust.bundle_expired", kind=kind, version=bundle.version)
        self._used[kind] = bundle.version
        return bundle

    def settle(self) -> None:
        """Refuse lower versions from now on: all bundles were read."""
        if self._versions is not None:
            self._versions.raise_to(self._used)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotProvisioned(f"{path}: {error.strerror}") from error

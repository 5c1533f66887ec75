"""What a kiosk was given: keys, certificates and the bundles that the campaign key signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

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
class Bundled:
    """What the bundles say, and the version of each by its kind."""

    recipients: RecipientKeys
    receipt_keys: ReceiptKeys
    anchors: AnchorCertificates
    policy: PolicyDocument = field(repr=False)
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trust:
    """Everything that decides whom this kiosk believes and how it signs."""

    record_key: RecordKey
    tls: TlsFiles
    bundled: Bundled

    @property
    def recipients(self) -> RecipientKeys:
        """The keys to seal for."""
        return self.bundled.recipients

    @property
    def receipt_keys(self) -> ReceiptKeys:
        """The keys that may sign receipts."""
        return self.bundled.receipt_keys

    @property
    def anchors(self) -> AnchorCertificates:
        """What chips are checked against."""
        return self.bundled.anchors

    @property
    def policy(self) -> PolicyDocument:
        """The policy as signed."""
        return self.bundled.policy


def load_bundles(
    folder: Path, now_ns: int, versions: BundleVersions | None = None, newer: Path | None = None
) -> Bundled:
    """Load and check the bundles of the trust folder; of `newer` (what came over the network) those that are newer.

    An expired bundle is told in the log and used: capture never depends on a right clock. A version below the one that
    `versions` has is refused. Raises NotProvisioned, BundleTooOld, or SealingError for a wrong signature or kind.
    """
    bundles = _Bundles(folder, now_ns, versions, newer)
    recipients = RecipientKeys.from_bundle(bundles.open("recipients"))
    if not recipients.covers(now_ns):
        log.warning("trust.no_recipient_valid_now", used=recipients.current(now_ns).key_id.hex())
    receipt_keys = ReceiptKeys.from_bundle(bundles.open("receipts"))
    anchors = AnchorCertificates.from_bundle(bundles.open("anchors"))
    policy = PolicyDocument.from_bundle(bundles.open("policy"))
    bundles.settle()
    return Bundled(recipients, receipt_keys, anchors, policy, dict(bundles.used))


def load_trust(
    folder: Path,
    now_ns: int,
    keys: RecordKeySettings | None = None,
    versions: BundleVersions | None = None,
    newer: Path | None = None,
) -> Trust:
    """Load and check the trust folder; `keys` says where the record key lives (default: a file in the folder).

    Whoever has the result lets go of its key with `release`. Raises what `load_bundles` raises, or a KioskError for a
    key that cannot be used.
    """
    bundled = load_bundles(folder, now_ns, versions, newer)
    tls = TlsFiles(*(folder / "tls" / name for name in ("ca.pem", "client.pem", "client.key")))
    # Last: a device that is open must not be left open by an error in a file.
    return Trust(load_record_key(keys or InFile(), folder), tls, bundled)


def campaign_key(folder: Path) -> ec.EllipticCurvePublicKey:
    """Return the public key that bundles are signed with. Raises NotProvisioned or KeyUnusable."""
    return signing_key_from_pem(_read(folder / "campaign.pem"))


def bundle_inbox(config: Config) -> Path:
    """Return the folder of the bundles that came over the network."""
    return config.kiosk.data_folder / "bundles"


def load_recipients(config: Config, now_ns: int) -> RecipientKeys:
    """Load the collector's newest sealing keys alone. Raises NotProvisioned or SealingError."""
    bundles = _Bundles(config.trust.folder, now_ns, None, bundle_inbox(config))
    return RecipientKeys.from_bundle(bundles.open("recipients"))


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
    """Load the newest bundles and the record key of the epoch that counts; raises what `load_trust` raises."""
    book = epoch_book(config)
    keys = book.keys(book.current_number())
    return load_trust(config.trust.folder, now_ns, keys, newer=bundle_inbox(config))


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
    def __init__(self, folder: Path, now_ns: int, versions: BundleVersions | None, newer: Path | None) -> None:
        self._folder, self._now_ns, self._versions, self._newer = folder, now_ns, versions, newer
        self.used: dict[str, int] = {}
        self._campaign_key = campaign_key(folder)

    def open(self, kind: str) -> Bundle:
        bundle = open_bundle(_read(self._folder / "bundles" / f"{kind}.bundle"), self._campaign_key, kind)
        newer = self._from_network(kind)
        if newer is not None and newer.version > bundle.version:
            bundle = newer
        if self._versions is not None:
            self._versions.check(kind, bundle.version)
        if bundle.expired(self._now_ns):
            log.warning("trust.bundle_expired", kind=kind, version=bundle.version)
        self.used[kind] = bundle.version
        return bundle

    def _from_network(self, kind: str) -> Bundle | None:
        if self._newer is None:
            return None
        try:
            return open_bundle((self._newer / f"{kind}.bundle").read_bytes(), self._campaign_key, kind)
        except FileNotFoundError:
            return None
        except (OSError, KioskError) as error:
            # Damaged on this disk: the one that was carried here still counts, if it is not too old.
            log.error("trust.bundle_unusable", kind=kind, code=getattr(error, "code", type(error).__name__))
            return None

    def settle(self) -> None:
        """Refuse lower versions from now on: all bundles were read."""
        if self._versions is not None:
            self._versions.raise_to(self.used)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotProvisioned(f"{path}: {error.strerror}") from error

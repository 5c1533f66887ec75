"""Trust and keys: what the kiosk was given, whom it believes, how it signs, and until when."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Outcome, error, not_assessed, ok, skipped, warn
from agent.diagnostics.limits import Limits, SeeOther
from agent.intake.errors import PolicyUnreadable
from agent.intake.policy import parse_policy
from agent.provisioning import epoch_book
from agent.sealing import (
    AnchorCertificates,
    Bundle,
    FileRecordKey,
    PolicyDocument,
    ReceiptKeys,
    RecipientKeys,
    open_bundle,
    signing_key_from_pem,
)
from agent.sealing.errors import KeyUnusable, Malformed, NoCurrentRecipient, SignatureInvalid, WrongBundle
from agent.sealing.key_errors import KeyMismatch
from agent.sealing.registered_key import public_path, read_registered, require_registered

FAMILY = Family("trust", "Tin cậy và khóa", "Trust and keys")

DAY_S = 86400.0
SOON_S = 14 * DAY_S
SECRETS = ("record.key", "tls/client.key", "journal.key")
FILES = ("campaign.pem", "tls/ca.pem", "tls/client.pem", "tls/client.key")
BUNDLE_ERRORS = (SignatureInvalid, WrongBundle, Malformed, KeyUnusable)

MISSING = error(
    "trust.files.missing",
    "Thiếu tệp trong thư mục tin cậy.",
    "Files of the trust folder are missing.",
    "Chép lại thư mục tin cậy do trung tâm cấp.",
    "Copy the trust folder from the centre again.",
)
OPEN = error(
    "trust.files.open_to_others",
    "Tệp khóa mở cho người khác đọc.",
    "Key files are open to others.",
    "Đặt quyền 0600 và chủ là người dùng kiosk; nếu máy có người lạ dùng, xin trung tâm cấp khóa mới.",
    "Set mode 0600 and the kiosk's user as owner; if strangers use the machine, have new keys issued.",
)
EXPIRED = error(
    "trust.bundle.expired",
    "Gói tin cậy đã hết hạn.",
    "A bundle has expired.",
    "Xem ngày giờ của kiosk trước; rồi lấy gói mới từ trung tâm. Thu nhận vẫn tiếp tục được.",
    "Look at the kiosk's clock first; then get a new bundle from the centre. Intake goes on.",
)
EXPIRES = warn(
    "trust.bundle.expires_soon",
    "Gói tin cậy sắp hết hạn.",
    "A bundle expires soon.",
    "Lấy gói mới từ trung tâm trong hai tuần tới.",
    "Get a new bundle from the centre within two weeks.",
)
ISSUED_LATER = error(
    "trust.bundle.from_the_future",
    "Gói được ký ở tương lai: đồng hồ của kiosk chậm.",
    "A bundle was signed in the future: the kiosk's clock is behind.",
    "Chỉnh lại ngày giờ (timedatectl).",
    "Set date and time (timedatectl).",
)
NO_ANCHORS = error(
    "trust.anchors.none",
    "Không có chứng thư CSCA: không chip nào được xác thực.",
    "There are no CSCA certificates: no chip can be authenticated.",
    "Lấy gói anchors mới từ trung tâm.",
    "Get a new anchors bundle from the centre.",
)
ANCHOR_EXPIRED = warn(
    "trust.anchors.expired",
    "Có chứng thư CSCA ngoài thời hạn.",
    "A CSCA certificate is outside its dates.",
    "Xem ngày giờ của kiosk; nếu đúng, hỏi trung tâm gói anchors mới.",
    "Look at the kiosk's clock; if it is right, ask the centre for a new anchors bundle.",
)
ANCHOR_BROKEN = error(
    "trust.anchors.unreadable",
    "Gói anchors chứa dữ liệu không phải chứng thư.",
    "The anchors bundle holds something that is no certificate.",
    "Lấy gói anchors mới từ trung tâm.",
    "Get a new anchors bundle from the centre.",
)
CERTIFICATE_EXPIRED = error(
    "trust.certificate.outside_its_dates",
    "Chứng thư của kiosk ngoài thời hạn: hồ sơ không gửi được.",
    "The kiosk's certificate is outside its dates: records cannot leave.",
    "Xem ngày giờ của kiosk trước; có mạng thì kiosk tự gia hạn, nếu không: `kiosk enrol`. Thu nhận vẫn tiếp tục được.",
    "Look at the clock first; with a network the kiosk renews by itself, else `kiosk enrol`. Intake goes on.",
)
CERTIFICATE_EXPIRES = warn(
    "trust.certificate.expires_soon",
    "Chứng thư của kiosk sắp hết hạn, lẽ ra đã được gia hạn.",
    "The kiosk's certificate expires soon, and should have been renewed by now.",
    "Xem `kiosk status`: lý do chưa gia hạn; kiểm tra mạng và collector.enrolment_address.",
    "See `kiosk status` for what keeps it from renewing; check network and collector.enrolment_address.",
)
CERTIFICATE_NAME = error(
    "trust.certificate.other_name",
    "Chứng thư không mang tên của kiosk này.",
    "The certificate is not for this kiosk's name.",
    "Kiểm tra kiosk.name; nếu đúng, chép lại thư mục tin cậy của chính kiosk này.",
    "Check kiosk.name; if it is right, copy this kiosk's own trust folder again.",
)
CERTIFICATE_KEY = error(
    "trust.certificate.other_key",
    "Khóa TLS không khớp với chứng thư.",
    "The TLS key does not belong to the certificate.",
    "Chép lại tls/client.pem và tls/client.key cùng một lần.",
    "Copy tls/client.pem and tls/client.key again, together.",
)
CERTIFICATE_BROKEN = error(
    "trust.certificate.unreadable",
    "Không đọc được chứng thư hoặc khóa TLS.",
    "A TLS certificate or key cannot be read.",
    "Chép lại thư mục tls do trung tâm cấp.",
    "Copy the tls folder from the centre again.",
)
SIGNATURE_WRONG = error(
    "trust.record_key.wrong_signature",
    "Khóa hồ sơ ký sai.",
    "The record key makes wrong signatures.",
    "Dừng thu nhận và gọi kỹ thuật viên của trung tâm.",
    "Stop taking people in and call the centre's technicians.",
)
NO_TPM = error(
    "trust.tpm.absent",
    "Cấu hình dùng TPM nhưng máy không có TPM.",
    "The configuration uses the TPM, and the machine shows none.",
    "Bật TPM trong BIOS (Security > TPM 2.0), rồi khởi động lại.",
    "Switch the TPM on in the firmware (Security > TPM 2.0), then restart.",
)
OLD_TPM = error(
    "trust.tpm.version",
    "TPM không phải bản 2.0.",
    "The TPM is not version 2.0.",
    'Dùng keys.kind = "file" hoặc "pkcs11", hoặc đổi máy.',
    'Use keys.kind = "file" or "pkcs11", or another machine.',
)
TPM_CLOSED = error(
    "trust.tpm.not_permitted",
    "Không có quyền dùng TPM.",
    "The TPM may not be used by this user.",
    "Thêm người dùng kiosk vào nhóm `tss`, rồi khởi động lại dịch vụ.",
    "Add the kiosk's user to the group `tss`, then restart the service.",
)
JOURNAL_KEY = warn(
    "trust.journal_key.on_disk",
    "Khóa nhật ký nằm trên cùng ổ đĩa với nhật ký.",
    "The journal's key lies on the same disk as the journal.",
    "Gắn khóa với máy bằng systemd-creds (docs/install.md).",
    "Bind it to the machine with systemd-creds (docs/install.md).",
)


@FAMILY.check("files", "Tệp được cấp", "Files given", MISSING, OPEN)
def _files(context: Context, limits: Limits) -> Outcome:
    config = context.config(limits)
    folder, names = config.trust.folder, (*FILES, *(("record.key",) if config.keys.kind == "file" else ()))
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        return MISSING.seen(f"{folder}: {', '.join(missing)}")
    modes = [(name, stat.S_IMODE((folder / name).stat().st_mode)) for name in SECRETS if (folder / name).exists()]
    wide = [f"{name} {mode:04o}" for name, mode in modes if mode & 0o077]
    return OPEN.seen(", ".join(wide)) if wide else ok(f"{folder}: {', '.join(name for name, _ in modes)} private")


@FAMILY.check(
    "recipients", "Khóa niêm phong của trung tâm", "Collector's sealing keys",
    MISSING, EXPIRED, EXPIRES, ISSUED_LATER, NoCurrentRecipient, *BUNDLE_ERRORS,
)  # fmt: skip
def _recipients(context: Context, limits: Limits) -> Outcome:
    bundle = _bundle(context, limits, "recipients")
    if isinstance(bundle, Outcome):
        return bundle
    keys = RecipientKeys.from_bundle(bundle)
    now_ns = round(context.system.clock() * 1e9)
    return _dated(context, bundle, f"{len(keys.keys)} keys, current {keys.current(now_ns).key_id.hex()[:8]}")


@FAMILY.check(
    "receipts", "Khóa biên nhận", "Receipt keys", MISSING, EXPIRED, EXPIRES, ISSUED_LATER, *BUNDLE_ERRORS
)  # fmt: skip
def _receipts(context: Context, limits: Limits) -> Outcome:
    bundle = _bundle(context, limits, "receipts")
    if isinstance(bundle, Outcome):
        return bundle
    return _dated(context, bundle, f"{len(ReceiptKeys.from_bundle(bundle).by_id)} keys")


@FAMILY.check(
    "anchors", "Chứng thư CSCA", "CSCA certificates",
    NO_ANCHORS, ANCHOR_EXPIRED, ANCHOR_BROKEN, MISSING, EXPIRED, EXPIRES, ISSUED_LATER, *BUNDLE_ERRORS,
)  # fmt: skip
def _anchors(context: Context, limits: Limits) -> Outcome:
    bundle = _bundle(context, limits, "anchors")
    if isinstance(bundle, Outcome):
        return bundle
    certificates = AnchorCertificates.from_bundle(bundle).certificates
    if not certificates:
        return NO_ANCHORS.seen(f"version {bundle.version}")
    try:
        parsed = [x509.load_der_x509_certificate(der) for der in certificates]
    except ValueError as failure:
        return ANCHOR_BROKEN.seen(str(failure)[:100])
    now = _now(context)
    outside = [one for one in parsed if not one.not_valid_before_utc <= now <= one.not_valid_after_utc]
    if outside:
        return ANCHOR_EXPIRED.seen(f"{len(outside)} of {len(parsed)}, serial {outside[0].serial_number:x}")
    return _dated(context, bundle, f"{len(parsed)} certificates")


@FAMILY.check(
    "policy", "Chính sách", "Policy", PolicyUnreadable, MISSING, EXPIRED, EXPIRES, ISSUED_LATER, *BUNDLE_ERRORS
)  # fmt: skip
def _policy(context: Context, limits: Limits) -> Outcome:
    bundle = _bundle(context, limits, "policy")
    if isinstance(bundle, Outcome):
        return bundle
    document = PolicyDocument.from_bundle(bundle)
    policy = parse_policy(document.document)
    return _dated(context, bundle, f"{policy.version}, SHA-256 {document.sha256.hex()[:16]}")


@FAMILY.check("record_key", "Khóa ký hồ sơ", "Record key", SIGNATURE_WRONG, KeyUnusable, KeyMismatch)
def _record_key(context: Context, limits: Limits) -> Outcome:
    config = context.config(limits)
    if config.keys.kind != "file":
        return not_assessed(
            "Khóa nằm trong phần cứng; chương trình kiosk thử nó khi khởi động, ở đây không dùng lượt PIN.",
            "The key is in hardware; the daemon proves it at its start, and no PIN try is spent here.",
            config.keys.kind,
        )
    book = epoch_book(config)
    folder, name = config.trust.folder, book.keys(book.current_number()).name
    if not (folder / f"{name}.key").exists():
        raise SeeOther("trust.files")
    if (folder / f"{name}.key").stat().st_uid != os.geteuid():
        return not_assessed(
            "Khóa chỉ để chủ của nó đọc: chạy `sudo -u kiosk kiosk doctor`.",
            "Only its owner may load the key: run `sudo -u kiosk kiosk doctor`.",
        )
    key = FileRecordKey.load(folder / f"{name}.key")
    if public_path(folder, name).exists():
        require_registered(key.public_key, read_registered(folder, name))
    probe = os.urandom(32)
    return ok(f"id {key.key_id.hex()}") if _verifies(key, probe) else SIGNATURE_WRONG.seen(key.key_id.hex())


@FAMILY.check(
    "certificate", "Chứng thư TLS của kiosk", "Kiosk's TLS certificate",
    CERTIFICATE_EXPIRED, CERTIFICATE_EXPIRES, CERTIFICATE_NAME, CERTIFICATE_KEY, CERTIFICATE_BROKEN,
)  # fmt: skip
def _certificate(context: Context, limits: Limits) -> Outcome:
    config = context.config(limits)
    tls = config.trust.folder / "tls"
    if not all((tls / name).exists() for name in ("client.pem", "client.key")):
        raise SeeOther("trust.files")
    try:
        certificate = x509.load_pem_x509_certificate((tls / "client.pem").read_bytes())
        private = load_pem_private_key((tls / "client.key").read_bytes(), None)
    except (ValueError, TypeError) as failure:
        return CERTIFICATE_BROKEN.seen(type(failure).__name__)
    layout = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*layout) != certificate.public_key().public_bytes(*layout):
        return CERTIFICATE_KEY.seen("public keys differ")
    names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    if names != [config.kiosk.name]:
        return CERTIFICATE_NAME.seen(f"certificate {', '.join(names)}; kiosk.name {config.kiosk.name}")
    return _certificate_dates(certificate, _now(context))


@FAMILY.check("tpm", "TPM", "TPM", NO_TPM, OLD_TPM, TPM_CLOSED)
def _tpm(context: Context, limits: Limits) -> Outcome:
    keys = context.config(limits).keys
    version = context.system.number("sys/class/tpm/tpm0/tpm_version_major")
    there = context.system.at("sys/class/tpm/tpm0").exists()
    if keys.kind != "tpm":
        told = f"TPM {version or '?'} present" if there else "none"
        return skipped("Cấu hình không dùng TPM.", "The configuration does not use the TPM.", told)
    if not there:
        return NO_TPM.seen("sys/class/tpm is empty")
    if version is not None and version != 2:
        return OLD_TPM.seen(f"version {version}")
    if not os.access(keys.device, os.R_OK | os.W_OK):
        return TPM_CLOSED.seen(str(keys.device))
    return ok(f"version {version or '?'}, {keys.device}; whether it is locked out the kernel does not tell")


@FAMILY.check("journal_key", "Khóa nhật ký lượt", "Journal's key", JOURNAL_KEY)
def _journal_key(context: Context, limits: Limits) -> Outcome:
    path = context.config(limits).trust.folder / "journal.key"
    return JOURNAL_KEY.seen(str(path)) if path.exists() else ok("not kept on the disk")


def _bundle(context: Context, limits: Limits, kind: str) -> Bundle | Outcome:
    folder = context.config(limits).trust.folder
    path = folder / "bundles" / f"{kind}.bundle"
    if not path.exists():
        return MISSING.seen(str(path))
    if not (folder / "campaign.pem").exists():
        raise SeeOther("trust.files")
    return open_bundle(path.read_bytes(), signing_key_from_pem((folder / "campaign.pem").read_bytes()), kind)


def _dated(context: Context, bundle: Bundle, told: str) -> Outcome:
    now_s, ends_s = context.system.clock(), bundle.expires_at_ns / 1e9
    evidence = f"{told}; version {bundle.version}, {_day(bundle.issued_at_ns)} to {_day(bundle.expires_at_ns)}"
    # A minute: two clocks are never the same.
    if bundle.issued_at_ns / 1e9 > now_s + 60:
        return ISSUED_LATER.seen(evidence)
    if now_s >= ends_s:
        return EXPIRED.seen(evidence)
    return EXPIRES.seen(evidence) if now_s + SOON_S > ends_s else ok(evidence)


def _certificate_dates(certificate: x509.Certificate, now: datetime) -> Outcome:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    age, left = (now - begins).total_seconds() / DAY_S, (ends - now).total_seconds() / DAY_S
    evidence = f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}, {age:.1f} days old, {left:.1f} left; clock {now:%Y-%m-%d}"
    if not begins <= now <= ends:
        return CERTIFICATE_EXPIRED.seen(evidence)
    # The kiosk renews between two thirds and 77 % of a certificate's life.
    return CERTIFICATE_EXPIRES.seen(evidence) if left < (age + left) / 5 else ok(evidence)


def _verifies(key: FileRecordKey, probe: bytes) -> bool:
    signature = key.sign(probe)
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    try:
        key.public_key.verify(encode_dss_signature(r, s), probe, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _now(context: Context) -> datetime:
    return datetime.fromtimestamp(context.system.clock(), UTC)


def _day(time_ns: int) -> str:
    try:
        return f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "never"

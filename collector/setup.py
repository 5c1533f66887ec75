"""A first set-up: TLS CA, the three keys, one folder of trust per kiosk. It stands in until kiosks enrol themselves."""

from __future__ import annotations

import datetime
import ipaddress
import os
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.sealing import (
    AnchorCertificates,
    Bundle,
    FileSigningKey,
    ReceiptKeys,
    RecipientKeys,
    RecipientPrivateKey,
    epoch_start,
    point_of,
    sign_bundle,
)
from collector.config import FILE_NAME
from collector.embedded_store import EmbeddedStore
from collector.errors import AlreadyExists, ConfigInvalid

FIRST_EPOCH = 1
CA_DAYS = 365
LEAF_DAYS = 90
BUNDLE_DAYS = 365
# Certificates start a day early: a kiosk whose clock is a little behind must not refuse them.
EARLY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to set up: the collector's folder, its name and address, the kiosks, and what their bundles hold."""

    folder: Path
    kiosk_folder: Path
    name: str
    address: str
    kiosks: tuple[str, ...]
    anchors: tuple[bytes, ...]
    policy: bytes
    development: bool


@dataclass(frozen=True, slots=True)
class Authority:
    """The TLS CA."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def set_up(plan: Plan) -> None:
    """Make everything of `plan`; raise AlreadyExists before the first file is written when a folder is in use."""
    for folder in (plan.folder, *(plan.kiosk_folder / kiosk for kiosk in plan.kiosks)):
        if folder.exists() and any(folder.iterdir()):
            raise AlreadyExists(str(folder))
    for sub in ("keys", "tls", "campaign"):
        (plan.folder / sub).mkdir(mode=0o700, parents=True)
    authority = _authority(plan)
    host = plan.address.rpartition(":")[0]
    _leaf(authority, host, plan.folder / "tls", "server", ExtendedKeyUsageOID.SERVER_AUTH)
    campaign = FileSigningKey.create(plan.folder / "campaign" / "campaign.key")
    bundles = _bundles(plan, campaign)
    with EmbeddedStore(plan.folder / "store") as store:
        for kiosk in plan.kiosks:
            key = _kiosk(plan, kiosk, authority, campaign, bundles)
            head = epoch_start(kiosk, FIRST_EPOCH, key.key_id)
            store.register(kiosk, FIRST_EPOCH, point_of(key.public_key), head)
    development = "true" if plan.development else "false"
    settings = f'name = "{plan.name}"\naddress = "{plan.address}"\ndevelopment = {development}\n'
    _write(plan.folder / FILE_NAME, settings.encode())


def _bundles(plan: Plan, campaign: FileSigningKey) -> dict[str, bytes]:
    receipt = FileSigningKey.create(plan.folder / "keys" / "receipt.key")
    recipient = RecipientPrivateKey.create(plan.folder / "keys" / "recipient.key")
    bodies = {
        "recipients": RecipientKeys((recipient.public,)).to_body(),
        "receipts": ReceiptKeys.of(receipt.public_key).to_body(),
        "anchors": AnchorCertificates(plan.anchors).to_body(),
        "policy": plan.policy,
    }
    now = time.time_ns()
    expires = now + BUNDLE_DAYS * 86_400 * 10**9
    return {kind: sign_bundle(Bundle(kind, 1, now, expires, body), campaign) for kind, body in bodies.items()}


def _kiosk(
    plan: Plan, kiosk: str, authority: Authority, campaign: FileSigningKey, bundles: dict[str, bytes]
) -> FileSigningKey:
    folder = plan.kiosk_folder / kiosk
    for sub in ("tls", "bundles"):
        (folder / sub).mkdir(mode=0o700, parents=True)
    for kind, data in bundles.items():
        _write(folder / "bundles" / f"{kind}.bundle", data)
    _write(folder / "campaign.pem", _public_pem(campaign.public_key))
    _write(folder / "tls" / "ca.pem", _pem(authority.certificate))
    _leaf(authority, kiosk, folder / "tls", "client", ExtendedKeyUsageOID.CLIENT_AUTH)
    return FileSigningKey.create(folder / "record.key")


def _authority(plan: Plan) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{plan.name} TLS CA")])
    builder = _builder(name, name, key.public_key(), CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority = Authority(key, builder.sign(key, hashes.SHA256()))
    _write_key(plan.folder / "campaign" / "tls-ca.key", key)
    _write(plan.folder / "tls" / "ca.pem", _pem(authority.certificate))
    return authority


def _leaf(authority: Authority, name: str, folder: Path, stem: str, usage: x509.ObjectIdentifier) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, authority.certificate.subject, key.public_key(), LEAF_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(_names(name)), critical=False)
    _write_key(folder / f"{stem}.key", key)
    _write(folder / f"{stem}.pem", _pem(builder.sign(authority.key, hashes.SHA256())))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _names(name: str) -> list[x509.GeneralName]:
    try:
        return [x509.IPAddress(ipaddress.ip_address(name))]
    except ValueError:
        return [x509.DNSName(name)]


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _write(path, key.private_bytes(encoding, layout, serialization.NoEncryption()))


def _write(path: Path, data: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigInvalid(f"{path}: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

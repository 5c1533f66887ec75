"""Issuing kiosks' certificates: which requests are good, and which certificates are ours."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from agent.sealing.keys import read_private_key
from collector.certificates import CLIENT, EARLY, Authority, Period
from collector.errors import IssuerUnusable
from collector.registry import ShownCertificate

MAX_CSR_BYTES = 4096
MAX_CERTIFICATE_BYTES = 8192


class RequestInvalid(Exception):
    """A CSR or certificate that nothing is issued for; the text says why."""


@dataclass(frozen=True, slots=True)
class KioskCertificate:
    """A kiosk's certificate that our CA signed, its dates not looked at yet."""

    shown: ShownCertificate
    public: ec.EllipticCurvePublicKey = field(repr=False)
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issuer:
    """The CA for kiosks: its key, its certificate and those up to a root, and the roots."""

    authority: Authority
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    days: float

    @classmethod
    def load(cls, certificate: Path, key: Path, roots: Path, days: float) -> Issuer:
        """Read the files; raise IssuerUnusable naming the one that does not fit, or KeyUnusable."""
        chain, private = _certificates(certificate), read_private_key(key)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != chain[0].public_key():
            raise IssuerUnusable(f"{key}: not the key of {certificate}")
        issuer = cls(Authority(private, chain[0]), chain, _certificates(roots), days)
        if not any(_signed_by(chain[-1], root) for root in issuer.roots):
            raise IssuerUnusable(f"{certificate}: no root of {roots} signed its last certificate")
        return issuer

    def issue(self, kiosk: str, csr: bytes, now: datetime.datetime) -> KioskCertificate:
        """Issue for the key of a CSR; whatever else the CSR wishes for is left out. Raises RequestInvalid."""
        period = Period(now - EARLY, now + datetime.timedelta(days=self.days))
        certificate = self.authority.certify(kiosk, _requested_key(csr, kiosk), CLIENT, period)
        return _described(certificate)

    def with_chain(self, certificate: bytes) -> tuple[bytes, ...]:
        """Return a certificate (DER) and those that a collector needs to get from it to a root."""
        return (certificate, *(one.public_bytes(Encoding.DER) for one in self.chain))

    def recognise(self, der: bytes) -> KioskCertificate:
        """Return a certificate that we issued to a kiosk, expired or not; raise RequestInvalid."""
        if len(der) > MAX_CERTIFICATE_BYTES:
            raise RequestInvalid("certificate: too long")
        try:
            certificate = x509.load_der_x509_certificate(der)
            usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (ValueError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
            raise RequestInvalid("certificate: not one of a kiosk") from error
        if CLIENT not in usage or not any(_signed_by(certificate, one) for one in (*self.chain, *self.roots)):
            raise RequestInvalid("certificate: not one of a kiosk of ours")
        return _described(certificate)


def describe(certificate: x509.Certificate) -> ShownCertificate:
    """Return what the registry keeps of a certificate. Raises RequestInvalid."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1 or not isinstance(names[0].value, str):
        raise RequestInvalid("certificate: one common name")
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return ShownCertificate(
        kiosk=names[0].value,
        serial=f"{certificate.serial_number:x}",
        key_sha256=hashlib.sha256(public).digest(),
        issued_at_ns=_ns(certificate.not_valid_before_utc + EARLY),
        expires_at_ns=_ns(certificate.not_valid_after_utc),
    )


def _described(certificate: x509.Certificate) -> KioskCertificate:
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise RequestInvalid("certificate: not a P-256 key")
    return KioskCertificate(describe(certificate), public, certificate.public_bytes(Encoding.DER))


def _requested_key(der: bytes, kiosk: str) -> ec.EllipticCurvePublicKey:
    if len(der) > MAX_CSR_BYTES:
        raise RequestInvalid("CSR: too long")
    try:
        csr = x509.load_der_x509_csr(der)
        public, signed = csr.public_key(), csr.is_signature_valid
        names = [name.value for name in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RequestInvalid("CSR: not PKCS #10 in DER") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise RequestInvalid("CSR: not a P-256 key")
    if not signed:
        raise RequestInvalid("CSR: its signature is wrong")
    if names != [kiosk]:
        raise RequestInvalid("CSR: for another name")
    return public


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _certificates(path: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise IssuerUnusable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise IssuerUnusable(f"{path}: not certificates in PEM") from error


def _ns(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 10**9

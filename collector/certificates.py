"""The TLS CA and the certificates it issues: P-256, server or client, never both."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 365
LEAF_DAYS = 90
# Certificates start a day early: a kiosk whose clock is a little behind must not refuse them.
EARLY = datetime.timedelta(days=1)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True)
class Period:
    """When a certificate is valid."""

    begins: datetime.datetime
    ends: datetime.datetime

    @classmethod
    def of_days(cls, days: int, now: datetime.datetime) -> Period:
        """Return a period that began a day ago and ends after so many days."""
        return cls(now - EARLY, now + datetime.timedelta(days=days))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    @classmethod
    def create(cls, name: str, period: Period) -> Authority:
        """Make a CA that signs itself; below it there is one more, which issues leaves only."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, key.public_key(), period)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        return cls(key, builder.add_extension(_usage(issues=True), critical=True).sign(key, hashes.SHA256()))

    def for_kiosks(self, name: str, period: Period) -> Authority:
        """Make the CA that works online: it can issue clients' certificates, and none that pose as a collector."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self.certificate.subject, key.public_key(), period)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(issues=True), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([CLIENT]), critical=False)
        builder = builder.add_extension(self._issuer(), critical=False)
        return Authority(key, builder.sign(self.key, hashes.SHA256()))

    @property
    def pem(self) -> bytes:
        """The CA's certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The CA's private key."""
        return _private_pem(self.key)

    def issue(self, name: str, usage: x509.ObjectIdentifier, period: Period) -> Leaf:
        """Issue a certificate for a host or kiosk name, with a new key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.certify(name, key.public_key(), usage, period)
        return Leaf(certificate.public_bytes(serialization.Encoding.PEM), _private_pem(key))

    def certify(
        self, name: str, public: ec.EllipticCurvePublicKey, usage: x509.ObjectIdentifier, period: Period
    ) -> x509.Certificate:
        """Issue a certificate for a host or kiosk name and its public key."""
        builder = _builder(_name(name), self.certificate.subject, public, period)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(issues=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(self._issuer(), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _issuer(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, period: Period
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(period.begins)
        .not_valid_after(period.ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        key_cert_sign=issues,
        crl_sign=issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, layout, serialization.NoEncryption())

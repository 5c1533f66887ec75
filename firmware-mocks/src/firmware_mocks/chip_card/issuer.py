"""The issuing state of a mock: a CSCA kept in a folder, and document signers made by it for every card."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.ec import BY_NAME

CERTIFICATE_PEM, CERTIFICATE_DER, KEY = "csca.pem", "csca.der", "csca-key.pem"
EXPLICIT_DER = "csca-explicit.der"  # the same CSCA, its curve in explicit parameters
_PRIME_FIELD = bytes.fromhex("06072A8648CE3D0101")
_EC_PUBLIC_KEY = bytes.fromhex("06072A8648CE3D0201")
_FROM, _SIGNERS_END, _END = (datetime(year, 1, 1, tzinfo=UTC) for year in (2021, 2036, 2046))


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate and its private key: a CSCA or a document signer (ICAO Doc 9303-12, 7.1)."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate_der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def explicit_der(self) -> bytes:
        """The certificate, signed anew, with all numbers of the curve instead of its name (BSI TR-03111, 4.1)."""
        certificate = asn1_x509.Certificate.load(self.certificate_der)
        body = certificate["tbs_certificate"]
        body["subject_public_key_info"] = asn1_x509.PublicKeyInfo.load(_explicit(self.key.public_key()))
        certificate["signature_value"] = self.key.sign(body.dump(force=True), ec.ECDSA(hashes.SHA384()))
        return bytes(certificate.dump(force=True))

    @classmethod
    def new_csca(cls) -> Issuer:
        """Make a self-signed CSCA on brainpoolP384r1."""
        key = ec.generate_private_key(ec.BrainpoolP384R1())
        name = _name("CSCA Citizen Card (mock)")
        builder = _builder(name, name, key, _END)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        return cls(builder.sign(key, hashes.SHA384()), key)

    def new_signer(self) -> Issuer:
        """Make a document signer on brainpoolP256r1, certified by this CSCA."""
        key = ec.generate_private_key(ec.BrainpoolP256R1())
        builder = _builder(_name("DS Citizen Card (mock)"), self.certificate.subject, key, _SIGNERS_END)
        authority = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority)
        builder = builder.add_extension(identifier, critical=False)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        return Issuer(builder.sign(self.key, hashes.SHA384()), key)


def kept_csca(folder: Path) -> Issuer:
    """Return the CSCA of `folder`, made there at the first call, so that any number of cards share one anchor."""
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if (folder / KEY).exists():
            return _load(folder)
        csca = Issuer.new_csca()
        pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
        (folder / CERTIFICATE_PEM).write_bytes(csca.certificate.public_bytes(pem))
        (folder / CERTIFICATE_DER).write_bytes(csca.certificate.public_bytes(der))
        (folder / EXPLICIT_DER).write_bytes(csca.explicit_der)
        form = serialization.PrivateFormat.PKCS8
        (folder / KEY).write_bytes(csca.key.private_bytes(pem, form, serialization.NoEncryption()))
        return csca


def _explicit(key: ec.EllipticCurvePublicKey) -> bytes:
    curve = BY_NAME[key.curve.name]
    field_id = tlv.encode(0x30, _PRIME_FIELD + _integer(curve.p))
    coefficients = b"".join(tlv.encode(0x04, number.to_bytes(curve.size, "big")) for number in (curve.a, curve.b))
    base = tlv.encode(0x04, curve.encode(curve.generator))
    numbers = _integer(1) + field_id + tlv.encode(0x30, coefficients) + base + _integer(curve.order) + _integer(1)
    algorithm = tlv.encode(0x30, _EC_PUBLIC_KEY + tlv.encode(0x30, numbers))
    form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return tlv.encode(0x30, algorithm + tlv.encode(0x03, b"\0" + key.public_bytes(*form)))


def _integer(number: int) -> bytes:
    return tlv.encode(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _load(folder: Path) -> Issuer:
    key = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{folder / KEY} is not an elliptic curve key")
    return Issuer(x509.load_pem_x509_certificate((folder / CERTIFICATE_PEM).read_bytes()), key)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _name(common: str) -> x509.Name:
    values = ((NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, "Made up"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in values])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(_FROM).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

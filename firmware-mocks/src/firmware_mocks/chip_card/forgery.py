"""Signers and security objects of any make, every field of which may be wrong: what a forger would try."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from firmware_mocks.chip_card import tlv

LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
GROUPS = {1: b"\x61\x01a", 2: b"\x75\x01b", 13: b"\x6d\x01c"}
FROM, UNTIL = datetime(2021, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def name(common: str) -> x509.Name:
    """Make a name of one attribute."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


@dataclass(frozen=True)
class Signer:
    """A certificate and its key."""

    key: Key
    certificate: x509.Certificate

    @classmethod
    def make(
        cls,
        key: Key,
        subject: str = "DS",
        issuer: Signer | None = None,
        dates: tuple[datetime, datetime] = (FROM, UNTIL),
        hash_algorithm: Any = hashes.SHA256(),  # noqa: B008 # immutable
        signing: bool | None = None,
        extensions: Sequence[x509.ExtensionType] = (),
        **options: Any,
    ) -> Signer:
        """Certify a key by `issuer`, by itself when there is none; `signing` is the digitalSignature bit."""
        issuing = issuer.certificate.subject if issuer else name(subject)
        builder = x509.CertificateBuilder(issuing, name(subject), key.public_key(), x509.random_serial_number(), *dates)
        if signing is not None:
            bits = dict.fromkeys(_BITS, False) | {"digital_signature": signing, "key_agreement": not signing}
            builder = builder.add_extension(x509.KeyUsage(**bits), critical=True)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return cls(key, builder.sign(issuer.key if issuer else key, hash_algorithm, **options))

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)


_BITS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass
class Sod:
    """A security object in the making; every field may be made wrong."""

    signer: Signer
    groups: Mapping[int, bytes] = field(default_factory=lambda: GROUPS)
    hash_name: str = "sha256"
    digest_name: str | None = None
    signature_algorithm: dict[str, Any] | None = None
    listed: list[tuple[int, bytes]] | None = None
    attributes: list[tuple[str, list[Any]]] | None = None
    signature: Callable[[bytes], bytes] | None = None
    content_type: str = LDS_SECURITY_OBJECT
    certificates: list[bytes] | None = None
    without_attributes: bool = False

    def content(self) -> bytes:
        """Return the LDS security object."""
        listed = self.listed
        if listed is None:
            listed = [(n, hashlib.new(self.hash_name, data).digest()) for n, data in self.groups.items()]
        entries = b"".join(tlv.encode(0x30, core.Integer(n).dump() + core.OctetString(h).dump()) for n, h in listed)
        algorithm = algos.DigestAlgorithm({"algorithm": self.hash_name}).dump()
        return tlv.encode(0x30, core.Integer(0).dump() + algorithm + tlv.encode(0x30, entries))

    def build(self) -> bytes:
        """Return EF.SOD."""
        content, digest_name = self.content(), self.digest_name or self.hash_name
        chosen = self.attributes
        if chosen is None:
            digest = hashlib.new(digest_name, content).digest()
            chosen = [("content_type", [self.content_type]), ("message_digest", [digest])]
        attributes = cms.CMSAttributes([{"type": kind, "values": values} for kind, values in chosen])
        message = content if self.without_attributes else attributes.dump()
        certificate = asn1_x509.Certificate.load(self.signer.der)
        identifier = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        info: dict[str, Any] = {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": identifier}),
            "digest_algorithm": {"algorithm": digest_name},
            "signature_algorithm": self.signature_algorithm or self._algorithm(digest_name),
            "signature": (self.signature or self._sign(digest_name))(message),
        }
        if not self.without_attributes:
            info["signed_attrs"] = attributes
        certificates = [self.signer.der] if self.certificates is None else self.certificates
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": digest_name}],
                "encap_content_info": {
                    "content_type": self.content_type,
                    "content": core.ParsableOctetString(content),
                },
                "certificates": [asn1_x509.Certificate.load(der) for der in certificates],
                "signer_infos": [cms.SignerInfo(info)],
            }
        )
        return tlv.encode(0x77, cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())

    def _algorithm(self, digest_name: str) -> dict[str, Any]:
        family = "rsa" if isinstance(self.signer.key, rsa.RSAPrivateKey) else "ecdsa"
        return {"algorithm": f"{digest_name}_{family}"}

    def _sign(self, digest_name: str) -> Callable[[bytes], bytes]:
        chosen = getattr(hashes, digest_name.upper())()
        key = self.signer.key
        if isinstance(key, rsa.RSAPrivateKey):
            return lambda message: key.sign(message, padding.PKCS1v15(), chosen)
        return lambda message: key.sign(message, ec.ECDSA(chosen))


def pss(hash_name: str, salt: int) -> dict[str, Any]:
    """Return RSASSA-PSS with its parameters."""
    hashed = {"algorithm": hash_name}
    mask = {"algorithm": "mgf1", "parameters": hashed}
    parameters = {"hash_algorithm": hashed, "mask_gen_algorithm": mask, "salt_length": salt, "trailer_field": 1}
    return {"algorithm": "rsassa_pss", "parameters": parameters}

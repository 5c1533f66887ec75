"""What issuing states publish: master lists, revocation lists, link certificates (ICAO Doc 9303-12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.forgery import Signer
from firmware_mocks.chip_card.issuer import Issuer
from firmware_mocks.chip_card.security_object import signed_data

MASTER_LIST = "2.23.136.1.1.2"
FOR_MASTER_LISTS = x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.23.136.1.1.3")])
AUTHORITY = x509.BasicConstraints(ca=True, path_length=0)


@dataclass(frozen=True)
class State:
    """A state with a CSCA."""

    csca: Signer

    @classmethod
    def make(cls, name: str = "CSCA") -> State:
        """Make a CSCA of that name."""
        return cls(Signer.make(ec.generate_private_key(ec.SECP256R1()), name, extensions=[AUTHORITY]))

    def linked(self, name: str = "CSCA") -> tuple[State, bytes]:
        """Make the next CSCA of the state, and the certificate that links it to this one."""
        key = ec.generate_private_key(ec.SECP384R1())
        link = Signer.make(key, name, issuer=self.csca, extensions=[AUTHORITY])
        return State(Signer.make(key, name, extensions=[AUTHORITY])), link.der

    def signer(self) -> Signer:
        """Make a document signer."""
        return Signer.make(ec.generate_private_key(ec.SECP256R1()), "DS", issuer=self.csca)

    def master_list(self, certificates: Sequence[bytes], *, for_lists: bool = True) -> bytes:
        """Sign a list of certificates with a signer made for that."""
        extensions = [FOR_MASTER_LISTS] if for_lists else []
        signer = Signer.make(ec.generate_private_key(ec.SECP256R1()), "MLS", issuer=self.csca, extensions=extensions)
        key = signer.key
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("an elliptic curve key was made")
        members = core.Integer(0).dump() + tlv.encode(0x31, b"".join(sorted(certificates)))
        return signed_data(MASTER_LIST, tlv.encode(0x30, members), Issuer(signer.certificate, key))

    def crl(self, serials: Sequence[int]) -> bytes:
        """Revoke certificates by their serial numbers."""
        dates = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
        builder = x509.CertificateRevocationListBuilder(self.csca.certificate.subject, *dates)
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder(serial, dates[0]).build()
            builder = builder.add_revoked_certificate(revoked)
        signed = builder.sign(self.csca.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

"""EF.SOD: the hashes of the data groups in a CMS signed by a document signer (ICAO Doc 9303-10, 4.6.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.issuer import Issuer

_LDS_SECURITY_OBJECT = "2.23.136.1.1.1"


class _DataGroupHash(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields = [("number", core.Integer), ("hash", core.OctetString)]  # noqa: RUF012


class _DataGroupHashes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _DataGroupHash


class _LdsSecurityObject(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("algorithm", algos.DigestAlgorithm),
        ("hashes", _DataGroupHashes),
    ]


def sod(groups: Mapping[int, bytes], signer: Issuer) -> bytes:
    """EF.SOD over the data groups by number, SHA-256 and ECDSA."""
    digests = [{"number": n, "hash": hashlib.sha256(groups[n]).digest()} for n in sorted(groups)]
    algorithm = {"algorithm": "sha256"}
    content = _LdsSecurityObject({"version": 0, "algorithm": algorithm, "hashes": digests}).dump()
    certificate = asn1_x509.Certificate.load(signer.certificate.public_bytes(serialization.Encoding.DER))
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algorithm],
            "encap_content_info": {
                "content_type": _LDS_SECURITY_OBJECT,
                "content": core.ParsableOctetString(content),
            },
            "certificates": [certificate],
            "signer_infos": [_signer_info(content, certificate, signer)],
        }
    )
    return tlv.encode(0x77, cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def _signer_info(content: bytes, certificate: asn1_x509.Certificate, signer: Issuer) -> cms.SignerInfo:
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": [_LDS_SECURITY_OBJECT]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
        ]
    )
    identifier = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    return cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": identifier}),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": signer.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
        }
    )

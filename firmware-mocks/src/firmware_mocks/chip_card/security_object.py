"""EF.SOD: the hashes of the data groups in a CMS signed by a document signer (ICAO Doc 9303-10, 4.6.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.issuer import Issuer

_LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
_SECURITY_INFOS = "0.4.0.127.0.7.3.2.1"


class _DataGroupHash(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields = [("number", core.Integer), ("hash", core.OctetString)]  # noqa: RUF012


class _DataGroupHashes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _DataGroupHash


class _Versions(core.Sequence):  # type: ignore[misc]
    _fields = [("lds", core.PrintableString), ("unicode", core.PrintableString)]  # noqa: RUF012


class _LdsSecurityObject(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("algorithm", algos.DigestAlgorithm),
        ("hashes", _DataGroupHashes),
        ("versions", _Versions, {"optional": True}),
    ]


def sod(groups: Mapping[int, bytes], signer: Issuer, lds: str = "0107") -> bytes:
    """EF.SOD over the data groups by number, SHA-256 and ECDSA; with its version inside from LDS 1.8 on."""
    digests = [{"number": n, "hash": hashlib.sha256(groups[n]).digest()} for n in sorted(groups)]
    values: dict[str, Any] = {"version": 0, "algorithm": {"algorithm": "sha256"}, "hashes": digests}
    if lds >= "0108":
        values |= {"version": 1, "versions": {"lds": lds, "unicode": "040000"}}
    return tlv.encode(0x77, signed_data(_LDS_SECURITY_OBJECT, _LdsSecurityObject(values).dump(), signer))


def card_security(infos: list[bytes], signer: Issuer) -> bytes:
    """EF.CardSecurity: signed SecurityInfos (ICAO Doc 9303-11, 9.2.11)."""
    return signed_data(_SECURITY_INFOS, tlv.encode(0x31, b"".join(sorted(infos))), signer)


def signed_data(content_type: str, content: bytes, signer: Issuer) -> bytes:
    """Return the ContentInfo of SignedData over `content`."""
    algorithm = {"algorithm": "sha256"}
    certificate = asn1_x509.Certificate.load(signer.certificate_der)
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algorithm],
            "encap_content_info": {
                "content_type": content_type,
                "content": core.ParsableOctetString(content),
            },
            "certificates": [certificate],
            "signer_infos": [_signer_info(content_type, content, certificate, signer)],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def _signer_info(
    content_type: str, content: bytes, certificate: asn1_x509.Certificate, signer: Issuer
) -> cms.SignerInfo:
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": [content_type]},
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

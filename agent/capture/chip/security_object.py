"""What issuers sign in a chip: EF.SOD (Doc 9303-10, 4.6.2) and EF.CardSecurity (9303-11, 9.2.11). Parsing, no trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from asn1crypto import cms, core, x509

from agent.capture.chip import tlv
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.security_infos import SecurityInfos, parse_security_infos
from agent.capture.chip.signatures import HASHES, UNUSABLE

LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
SECURITY_INFOS = "0.4.0.127.0.7.3.2.1"
MAX_SOD_BYTES = 64 * 1024
DATA_GROUPS = range(1, 17)


class _DataGroupHash(core.Sequence):  # type: ignore[misc] # asn1crypto is untyped
    _fields = [("number", core.Integer), ("hash", core.OctetString)]  # noqa: RUF012 # asn1crypto's form


class _DataGroupHashes(core.SequenceOf):  # type: ignore[misc] # asn1crypto is untyped
    _child_spec = _DataGroupHash


class _Versions(core.Sequence):  # type: ignore[misc] # asn1crypto is untyped
    _fields = [("lds", core.PrintableString), ("unicode", core.PrintableString)]  # noqa: RUF012 # asn1crypto's form


class _LdsSecurityObject(core.Sequence):  # type: ignore[misc] # asn1crypto is untyped
    _fields = [  # noqa: RUF012 # asn1crypto's form
        ("version", core.Integer),
        ("hash_algorithm", cms.DigestAlgorithm),
        ("hashes", _DataGroupHashes),
        ("versions", _Versions, {"optional": True}),
    ]


class Signed(Protocol):
    """Signed data of one signer: the content and its type, the signer's information and certificate."""

    @property
    def content_type(self) -> str:
        """The object identifier, dotted."""
        ...

    @property
    def content(self) -> bytes:
        """What was signed."""
        ...

    @property
    def signer(self) -> Any:
        """Return asn1crypto's SignerInfo, which is untyped."""
        ...

    @property
    def certificate(self) -> x509.Certificate:
        """The signer's."""
        ...


@dataclass(frozen=True, slots=True)
class SignedContent:
    """Signed data as they were parsed; a Signed."""

    content_type: str
    content: bytes = field(repr=False)
    signer: Any = field(repr=False)
    certificate: x509.Certificate = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecurityObject:
    """A parsed EF.SOD: the hashes it lists, what signed it, and with which certificate; a Signed.

    `lds_version` and `unicode_version` are only there in version 1 of the object (LDS 1.8).
    """

    hash_algorithm: str
    data_groups: Mapping[int, bytes]
    content: bytes = field(repr=False)
    signer: Any = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    content_type: str = LDS_SECURITY_OBJECT
    lds_version: str = ""
    unicode_version: str = ""


def parse_sod(data: bytes) -> SecurityObject:
    """Parse EF.SOD: 77 { ContentInfo SignedData { LDSSecurityObject } }; raise ChipDataError."""
    if len(data) > MAX_SOD_BYTES:
        raise ChipDataError(f"EF.SOD of {len(data)} bytes")
    try:
        signed = _signed(tlv.only(data, 0x77), LDS_SECURITY_OBJECT)
        algorithm, groups, versions = _listed(signed.content)
    except UNUSABLE as error:
        raise ChipDataError(f"EF.SOD: {type(error).__name__}") from error
    parsed = SecurityObject(algorithm, groups, signed.content, signed.signer, signed.certificate)
    return replace(parsed, lds_version=versions[0], unicode_version=versions[1])


def parse_card_security(data: bytes) -> tuple[SignedContent, SecurityInfos]:
    """Parse EF.CardSecurity: SignedData over the SecurityInfos; raise ChipDataError."""
    signed = parse_signed(data, SECURITY_INFOS, MAX_SOD_BYTES)
    return signed, parse_security_infos(signed.content)


def parse_signed(data: bytes, content_type: str, max_bytes: int) -> SignedContent:
    """Parse any SignedData whose content is `content_type` (dotted); raise ChipDataError."""
    if len(data) > max_bytes:
        raise ChipDataError(f"signed data of {len(data)} bytes")
    try:
        return _signed(data, content_type)
    except UNUSABLE as error:
        raise ChipDataError(f"signed data: {type(error).__name__}") from error


def _signed(data: bytes, content_type: str) -> SignedContent:
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].native != "signed_data":
        raise ChipDataError("no signed data")
    signed = info["content"]
    encapsulated = signed["encap_content_info"]
    if encapsulated["content_type"].dotted != content_type:
        raise ChipDataError(f"what is signed is no security object {content_type}")
    signer = signed["signer_infos"][0]
    certificate = _signers_certificate(signed, signer)
    # asn1crypto parses lazily: touch what is used, so that faults show here.
    certificate.native, signer.native  # noqa: B018
    return SignedContent(content_type, bytes(encapsulated["content"]), signer, certificate)


def _listed(content: bytes) -> tuple[str, dict[int, bytes], tuple[str, str]]:
    """Return the hash algorithm and the hash of each data group; one that is listed twice is ambiguous."""
    lds = _LdsSecurityObject.load(content, strict=True)
    algorithm = lds["hash_algorithm"]["algorithm"].native
    if algorithm not in HASHES:
        raise ChipDataError(f"hash algorithm {algorithm}")
    listed = [(item["number"].native, item["hash"].native) for item in lds["hashes"]]
    groups = dict(listed)
    if len(groups) != len(listed):
        raise ChipDataError("EF.SOD lists a data group twice")
    size = HASHES[algorithm].digest_size
    if any(number not in DATA_GROUPS or len(value) != size for number, value in listed):
        raise ChipDataError("EF.SOD lists what is no data group's hash")
    return algorithm, groups, _versions(lds)


def _versions(lds: Any) -> tuple[str, str]:
    """Return LDS and Unicode version of an object of version 1 (4.6.2.3); both empty in version 0."""
    found = lds["versions"]
    if found.native is None:
        return "", ""
    return str(found["lds"].native), str(found["unicode"].native)


def _signers_certificate(signed: Any, signer: Any) -> x509.Certificate:
    for one in signed["certificates"]:
        if one.name == "certificate" and _identifies(signer["sid"], one.chosen):
            return one.chosen
    raise ChipDataError("it does not bring its signer's certificate")


def _identifies(sid: Any, certificate: x509.Certificate) -> bool:
    if sid.name == "subject_key_identifier":
        return bool(certificate.key_identifier == sid.chosen.native)
    issuer, serial = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
    return bool(certificate.issuer.dump() == issuer and certificate.serial_number == serial)

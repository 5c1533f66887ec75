"""Passive authentication (Doc 9303-11, 5.1; 9303-12): SOD signature, chain to a CSCA, hashes of the data groups."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from agent.capture.chip import tlv
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.trust import TrustAnchors, public_key
from agent.capture.evidence import Check, Verdict

LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
MAX_SOD_BYTES = 64 * 1024

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 # old documents; the hash of a signed list, told in the facts
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class _DataGroupHash(core.Sequence):  # type: ignore[misc] # asn1crypto is untyped
    _fields = [("number", core.Integer), ("hash", core.OctetString)]  # noqa: RUF012 # asn1crypto's form


class _DataGroupHashes(core.SequenceOf):  # type: ignore[misc] # asn1crypto is untyped
    _child_spec = _DataGroupHash


class _LdsSecurityObject(core.Sequence):  # type: ignore[misc] # asn1crypto is untyped
    _fields = [  # noqa: RUF012 # asn1crypto's form
        ("version", core.Integer),
        ("hash_algorithm", cms.DigestAlgorithm),
        ("hashes", _DataGroupHashes),
        ("lds_version", core.Any, {"optional": True}),
    ]


@dataclass(frozen=True, slots=True)
class SecurityObject:
    """A parsed EF.SOD: the hashes it lists, what signed it, and with which certificate."""

    hash_algorithm: str
    data_groups: Mapping[int, bytes]
    content: bytes = field(repr=False)
    signer: Any = field(repr=False)  # asn1crypto's SignerInfo is untyped
    certificate: x509.Certificate = field(repr=False)


def parse_sod(data: bytes) -> SecurityObject:
    """Parse EF.SOD: 77 { ContentInfo SignedData { LDSSecurityObject } }; raise ChipDataError."""
    try:
        return _parse(tlv.only(data, 0x77))
    except (ValueError, TypeError, KeyError, IndexError, StopIteration) as error:
        raise ChipDataError(f"EF.SOD: {type(error).__name__}") from error


def _parse(data: bytes) -> SecurityObject:
    info = cms.ContentInfo.load(data, strict=True)
    signed = info["content"]
    encapsulated = signed["encap_content_info"]
    if info["content_type"].native != "signed_data" or encapsulated["content_type"].dotted != LDS_SECURITY_OBJECT:
        raise ChipDataError("EF.SOD is not a signed LDS security object")
    content = bytes(encapsulated["content"])
    lds = _LdsSecurityObject.load(content, strict=True)
    algorithm = lds["hash_algorithm"]["algorithm"].native
    if algorithm not in _HASHES:
        raise ChipDataError(f"hash algorithm {algorithm}")
    groups = {item["number"].native: item["hash"].native for item in lds["hashes"]}
    signer = signed["signer_infos"][0]
    certificate = next(
        one.chosen for one in signed["certificates"] if one.name == "certificate" and _identifies(signer, one.chosen)
    )
    certificate.native  # noqa: B018 # parsed lazily: faults must show here
    signer.native  # noqa: B018 # as above
    return SecurityObject(algorithm, groups, content, signer, certificate)


def _identifies(signer: Any, certificate: x509.Certificate) -> bool:
    sid = signer["sid"]
    if sid.name == "subject_key_identifier":
        return bool(certificate.key_identifier == sid.chosen.native)
    issuer, serial = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
    return bool(certificate.issuer.dump() == issuer and certificate.serial_number == serial)


def authenticate(
    sod: SecurityObject, groups: Mapping[int, bytes], anchors: TrustAnchors, now: datetime
) -> tuple[Check, ...]:
    """Return the checks: sod_signature, certificate_chain, data_group_hashes; signer's dates are only reported."""
    return (_signature(sod), _chain(sod.certificate, anchors), _hashes(sod, groups), _dates(sod.certificate, now))


def _signature(sod: SecurityObject) -> Check:
    try:
        _check_signature(sod)
    except (InvalidSignature, ChipDataError, ValueError, KeyError) as error:
        return Check("sod_signature", Verdict.FAILED, f"the SOD's signature is wrong ({type(error).__name__})")
    return Check("sod_signature", Verdict.PASSED)


def _check_signature(sod: SecurityObject) -> None:
    signer = sod.signer
    digest = signer["digest_algorithm"]["algorithm"].native
    signed_attributes = signer["signed_attrs"]
    message = sod.content
    if signed_attributes.native:
        attributes = {a["type"].native: a["values"][0].native for a in signed_attributes}
        ours = hashlib.new(digest, sod.content).digest()
        if not hmac.compare_digest(attributes.get("message_digest", b""), ours):
            raise InvalidSignature
        if attributes.get("content_type") != LDS_SECURITY_OBJECT:
            raise InvalidSignature
        # Signed as SET OF, not with the implicit tag that it travels under (RFC 5652, 5.4).
        message = signed_attributes.untag().dump()
    verify(public_key(sod.certificate), signer["signature"].native, message, signer["signature_algorithm"], digest)


def verify(key: Any, signature: bytes, message: bytes, algorithm: Any, digest: str) -> None:
    """Check one signature by its ASN.1 algorithm (`digest` where that names none); raise InvalidSignature."""
    kind = algorithm.signature_algo
    if kind == "rsassa_pss":
        parameters = algorithm["parameters"]
        name = parameters["hash_algorithm"]["algorithm"].native
        mgf = padding.MGF1(_HASHES[parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native])
        _rsa(key).verify(signature, message, padding.PSS(mgf, parameters["salt_length"].native), _HASHES[name])
        return
    name = (
        algorithm.hash_algo
        if "_" in algorithm["algorithm"].native or "with" in algorithm["algorithm"].native
        else digest
    )
    if kind == "ecdsa":
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise InvalidSignature
        key.verify(signature, message, ec.ECDSA(_HASHES[name]))
    elif kind == "rsassa_pkcs1v15":
        _rsa(key).verify(signature, message, padding.PKCS1v15(), _HASHES[name])
    else:
        raise ChipDataError(f"signature algorithm {kind}")


def _rsa(key: Any) -> rsa.RSAPublicKey:
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidSignature
    return key


def _chain(certificate: x509.Certificate, anchors: TrustAnchors) -> Check:
    if not anchors.certificates:
        return Check("certificate_chain", Verdict.NOT_ASSESSED, "this kiosk has no CSCA certificate")
    issuers = anchors.issuers_of(certificate)
    if not issuers:
        return Check("certificate_chain", Verdict.FAILED, "the signer was issued by no CSCA that this kiosk trusts")
    for issuer in issuers:
        try:
            algorithm = certificate["signature_algorithm"]
            message = certificate["tbs_certificate"].dump()
            verify(public_key(issuer), certificate["signature_value"].native, message, algorithm, "")
        except (InvalidSignature, ChipDataError, ValueError, KeyError):
            continue
        return Check("certificate_chain", Verdict.PASSED)
    return Check("certificate_chain", Verdict.FAILED, "the signer's certificate is not signed by the CSCA it names")


def _hashes(sod: SecurityObject, groups: Mapping[int, bytes]) -> Check:
    wrong = [
        f"DG{number}"
        for number, data in sorted(groups.items())
        if not hmac.compare_digest(hashlib.new(sod.hash_algorithm, data).digest(), sod.data_groups.get(number, b""))
    ]
    if wrong:
        return Check("data_group_hashes", Verdict.FAILED, f"not what was signed: {', '.join(wrong)}")
    return Check("data_group_hashes", Verdict.PASSED)


def _dates(certificate: x509.Certificate, now: datetime) -> Check:
    name = "document_signer_dates"
    if certificate.not_valid_before <= now <= certificate.not_valid_after:
        return Check(name, Verdict.PASSED, gate=False)
    return Check(name, Verdict.FAILED, "outside its dates by the kiosk's clock", gate=False)

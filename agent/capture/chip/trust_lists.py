"""What states publish to be trusted: CSCA and link certificates, master lists, revocation lists (Doc 9303-12).

Everything is checked before it is let in: a master list and a revocation list by their signatures, up to an anchor that
is trusted already; a link certificate by the anchor before it. A self-signed CSCA is trusted by whoever imports it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from asn1crypto import core, pem, x509
from asn1crypto import crl as asn1_crl
from cryptography.exceptions import InvalidSignature

from agent.capture.chip.errors import ChipDataError, NotTrusted
from agent.capture.chip.passive_authentication import check_signature, issued
from agent.capture.chip.security_object import parse_signed
from agent.capture.chip.signatures import UNUSABLE, verify
from agent.capture.chip.trust import RevocationList, TrustAnchors, load_certificate, public_key

MASTER_LIST = "2.23.136.1.1.2"
MASTER_LIST_SIGNER = "2.23.136.1.1.3"  # extended key usage, 9303-12, 7.1.1
MAX_LIST_BYTES = 8 * 1024 * 1024
MAX_CERTIFICATES = 4096


class _Certificates(core.SetOf):  # type: ignore[misc] # asn1crypto is untyped
    _child_spec = x509.Certificate


class _CscaMasterList(core.Sequence):  # type: ignore[misc] # asn1crypto is untyped
    _fields = [("version", core.Integer), ("certificates", _Certificates)]  # noqa: RUF012 # asn1crypto's form


class TrustKind(StrEnum):
    """What a file is."""

    CSCA = "csca"
    LINK = "link"
    MASTER_LIST = "master list"
    CRL = "crl"


@dataclass(frozen=True, slots=True)
class TrustFile:
    """A checked file: the certificates it brings as anchors, or the revocation list."""

    kind: TrustKind
    certificates: tuple[bytes, ...] = field(repr=False, default=())
    crl: bytes = field(repr=False, default=b"")
    skipped: int = 0


def read_trust_file(data: bytes, anchors: TrustAnchors) -> TrustFile:
    """Parse and check a certificate, master list or CRL, in DER or PEM.

    Raises NotTrusted when a signature does not hold or leads to no anchor, ChipDataError when it is none of them.
    """
    if len(data) > MAX_LIST_BYTES:
        raise ChipDataError(f"{len(data)} bytes are too many for a certificate or list")
    try:
        der = pem.unarmor(data)[2] if pem.detect(data) else data
    except UNUSABLE as error:
        raise ChipDataError("PEM") from error
    if _is_signed_data(der):
        return _master_list(der, anchors)
    try:
        certificate = load_certificate(der)
    except ChipDataError:
        parse_crl(der, anchors)
        return TrustFile(TrustKind.CRL, crl=der)
    return _certificate(der, certificate, anchors)


def _is_signed_data(der: bytes) -> bool:
    """Say whether it is a CMS ContentInfo, which begins with an object identifier."""
    length = der[1] if len(der) > 1 else 0
    at = 2 + (length & 0x7F if length & 0x80 else 0)
    return der[:1] == b"\x30" and der[at : at + 1] == b"\x06"


def _certificate(der: bytes, certificate: x509.Certificate, anchors: TrustAnchors) -> TrustFile:
    constraints = certificate.basic_constraints_value
    if constraints is None or not constraints["ca"].native:
        raise NotTrusted("the certificate is not a CSCA's: it may not issue others")
    if issued(certificate, certificate):
        return TrustFile(TrustKind.CSCA, (der,))
    if any(issued(certificate, anchor) for anchor in anchors.issuers_of(certificate)):
        return TrustFile(TrustKind.LINK, (der,))
    raise NotTrusted("neither self-signed nor a link from a trusted CSCA")


def _master_list(der: bytes, anchors: TrustAnchors) -> TrustFile:
    signed = parse_signed(der, MASTER_LIST, MAX_LIST_BYTES)
    try:
        check_signature(signed)
        usage = signed.certificate.extended_key_usage_value
        allowed = usage is not None and MASTER_LIST_SIGNER in [purpose.dotted for purpose in usage]
    except (InvalidSignature, ChipDataError, *UNUSABLE) as error:
        raise NotTrusted("the master list's signature is wrong") from error
    if not allowed:
        raise NotTrusted("the signer's certificate is not for master lists")
    if not any(issued(signed.certificate, anchor) for anchor in anchors.issuers_of(signed.certificate)):
        raise NotTrusted("the master list's signer was issued by no CSCA that this kiosk trusts; import that one first")
    return _listed(signed.content)


def _listed(content: bytes) -> TrustFile:
    """Return the list's certificates; ones that cannot be used are counted, as states' lists have some."""
    try:
        listed = [one.dump() for one in _CscaMasterList.load(content, strict=True)["certificates"]]
    except UNUSABLE as error:
        raise ChipDataError("master list") from error
    if len(listed) > MAX_CERTIFICATES:
        raise ChipDataError(f"a master list of more than {MAX_CERTIFICATES} certificates")
    usable = [der for der in listed if _usable(der)]
    return TrustFile(TrustKind.MASTER_LIST, tuple(usable), skipped=len(listed) - len(usable))


def _usable(der: bytes) -> bool:
    try:
        public_key(load_certificate(der))
    except ChipDataError:
        return False
    return True


def parse_crl(der: bytes, anchors: TrustAnchors) -> RevocationList:
    """Parse a revocation list and check its signature; raise NotTrusted or ChipDataError."""
    try:
        parsed: Any = asn1_crl.CertificateList.load(der, strict=True)
        body = parsed["tbs_cert_list"]
        issuer, this_update = parsed.issuer, body["this_update"].native
        entries = body["revoked_certificates"]
        serials = frozenset(entry["user_certificate"].native for entry in entries) if entries.native else frozenset()
    except UNUSABLE as error:
        raise ChipDataError("neither a certificate nor a master list nor a revocation list") from error
    if not isinstance(this_update, datetime):
        raise ChipDataError("revocation list without a date")
    if not any(_signed_by(parsed, anchor) for anchor in anchors.certificates if anchor.subject == issuer):
        raise NotTrusted("the revocation list is signed by no CSCA that this kiosk trusts")
    return RevocationList(issuer, serials, this_update)


def _signed_by(parsed: Any, anchor: x509.Certificate) -> bool:
    algorithm, body = parsed["signature_algorithm"], parsed["tbs_cert_list"]
    try:
        if algorithm.dump() != body["signature"].dump():
            return False
        verify(public_key(anchor), parsed["signature"].native, body.dump(), algorithm, "")
    except (InvalidSignature, ChipDataError, *UNUSABLE):
        return False
    return True

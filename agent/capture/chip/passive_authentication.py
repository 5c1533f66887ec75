"""Passive authentication (Doc 9303-11, 5.1; 9303-12): SOD signature, chain to a CSCA, hashes of the data groups."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from asn1crypto import x509
from cryptography.exceptions import InvalidSignature

from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.security_object import SecurityObject, Signed
from agent.capture.chip.signatures import UNUSABLE, digest, verify
from agent.capture.chip.trust import TrustAnchors, public_key
from agent.capture.evidence import Check, Verdict

_REFUSED = (InvalidSignature, ChipDataError, *UNUSABLE)


def authenticate(
    sod: SecurityObject,
    groups: Mapping[int, bytes],
    anchors: TrustAnchors,
    now: datetime,
    absent: Collection[int] = (),
) -> tuple[Check, ...]:
    """Return the checks: sod_signature, certificate_chain, data_group_hashes; signer's dates are only reported.

    `absent` are the data groups that the chip claims not to have.
    """
    return (
        _signature(sod),
        _chain(sod.certificate, anchors),
        _hashes(sod, groups, absent),
        _dates(sod.certificate, now),
    )


def authenticate_signed(signed: Signed, anchors: TrustAnchors) -> Check:
    """Judge signature and chain of other signed data of the issuer's, as EF.CardSecurity is; one check."""
    name = "card_security"
    try:
        check_signature(signed)
    except _REFUSED as error:
        return Check(name, Verdict.FAILED, f"its signature is wrong ({type(error).__name__})")
    return replace(_chain(signed.certificate, anchors), name=name)


def _signature(sod: SecurityObject) -> Check:
    try:
        check_signature(sod)
    except _REFUSED as error:
        return Check("sod_signature", Verdict.FAILED, f"the SOD's signature is wrong ({type(error).__name__})")
    return Check("sod_signature", Verdict.PASSED)


def check_signature(signed: Signed) -> None:
    """Check a CMS signature with the certificate that the data bring; raise InvalidSignature or ChipDataError."""
    signer, certificate = signed.signer, signed.certificate
    usage = certificate.key_usage_value
    if usage is not None and "digital_signature" not in usage.native:
        raise ChipDataError("the signer's certificate is not for signatures")
    hash_name = signer["digest_algorithm"]["algorithm"].native
    attributes = _signed_attributes(signer)
    if attributes["content_type"] != signed.content_type:
        raise InvalidSignature
    if not hmac.compare_digest(attributes["message_digest"], digest(hash_name, signed.content)):
        raise InvalidSignature
    # Signed as SET OF, not with the implicit tag that it travels under (RFC 5652, 5.4).
    message = signer["signed_attrs"].untag().dump()
    signature = signer["signature"].native
    verify(public_key(certificate), signature, message, signer["signature_algorithm"], hash_name)


def _signed_attributes(signer: Any) -> dict[str, Any]:
    """Return the signed attributes, of which none may come twice or with several values (RFC 5652, 11)."""
    found: dict[str, Any] = {}
    for attribute in signer["signed_attrs"]:
        kind, values = attribute["type"].native, attribute["values"]
        if kind in found or len(values) != 1:
            raise ChipDataError("signed attributes are ambiguous")
        found[kind] = values[0].native
    return found


def _chain(certificate: x509.Certificate, anchors: TrustAnchors) -> Check:
    name = "certificate_chain"
    if not anchors.certificates:
        return Check(name, Verdict.NOT_ASSESSED, "this kiosk has no CSCA certificate")
    try:
        issuers = anchors.issuers_of(certificate)
    except UNUSABLE:
        return Check(name, Verdict.FAILED, "the signer's certificate is unusable")
    if not issuers:
        return Check(name, Verdict.FAILED, "the signer was issued by no CSCA that this kiosk trusts")
    if not any(issued(certificate, issuer) for issuer in issuers):
        return Check(name, Verdict.FAILED, "the signer's certificate is not signed by the CSCA it names")
    if any(crl.lists(certificate) for crl in anchors.revoked):
        return Check(name, Verdict.FAILED, "the signer's certificate was revoked by its issuer")
    return Check(name, Verdict.PASSED)


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether `issuer` signed `certificate`, within the issuer's own dates."""
    algorithm, body = certificate["signature_algorithm"], certificate["tbs_certificate"]
    try:
        # RFC 5280, 4.1.1.2: the algorithm outside the signature must be the signed one.
        if algorithm.dump() != body["signature"].dump():
            return False
        if not issuer.not_valid_before <= certificate.not_valid_before <= issuer.not_valid_after:
            return False
        verify(public_key(issuer), certificate["signature_value"].native, body.dump(), algorithm, "")
    except _REFUSED:
        return False
    return True


def _hashes(sod: SecurityObject, groups: Mapping[int, bytes], absent: Collection[int]) -> Check:
    wrong = [
        f"DG{number}"
        for number, data in sorted(groups.items())
        if not hmac.compare_digest(digest(sod.hash_algorithm, data), sod.data_groups.get(number, b""))
    ]
    # A chip that hides a data group (a portrait, say) is as false as one that changes it.
    hidden = [f"DG{number}" for number in sorted(absent) if number in sod.data_groups]
    reasons = [
        f"{what}: {', '.join(which)}"
        for what, which in (("not what was signed", wrong), ("signed but not in the chip", hidden))
        if which
    ]
    if reasons:
        return Check("data_group_hashes", Verdict.FAILED, "; ".join(reasons))
    return Check("data_group_hashes", Verdict.PASSED)


def _dates(certificate: x509.Certificate, now: datetime) -> Check:
    name = "document_signer_dates"
    try:
        valid = certificate.not_valid_before <= now <= certificate.not_valid_after
    except UNUSABLE:
        valid = False
    if valid:
        return Check(name, Verdict.PASSED, gate=False)
    return Check(name, Verdict.FAILED, "outside its dates by the kiosk's clock", gate=False)

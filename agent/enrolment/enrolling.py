"""Enrolment: a one-time token becomes a certificate, the roots of the collector, and the first bundles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from cryptography.hazmat.primitives.asymmetric import ec

from agent.enrolment.errors import AnswerNotBelieved, CollectorNotReached, NoCampaignKey, NotStored, TokenMalformed
from agent.enrolment.second_port import second_port
from agent.enrolment.tls_folder import NewKey, TlsFolder
from agent.enrolment.tunnel import ByPin
from agent.proto.enrolment import EnrolRequest
from agent.proto.enrolment_token import EnrolmentToken
from agent.sealing import Bundle, SealingError, open_bundle, signing_key_from_pem
from agent.sealing.registered_key import sync_folder
from agent.uplink.errors import CollectorDown

KINDS = ("recipients", "receipts", "anchors", "policy")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a kiosk has now: until when its certificate is good (ISO 8601), and the versions of new bundles."""

    certificate_until: str
    bundles: dict[str, int]


def enrol(trust_folder: Path, kiosk: str, address: str, token_text: str, cancelled: Event) -> Enrolled:
    """Enrol at the collector's second port (host:port) with a one-time token.

    The campaign's key must be in the trust folder; nobody else's bundles are taken. A bundle that is there already is
    replaced only by a higher version. Raises EnrolmentError or UplinkError; a certificate that the kiosk had stays
    until the new one is complete.
    """
    campaign = _campaign_key(trust_folder)
    try:
        token = EnrolmentToken.parse(token_text)
    except ValueError as error:
        raise TokenMalformed from error
    new, folder = NewKey.make(kiosk), TlsFolder(trust_folder / "tls")
    folder.settle()
    try:
        with second_port(address, ByPin(token.pin), cancelled) as port:
            response = port.client.enrol(EnrolRequest(kiosk, token.secret, new.csr))
    except CollectorDown as error:
        # Unlike a record, an enrolment does not go by itself later.
        raise CollectorNotReached(f"{address}: {error.detail}") from error
    bundles = _newer(trust_folder, _opened(response.bundles, campaign), campaign)
    folder.take(new, response.certificates, kiosk, response.authorities)
    for bundle, data in bundles:
        _replace(trust_folder / "bundles" / f"{bundle.kind}.bundle", data)
    until = folder.certificate().not_valid_after_utc.isoformat(timespec="seconds")
    return Enrolled(until, {bundle.kind: bundle.version for bundle, _ in bundles})


def _campaign_key(trust_folder: Path) -> ec.EllipticCurvePublicKey:
    path = trust_folder / "campaign.pem"
    try:
        return signing_key_from_pem(path.read_bytes())
    except OSError as error:
        raise NoCampaignKey(f"{path}: {error.strerror}") from error
    except SealingError as error:
        raise NoCampaignKey(f"{path}: {error.detail}") from error


def _opened(bundles: Sequence[bytes], campaign: ec.EllipticCurvePublicKey) -> list[tuple[Bundle, bytes]]:
    return [(_open(data, campaign), data) for data in bundles]


def _open(data: bytes, campaign: ec.EllipticCurvePublicKey) -> Bundle:
    failure = "of no kind that is known here"
    for kind in KINDS:
        try:
            return open_bundle(data, campaign, kind)
        except SealingError as error:
            failure = error.code
    raise AnswerNotBelieved(f"a bundle: {failure}")


def _newer(
    trust_folder: Path, bundles: list[tuple[Bundle, bytes]], campaign: ec.EllipticCurvePublicKey
) -> list[tuple[Bundle, bytes]]:
    """Leave out what is not above the version that the kiosk has."""
    found = []
    for bundle, data in bundles:
        path = trust_folder / "bundles" / f"{bundle.kind}.bundle"
        try:
            have = open_bundle(path.read_bytes(), campaign, bundle.kind).version if path.exists() else 0
        except SealingError:
            # One that is not the campaign's is no reason to keep it.
            have = 0
        if bundle.version > have:
            found.append((bundle, data))
    return found


def _replace(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = path.with_suffix(".new")
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        scratch.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise NotStored(f"{path}: {error.strerror}") from error

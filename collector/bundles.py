"""Signing bundles with the campaign key, and looking at them. Needs neither the network nor a collector's folder."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.sealing import (
    AnchorCertificates,
    Bundle,
    FileSigningKey,
    PolicyDocument,
    ReceiptKeys,
    RecipientKeys,
    SealingError,
    Validity,
    open_bundle,
    sign_bundle,
    signing_key_from_pem,
)
from collector.errors import AlreadyExists, BundleRefused
from collector.recipients import public_key_of

DAY_NS = 86_400 * 10**9
Content = Sequence[tuple[Path, bytes]]
Told = dict[str, object]


@dataclass(frozen=True, slots=True)
class Numbering:
    """What the version follows: the bundle before (its path and bytes), or a number for a first one."""

    before: tuple[Path, bytes] | None
    version: int | None


def body_of(kind: str, content: Content, days: float) -> bytes:
    """Return a bundle's body from the files that it is made of. Raises BundleRefused or KeyUnusable."""
    if kind not in _BODIES:
        raise BundleRefused(f"{kind}: one of {', '.join(_BODIES)}")
    return _BODIES[kind](content, days)


def sign(kind: str, body: bytes, key_file: Path, out_file: Path, numbering: Numbering, days: float) -> Told:
    """Sign a bundle, write it and tell what it says. Raises BundleRefused, AlreadyExists or KeyUnusable."""
    key, now_ns = FileSigningKey.load(key_file), time.time_ns()
    version = _version(kind, numbering, key)
    data = sign_bundle(Bundle(kind, version, now_ns, now_ns + round(days * DAY_NS), body), key)
    try:
        handle = os.open(out_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
    except FileExistsError as error:
        raise AlreadyExists(str(out_file)) from error
    except OSError as error:
        raise BundleRefused(f"{out_file}: {error.strerror}") from error
    return _told(open_bundle(data, key.public_key, kind))


def show(path: Path, data: bytes, campaign_pem: bytes) -> Told:
    """Check a bundle's signature and tell what it says. Raises BundleRefused or KeyUnusable."""
    public = signing_key_from_pem(campaign_pem)
    failure = ""
    for kind in _BODIES:
        try:
            return _told(open_bundle(data, public, kind))
        except SealingError as error:
            failure = f"{error.code}: {error.detail}"
    raise BundleRefused(f"{path}: {failure}")


def _version(kind: str, numbering: Numbering, key: FileSigningKey) -> int:
    if numbering.before is None:
        if numbering.version is None:
            raise BundleRefused("give --after, or --version for a first bundle")
        return numbering.version
    path, data = numbering.before
    try:
        before = open_bundle(data, key.public_key, kind)
    except SealingError as error:
        raise BundleRefused(f"{path}: {error.code}: {error.detail}") from error
    version = numbering.version or before.version + 1
    if version <= before.version:
        # Kiosks refuse a version that is not above the one that they have.
        raise BundleRefused(f"version {version}: {path} has {before.version}")
    return version


def _told(bundle: Bundle) -> Told:
    dates = {"issued": _when(bundle.issued_at_ns), "expires": _when(bundle.expires_at_ns)}
    return {"kind": bundle.kind, "version": bundle.version, **dates, "content": _CONTENTS[bundle.kind](bundle)}


def _policy(content: Content, _days: float) -> bytes:
    (path, data), *more = content
    try:
        json.loads(data)
    except ValueError as error:
        raise BundleRefused(f"{path}: not JSON") from error
    if more:
        raise BundleRefused("policy: one document")
    return data


def _anchors(content: Content, _days: float) -> bytes:
    return AnchorCertificates(tuple(der for path, data in content for der in _certificates(path, data))).to_body()


def _receipts(content: Content, _days: float) -> bytes:
    return ReceiptKeys.of(*(signing_key_from_pem(data) for _, data in content)).to_body()


def _recipients(content: Content, days: float) -> bytes:
    now_ns = time.time_ns()
    # Valid from a day ago on: a kiosk whose clock is a little behind must not think that there is no key.
    validity = Validity(now_ns - DAY_NS, now_ns + round(days * DAY_NS))
    return RecipientKeys(tuple((public_key_of(path), validity) for path, _ in content)).to_body()


def _certificates(path: Path, data: bytes) -> list[bytes]:
    try:
        if b"-----BEGIN" not in data:
            return [x509.load_der_x509_certificate(data).public_bytes(Encoding.DER)]
        return [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(data)]
    except ValueError as error:
        raise BundleRefused(f"{path}: not certificates in PEM or DER") from error


def _subject(der: bytes) -> str:
    try:
        certificate = x509.load_der_x509_certificate(der)
        return f"{certificate.subject.rfc4514_string()}, until {certificate.not_valid_after_utc:%Y-%m-%d}"
    except ValueError:
        return "not a certificate"


def _valid(validity: Validity) -> str:
    return f"{_when(validity.from_ns)} to {_when(validity.until_ns)}"


def _when(time_ns: int) -> str:
    return datetime.datetime.fromtimestamp(time_ns / 10**9, datetime.UTC).isoformat(timespec="seconds")


_BODIES: Mapping[str, Callable[[Content, float], bytes]] = {
    "policy": _policy,
    "anchors": _anchors,
    "receipts": _receipts,
    "recipients": _recipients,
}
_CONTENTS: Mapping[str, Callable[[Bundle], list[str]]] = {
    "policy": lambda bundle: [f"SHA-256 {PolicyDocument.from_bundle(bundle).sha256.hex()}"],
    "anchors": lambda bundle: [_subject(der) for der in AnchorCertificates.from_bundle(bundle).certificates],
    "receipts": lambda bundle: [identity.hex() for identity in ReceiptKeys.from_bundle(bundle).by_id],
    "recipients": lambda bundle: [
        f"{key.suite.label} {key.key_id.hex()}, {_valid(validity)}"
        for key, validity in RecipientKeys.from_bundle(bundle).keys
    ],
}

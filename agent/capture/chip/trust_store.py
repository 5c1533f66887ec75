"""Trust anchors in a folder: one file a certificate or revocation list, named by its SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent.capture.chip.errors import ChipDataError, NoSuchAnchor, NotTrusted
from agent.capture.chip.passive_authentication import issued
from agent.capture.chip.trust import TrustAnchors, load_certificate
from agent.capture.chip.trust_lists import TrustFile, parse_crl, read_trust_file

CERTIFICATE, REVOCATION = ".cer", ".crl"
MIN_PREFIX = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the store, as people are shown it."""

    fingerprint: str
    kind: str
    country: str
    name: str
    since: datetime | None
    until: datetime | None
    serial: str = ""
    path: Path = field(repr=False, default=Path())


class TrustStore:
    """A folder of anchors. Everything in it was checked when it came in; what is broken since then is left out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def anchors(self) -> TrustAnchors:
        """Return what is trusted now: the certificates, and the revocation lists whose signature still holds."""
        certificates = tuple(load_certificate(path.read_bytes()) for path in self._paths(CERTIFICATE))
        without = TrustAnchors(certificates)
        lists = []
        for path in self._paths(REVOCATION):
            try:
                lists.append(parse_crl(path.read_bytes(), without))
            except NotTrusted:
                continue  # its CSCA was removed
        return TrustAnchors(certificates, tuple(lists))

    def add(self, data: bytes) -> TrustFile:
        """Check a certificate, master list or CRL and keep what it brings; raise NotTrusted, ChipDataError, OSError."""
        checked = read_trust_file(data, self.anchors())
        for der in checked.certificates:
            self._keep(der, CERTIFICATE)
        if checked.crl:
            self._keep(checked.crl, REVOCATION)
        return checked

    def entries(self) -> list[Entry]:
        """Return everything in the store, by country and name."""
        found = [_certificate_entry(path) for path in self._paths(CERTIFICATE)]
        found += [_crl_entry(path, self.anchors()) for path in self._paths(REVOCATION)]
        return sorted(found, key=lambda entry: (entry.country, entry.name, entry.fingerprint))

    def find(self, prefix: str) -> Entry:
        """Return the entry whose fingerprint begins with `prefix`; raise NoSuchAnchor for none or several."""
        prefix = prefix.lower().replace(":", "")
        fitting = [entry for entry in self.entries() if entry.fingerprint.startswith(prefix)]
        if len(fitting) != 1 or len(prefix) < MIN_PREFIX:
            raise NoSuchAnchor(f"{prefix}: {len(fitting)} fit")
        return fitting[0]

    def remove(self, prefix: str) -> Entry:
        """Stop trusting one entry; raise NoSuchAnchor or OSError."""
        entry = self.find(prefix)
        entry.path.unlink()
        _sync(self._folder)
        return entry

    def _paths(self, suffix: str) -> Iterator[Path]:
        yield from sorted(self._folder.glob(f"*{suffix}")) if self._folder.is_dir() else ()

    def _keep(self, der: bytes, suffix: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / (hashlib.sha256(der).hexdigest() + suffix)
        scratch = path.with_suffix(".new")
        with scratch.open("wb") as file:
            file.write(der)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        _sync(self._folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _certificate_entry(path: Path) -> Entry:
    certificate = load_certificate(path.read_bytes())
    subject = certificate.subject.native
    kind = "csca" if issued(certificate, certificate) else "link"
    return Entry(
        path.stem,
        kind,
        str(subject.get("country_name", "")),
        str(subject.get("common_name", "")),
        certificate.not_valid_before,
        certificate.not_valid_after,
        f"{certificate.serial_number:X}",
        path,
    )


def _crl_entry(path: Path, anchors: TrustAnchors) -> Entry:
    try:
        parsed = parse_crl(path.read_bytes(), anchors)
    except (NotTrusted, ChipDataError) as error:
        return Entry(path.stem, "crl", "", error.detail, None, None, "", path)
    issuer = parsed.issuer.native
    country, name = str(issuer.get("country_name", "")), str(issuer.get("common_name", ""))
    return Entry(path.stem, "crl", country, f"{name}: {len(parsed.serials)}", parsed.this_update, None, "", path)

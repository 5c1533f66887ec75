"""What the collector knows of kiosks and their certificates: who may connect, with which certificate, since when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A kiosk's certificate that the CA signed. `serial` is hex; `key_sha256` is of its SubjectPublicKeyInfo (DER)."""

    kiosk: str
    serial: str
    key_sha256: bytes = field(repr=False)
    issued_at_ns: int
    expires_at_ns: int


@dataclass(frozen=True, slots=True)
class EnrolmentSecret:
    """A one-time token by its hash."""

    sha256: bytes = field(repr=False)
    kiosk: str
    issued_for: str
    expires_at_ns: int


@dataclass(frozen=True, slots=True)
class KioskEntry:
    """One kiosk. Times are 0 when it never happened; `expires_at_ns` is of its newest certificate."""

    kiosk: str
    enrolled_at_ns: int
    revoked_at_ns: int
    revoked_why: str
    expires_at_ns: int
    seen_at_ns: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what. `actor` is a user of this machine, or an address on the second port."""

    at_ns: int
    actor: str
    action: str
    kiosk: str
    detail: str


class NotAdmitted(Exception):
    """A kiosk, certificate or token that is not accepted. `code` is for programs, `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


class KioskRegistry(Protocol):
    """Keeps kiosks, certificates, tokens and the audit log. Everything is on stable storage on return."""

    def add(self, kiosk: str, actor: str, now_ns: int) -> None:
        """Put a kiosk on the list; one that was revoked may enrol again, with none of its old certificates."""
        ...

    def revoke(self, kiosk: str, why: str, actor: str, now_ns: int) -> None:
        """Accept nothing from a kiosk any more. Raises NotAdmitted (unknown_kiosk)."""
        ...

    def add_secret(self, secret: EnrolmentSecret, actor: str, now_ns: int) -> None:
        """Keep a token's hash; an older unused one is withdrawn. Raises NotAdmitted (unknown_kiosk, revoked)."""
        ...

    def enrol(self, sha256: bytes, certificate: ShownCertificate, actor: str, now_ns: int) -> None:
        """Use a token up for a certificate; older certificates are withdrawn. Raises NotAdmitted."""
        ...

    def renew(self, old: ShownCertificate, new: ShownCertificate, actor: str, now_ns: int) -> None:
        """Note the next certificate; the old one is good until the new one is seen. Raises NotAdmitted."""
        ...

    def admit(self, certificate: ShownCertificate, now_ns: int) -> None:
        """Accept a certificate; seeing it for the first time withdraws the others. Raises NotAdmitted."""
        ...

    def standing(self, certificate: ShownCertificate) -> None:
        """Raise NotAdmitted when an admitted certificate was withdrawn since."""
        ...

    def changes(self) -> int:
        """Return a number that differs from the last one when another connection may have changed something."""
        ...

    def note_refusal(self, entry: AuditEntry) -> None:
        """Add to the audit log, for a kiosk on the list only, and an equal entry once an hour."""
        ...

    def kiosks(self) -> list[KioskEntry]:
        """Return all kiosks by name."""
        ...

    def audit(self, limit: int) -> list[AuditEntry]:
        """Return the newest entries first."""
        ...

"""The registry of kiosks in a SQLite data base of its own, beside the store."""

from __future__ import annotations

import hmac
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from collector.registry import AuditEntry, EnrolmentSecret, KioskEntry, NotAdmitted, ShownCertificate
from collector.sqlite_file import SqliteFile, make_folder

FILE_NAME = "registry.sqlite"
# A certificate that expired so long ago renews nothing; its row is of no more use.
FORGET_AFTER_NS = 400 * 86_400 * 10**9
AGAIN_AFTER_NS = 3600 * 10**9
MAX_DETAIL = 500
SCHEMA = """
CREATE TABLE IF NOT EXISTS kiosk (
    name TEXT PRIMARY KEY, added_at_ns INTEGER NOT NULL, enrolled_at_ns INTEGER NOT NULL,
    revoked_at_ns INTEGER NOT NULL, revoked_why TEXT NOT NULL, valid_from_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS certificate (
    serial TEXT PRIMARY KEY, kiosk TEXT NOT NULL, key_sha256 BLOB NOT NULL UNIQUE, issued_at_ns INTEGER NOT NULL,
    expires_at_ns INTEGER NOT NULL, seen_at_ns INTEGER NOT NULL, withdrawn TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS certificate_of_kiosk ON certificate (kiosk);
CREATE TABLE IF NOT EXISTS secret (
    sha256 BLOB PRIMARY KEY, kiosk TEXT NOT NULL, issued_for TEXT NOT NULL, expires_at_ns INTEGER NOT NULL,
    used_at_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS secret_of_kiosk ON secret (kiosk);
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    kiosk TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS audit_of_kiosk ON audit (kiosk, action);
"""
SUPERSEDED = "superseded: a newer certificate of this kiosk was used"


class EmbeddedRegistry:
    """A KioskRegistry in one file; several processes may use it at once."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Open it; only with `create` is a missing one made. Raises StoreFailed."""
        if create:
            make_folder(folder)
        self._file = SqliteFile(folder / FILE_NAME, SCHEMA, create=create)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the data base."""
        self._file.close()

    def add(self, kiosk: str, actor: str, now_ns: int) -> None:
        """Put a kiosk on the list, or back on it."""
        with self._writing() as rows:
            known = rows.execute("SELECT revoked_at_ns FROM kiosk WHERE name = ?", (kiosk,)).fetchone()
            if known is not None and not known[0]:
                return
            rows.execute("INSERT INTO kiosk VALUES (?, ?, 0, 0, '', 0) ON CONFLICT DO NOTHING", (kiosk, now_ns))
            rows.execute("UPDATE kiosk SET revoked_at_ns = 0, revoked_why = '' WHERE name = ?", (kiosk,))
            _note(rows, AuditEntry(now_ns, actor, "reinstated" if known else "added", kiosk, ""))

    def revoke(self, kiosk: str, why: str, actor: str, now_ns: int) -> None:
        """Accept nothing from a kiosk any more, unused tokens included. Raises NotAdmitted."""
        with self._writing() as rows:
            _known(rows, kiosk)
            values = (now_ns, why, now_ns, kiosk)
            rows.execute(
                "UPDATE kiosk SET revoked_at_ns = ?, revoked_why = ?, valid_from_ns = ? WHERE name = ?", values
            )
            _withdraw(rows, kiosk, f"revoked: {why}")
            rows.execute("DELETE FROM secret WHERE kiosk = ? AND used_at_ns = 0", (kiosk,))
            _note(rows, AuditEntry(now_ns, actor, "revoked", kiosk, why))

    def add_secret(self, secret: EnrolmentSecret, actor: str, now_ns: int) -> None:
        """Keep a token's hash; an older unused one is withdrawn. Raises NotAdmitted."""
        with self._writing() as rows:
            _not_revoked(rows, secret.kiosk)
            rows.execute("DELETE FROM secret WHERE kiosk = ? AND used_at_ns = 0", (secret.kiosk,))
            values = (secret.sha256, secret.kiosk, secret.issued_for, secret.expires_at_ns)
            rows.execute("INSERT INTO secret VALUES (?, ?, ?, ?, 0)", values)
            _note(rows, AuditEntry(now_ns, actor, "token_issued", secret.kiosk, secret.issued_for))

    def enrol(self, sha256: bytes, certificate: ShownCertificate, actor: str, now_ns: int) -> None:
        """Use a token up for a certificate; older certificates are withdrawn. Raises NotAdmitted."""
        kiosk = certificate.kiosk
        with self._writing() as rows:
            issued_for = _use_secret(rows, kiosk, sha256, now_ns)
            _not_revoked(rows, kiosk)
            _withdraw(rows, kiosk, "superseded: the kiosk enrolled again")
            _insert(rows, certificate)
            values = (now_ns, certificate.issued_at_ns, kiosk)
            rows.execute("UPDATE kiosk SET enrolled_at_ns = ?, valid_from_ns = ? WHERE name = ?", values)
            _note(rows, AuditEntry(now_ns, actor, "enrolled", kiosk, f"{certificate.serial}; token for: {issued_for}"))

    def renew(self, old: ShownCertificate, new: ShownCertificate, actor: str, now_ns: int) -> None:
        """Note the next certificate; the old one is good until the new one is seen. Raises NotAdmitted."""
        with self._writing() as rows:
            _admit(rows, old, now_ns)
            _insert(rows, new)
            forget = (new.kiosk, now_ns - FORGET_AFTER_NS)
            rows.execute("DELETE FROM certificate WHERE kiosk = ? AND expires_at_ns < ?", forget)
            _note(rows, AuditEntry(now_ns, actor, "renewed", new.kiosk, f"{old.serial} to {new.serial}"))

    def admit(self, certificate: ShownCertificate, now_ns: int) -> None:
        """Accept a certificate; seeing it for the first time withdraws the others. Raises NotAdmitted."""
        with self._reading() as rows:
            _not_revoked(rows, certificate.kiosk)
            found = _row(rows, certificate.serial)
        if found is not None and found[1]:
            raise _withdrawn(found[1])
        if found is None or not found[0]:
            with self._writing() as rows:
                _admit(rows, certificate, now_ns)

    def standing(self, certificate: ShownCertificate) -> None:
        """Raise NotAdmitted when an admitted certificate was withdrawn since."""
        with self._reading() as rows:
            _not_revoked(rows, certificate.kiosk)
            found = _row(rows, certificate.serial)
        if found is not None and found[1]:
            raise _withdrawn(found[1])

    def changes(self) -> int:
        """Return SQLite's count of what other connections committed."""
        return self._file.changes()

    def note_refusal(self, entry: AuditEntry) -> None:
        """Add to the audit log, for a kiosk on the list only, and an equal entry once an hour.

        Anybody can be refused as often as they like: that must not fill the disk.
        """
        query = "SELECT 1 FROM audit WHERE kiosk = ? AND action = ? AND detail = ? AND at_ns > ?"
        values = (entry.kiosk, entry.action, entry.detail[:MAX_DETAIL], entry.at_ns - AGAIN_AFTER_NS)
        with self._reading() as rows:
            on_list = rows.execute("SELECT 1 FROM kiosk WHERE name = ?", (entry.kiosk,)).fetchone()
            if on_list is None or rows.execute(query, values).fetchone():
                return
        with self._writing() as rows:
            _note(rows, entry)

    def kiosks(self) -> list[KioskEntry]:
        """Return all kiosks by name."""
        query = """
            SELECT name, enrolled_at_ns, revoked_at_ns, revoked_why,
                coalesce(max(expires_at_ns), 0), coalesce(max(seen_at_ns), 0)
            FROM kiosk LEFT JOIN certificate ON certificate.kiosk = kiosk.name GROUP BY name ORDER BY name
        """
        with self._reading() as rows:
            return [KioskEntry(*row) for row in rows.execute(query)]

    def audit(self, limit: int) -> list[AuditEntry]:
        """Return the newest entries first."""
        query = "SELECT at_ns, actor, action, kiosk, detail FROM audit ORDER BY number DESC LIMIT ?"
        with self._reading() as rows:
            return [AuditEntry(*row) for row in rows.execute(query, (max(0, limit),))]

    def _reading(self) -> AbstractContextManager[sqlite3.Cursor]:
        return self._file.reading()

    def _writing(self) -> AbstractContextManager[sqlite3.Cursor]:
        return self._file.writing()


def _known(rows: sqlite3.Cursor, kiosk: str) -> tuple[int, str, int]:
    query = "SELECT revoked_at_ns, revoked_why, valid_from_ns FROM kiosk WHERE name = ?"
    found: tuple[int, str, int] | None = rows.execute(query, (kiosk,)).fetchone()
    if found is None:
        raise NotAdmitted("unknown_kiosk", "this kiosk is not on the list")
    return found


def _not_revoked(rows: sqlite3.Cursor, kiosk: str) -> int:
    """Return since when certificates of the kiosk count."""
    revoked_at_ns, why, valid_from_ns = _known(rows, kiosk)
    if revoked_at_ns:
        raise NotAdmitted("revoked", why)
    return valid_from_ns


def _use_secret(rows: sqlite3.Cursor, kiosk: str, sha256: bytes, now_ns: int) -> str:
    query = "SELECT sha256, issued_for, expires_at_ns, used_at_ns FROM secret WHERE kiosk = ?"
    # Every row is compared in full: how long it takes tells nothing of any of them.
    matching = [row for row in rows.execute(query, (kiosk,)).fetchall() if hmac.compare_digest(row[0], sha256)]
    if not matching:
        raise NotAdmitted("token_unknown", "unknown, withdrawn, or for another kiosk")
    _, issued_for, expires_at_ns, used_at_ns = matching[0]
    if used_at_ns:
        raise NotAdmitted("token_used", "used before")
    if now_ns >= expires_at_ns:
        raise NotAdmitted("token_expired", "expired")
    rows.execute("UPDATE secret SET used_at_ns = ? WHERE sha256 = ?", (now_ns, sha256))
    return str(issued_for)


def _admit(rows: sqlite3.Cursor, shown: ShownCertificate, now_ns: int) -> None:
    valid_from_ns, found = _not_revoked(rows, shown.kiosk), _row(rows, shown.serial)
    if found is None:
        # The CA signed it, and we do not know of it: issued by an earlier version, or after the backup that this is.
        if shown.issued_at_ns < valid_from_ns:
            raise NotAdmitted("superseded", "issued before the kiosk last enrolled or was revoked")
        _insert(rows, shown)
        _note(rows, AuditEntry(now_ns, "collector", "adopted", shown.kiosk, shown.serial))
    elif found[1]:
        raise _withdrawn(found[1])
    elif found[0]:
        return
    _withdraw(rows, shown.kiosk, SUPERSEDED, but=shown.serial)
    rows.execute("UPDATE certificate SET seen_at_ns = ? WHERE serial = ?", (now_ns, shown.serial))


def _row(rows: sqlite3.Cursor, serial: str) -> tuple[int, str] | None:
    found: tuple[int, str] | None = rows.execute(
        "SELECT seen_at_ns, withdrawn FROM certificate WHERE serial = ?", (serial,)
    ).fetchone()
    return found


def _insert(rows: sqlite3.Cursor, new: ShownCertificate) -> None:
    if rows.execute("SELECT 1 FROM certificate WHERE key_sha256 = ?", (new.key_sha256,)).fetchone():
        # A replayed request, or a kiosk that keeps its key: neither gets anything.
        raise NotAdmitted("key_used", "this key has a certificate; each certificate needs a key of its own")
    values = (new.serial, new.kiosk, new.key_sha256, new.issued_at_ns, new.expires_at_ns)
    rows.execute("INSERT INTO certificate VALUES (?, ?, ?, ?, ?, 0, '')", values)


def _withdraw(rows: sqlite3.Cursor, kiosk: str, why: str, but: str = "") -> None:
    query = "UPDATE certificate SET withdrawn = ? WHERE kiosk = ? AND serial <> ? AND withdrawn = ''"
    rows.execute(query, (why, kiosk, but))


def _withdrawn(why: str) -> NotAdmitted:
    code, _, detail = why.partition(": ")
    return NotAdmitted(code, detail)


def _note(rows: sqlite3.Cursor, entry: AuditEntry) -> None:
    query = "INSERT INTO audit (at_ns, actor, action, kiosk, detail) VALUES (?, ?, ?, ?, ?)"
    rows.execute(query, (entry.at_ns, entry.actor, entry.action, entry.kiosk, entry.detail[:MAX_DETAIL]))

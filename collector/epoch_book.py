"""Epochs of kiosks in a store: which key signed when, who allowed it, and technicians' one-time tokens."""

from __future__ import annotations

from dataclasses import replace

from collector.store import EpochToken, KioskPosition, NewEpoch, TokenRefused
from collector.tables import Rows, move, raise_alarm

REGISTERED = "registered"


def note_registration(rows: Rows, position: KioskPosition, now_ns: int) -> None:
    """Keep a kiosk's first key."""
    values = (position.kiosk, position.epoch, position.record_key, "first registration", REGISTERED, b"", now_ns)
    rows.execute("INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values)


def record_key(rows: Rows, kiosk: str, epoch: int) -> bytes | None:
    """Return the public point of the key of an epoch, past ones too; None when there was none."""
    found = rows.execute("SELECT record_key FROM epoch WHERE kiosk = ? AND epoch = ?", (kiosk, epoch)).fetchone()
    return found[0] if found else None


def open_epoch(rows: Rows, position: KioskPosition, new: NewEpoch, now_ns: int) -> KioskPosition:
    """Move a kiosk to its new epoch; a token is used up with it. Raises TokenRefused."""
    if new.token_sha256 is not None:
        _use(rows, position.kiosk, new, now_ns)
    authorised_by = "old key" if new.token_sha256 is None else f"token {new.token_sha256.hex()[:8]}"
    values = (position.kiosk, new.epoch, new.record_key, new.reason, authorised_by, new.proof, now_ns)
    rows.execute("INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    after = replace(position, epoch=new.epoch, record_key=new.record_key, next_seq=0, head=new.head)
    move(rows, after)
    for code, detail in (("new_epoch", f"{new.reason}; by {authorised_by}"), *new.alarms):
        raise_alarm(rows, after, code, detail, now_ns)
    return after


def add_token(rows: Rows, token: EpochToken) -> None:
    """Keep a token's hash; an older unused one of the same kiosk is withdrawn."""
    rows.execute("DELETE FROM token WHERE kiosk = ? AND used_at_ns IS NULL", (token.kiosk,))
    values = (token.sha256, token.kiosk, token.epoch, token.issued_for, token.expires_at_ns)
    rows.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, NULL)", values)


def _use(rows: Rows, kiosk: str, new: NewEpoch, now_ns: int) -> None:
    query = "SELECT expires_at_ns, used_at_ns FROM token WHERE sha256 = ? AND kiosk = ? AND epoch = ?"
    found = rows.execute(query, (new.token_sha256, kiosk, new.epoch)).fetchone()
    if found is None:
        raise TokenRefused("unknown, or for another kiosk or epoch")
    expires_at_ns, used_at_ns = found
    if used_at_ns is not None:
        raise TokenRefused("used before")
    if now_ns >= expires_at_ns:
        raise TokenRefused("expired")
    rows.execute("UPDATE token SET used_at_ns = ? WHERE sha256 = ?", (now_ns, new.token_sha256))

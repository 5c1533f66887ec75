"""What administrators do to the list of kiosks. Each change names the user who made it."""

from __future__ import annotations

import datetime
import hashlib
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.proto.enrolment import TOKEN_BYTES
from agent.proto.enrolment_token import EnrolmentToken, pin_of
from agent.sealing import key_id, public_key_from_point
from collector.config import CollectorConfig
from collector.embedded_registry import EmbeddedRegistry
from collector.errors import KioskNotAdmitted, SetupFailed, TlsUnusable
from collector.registry import EnrolmentSecret, KioskEntry, NotAdmitted
from collector.setup import KIOSK_NAME
from collector.stores import open_store

HOUR_NS = 3600 * 10**9
MAX_REASON = 200


def add(config: CollectorConfig, kiosk: str) -> None:
    """Put a kiosk on the list, or back on it after it was revoked. Raises SetupFailed or StoreFailed."""
    if not KIOSK_NAME.fullmatch(kiosk):
        raise SetupFailed(f"kiosk {kiosk}: of a-z, 0-9 and -, at most 63 characters")
    with EmbeddedRegistry(config.store) as registry:
        registry.add(kiosk, actor(), time.time_ns())


def issue_token(config: CollectorConfig, kiosk: str, reason: str, hours: float) -> str:
    """Return a new one-time token; only its hash is kept. Raises KioskNotAdmitted, TlsUnusable or StoreFailed."""
    token = EnrolmentToken(os.urandom(TOKEN_BYTES), pin_of(_server_certificate(config)))
    now_ns, sha256 = time.time_ns(), hashlib.sha256(token.secret).digest()
    secret = EnrolmentSecret(sha256, kiosk, reason[:MAX_REASON], now_ns + round(hours * HOUR_NS))
    with EmbeddedRegistry(config.store) as registry, _known():
        registry.add_secret(secret, actor(), now_ns)
    return token.to_text()


def revoke(config: CollectorConfig, kiosk: str, reason: str) -> None:
    """Accept nothing from a kiosk any more. Raises KioskNotAdmitted or StoreFailed."""
    with EmbeddedRegistry(config.store) as registry, _known():
        registry.revoke(kiosk, reason[:MAX_REASON], actor(), time.time_ns())


def rows(config: CollectorConfig) -> list[dict[str, str]]:
    """Return one row per kiosk, for a table or JSON. Raises ConfigInvalid or StoreFailed."""
    now_ns = time.time_ns()
    with EmbeddedRegistry(config.store) as registry, open_store(config) as store:
        found = []
        for entry in registry.kiosks():
            position = store.position(entry.kiosk)
            key = "—" if position is None else key_id(public_key_from_point(position.record_key)).hex()
            found.append(_row(entry, now_ns) | {"record_key": key, "attestation": "not assessed"})
        return found


def log_rows(config: CollectorConfig, limit: int) -> list[dict[str, str]]:
    """Return the newest entries of the audit log, for a table or JSON. Raises StoreFailed."""
    with EmbeddedRegistry(config.store) as registry:
        return [
            {
                "at": _when(entry.at_ns),
                "actor": entry.actor,
                "action": entry.action,
                "kiosk": entry.kiosk,
                "detail": entry.detail,
            }
            for entry in registry.audit(limit)
        ]


def actor() -> str:
    """Return who runs this command, and as whom."""
    user, before = pwd.getpwuid(os.geteuid()).pw_name, os.environ.get("SUDO_USER", "")
    return f"{before} as {user}" if before and before != user else user


def _row(entry: KioskEntry, now_ns: int) -> dict[str, str]:
    state = "enrolled"
    if entry.revoked_at_ns:
        state = f"revoked: {entry.revoked_why}"
    elif not entry.expires_at_ns:
        state = "waits for enrolment"
    elif entry.expires_at_ns < now_ns:
        state = "certificate expired"
    return {
        "kiosk": entry.kiosk,
        "state": state,
        "enrolled": _when(entry.enrolled_at_ns),
        "certificate_until": _when(entry.expires_at_ns),
        "certificate_first_used": _when(entry.seen_at_ns),
    }


@contextmanager
def _known() -> Iterator[None]:
    try:
        yield
    except NotAdmitted as error:
        raise KioskNotAdmitted(str(error)) from error


def _server_certificate(config: CollectorConfig) -> bytes:
    path = config.tls / "server.pem"
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    except OSError as error:
        raise TlsUnusable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise TlsUnusable(f"{path}: not a certificate in PEM") from error


def _when(time_ns: int) -> str:
    if not time_ns:
        return "—"
    return datetime.datetime.fromtimestamp(time_ns / 10**9, datetime.UTC).isoformat(timespec="seconds")

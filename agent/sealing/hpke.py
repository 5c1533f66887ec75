"""Sealing for the collector: HPKE base mode, HKDF-SHA256, AES-256-GCM (RFC 9180); the recipient's key says the KEM."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from agent.sealing.core import Core
from agent.sealing.errors import KeyUnusable, SealBroken
from agent.sealing.recipient import RecipientKey, RecipientPrivateKey, Suite

INFO_PREFIX = b"kiosk-record-v1"

_KEMS = {Suite.X25519: hpke.KEM.X25519, Suite.MLKEM768_X25519: hpke.KEM.MLKEM768_X25519}
_SUITES = {suite: hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM) for suite, kem in _KEMS.items()}


def seal_content(content: bytes, core: Core, recipient: RecipientKey) -> bytes:
    """Return encapsulated key || ciphertext || tag; whoever seals cannot open it again.

    Raises KeyUnusable when the core names another recipient, or the recipient's key is no usable point.
    """
    if core.recipient_key_id != recipient.key_id:
        raise KeyUnusable(f"the core names {core.recipient_key_id.hex()}, not {recipient.key_id.hex()}")
    try:
        return _SUITES[recipient.suite].encrypt(content, recipient.load(), info=_info(core))
    except ValueError as error:
        raise KeyUnusable(f"recipient {recipient.key_id.hex()}") from error


def open_content(ciphertext: bytes, core: Core, key: RecipientPrivateKey) -> bytes:
    """Return the content; raise SealBroken when key, core or ciphertext do not belong together."""
    try:
        return _SUITES[key.public.suite].decrypt(ciphertext, key.private, info=_info(core))
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"recipient {core.recipient_key_id.hex()}") from error


def seal_bytes(data: bytes, info: bytes, recipient: RecipientKey) -> bytes:
    """Seal what is no record; `info` names what it is, and opens nothing else. Raises KeyUnusable."""
    try:
        return _SUITES[recipient.suite].encrypt(data, recipient.load(), info=info)
    except ValueError as error:
        raise KeyUnusable(f"recipient {recipient.key_id.hex()}") from error


def open_bytes(ciphertext: bytes, info: bytes, key: RecipientPrivateKey) -> bytes:
    """Open what `seal_bytes` sealed under the same `info`; raise SealBroken."""
    try:
        return _SUITES[key.public.suite].decrypt(ciphertext, key.private, info=info)
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"recipient {key.public.key_id.hex()}") from error


def _info(core: Core) -> bytes:
    """Bind the ciphertext to the signed core, so that neither can be exchanged alone."""
    return INFO_PREFIX + hashlib.sha256(core.to_bytes()).digest()

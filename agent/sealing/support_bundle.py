"""A support bundle sealed to the collector: a mark, the key id, then HPKE's encapsulated key and ciphertext."""

from __future__ import annotations

from collections.abc import Iterable

from agent.sealing.errors import Malformed, SealBroken
from agent.sealing.hpke import open_bytes, seal_bytes
from agent.sealing.keys import KEY_ID_BYTES
from agent.sealing.recipient import RecipientKey, RecipientPrivateKey

MARK = b"kiosk-support-v1"
MAX_BYTES = 64 * 2**20
_HEAD = len(MARK) + KEY_ID_BYTES


def seal_bundle(data: bytes, recipient: RecipientKey) -> bytes:
    """Return the sealed bundle; raise KeyUnusable."""
    head = MARK + recipient.key_id
    return head + seal_bytes(data, head, recipient)


def open_sealed_bundle(sealed: bytes, keys: Iterable[RecipientPrivateKey]) -> bytes:
    """Return the bundle if one of `keys` opens it; raise Malformed or SealBroken."""
    if len(sealed) > MAX_BYTES or len(sealed) <= _HEAD or not sealed.startswith(MARK):
        raise Malformed("support bundle: not one")
    head = sealed[:_HEAD]
    for key in keys:
        if key.public.key_id == head[len(MARK) :]:
            return open_bytes(sealed[_HEAD:], head, key)
    raise SealBroken(f"support bundle: sealed to {head[len(MARK) :].hex()}")

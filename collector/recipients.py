"""The sealing keys by their public halves: who accepts records need not hold what opens them."""

from __future__ import annotations

from pathlib import Path

from agent.sealing import KeyUnusable, RecipientKey, RecipientPrivateKey

PUBLIC, PRIVATE = "recipient*.pub", "recipient*.key"


def recipient_key_ids(folder: Path) -> frozenset[bytes]:
    """Return the ids of the sealing keys that records may be sealed for. Raises KeyUnusable."""
    found = frozenset(_public(path).key_id for path in folder.glob(PUBLIC))
    if not found:
        # Without one every record would go into quarantine.
        raise KeyUnusable(f"{folder / PUBLIC}: none is here")
    return found


def private_keys(folder: Path) -> list[RecipientPrivateKey]:
    """Load the private sealing keys that are here; only opening needs them. Raises KeyUnusable."""
    return [RecipientPrivateKey.load(path) for path in sorted(folder.glob(PRIVATE))]


def public_line(key: RecipientKey) -> bytes:
    """Return what stands in a public key's file: 32 bytes in hexadecimal digits."""
    return key.raw.hex().encode() + b"\n"


def _public(path: Path) -> RecipientKey:
    try:
        return RecipientKey.from_raw(bytes.fromhex(path.read_text(encoding="ascii")))
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise KeyUnusable(f"{path}: not hexadecimal digits") from error

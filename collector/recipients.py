"""The sealing keys by their public halves: who accepts records need not hold what opens them."""

from __future__ import annotations

from pathlib import Path

from agent.sealing import KeyUnusable, RecipientKey, RecipientPrivateKey, Suite

PUBLIC, PRIVATE = "recipient*.pub", "recipient*.key"
_SUITES = {suite.label: suite for suite in Suite}


def recipient_key_ids(folder: Path) -> frozenset[bytes]:
    """Return the ids of the sealing keys that records may be sealed for. Raises KeyUnusable."""
    found = frozenset(public_key_of(path).key_id for path in folder.glob(PUBLIC))
    if not found:
        # Without one every record would go into quarantine.
        raise KeyUnusable(f"{folder / PUBLIC}: none is here")
    return found


def private_keys(folder: Path) -> list[RecipientPrivateKey]:
    """Load the private sealing keys that are here; only opening needs them. Raises KeyUnusable."""
    return [RecipientPrivateKey.load(path) for path in sorted(folder.glob(PRIVATE))]


def public_line(key: RecipientKey) -> bytes:
    """Return what stands in a public key's file: the suite's name and the key in hexadecimal digits."""
    return f"{key.suite.label} {key.raw.hex()}\n".encode()


def suite_named(label: str) -> Suite:
    """Return the suite of this name. Raises KeyUnusable."""
    try:
        return _SUITES[label]
    except KeyError:
        raise KeyUnusable(f"suite {label}: one of {', '.join(_SUITES)}") from None


def public_key_of(path: Path) -> RecipientKey:
    """Read a public key's file. Raises KeyUnusable."""
    try:
        label, _, digits = path.read_text(encoding="ascii").partition(" ")
        return RecipientKey.from_raw(bytes.fromhex(digits), _SUITES[label])
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError) as error:
        raise KeyUnusable(f"{path}: not a suite's name and hexadecimal digits") from error

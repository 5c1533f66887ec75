"""A sealed support bundle: opened by its recipient, and by nobody after any change."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.sealing import Malformed, RecipientPrivateKey, SealBroken, Suite
from agent.sealing.support_bundle import MARK, open_sealed_bundle, seal_bundle

DATA = b"\x1f\x8b" + b"support" * 100


@pytest.fixture(params=list(Suite), ids=lambda suite: suite.label)
def key(request: pytest.FixtureRequest, tmp_path: Path) -> RecipientPrivateKey:
    """Make a key of each suite."""
    return RecipientPrivateKey.create(tmp_path / "recipient.key", request.param)


def test_the_recipient_opens_it(key: RecipientPrivateKey, tmp_path: Path) -> None:
    """Among other keys; the bundle is not readable before."""
    sealed = seal_bundle(DATA, key.public)
    assert b"support" not in sealed[len(MARK) :]
    others = [RecipientPrivateKey.create(tmp_path / "other.key"), key]
    assert open_sealed_bundle(sealed, others) == DATA
    with pytest.raises(SealBroken, match=key.public.key_id.hex()):
        open_sealed_bundle(sealed, others[:1])


def test_any_change_is_found(key: RecipientPrivateKey) -> None:
    """One bit in any part."""
    sealed = seal_bundle(DATA, key.public)
    for place in (0, 20, 40, len(sealed) // 2, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises((Malformed, SealBroken)):
            open_sealed_bundle(bytes(changed), [key])


def test_truncation_is_found_at_every_byte(tmp_path: Path) -> None:
    """Nothing shorter opens."""
    key = RecipientPrivateKey.create(tmp_path / "short.key")
    sealed = seal_bundle(b"x" * 20, key.public)
    for length in range(len(sealed)):
        with pytest.raises((Malformed, SealBroken)):
            open_sealed_bundle(sealed[:length], [key])

"""The statements of the second port: exact, and for one purpose only."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.sealing import (
    ReceiptKeys,
    RenewalClaims,
    SealingError,
    SignatureInvalid,
    TimeAnswer,
    sign_renewal,
    sign_time,
    verify_renewal,
    verify_time,
)
from tests.sealing.material import Keys, cuts, flips

CLAIMS = RenewalClaims("kiosk-1", "2a", b"c" * 32)
ANSWER = TimeAnswer("centre", b"n" * 16, 1_700_000_000_000_000_000)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return one key of each kind."""
    return Keys(tmp_path_factory.mktemp("keys"))


def test_a_renewal_is_read_as_signed_and_every_change_is_noticed(keys: Keys) -> None:
    """Each byte, each length, another key."""
    signed = sign_renewal(CLAIMS, keys.record)
    assert verify_renewal(signed, keys.record.public_key) == CLAIMS
    for broken in (*flips(signed), *cuts(signed)):
        with pytest.raises(SealingError):
            verify_renewal(broken, keys.record.public_key)
    with pytest.raises(SignatureInvalid):
        verify_renewal(signed, keys.campaign.public_key)


def test_a_time_is_read_as_signed_and_every_change_is_noticed(keys: Keys) -> None:
    """Each byte, each length, another key, another nonce."""
    listed = ReceiptKeys.of(keys.receipt.public_key)
    signed = sign_time(ANSWER, keys.receipt)
    assert verify_time(signed, ANSWER.nonce, listed) == ANSWER
    for broken in (*flips(signed), *cuts(signed)):
        with pytest.raises(SealingError):
            verify_time(broken, ANSWER.nonce, listed)
    with pytest.raises(SignatureInvalid, match="not in the bundle"):
        verify_time(sign_time(ANSWER, keys.campaign), ANSWER.nonce, listed)
    with pytest.raises(SignatureInvalid, match="another question"):
        verify_time(signed, b"x" * 16, listed)


def test_one_statement_never_stands_for_another(keys: Keys, tmp_path: Path) -> None:
    """A renewal signed by a key that also signs times is no time."""
    listed = ReceiptKeys.of(keys.receipt.public_key)
    with pytest.raises(SealingError):
        verify_time(sign_renewal(CLAIMS, keys.receipt), ANSWER.nonce, listed)
    with pytest.raises(SealingError):
        verify_renewal(sign_time(ANSWER, keys.receipt), keys.receipt.public_key)

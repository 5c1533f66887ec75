"""Tombstones, checkpoints, lost ranges and new epochs: signed, exact, and verified by an independent library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from cwt import COSE, COSEKey

from agent.sealing import (
    CheckpointClaims,
    EpochClaims,
    EpochProof,
    KeyUnusable,
    LostRangeClaims,
    Malformed,
    PreviousEpoch,
    SealingError,
    SignatureInvalid,
    TombstoneClaims,
    epoch_start,
    key_id,
    point_of,
    sign_checkpoint,
    sign_epoch,
    sign_lost_range,
    sign_tombstone,
    verify_checkpoint,
    verify_epoch,
    verify_lost_range,
    verify_tombstone,
)
from agent.sealing.cose import ES256
from tests.sealing.material import Keys, cuts, flips

HASH, OTHER_HASH = b"h" * 32, b"o" * 32
TOMBSTONE = TombstoneClaims("kiosk-1", 1, 7, HASH, OTHER_HASH, False, "damaged on the disk", 5)
CHECKPOINT = CheckpointClaims("kiosk-1", 1, 8, HASH, 5)
LOST_RANGE = LostRangeClaims("kiosk-1", 1, 3, 8, HASH, 5)
PREVIOUS = PreviousEpoch(1, 8, HASH, 6)
Case = tuple[Any, Callable[..., bytes], Callable[..., object]]
WRONG: dict[type, list[object]] = {bytes: [b"", bytes(31)], int: [-1, 2**63, True], str: [b"x"], bool: [1]}
CASES: list[Case] = [
    (TOMBSTONE, sign_tombstone, verify_tombstone),
    (CHECKPOINT, sign_checkpoint, verify_checkpoint),
    (LOST_RANGE, sign_lost_range, verify_lost_range),
]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return one key of each kind; the receipt key stands in for a new record key."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case[0]).__name__)
class TestStatement:
    """What all three have in common."""

    def test_it_comes_back_and_an_independent_library_verifies_it(self, keys: Keys, case: Case) -> None:
        """`cwt`, from the public point and key id alone."""
        claims, sign, verify = case
        data = sign(claims, keys.record)
        assert verify(data, keys.record.public_key) == claims
        point = keys.record.public_key.public_numbers()
        members = {1: 2, 2: keys.record.key_id, 3: ES256, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        assert COSE.new().decode(data, COSEKey.new(members))

    def test_a_change_in_any_byte_and_any_cut_is_refused(self, keys: Keys, case: Case) -> None:
        """No other kind of exception."""
        claims, sign, verify = case
        data = sign(claims, keys.record)
        for wrong in (*flips(data), *cuts(data), data + b"\0"):
            with pytest.raises(SealingError):
                verify(wrong, keys.record.public_key)

    def test_another_key_and_another_kind_are_refused(self, keys: Keys, case: Case) -> None:
        """A checkpoint never passes for a tombstone."""
        claims, sign, verify = case
        with pytest.raises(SignatureInvalid):
            verify(sign(claims, keys.receipt), keys.record.public_key)
        for other, sign_other, _ in CASES:
            if other is not claims:
                with pytest.raises(Malformed):
                    verify(sign_other(other, keys.record), keys.record.public_key)

    def test_a_wrong_value_is_refused_even_when_it_is_signed(self, keys: Keys, case: Case) -> None:
        """Numbers below zero or above 63 bits, short hashes, numbers for booleans."""
        claims, sign, verify = case
        for field in fields(claims):
            value = getattr(claims, field.name)
            for wrong in WRONG[type(value)]:
                with pytest.raises(SealingError):
                    verify(sign(replace(claims, **{field.name: wrong}), keys.record), keys.record.public_key)


@pytest.mark.parametrize("reason", ["", "x" * 201])
def test_a_tombstone_says_why_in_a_few_words(keys: Keys, reason: str) -> None:
    """Neither nothing nor a book."""
    with pytest.raises(Malformed):
        verify_tombstone(sign_tombstone(replace(TOMBSTONE, reason=reason), keys.record), keys.record.public_key)


def test_an_empty_range_is_refused(keys: Keys) -> None:
    """It would move nothing."""
    with pytest.raises(Malformed):
        verify_lost_range(sign_lost_range(replace(LOST_RANGE, next_seq=3), keys.record), keys.record.public_key)


class TestEpoch:
    """A new record key."""

    def claims(self, keys: Keys, **changed: Any) -> EpochClaims:
        """Return the claims of a key that was rotated."""
        point = point_of(keys.receipt.public_key)
        return replace(EpochClaims("kiosk-1", 2, point, PREVIOUS, "rotated", None, (3, 5), 9), **changed)

    def test_it_comes_back_under_both_signatures(self, keys: Keys) -> None:
        """New key and old key; without the old one too, which is for the collector to judge."""
        claims = self.claims(keys)
        proof = sign_epoch(claims, keys.receipt, keys.record)
        assert verify_epoch(proof, keys.record.public_key) == claims
        alone = sign_epoch(replace(claims, token_sha256=HASH), keys.receipt, None)
        assert alone.by_old_key == b""
        assert verify_epoch(alone, keys.record.public_key).token_sha256 == HASH

    def test_a_change_in_any_byte_of_either_is_refused(self, keys: Keys) -> None:
        """And every cut but the one to nothing."""
        proof = sign_epoch(self.claims(keys), keys.receipt, keys.record)
        for wrong in (*flips(proof.by_new_key), *cuts(proof.by_new_key)):
            with pytest.raises(SealingError):
                verify_epoch(replace(proof, by_new_key=wrong), keys.record.public_key)
        for wrong in (*flips(proof.by_old_key), *list(cuts(proof.by_old_key))[1:]):
            with pytest.raises(SealingError):
                verify_epoch(replace(proof, by_old_key=wrong), keys.record.public_key)

    def test_the_old_key_must_have_signed_the_same_claims(self, keys: Keys) -> None:
        """Not those of another new epoch."""
        one, other = (sign_epoch(self.claims(keys, time_ns=time), keys.receipt, keys.record) for time in (1, 2))
        with pytest.raises(SignatureInvalid):
            verify_epoch(EpochProof(one.by_new_key, other.by_old_key), keys.record.public_key)

    def test_whoever_registers_a_key_must_hold_it(self, keys: Keys) -> None:
        """Nobody can register another's public key as theirs."""
        with pytest.raises(Malformed):
            sign_epoch(self.claims(keys, key=point_of(keys.campaign.public_key)), keys.receipt, keys.record)

    def test_its_first_record_links_the_old_head(self, keys: Keys) -> None:
        """Kiosk, epoch, key and everything of the epoch before are bound."""
        claims, new = self.claims(keys), key_id(keys.receipt.public_key)
        assert claims.head == epoch_start("kiosk-1", 2, new, PREVIOUS)
        others = {
            epoch_start("kiosk-1", 2, new),
            epoch_start("kiosk-1", 2, new, replace(PREVIOUS, head=OTHER_HASH)),
            epoch_start("kiosk-1", 2, new, replace(PREVIOUS, next_seq=9)),
            epoch_start("kiosk-1", 2, new, replace(PREVIOUS, epoch=0)),
        }
        assert claims.head not in others
        assert len(others) == 4

    @pytest.mark.parametrize(
        "change",
        [
            {"epoch": -1},
            {"epoch": 1},
            {"reason": ""},
            {"reason": "x" * 201},
            {"token_sha256": b"short"},
            {"lost": (-1,)},
            {"lost": (True,)},
            {"lost": tuple(range(10_001))},
            {"time_ns": 2**63},
            {"previous": replace(PREVIOUS, acknowledged=9)},
            {"previous": replace(PREVIOUS, head=b"")},
            {"kiosk": 5},
        ],
        ids=lambda change: str(change)[:40],
    )
    def test_a_wrong_value_is_refused_even_when_it_is_signed(self, keys: Keys, change: dict[str, Any]) -> None:
        """An epoch that does not follow the one before, among others."""
        proof = sign_epoch(self.claims(keys, **change), keys.receipt, keys.record)
        with pytest.raises(SealingError):
            verify_epoch(proof, keys.record.public_key)

    def test_a_key_that_is_no_point_is_refused(self, keys: Keys) -> None:
        """Before any signature is looked at."""
        payload = self.claims(keys, key=b"\x04" + bytes(64)).to_bytes()
        from agent.sealing.cose import sign1  # noqa: PLC0415
        from agent.sealing.epoch import CONTENT_TYPE  # noqa: PLC0415

        with pytest.raises(KeyUnusable):
            verify_epoch(EpochProof(sign1(payload, CONTENT_TYPE, keys.receipt), b""), keys.record.public_key)

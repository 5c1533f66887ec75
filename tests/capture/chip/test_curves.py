from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from firmware_mocks.chip_card import ec as plain
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError, complete_addition
from agent.capture.chip.curves import BRAINPOOL_P256R1, BY_TITLE, Curve, Point, forgetting_secrets, private_key

CURVE = BRAINPOOL_P256R1


@pytest.mark.parametrize("curve", BY_TITLE.values(), ids=list(BY_TITLE))
@settings(max_examples=3, deadline=None)
@given(st.data())
def test_multiples_agree_with_plain_arithmetic(curve: Curve, data: st.DataObject) -> None:
    """Y recovered from two x coordinates, and the ladder where OpenSSL lacks a curve: as double-and-add has it."""
    scalar = data.draw(st.integers(1, curve.n - 2) | st.sampled_from([1, 2, 3, curve.n - 2, curve.n // 2, 2**128 - 1]))
    theirs = plain.BY_NAME[curve.title]
    point = curve.generator.times(3)
    for start in (curve.generator, point):
        ours = start.times(scalar)
        assert (ours.x, ours.y) == theirs.multiply(scalar, plain.Affine(start.x, start.y))


@pytest.mark.parametrize("curve", BY_TITLE.values(), ids=list(BY_TITLE))
def test_every_curve_is_of_prime_order(curve: Curve) -> None:
    """The generator lies on it, and one less than the order times G is its mirror image."""
    curve.generator.check()
    assert complete_addition.multiply(curve.p, curve.a, curve.b, curve.n, curve.base, curve.n - 1) == (
        curve.base[0],
        curve.p - curve.base[1],
    )


@pytest.mark.parametrize("curve", BY_TITLE.values(), ids=list(BY_TITLE))
def test_both_ways_to_multiply_agree(curve: Curve) -> None:
    """Complete addition gives what OpenSSL gives, on every curve that OpenSSL has, and what it has not, itself."""
    point = curve.generator.times(0xC0FFEE)
    found = complete_addition.multiply(curve.p, curve.a, curve.b, curve.n, (point.x, point.y), 2**127 + 9)
    doubled = curve.generator.times((0xC0FFEE * (2**127 + 9)) % curve.n)
    assert found == (doubled.x, doubled.y)


def test_generic_mapping_of_the_worked_example(vector: Callable[[str], dict[str, Any]]) -> None:
    """Doc 9303-11, G.1: s * G + H, and both public keys on the mapped generator."""
    g1 = vector("pace_gm_ecdh_appG1")
    theirs = CURVE.decode(b"\x04" + bytes.fromhex(g1["map_pk_ic"]))
    shared = theirs.times(int(g1["map_sk_ifd"], 16))
    assert shared.encode()[1:].hex().upper() == g1["h"]
    mapped = CURVE.generator.times(int(g1["nonce_s"], 16)).plus(shared)
    assert mapped.encode()[1:].hex().upper() == g1["g_mapped"]
    assert mapped.times(int(g1["sk_ifd"], 16)).encode()[1:].hex().upper() == g1["pk_ifd"]


@pytest.mark.parametrize("multiple", [856, 909], ids=["x", "y"])
def test_coordinates_with_leading_zeros_keep_their_length(multiple: int) -> None:
    """The first multiples of G whose coordinate begins with a zero byte are encoded in 65 bytes and read back."""
    point = CURVE.generator.times(multiple)
    assert 0 in (point.x >> 248, point.y >> 248)
    assert len(point.encode()) == 65
    assert CURVE.decode(point.encode()) == point


def test_equal_and_opposite_points_are_not_added() -> None:
    """The sum would be a doubling or infinity: as a mapped generator both are refused."""
    base = CURVE.generator
    mirrored = Point(CURVE, base.x, CURVE.p - base.y)
    for other in (base, mirrored):
        with pytest.raises(ChipDataError, match="degenerates"):
            base.plus(other)


class TestHostilePoints:
    """What a chip may send instead of a public key."""

    GOOD = CURVE.generator.encode()

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x00",  # infinity
            GOOD[:-1],
            GOOD + b"\x00",
            b"\x03" + GOOD[1:33],  # compressed
            b"\x06" + GOOD[1:],  # hybrid
            GOOD[:-1] + bytes([GOOD[-1] ^ 1]),  # not on the curve
            b"\x04" + bytes(64),
            b"\x04" + CURVE.p.to_bytes(32) + GOOD[33:],
            b"\x04" + b"\xff" * 64,
        ],
    )
    def test_what_is_no_point_of_the_curve_is_refused(self, data: bytes) -> None:
        """Wrong form, wrong length, off the curve, beyond the field: an invalid-curve attack starts here."""
        with pytest.raises(ChipDataError):
            CURVE.decode(data)

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut is taken for a point."""
        for cut in range(len(self.GOOD)):
            with pytest.raises(ChipDataError):
                CURVE.decode(self.GOOD[:cut])

    def test_a_coordinate_plus_the_prime_is_refused(self) -> None:
        """The same point in another writing must not pass for a different key."""
        small = CURVE.generator.times(4)
        assert small.x + CURVE.p < 2**256
        written = b"\x04" + (small.x + CURVE.p).to_bytes(32) + small.y.to_bytes(32)
        with pytest.raises(ChipDataError):
            CURVE.decode(written)

    @pytest.mark.parametrize("scalar", [0, CURVE.n - 1, CURVE.n])
    def test_scalars_without_two_multiples_are_refused(self, scalar: int) -> None:
        """One of kP and (k + 1)P would be infinity."""
        with pytest.raises(ChipDataError, match="out of range"):
            CURVE.generator.times(scalar)


class TestForgetting:
    """Secret numbers do not outlive a protocol's run."""

    def test_a_key_pair_is_made_once_in_a_run(self) -> None:
        """For the public key and for the agreement."""
        private_key.cache_clear()
        with forgetting_secrets():
            own = BRAINPOOL_P256R1.generator.times(12345)
            own.agree(12345)
            assert private_key.cache_info().hits == 1
        assert private_key.cache_info().currsize == 0

    def test_a_run_that_fails_forgets_too(self) -> None:
        """As when a card is lost in the middle."""
        with pytest.raises(ChipDataError, match="out of range"), forgetting_secrets():
            BRAINPOOL_P256R1.generator.times(12345).times(0)
        assert private_key.cache_info().currsize == 0

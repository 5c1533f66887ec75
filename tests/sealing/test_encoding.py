"""Deterministic CBOR against RFC 8949's own examples and an independent encoder; the reader believes nothing."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sealing.encoding import MAX_BYTES, decode, decode_map, encode, take, take_bytes, take_count, take_signed
from agent.sealing.errors import Malformed

# RFC 8949, appendix A: the values that exist for us.
EXAMPLES: list[tuple[object, str]] = [
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (bytes.fromhex("01020304"), "4401020304"),
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ('"\\', "62225c"),
    ("\u00fc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
    ("\U00010151", "64f0908591"),
    ([], "80"),
    ([1, 2, 3], "83010203"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"),
    ({1: 2, 3: 4}, "a201020304"),
    ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    (["a", {"b": "c"}], "826161a161626163"),
    ({"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}, "a56161614161626142616361436164614461656145"),
]

# RFC 8949, appendix A and F, and 4.2: well-formed or not, none of it is our deterministic part.
REFUSED = {
    "integer not in the shortest form": "1817",
    "two bytes not in the shortest form": "190018",
    "four bytes not in the shortest form": "1a0000ffff",
    "eight bytes not in the shortest form": "1b00000000ffffffff",
    "length not in the shortest form": "5801ff",
    "big number": "c249010000000000000000",
    "negative big number": "c349010000000000000000",
    "half float": "f90000",
    "float": "fa47c35000",
    "double": "fb3ff199999999999a",
    "not a number": "f97e00",
    "undefined": "f7",
    "simple value": "f0",
    "simple value in two bytes": "f8ff",
    "date": "c074323031332d30332d32315432303a30343a30305a",
    "epoch time": "c11a514b67b0",
    "rational with denominator 0": "d81e820100",
    "shared reference": "d81d00",
    "COSE tag where none belongs": "d28440a04040",
    "indefinite bytes": "5f42010243030405ff",
    "indefinite text": "7f657374726561646d696e67ff",
    "indefinite array": "9f018202039f0405ffff",
    "indefinite map": "bf61610161629f0203ffff",
    "keys out of order": "a2616201616102",
    "key twice": "a2616101616102",
    "boolean as key": "a1f501",
    "array as key": "a1800a",
    "reserved 28": "1c",
    "reserved 31 as integer": "1f",
    "lone break": "ff",
    "text that is not UTF-8": "62c328",
    "trailing byte": "0000",
    "nothing": "",
    "array that claims too much": "9bffffffffffffffff00",
    "bytes that claim too much": "5b7fffffffffffffff00",
    "map that claims too much": "bb000000010000000000",
    "nested too deeply": "81" * 300 + "00",
}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=30), inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.parametrize(("value", "encoded"), EXAMPLES, ids=[encoded[:20] for _, encoded in EXAMPLES])
def test_the_examples_of_rfc_8949(value: object, encoded: str) -> None:
    """Appendix A, both ways."""
    assert encode(value).hex() == encoded
    decoded = decode(bytes.fromhex(encoded), "example")
    assert decoded == value
    assert type(decoded) is type(value)


def test_map_keys_are_sorted_by_their_encoding() -> None:
    """RFC 8949, 4.2.1, its own example without the keys that we do not allow."""
    keys = [10, 100, -1, "z", "aa"]
    assert encode(dict.fromkeys(reversed(keys), 0)).hex() == "a5" + "0a00" + "186400" + "2000" + "617a00" + "62616100"


@given(VALUES)
def test_what_is_written_is_read_back_and_agrees_with_an_independent_encoder(value: object) -> None:
    """cbor2's canonical form is the same for text keys."""
    try:
        data = encode(value)
    except OverflowError:
        return
    assert data == cbor2.dumps(value, canonical=True)
    try:
        decoded = decode(data, "value")
    except Malformed as error:
        if "nested" not in error.detail:
            raise
        return
    assert decoded == value


@given(st.binary(max_size=60))
def test_whatever_is_read_is_the_one_encoding_of_its_value(data: bytes) -> None:
    """Two byte strings never give one value; any other end is Malformed."""
    try:
        value = decode(data, "fuzz")
    except Malformed:
        return
    assert encode(value) == data


@pytest.mark.parametrize("encoded", REFUSED.values(), ids=REFUSED.keys())
def test_everything_else_is_malformed(encoded: str) -> None:
    """No library value, no exception of another kind, no memory for lengths that lie."""
    with pytest.raises(Malformed):
        decode(bytes.fromhex(encoded), "hostile")


def test_a_tag_is_read_only_where_it_is_asked_for() -> None:
    """Exactly that one."""
    data = encode([1], 18)
    assert data.hex() == "d28101"
    assert decode(data, "tagged", 18) == [1]
    for tag in (None, 17, 2**40):
        with pytest.raises(Malformed):
            decode(data, "tagged", tag)
    with pytest.raises(Malformed):
        decode(encode([1]), "tagged", 18)


def test_too_many_bytes_are_refused_unread() -> None:
    """Before anything is parsed."""
    with pytest.raises(Malformed, match="bytes"):
        decode(bytes(MAX_BYTES + 1), "large")


@pytest.mark.parametrize("value", [1.5, {1, 2}, object(), 2**64, -(2**64) - 1])
def test_what_has_no_place_is_not_written(value: object) -> None:
    """A mistake of ours, told at once."""
    with pytest.raises((TypeError, OverflowError)):
        encode(value)


def test_maps_have_exactly_their_keys_and_values_exactly_their_types() -> None:
    """No more, no fewer; a boolean is no number."""
    keys = frozenset({"n", "b"})
    values = decode_map(encode({"n": 5, "b": b"12"}), keys, "map")
    assert (take_count(values, "n", "map"), take_bytes(values, "b", 2, "map")) == (5, b"12")
    for wrong in ({"n": 5}, {"n": 5, "b": b"", "c": 1}, {"n": 5, "B": b""}, {1: 5, "b": b""}):
        with pytest.raises(Malformed):
            decode_map(encode(wrong), keys, "map")
    with pytest.raises(Malformed):
        decode_map(encode([1]), keys, "map")
    for key, number in (("n", True), ("n", -1), ("n", 2**63), ("n", "5"), ("n", None)):
        with pytest.raises(Malformed):
            take_count({key: number}, key, "map")
    with pytest.raises(Malformed):
        take_bytes({"b": b"123"}, "b", 2, "map")
    with pytest.raises(Malformed):
        take({"b": True}, "b", int, "map")


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, 0])
def test_signed_numbers_have_64_bits(number: int) -> None:
    """As data bases have."""
    assert take_signed({"n": number}, "n", "map") == number
    for outside in (-(2**63) - 1, 2**63):
        with pytest.raises(Malformed):
            take_signed({"n": outside}, "n", "map")


def test_no_content_is_told_in_an_error() -> None:
    """A name that is not UTF-8 must not get into a log by way of the decoder's message."""
    with pytest.raises(Malformed) as caught:
        decode(b"\x68Nguy\xc3\x28en", "roster")
    assert "Nguy" not in f"{caught.value} {caught.value.__cause__} {caught.value.detail}"

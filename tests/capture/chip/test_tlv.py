from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError
from agent.capture.chip.tlv import MAX_LENGTH, Tlv, encode, find, items, need, only, read_header

TAGS = st.sampled_from([0x02, 0x30, 0x61, 0x5F1F, 0x7F61, 0x7F8101])


@given(TAGS, st.binary(max_size=400))
def test_what_is_encoded_is_read_back(tag: int, value: bytes) -> None:
    """Every tag and length form survives a round trip."""
    data = encode(tag, value)
    assert list(items(data)) == [Tlv(tag, value)]
    assert only(data, tag) == value
    header = read_header(data)
    assert (header.tag, header.length, header.header_bytes) == (tag, len(value), len(data) - len(value))


@given(st.lists(st.tuples(TAGS, st.binary(max_size=40)), max_size=8))
def test_data_objects_follow_one_another(objects: list[tuple[int, bytes]]) -> None:
    """A concatenation is read as the same objects in the same order."""
    data = b"".join(encode(tag, value) for tag, value in objects)
    assert [(item.tag, item.value) for item in items(data)] == objects


@pytest.mark.parametrize(
    ("size", "head"),
    [(0, "3000"), (127, "307F"), (128, "308180"), (255, "3081FF"), (256, "30820100"), (65536, "3083010000")],
)
def test_lengths_take_the_shortest_form(size: int, head: str) -> None:
    """DER's form at each boundary."""
    assert encode(0x30, bytes(size)).hex().upper().startswith(head)


def test_longer_forms_of_a_length_are_read() -> None:
    """BER lets a length have leading zeros (ISO/IEC 7816-4, 5.2.2.2)."""
    assert only(bytes.fromhex("3083000001FF"), 0x30) == b"\xff"


def test_find_and_need() -> None:
    """The first object of a tag is found; need insists."""
    data = encode(0x80, b"a") + encode(0x81, b"b") + encode(0x80, b"c")
    assert find(data, 0x80) == b"a"
    assert find(data, 0x82) is None
    assert need(data, 0x81) == b"b"
    with pytest.raises(ChipDataError, match="82 is missing"):
        need(data, 0x82)


def test_values_are_not_printed() -> None:
    """A data object's value may be a name."""
    assert "secret" not in repr(Tlv(0x30, b"secret"))


class TestHostileInput:
    """What a chip may send to break the parser."""

    @pytest.mark.parametrize(
        "data",
        [
            "",
            "30",
            "3080",  # indefinite
            "30800000",
            "30847FFFFFFF",
            "3083100001",  # beyond 1 MiB
            "3085000000000100",
            "30FF",
            "3082",
            "308201",
            "1F",
            "1F81",
            "1F818181810100",
            "5F800100",
        ],
    )
    def test_unusable_headers_are_refused(self, data: str) -> None:
        """Cut short, indefinite, too long, too many tag bytes, a tag with a leading zero."""
        with pytest.raises(ChipDataError):
            read_header(bytes.fromhex(data))

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut of nested objects is taken for a whole."""
        data = encode(0x7F61, encode(0x02, b"\x01") + encode(0x7F60, bytes(300)))
        for cut in range(1, len(data)):
            with pytest.raises(ChipDataError):
                list(items(data[:cut]))

    def test_trailing_bytes_are_not_the_only_object(self) -> None:
        """`only` refuses what follows."""
        with pytest.raises(ChipDataError):
            only(encode(0x30, b"") + b"\x30\x00", 0x30)
        with pytest.raises(ChipDataError):
            only(encode(0x30, b"") + b"\x00", 0x30)

    def test_the_largest_length_is_a_mebibyte(self) -> None:
        """One byte more is refused before anything is read."""
        assert read_header(b"\x30\x83" + MAX_LENGTH.to_bytes(3)).length == MAX_LENGTH
        with pytest.raises(ChipDataError, match="claims"):
            read_header(b"\x30\x83" + (MAX_LENGTH + 1).to_bytes(3))

    def test_very_many_small_objects_are_read_in_one_pass(self) -> None:
        """Half a mebibyte of empty objects: a parser that copied the rest for each would take minutes."""
        assert sum(1 for _ in items(b"\x30\x00" * 2**18)) == 2**18

    @given(st.binary(max_size=60))
    def test_any_bytes_are_parsed_or_refused(self, data: bytes) -> None:
        """Nothing but ChipDataError, and nothing is read that is not there."""
        try:
            found = list(items(data))
        except ChipDataError:
            return
        assert sum(len(item.value) for item in found) <= len(data)

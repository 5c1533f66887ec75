"""DER: written as short as it can be, and everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture import der
from agent.capture.der import NotDer

TAGS = st.integers(0, 255).filter(lambda tag: tag & 0x1F != 0x1F)


@pytest.mark.parametrize(
    ("length", "head"), [(0, "8000"), (127, "807f"), (128, "808180"), (255, "8081ff"), (256, "80820100")]
)
def test_lengths_are_as_short_as_they_can_be(length: int, head: str) -> None:
    """X.690, 8.1.3 and 10.1."""
    written = der.encode(0x80, bytes(length))
    assert written[: len(head) // 2].hex() == head
    assert der.only(written, 0x80) == bytes(length)


@pytest.mark.parametrize(("number", "written"), [(0, "800100"), (127, "80017f"), (128, "80020080"), (2019, "800207e3")])
def test_numbers_are_as_short_as_they_can_be(number: int, written: str) -> None:
    """X.690, 8.3.2: never nine zero bits in front."""
    assert der.encode_number(0x80, number).hex() == written
    assert der.number(bytes.fromhex(written)[2:], 10_000) == number


@given(st.lists(st.tuples(TAGS, st.binary(max_size=300))))
def test_what_is_written_is_read(found: list[tuple[int, bytes]]) -> None:
    """Any elements, one after the other."""
    data = b"".join(der.encode(tag, value) for tag, value in found)
    assert list(der.elements(data)) == found


@given(st.binary(max_size=300))
def test_what_is_read_would_be_written_so(data: bytes) -> None:
    """DER has one form only: whatever is accepted is exactly what we would write."""
    try:
        found = list(der.elements(data))
    except NotDer:
        return
    assert b"".join(der.encode(tag, value) for tag, value in found) == data


@pytest.mark.parametrize(
    "data",
    ["80", "8005ff", "80810100", "8081", "80820001ff", "8080ff0000", "8085000000000100", "9f2001ff", "80ff"],
    ids=["no length", "lies", "long form", "cut", "leading zero", "indefinite", "five bytes", "long tag", "reserved"],
)
def test_what_is_not_der_is_refused(data: str) -> None:
    """Each kind of malformed element."""
    with pytest.raises(NotDer):
        list(der.elements(bytes.fromhex(data)))


@pytest.mark.parametrize("value", ["", "80", "0001", "00" * 9, "ff"])
def test_what_is_no_number_is_refused(value: str) -> None:
    """Empty, negative, too long, or with zeros in front."""
    with pytest.raises(NotDer):
        der.number(bytes.fromhex(value), 10)


def test_a_number_beyond_its_bound_is_refused() -> None:
    """The standard gives each number a range."""
    with pytest.raises(NotDer):
        der.number(b"\x0b", 10)


@pytest.mark.parametrize("data", ["80018001ff", "810101800101", "a0008000"])
def test_fields_come_once_and_in_order(data: str) -> None:
    """Automatic tags count up."""
    with pytest.raises(NotDer):
        der.fields(bytes.fromhex(data))

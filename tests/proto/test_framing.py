"""Our own writing and reading of the large messages: the same bytes and the same values as protobuf's."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.proto.border import SealedContent
from agent.proto.errors import MessageInvalid
from agent.proto.framing import number, piece, split, varint
from agent.proto.stream import SealedRecord, decode_request, encode_request
from agent.proto.v1 import record_pb2, uplink_pb2

U64 = st.integers(0, 2**64 - 1)
DATA = st.binary(max_size=300)


@given(U64, DATA, DATA)
@example(0, b"", b"")
@example(2**64 - 1, b"c", bytes(70_000))
def test_a_record_is_written_as_protobuf_writes_it(seq: int, cose_sign1: bytes, ciphertext: bytes) -> None:
    """Byte for byte, defaults left away."""
    message = uplink_pb2.SealedRecord(seq=seq, cose_sign1=cose_sign1, ciphertext=ciphertext)
    expected = uplink_pb2.AppendRequest(record=message).SerializeToString(deterministic=True)
    assert encode_request(SealedRecord(seq, cose_sign1, ciphertext)) == expected


@given(DATA, st.lists(DATA, max_size=4).map(tuple))
def test_content_parses_as_protobuf_does(manifest: bytes, parts: tuple[bytes, ...]) -> None:
    """Any protobuf library reads it."""
    message = record_pb2.SealedContent.FromString(SealedContent(manifest, parts).to_bytes())
    assert (message.manifest, tuple(message.parts)) == (manifest, parts)


@given(st.binary(max_size=60))
def test_any_bytes_read_as_protobuf_reads_them_or_not_at_all(data: bytes) -> None:
    """Inside a record: duplicate and unknown fields, groups, lying lengths and overlong numbers included."""
    framed = b"".join(piece(uplink_pb2.AppendRequest.RECORD_FIELD_NUMBER, data))
    try:
        theirs = uplink_pb2.AppendRequest.FromString(framed).record
    except Exception:
        with pytest.raises(MessageInvalid):
            decode_request(framed)
        return
    ours = decode_request(framed)
    assert ours == SealedRecord(theirs.seq, theirs.cose_sign1, theirs.ciphertext)


def test_a_record_cut_at_any_byte_is_refused() -> None:
    """A cut at a field's end leaves the outer length too long."""
    data = encode_request(SealedRecord(300, b"cose", b"ciphertext"))
    for length in range(1, len(data)):
        with pytest.raises(MessageInvalid):
            decode_request(data[:length])


@pytest.mark.parametrize("seq", [-1, 2**64, "1", None])
def test_a_seq_that_does_not_fit_is_told(seq: int) -> None:
    """As the library tells it."""
    with pytest.raises(MessageInvalid):
        encode_request(SealedRecord(seq, b"", b""))


@given(U64)
def test_numbers_come_back(value: int) -> None:
    """All of 64 bits, in at most ten bytes."""
    assert len(varint(value)) <= 10
    assert split(memoryview(number(1, value))) == ({1: value} if value else {})


@pytest.mark.parametrize(
    "data",
    [b"\x08", b"\x08" + b"\xff" * 10, b"\x08" + b"\xff" * 9 + b"\x7f", b"\x12\x05ab", b"\x00\x01", b"\x0d\0\0\0\0"],
    ids=["no value", "no end", "over 64 bits", "lying length", "field 0", "fixed 32"],
)
def test_what_is_not_ours_to_read_is_left_to_the_library(data: bytes) -> None:
    """None says so."""
    assert split(memoryview(data)) is None

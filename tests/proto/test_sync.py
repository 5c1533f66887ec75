from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.proto.errors import MessageInvalid
from agent.proto.sync import (
    MAX_ENTRIES,
    MAX_REQUEST_BYTES,
    Announcement,
    AnnouncementShown,
    BundleOffer,
    BundleVerdict,
    BundleVersion,
    DeviceHealth,
    Heard,
    Heartbeat,
    Hello,
    QueueHealth,
    Request,
    Response,
    StageTiming,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from agent.proto.v1 import sync_pb2

NUMBERS = st.integers(0, 2**63 - 1)
CODES = st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True)
VERSIONS = st.builds(BundleVersion, CODES, NUMBERS)
SMALL = st.integers(0, 2**32 - 1)
BEATS = st.builds(
    Heartbeat,
    NUMBERS,
    NUMBERS,
    st.booleans(),
    st.builds(QueueHealth, *[NUMBERS] * 8),
    st.lists(st.builds(DeviceHealth, CODES, CODES), max_size=4).map(tuple),
    st.lists(st.builds(StageTiming, CODES, SMALL, SMALL, SMALL, SMALL), max_size=4).map(tuple),
    st.lists(VERSIONS, max_size=4).map(tuple),
    st.lists(CODES, max_size=4).map(tuple),
)
REQUESTS = st.one_of(
    st.builds(Hello, st.text(max_size=20), CODES, st.lists(VERSIONS, max_size=4).map(tuple)),
    BEATS,
    st.builds(BundleVerdict, CODES, NUMBERS, st.one_of(st.just(""), CODES)),
    st.builds(AnnouncementShown, NUMBERS),
)
RESPONSES = st.one_of(
    st.builds(BundleOffer, CODES, NUMBERS, st.binary(max_size=50)),
    st.builds(Announcement, NUMBERS, st.text(max_size=50), st.text(max_size=50)),
    st.builds(Heard, NUMBERS),
)
BEAT = Heartbeat(1, 2, True, QueueHealth(1, 2, 3, 4, 5, 6, 7, 8), (), (), (), ())


@given(REQUESTS)
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    """Every kind, every field."""
    assert decode_request(encode_request(request)) == request


@given(RESPONSES)
def test_a_response_comes_back_as_it_was(response: Response) -> None:
    """Every kind, every field."""
    assert decode_response(encode_response(response)) == response


@pytest.mark.parametrize(
    "text",
    ["001085000001", "Nguyễn Văn Đức", "nguyen van duc", "A", "", "x" * 65, "1985-02-03", "a\n"],
)
def test_what_could_be_about_a_person_is_no_code(text: str) -> None:
    """A name has spaces, capitals or marks, a number begins with a digit: neither can be sent."""
    for beat in (
        Heartbeat(1, 2, True, BEAT.queue, (DeviceHealth("camera", text),), (), (), ()),
        Heartbeat(1, 2, True, BEAT.queue, (), (StageTiming(text, 1, 0, 1, 1),), (), ()),
        Heartbeat(1, 2, True, BEAT.queue, (), (), (), (text,)),
    ):
        with pytest.raises(MessageInvalid) as caught:
            encode_request(beat)
        assert not text or text not in caught.value.detail.split(": a text")[0]


def test_a_foreign_kiosk_cannot_send_texts_either() -> None:
    """The collector checks what arrives by the same rule."""
    message = sync_pb2.SyncRequest()
    message.heartbeat.queue.SetInParent()
    message.heartbeat.errors.append("Nguyễn Văn Đức")
    with pytest.raises(MessageInvalid):
        decode_request(message.SerializeToString())


def test_entries_and_sizes_are_limited() -> None:
    """A heartbeat is small: too many entries or bytes are refused before they are kept."""
    crowded = Heartbeat(1, 2, True, BEAT.queue, (), (), (), ("a",) * (MAX_ENTRIES + 1))
    with pytest.raises(MessageInvalid, match="entries"):
        encode_request(crowded)
    with pytest.raises(MessageInvalid, match="allowed"):
        decode_request(bytes(MAX_REQUEST_BYTES + 1))
    with pytest.raises(MessageInvalid, match="characters"):
        decode_response(encode_response(Announcement(1, "x" * 2001, "")))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """Nothing but MessageInvalid comes out of foreign bytes."""
    for decode in (decode_request, decode_response):
        try:
            decode(data)
        except MessageInvalid:
            continue


def test_a_message_cut_at_any_byte_is_an_error_or_a_smaller_message() -> None:
    """Truncation everywhere."""
    whole = encode_request(BEAT)
    for end in range(len(whole)):
        try:
            assert decode_request(whole[:end]) != BEAT
        except MessageInvalid:
            continue

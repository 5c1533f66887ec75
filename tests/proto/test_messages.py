"""Messages: round trips, what is missing, unknown or too large, and hostile bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.proto import stream
from agent.proto.border import (
    MAX_MANIFEST_BYTES,
    MAX_PARTS,
    Answer,
    CaptureTime,
    Check,
    DiscardedVisit,
    Manifest,
    Member,
    Notice,
    Operator,
    PartEntry,
    Policy,
    Purpose,
    SealedContent,
    Software,
    Stage,
    Verdict,
    Visit,
)
from agent.proto.errors import MessageInvalid
from agent.proto.stream import (
    Ack,
    Checkpoint,
    EpochStart,
    Limits,
    LostAtCollector,
    Open,
    Pushback,
    Reject,
    RejectCode,
    Request,
    Response,
    Resume,
    SealedRecord,
    Tombstone,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from agent.proto.v1 import record_pb2, uplink_pb2

TEXT = st.text(max_size=20)
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)
BYTES = st.binary(max_size=40)
VERDICT = st.sampled_from(Verdict)
CHECK = st.builds(
    Check,
    TEXT,
    VERDICT,
    TEXT,
    st.none() | st.floats(allow_nan=False),
    TEXT,
    st.none() | U32,
    st.booleans(),
    st.booleans(),
)
STAGE = st.builds(
    Stage, TEXT, VERDICT, TEXT, st.lists(CHECK, max_size=3).map(tuple), st.dictionaries(TEXT, TEXT, max_size=3), U32
)
OPERATOR = st.builds(Operator, TEXT, TEXT, VERDICT, TEXT)
MANIFEST = st.builds(
    Manifest,
    record_id=BYTES,
    salt=BYTES,
    parts=st.lists(st.builds(PartEntry, TEXT, TEXT, U64, BYTES), max_size=3).map(tuple),
    stages=st.lists(STAGE, max_size=3).map(tuple),
    operator=OPERATOR,
    policy=st.builds(Policy, TEXT, BYTES),
    software=st.builds(Software, TEXT, st.dictionaries(TEXT, TEXT, max_size=3)),
    time=st.builds(CaptureTime, I64, I64, st.none() | I64, st.none() | I64, BYTES),
    notice=st.builds(Notice, TEXT, TEXT, TEXT, BYTES, I64, st.sampled_from(Answer)),
    purpose=st.builds(Purpose, TEXT, TEXT, TEXT),
    member=st.builds(Member, TEXT, TEXT, TEXT, TEXT),
    kiosk=TEXT,
    station=TEXT,
    visit=st.builds(Visit, TEXT, st.booleans(), OPERATOR),
    discarded_visits=st.lists(
        st.builds(DiscardedVisit, TEXT, I64, st.lists(TEXT, max_size=3).map(tuple), OPERATOR), max_size=3
    ).map(tuple),
)
REQUEST = (
    st.builds(Open, TEXT, U64, U64, BYTES, st.none() | st.builds(EpochStart, BYTES, BYTES, BYTES))
    | st.builds(SealedRecord, U64, BYTES, BYTES)
    | st.builds(Tombstone, U64, BYTES)
    | st.builds(Checkpoint, U64, BYTES, BYTES)
    | st.builds(LostAtCollector, U64, U64, BYTES)
)
RESPONSE = (
    st.builds(Resume, U64, BYTES, st.builds(Limits, U32, U64, U64), I64)
    | st.builds(Ack, U64, BYTES, BYTES)
    | st.builds(Pushback, U32, TEXT)
    | st.builds(Reject, st.sampled_from(RejectCode), TEXT, U64)
)
ONE = Manifest(
    record_id=bytes(16),
    salt=bytes(32),
    parts=(PartEntry("chip/dg1", "application/octet-stream", 93, bytes(32)),),
    stages=(Stage("chip", Verdict.PASSED, "", (Check("sod", Verdict.FAILED, native=0.0, scalar=0),), {"a": "b"}, 1),),
    operator=Operator("o", "peer uid", Verdict.NOT_ASSESSED, "not built"),
    policy=Policy("1", bytes(32)),
    software=Software("0.1", {"face.onnx": "ab"}),
    time=CaptureTime(1, 2, 0),
    notice=Notice("n", "1", "vi", bytes(32), 5, Answer.NONE),
    purpose=Purpose("p", "l", "r"),
    member=Member("001085000001", "Nguyễn Văn Đức", "1985-02-03", "Chi bộ 1"),
    kiosk="kiosk-1",
    station="station-1",
    visit=Visit("v1", True, Operator("p", "peer uid", Verdict.NOT_ASSESSED, "not built")),
    discarded_visits=(DiscardedVisit("v0", 9, ("chip",), Operator("o", "peer uid", Verdict.NOT_ASSESSED, "r")),),
)


@given(MANIFEST)
def test_a_manifest_survives_the_round_trip(manifest: Manifest) -> None:
    """Every field, absent optionals apart from zeros."""
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@given(BYTES, st.lists(BYTES, max_size=4).map(tuple))
def test_sealed_content_survives_the_round_trip(manifest: bytes, parts: tuple[bytes, ...]) -> None:
    """The manifest's bytes are kept as made."""
    content = SealedContent(manifest, parts)
    assert SealedContent.from_bytes(content.to_bytes()) == content


@given(REQUEST)
def test_requests_survive_the_round_trip(request: Request) -> None:
    """Empty ones too: the kind is not lost when every field has its default."""
    assert decode_request(encode_request(request)) == request


@given(RESPONSE)
def test_responses_survive_the_round_trip(response: Response) -> None:
    """As above."""
    assert decode_response(encode_response(response)) == response


def test_every_field_of_every_message_has_its_dataclass_field() -> None:
    """A field added to the .proto alone would be dropped without a word."""
    for name in ("SealedContent", "Manifest", "PartEntry", "Stage", "Check", "Operator", "Policy", "Software"):
        _compare(record_pb2.DESCRIPTOR.message_types_by_name[name], globals()[name])
    for name in ("CaptureTime", "Notice", "Purpose", "Member", "Visit", "DiscardedVisit"):
        _compare(record_pb2.DESCRIPTOR.message_types_by_name[name], globals()[name])
    for name in (
        "Open",
        "EpochStart",
        "SealedRecord",
        "Tombstone",
        "Checkpoint",
        "LostAtCollector",
        "Resume",
        "Limits",
        "Ack",
        "Pushback",
        "Reject",
    ):
        _compare(uplink_pb2.DESCRIPTOR.message_types_by_name[name], globals()[name])


def _compare(descriptor: Any, kind: type) -> None:
    assert is_dataclass(kind)
    assert {field.name for field in descriptor.fields} == {field.name for field in fields(kind)}, descriptor.name


def test_every_enum_value_has_its_member() -> None:
    """UNSPECIFIED apart, which we never accept."""
    for enum, kind, prefix in (
        (record_pb2.Verdict, Verdict, "VERDICT_"),
        (record_pb2.Answer, Answer, "ANSWER_"),
        (uplink_pb2.RejectCode, RejectCode, "REJECT_CODE_"),
    ):
        assert {name.removeprefix(prefix): number for name, number in enum.items() if number} == {
            member.name: member.value for member in kind
        }


@pytest.mark.parametrize("number", [0, 4, 99, -1])
def test_an_unknown_verdict_is_refused(number: int) -> None:
    """A verdict that we do not know is not one that passed."""
    message = record_pb2.Manifest.FromString(ONE.to_bytes())
    message.stages[0].checks[0].verdict = number  # type: ignore[assignment]
    with pytest.raises(MessageInvalid, match="verdict"):
        Manifest.from_bytes(message.SerializeToString())


def test_an_unset_reject_code_is_refused() -> None:
    """It would have no meaning."""
    message = uplink_pb2.AppendResponse(reject=uplink_pb2.Reject(reason="?"))
    with pytest.raises(MessageInvalid, match="code"):
        decode_response(message.SerializeToString())


@pytest.mark.parametrize("name", ["operator", "policy", "software", "time", "notice", "purpose", "member", "visit"])
def test_a_missing_message_is_refused_by_name(name: str) -> None:
    """Nothing is invented in its place."""
    message = record_pb2.Manifest.FromString(ONE.to_bytes())
    message.ClearField(name)  # type: ignore[arg-type]
    with pytest.raises(MessageInvalid, match=f"Manifest.{name} is missing"):
        Manifest.from_bytes(message.SerializeToString())


@pytest.mark.parametrize("decode", [decode_request, decode_response])
def test_an_empty_envelope_is_refused(decode: Callable[[bytes], object]) -> None:
    """Neither kind is chosen."""
    with pytest.raises(MessageInvalid, match="empty"):
        decode(b"")


def test_oversize_is_refused_before_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits come first."""
    with pytest.raises(MessageInvalid, match="allowed"):
        Manifest.from_bytes(bytes(MAX_MANIFEST_BYTES + 1))
    monkeypatch.setattr(stream, "MAX_MESSAGE_BYTES", 10)
    with pytest.raises(MessageInvalid, match="allowed"):
        decode_request(encode_request(SealedRecord(1, bytes(20), b"")))


def test_too_many_parts_are_refused() -> None:
    """Each part costs the reader something."""
    many = replace(ONE, parts=ONE.parts * (MAX_PARTS + 1))
    with pytest.raises(MessageInvalid, match="parts"):
        Manifest.from_bytes(many.to_bytes())
    assert Manifest.from_bytes(replace(ONE, parts=ONE.parts * MAX_PARTS).to_bytes()).parts


@pytest.mark.parametrize(
    "change",
    [
        {"kiosk": "lone \ud800 surrogate"},
        {"time": CaptureTime(2**63, 0, None)},
        {"parts": (PartEntry("p", "t", -1, b""),)},
        {"stages": (Stage("s", Verdict.PASSED, "", (), {}, 2**32),)},
        {"record_id": "text"},
    ],
    ids=str,
)
def test_values_that_a_field_cannot_hold_are_told_without_quoting_them(change: dict[str, Any]) -> None:
    """The library's own message would put them into a log."""
    with pytest.raises(MessageInvalid) as caught:
        replace(ONE, **change).to_bytes()
    assert caught.value.__cause__ is None
    assert "surrogate" not in str(caught.value)


def test_a_manifest_cut_at_any_byte_is_refused_or_incomplete() -> None:
    """Never another kind of exception, never the same manifest."""
    data = ONE.to_bytes()
    for length in range(len(data)):
        try:
            assert Manifest.from_bytes(data[:length]) != ONE
        except MessageInvalid:
            continue


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_invalid(data: bytes) -> None:
    """All four entrances."""
    for decode in (decode_request, decode_response, Manifest.from_bytes, SealedContent.from_bytes):
        try:
            decode(data)
        except MessageInvalid:
            continue


def test_a_deeply_nested_message_is_refused() -> None:
    """The parser's own limit, told as ours."""
    data = b""
    for _ in range(200):
        data = b"\x0b" + data + b"\x0c"
    with pytest.raises(MessageInvalid):
        decode_request(data)


def test_unknown_fields_are_passed_over() -> None:
    """A newer end may add some."""
    message = uplink_pb2.AppendRequest.FromString(encode_request(Open("k", 1, 2, bytes(32))))
    extra: Message = record_pb2.Manifest(kiosk="x")
    assert decode_request(message.SerializeToString() + extra.SerializeToString()) == Open("k", 1, 2, bytes(32))


def test_nobody_is_named_in_a_repr() -> None:
    """The member, the salt, the sealed bytes."""
    shown = repr([ONE, SealedContent(b"secret", (b"secret",)), SealedRecord(1, b"secret", b"secret")])
    for form in ("Nguyễn", "001085000001", "1985", "Chi bộ", "secret", "salt="):
        assert form not in shown

from __future__ import annotations

from collections.abc import Callable

import pytest
from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.apdu import Command, Refused
from firmware_mocks.chip_card.card import Card
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

Transmit = Callable[[bytes], bytes]
Send = Callable[..., tuple[bytes, int]]
Opened = Callable[[Transmit], Send]
# one card gets all examples on purpose: it must survive them one after the other
MANY = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
KNOWN = st.sampled_from([0x22, 0x84, 0x86, 0x88, 0xA4, 0xB0, 0xB1])
CLASSES = st.sampled_from([0x00, 0x0C, 0x10, 0x1C, 0x80, 0x04])
LIKELY = st.builds(
    lambda cla, ins, p1, p2, rest: bytes([cla, ins, p1, p2]) + rest,
    CLASSES,
    KNOWN,
    st.sampled_from([0x00, 0x02, 0x04, 0x41, 0x81, 0xC1, 0xFF]),
    st.sampled_from([0x00, 0x0C, 0xA4, 0xFF]),
    st.binary(max_size=40),
)


@pytest.fixture
def card(new_card: Callable[..., Card]) -> Card:
    """Make the card that all examples of one test share."""
    return new_card()


def is_answer(answer: bytes) -> bool:
    """Say whether an answer ends in a status word of the normal, warning or error classes."""
    return len(answer) >= 2 and (answer[-2:] == b"\x90\x00" or answer[-2] in range(0x61, 0x70))


@MANY
@given(st.one_of(st.binary(max_size=300), LIKELY))
@example(b"")
@example(bytes.fromhex("0CB081000D97010400"))
def test_any_bytes_get_a_status_word(card: Card, raw: bytes) -> None:
    """A chip answers everything and is alive afterwards."""
    assert is_answer(card.transmit(raw))
    assert card.transmit(bytes.fromhex("00A4020C02011C")).hex() == "9000"


@pytest.mark.parametrize(
    "command",
    [
        "0022C1A412800A04007F0007020204020283010284010D",
        "10860000027C0000",
        "00A4040C07A0000002471001",
        "00B08100000400",
    ],
)
def test_command_cut_anywhere_gets_a_status_word(new_card: Callable[..., Card], command: str) -> None:
    """Truncation at every byte is refused, never a crash."""
    card = new_card()
    raw = bytes.fromhex(command)
    for size in range(len(raw)):
        assert is_answer(card.transmit(raw[:size]))


def test_any_plain_command_inside_a_session_is_answered(new_card: Callable[..., Card], opened: Opened) -> None:
    """Under secure messaging every instruction with every P1 still gets its protected answer."""
    send = opened(new_card().transmit)
    for ins in (0x22, 0x84, 0x86, 0x88, 0xA4, 0xB0, 0xB2, 0xCB):
        for p1 in range(0, 256, 5):
            _, sw = send(f"00{ins:02X}{p1:02X}0002FFFF00", data_tag=0x85 if ins & 1 else 0x87)
            assert sw >> 8 in (0x90, 0x62, 0x67, 0x69, 0x6A, 0x6B, 0x6D)
            assert sw not in (0x6987, 0x6988)


@pytest.mark.parametrize(
    ("raw", "data", "le"),
    [
        ("00B00000", "", 0),
        ("00B0000000", "", 256),
        ("00B00000DF", "", 223),
        ("00A4020C02011C", "011c", 0),
        ("00A4020C02011C00", "011c", 256),
        ("00B00000000400", "", 1024),
        ("00B00000000000", "", 65536),
        ("00A4020C000002011C", "011c", 0),
        ("00A4020C000002011C0000", "011c", 65536),
    ],
)
def test_all_forms_of_a_command_are_read(raw: str, data: str, le: int) -> None:
    """The forms of ISO/IEC 7816-3, 12.1.3."""
    command = Command.parse(bytes.fromhex(raw))
    assert (command.data.hex(), command.le) == (data, le)


@pytest.mark.parametrize("raw", ["", "00A402", "00A4020C0301", "00A4020C0201", "00A4020C00000201", "00B000000004"])
def test_lying_lengths_are_refused(raw: str) -> None:
    """Lc that does not fit the bytes is 6700."""
    with pytest.raises(Refused, match="6700"):
        Command.parse(bytes.fromhex(raw))


@given(st.binary(max_size=60))
def test_data_objects_parse_or_are_refused(data: bytes) -> None:
    """Any bytes either are data objects that fill them, or raise TlvError."""
    try:
        objects = tlv.decode(data)
    except tlv.TlvError:
        return
    assert sum(len(value) for _, value in objects) <= len(data)


@given(st.sampled_from([0x30, 0x87, 0x5F1F, 0x7F49]), st.binary(max_size=400))
def test_data_objects_round_trip(tag: int, value: bytes) -> None:
    """What is encoded decodes to itself."""
    assert tlv.decode(tlv.encode(tag, value)) == [(tag, value)]
    assert tlv.single(tlv.encode(tag, value), tag) == value

from __future__ import annotations

from collections.abc import Callable

import pytest
from firmware_mocks.chip_card.apdu import Refused
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.ciphers import AES_128, AES_192, AES_256, TRIPLE_DES, KeyUse
from firmware_mocks.chip_card.secure_messaging import unpad
from hypothesis import given
from hypothesis import strategies as st

Transmit = Callable[[bytes], bytes]
Send = Callable[..., tuple[bytes, int]]
Opened = Callable[[Transmit], Send]
NewCard = Callable[..., Card]
READ = "00B0810004"


def tampered(card: Card, change: Callable[[bytes], bytes]) -> Transmit:
    """Pass commands on to the card, the protected READ BINARY changed on its way."""
    return lambda raw: card.transmit(change(raw) if raw[:2] == b"\x0c\xb0" else raw)


def test_key_derivation_matches_icao(vector: Callable[[str], dict[str, object]]) -> None:
    """The worked examples come out as printed, 3DES with its parity bits."""
    rows = vector("kdf")["vectors"]
    assert isinstance(rows, list)
    suites = {("3DES", 112): TRIPLE_DES, ("AES", 128): AES_128, ("AES", 192): AES_192, ("AES", 256): AES_256}
    assert len(rows) == 7
    for row in rows:
        suite = suites[row["cipher"], row["bits"]]
        assert suite.derive(bytes.fromhex(row["k"]), KeyUse(row["c"])).hex().upper() == row["out"]


@pytest.mark.parametrize(
    ("change", "sw"),
    [
        (lambda raw: raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:], 0x6988),
        (lambda raw: raw[:2] + bytes([raw[2] ^ 1]) + raw[3:], 0x6988),
        (lambda raw: raw[:7] + bytes([raw[7] ^ 1]) + raw[8:], 0x6988),
        (lambda raw: bytes.fromhex("0CB0810003 970104 00"), 0x6987),
        (lambda raw: bytes.fromhex("0CB0810004 97010455 00"), 0x6987),
        (lambda raw: bytes.fromhex("0CB0810000"), 0x6987),
        (lambda raw: raw[:5] + b"\x98" + raw[6:], 0x6987),
        (lambda raw: raw[:-1], 0x9000),
    ],
    ids=["mac", "header", "le", "no-mac", "broken-tlv", "empty", "foreign-object", "no-outer-le"],
)
def test_tampering_ends_the_session(
    new_card: NewCard, opened: Opened, change: Callable[[bytes], bytes], sw: int
) -> None:
    """6987 and 6988 are answered in plain, and afterwards there is no session; the last row is no tampering."""
    card = new_card()
    opened_send = opened(tampered(card, change))
    assert opened_send(READ)[1] == sw
    assert opened_send("00A4020C020101")[1] == (0x6882 if sw != 0x9000 else 0x9000)


def test_plain_command_ends_the_session(new_card: NewCard, opened: Opened) -> None:
    """Whoever speaks plain is nobody any more."""
    card = new_card()
    send = opened(card.transmit)
    assert card.transmit(bytes.fromhex("00B0810004")).hex() == "6982"
    assert send(READ) == (b"", 0x6882)


def test_replayed_command_is_refused(new_card: NewCard, opened: Opened) -> None:
    """The counter makes yesterday's command worthless."""
    card = new_card()
    seen: list[bytes] = []

    def recording(raw: bytes) -> bytes:
        seen.append(raw)
        return card.transmit(raw)

    send = opened(recording)
    assert send(READ)[1] == 0x9000
    assert card.transmit(seen[-1]).hex() == "6988"


def test_second_pace_inside_the_session_replaces_it(
    new_card: NewCard, opened: Opened, authenticate: Callable[[Transmit, str], int]
) -> None:
    """A fresh PACE in plain opens the chip again after an error."""
    card = new_card()
    opened(card.transmit)
    assert authenticate(card.transmit, "000017") == 0x9000


def test_wrong_mac_after_strikes_at_its_count(new_card: NewCard, opened: Opened) -> None:
    """The fault wrong-mac-after=2 leaves two answers alone, the first being SELECT's."""
    send = opened(new_card("wrong-mac-after=2").transmit)
    assert send(READ)[1] == 0x9000
    with pytest.raises(AssertionError, match="MAC is wrong"):
        send(READ)


@given(st.binary(max_size=70))
def test_padding_comes_off_again(data: bytes) -> None:
    """Padded data fills whole blocks and unpads to itself."""
    assert len(AES_128.pad(data)) % 16 == 0
    assert unpad(AES_128.pad(data)) == data


@pytest.mark.parametrize("data", [b"", bytes(16), b"\x80" + bytes(16), b"\x81" + bytes(15)])
def test_missing_padding_is_refused(data: bytes) -> None:
    """No 80, or one too far from the end, is 6988."""
    with pytest.raises(Refused, match="6988"):
        unpad(data)

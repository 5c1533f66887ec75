from __future__ import annotations

from collections.abc import Callable

import pytest
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.personalisation import EF_CARD_ACCESS

Transmit = Callable[[bytes], bytes]
Send = Callable[..., tuple[bytes, int]]
Opened = Callable[[Transmit], Send]
NewCard = Callable[..., Card]
CARD_ACCESS = bytes.fromhex("00A4020C02011C")
APPLICATION = bytes.fromhex("00A4040C07A0000002471001")


def file(send: Send, identifier: str) -> bytes:
    """Read a whole elementary file in steps of 200 bytes."""
    assert send(f"00A4020C02{identifier}") == (b"", 0x9000)
    content = b""
    while True:
        piece, sw = send(f"00B0{len(content):04X}C8")
        content += piece
        if sw != 0x9000:
            return content


def test_opened_chip_gives_its_data_groups(new_card: NewCard, opened: Opened) -> None:
    """After PACE the files of the holder can be read to their ends."""
    send = opened(new_card().transmit)
    assert file(send, "0101").endswith(b"NGUYEN<<THI<MAU<<<<<<<<<<<<<<<")
    assert b"FAC\x00" + b"010\x00" in file(send, "0102")
    assert "Nguyễn Thị Mẫu".encode() in file(send, "010D")
    assert file(send, "011D")[0] == 0x77
    assert file(send, "011E").hex() == "60185f0104303130375f36063034303030305c066175636d6e6f"


def test_master_file_cannot_be_selected(new_card: NewCard) -> None:
    """Citizen cards answer 6D00 to SELECT MF."""
    assert new_card().transmit(bytes.fromhex("00A4000C023F00")).hex() == "6d00"


def test_card_access_is_readable_without_anything(new_card: NewCard) -> None:
    """EF.CardAccess by identifier, by short identifier, and once the application is selected."""
    card = new_card()
    assert card.transmit(CARD_ACCESS).hex() == "9000"
    assert card.transmit(bytes.fromhex("00B0000000")) == EF_CARD_ACCESS + b"\x90\x00"
    assert card.transmit(bytes.fromhex("00B09C0000")) == EF_CARD_ACCESS + b"\x90\x00"
    assert card.transmit(APPLICATION).hex() == "9000"
    assert card.transmit(CARD_ACCESS).hex() == "9000"


def test_card_access_can_be_missing(new_card: NewCard) -> None:
    """The fault no-card-access hides the file."""
    assert new_card("no-card-access").transmit(CARD_ACCESS).hex() == "6a82"


@pytest.mark.parametrize("command", ["00A4020C020101", "00B0810000", "00B0820000", "00880000080102030405060708"])
def test_nothing_of_the_holder_without_authentication(new_card: NewCard, command: str) -> None:
    """Plain access to the application's files is 6982."""
    card = new_card()
    card.transmit(APPLICATION)
    assert card.transmit(bytes.fromhex(command)).hex() == "6982"


def test_files_of_the_application_need_its_selection(new_card: NewCard) -> None:
    """Before SELECT there are no data groups."""
    assert new_card().transmit(bytes.fromhex("00A4020C020101")).hex() == "6a82"


def test_fingerprints_are_denied_and_dg11_is_absent(new_card: NewCard, opened: Opened) -> None:
    """DG3 is 6982 even after PACE, DG11 is 6A82, as on real cards."""
    send = opened(new_card().transmit)
    assert send("00A4020C020103") == (b"", 0x6982)
    assert send("00B0830004") == (b"", 0x6982)
    assert send("00A4020C02010B") == (b"", 0x6A82)


def test_card_without_portrait(new_card: NewCard, opened: Opened) -> None:
    """The fault no-dg2 leaves DG2 out of the card and of EF.COM."""
    send = opened(new_card("no-dg2").transmit)
    assert send("00A4020C020102") == (b"", 0x6A82)
    assert file(send, "011E")[-5:].hex() == "61636d6e6f"


def test_short_identifier_selects_while_reading(new_card: NewCard, opened: Opened) -> None:
    """READ BINARY with a short identifier reads and leaves the file selected."""
    send = opened(new_card().transmit)
    assert send("00B0810005") == (bytes.fromhex("615d5f1f5a"), 0x9000)
    assert send("00B0000505") == (b"IDVNM", 0x9000)


def test_odd_instruction_wraps_offset_and_data(new_card: NewCard, opened: Opened) -> None:
    """READ BINARY B1 takes its offset in 54 and answers in 53."""
    send = opened(new_card().transmit)
    send("00A4020C020101")
    assert send("00B1000003 540105 07", data_tag=0x85) == (b"\x53\x05IDVNM", 0x9000)
    assert send("00B1000104 54020005 07", data_tag=0x85) == (b"\x53\x05IDVNM", 0x9000)
    assert send("00B1000003 530105 07", data_tag=0x85) == (b"", 0x6A80)


def test_extended_length_reads_the_portrait_at_once(new_card: NewCard, opened: Opened) -> None:
    """One extended READ BINARY gives what many short ones give."""
    send = opened(new_card().transmit)
    whole = file(send, "0102")
    assert send("00B00000 000000") == (whole, 0x9000)
    assert send("00B00000 000400") == (whole[:1024], 0x9000)


def test_card_without_extended_length(new_card: NewCard, opened: Opened) -> None:
    """The fault no-extended-length answers 6700 and ends the session."""
    send = opened(new_card("no-extended-length").transmit)
    send("00A4020C020102")
    assert send("00B00000 000400") == (b"", 0x6700)
    assert send("00B0000004") == (b"", 0x6882)


def test_ends_of_a_file(new_card: NewCard, opened: Opened) -> None:
    """Past the end is 6B00, up to and beyond the end is a warning, Le 00 takes what there is."""
    send = opened(new_card().transmit)
    send("00A4020C020101")
    assert send("00B0005A0A")[1] == 0x6282
    assert send("00B0005A00")[1] == 0x9000
    assert send("00B0005F01") == (b"", 0x6B00)
    assert send("00B07FFF01") == (b"", 0x6B00)
    assert send("00B00000") == (b"", 0x6700)
    assert send("00B00000E0") == (b"", 0x6700)


def test_read_without_a_file_is_refused(new_card: NewCard, opened: Opened) -> None:
    """A failed SELECT leaves no file behind."""
    send = opened(new_card().transmit)
    assert send("00B0000004") == (b"", 0x6986)
    send("00A4020C020101")
    send("00A4020C02010B")
    assert send("00B0000004") == (b"", 0x6986)


def test_lying_length_claims_two_gigabytes(new_card: NewCard, opened: Opened) -> None:
    """The fault lying-length changes the header, not the content."""
    send = opened(new_card("lying-length=DG1").transmit)
    content = file(send, "0101")
    assert content[:6].hex() == "61847fffffff"
    assert content[6:8].hex() == "5f1f"


def test_power_cut_forgets_everything(new_card: NewCard, opened: Opened) -> None:
    """After a reset the old session is worth nothing."""
    card = new_card()
    send = opened(card.transmit)
    card.reset()
    assert send("00A4020C020101") == (b"", 0x6882)

from __future__ import annotations

import pytest

from agent.capture.chip.apdu import Command


@pytest.mark.parametrize(
    ("command", "encoded"),
    [
        (Command(0xA4, 0x04, 0x0C), "00A4040C"),
        (Command(0xB0, 0, 0, expected=1), "00B0000001"),
        (Command(0xB0, 0, 0, expected=256), "00B0000000"),
        (Command(0xA4, 2, 0x0C, b"\x01\x1e"), "00A4020C02011E"),
        (Command(0x88, 0, 0, b"\xaa" * 2, 256), "0088000002AAAA00"),
        (Command(0xB0, 0, 0, expected=257), "00B00000000101"),
        (Command(0xB0, 0, 0, expected=65536), "00B00000000000"),
        (Command(0x86, 0, 0, b"\xbb" * 256), "00860000000100" + "BB" * 256),
        (Command(0x86, 0, 0, b"\xbb" * 256, 65536, cla=0x10), "10860000000100" + "BB" * 256 + "0000"),
        (Command(0x88, 0, 0, b"\xcc", 257), "00880000000001CC0101"),
    ],
    ids=["1", "2S", "2S-all", "3S", "4S", "2E", "2E-all", "3E", "4E-all", "4E"],
)
def test_every_form_of_a_command(command: Command, encoded: str) -> None:
    """The seven cases of ISO/IEC 7816-3, 12.1.3."""
    assert command.encode().hex().upper() == encoded


def test_command_data_are_not_printed() -> None:
    """They may be a token or a challenge."""
    assert "secret" not in repr(Command(0x86, 0, 0, b"secret"))

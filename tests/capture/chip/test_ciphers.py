from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from firmware_mocks.chip_card import ciphers as chips
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip.apdu import Command
from agent.capture.chip.ciphers import AES_128, AES_192, AES_256, BY_ARC, TRIPLE_DES, Suite, pad
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys

SUITES = {("3DES", 112): TRIPLE_DES, ("AES", 128): AES_128, ("AES", 192): AES_192, ("AES", 256): AES_256}
EACH = pytest.mark.parametrize("suite", BY_ARC.values(), ids=[suite.name for suite in BY_ARC.values()])


def test_key_derivation_of_the_worked_examples(vector: Callable[[str], dict[str, Any]]) -> None:
    """Doc 9303-11, 9.7.1: all rows, the parity bits of 3DES keys among them."""
    rows = vector("kdf")["vectors"]
    assert len(rows) == 7
    for row in rows:
        suite = SUITES[row["cipher"], row["bits"]]
        assert suite.derive(bytes.fromhex(row["k"]), row["c"]).hex().upper() == row["out"]


def test_the_retail_mac_of_the_worked_examples(vector: Callable[[str], dict[str, Any]]) -> None:
    """ISO/IEC 9797-1, algorithm 3, over padded data."""
    for row in vector("retail_mac")["vectors"]:
        mac = TRIPLE_DES.mac_of(bytes.fromhex(row["key"]))
        assert mac(bytes.fromhex(row["data"])).hex().upper() == row["mac"]


def test_secure_messaging_of_the_worked_example(vector: Callable[[str], dict[str, Any]], scripted: type[Any]) -> None:
    """Doc 9303-11, D.4: SELECT and two READ BINARY under 3DES, command by command."""
    example = vector("bac_9303_11_appD")
    link = scripted(*((step["c"], step["r"]) for step in example["sm"]))
    keys = SessionKeys(
        bytes.fromhex(example["ks_enc"]), bytes.fromhex(example["ks_mac"]), TRIPLE_DES, int(example["ssc"], 16)
    )
    session = SecureSession(link, keys)
    commands = (
        Command(0xA4, 0x02, 0x0C, b"\x01\x1e"),
        Command(0xB0, 0, 0, expected=4),
        Command(0xB0, 0, 4, expected=18),
    )
    content = b""
    for command in commands:
        data, sw = session.send(command)
        assert sw == 0x9000
        content += data
    assert content.hex().upper() == example["ef_com"]
    assert link.exhausted


@EACH
@given(data=st.binary(max_size=80), key=st.binary(min_size=32, max_size=32))
def test_a_chip_written_apart_computes_the_same(suite: Suite, data: bytes, key: bytes) -> None:
    """Keys, ciphertexts, vectors, MACs and tokens."""
    theirs = chips.BY_ARC[{s.name: arc for arc, s in BY_ARC.items()}[suite.name]]
    own = key[: suite.key_bytes]
    padded = pad(data, suite.block)
    assert padded == theirs.pad(data)
    vector = suite.vector_of(own)(padded[: suite.block])
    assert vector == theirs.vector(own, padded[: suite.block])
    sealed = suite.encrypt(own, padded, vector)
    assert sealed == theirs.crypt(own, padded, vector)
    assert suite.decrypt(own, sealed, vector) == padded
    assert suite.mac_of(own)(padded) == theirs.mac(own, padded)
    assert suite.token(own, data) == theirs.token(own, data)
    assert suite.derive(key, 1) == theirs.derive(key, chips.KeyUse.ENCRYPT)

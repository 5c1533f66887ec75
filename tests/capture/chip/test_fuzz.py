"""Any bytes to any parser: nothing but our own errors. `make fuzz` runs each for longer (KIOSK_FUZZ_EXAMPLES)."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from firmware_mocks.chip_card.chip_keys import AgreementKey, dg14, dg15, new_active_key
from firmware_mocks.chip_card.dg13 import dg13
from firmware_mocks.chip_card.mrz import td1
from firmware_mocks.chip_card.portrait import dg2
from firmware_mocks.chip_card.profile import DEFAULT_PERSON
from firmware_mocks.chip_card.travel_groups import dg7, dg11, dg12, dg16
from firmware_mocks.chip_card.trust_files import State
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.capture.chip import ChipError, TrustAnchors, parse_qr, parse_scan
from agent.capture.chip.active_authentication import RecordBinding, Transcript, parse_dg15
from agent.capture.chip.chip_authentication import choose
from agent.capture.chip.documents import CCCD_CARD_ACCESS
from agent.capture.chip.faces import parse_faces
from agent.capture.chip.identity import MrzInformation
from agent.capture.chip.lds import parse_dg1, parse_dg13
from agent.capture.chip.security_infos import parse_dg14, parse_security_infos
from agent.capture.chip.security_object import parse_card_security, parse_sod
from agent.capture.chip.tlv import encode
from agent.capture.chip.travel_groups import parse_com, parse_dg7, parse_dg11, parse_dg12, parse_dg16
from agent.capture.chip.trust_lists import read_trust_file

EXAMPLES = int(os.environ.get("KIOSK_FUZZ_EXAMPLES", "12"))
BOUND_BYTES = 8 * 1024 * 1024
JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03" + bytes(30) + b"\xff\xd9"
STATE = State.make()
ANCHORS = TrustAnchors.from_der([STATE.csca.der])
ACTIVE = new_active_key("ecdsa")
assert ACTIVE is not None

Parser = Callable[[bytes], Any]
# Each parser with a good file, which is changed.
TARGETS: dict[str, tuple[Parser, bytes]] = {
    "card_access": (parse_security_infos, CCCD_CARD_ACCESS),
    "com": (parse_com, bytes.fromhex("6016 5F0104 30313037 5F3606 303430303030 5C04 6175676E".replace(" ", ""))),
    "sod": (parse_sod, b""),
    "card_security": (parse_card_security, b""),
    "dg1": (parse_dg1, encode(0x61, encode(0x5F1F, "".join(td1(DEFAULT_PERSON)).encode()))),
    "dg2": (parse_faces, dg2(JPEG)),
    "dg2_extensible": (parse_faces, dg2(JPEG, extensible=True)),
    "dg7": (parse_dg7, dg7(JPEG)),
    "dg11": (parse_dg11, dg11(DEFAULT_PERSON)),
    "dg12": (parse_dg12, dg12(DEFAULT_PERSON)),
    "dg13": (parse_dg13, dg13(DEFAULT_PERSON)),
    "dg14": (lambda data: choose(parse_dg14(data)), dg14(AgreementKey(), ACTIVE, [])),
    "dg15": (parse_dg15, dg15(ACTIVE)),
    "dg16": (parse_dg16, dg16("A B", "1")),
    "transcript": (Transcript.from_json, Transcript(RecordBinding(), bytes(32), b"answer").to_json()),
    "master_list": (lambda data: read_trust_file(data, ANCHORS), STATE.master_list([STATE.csca.der])),
    "certificate": (lambda data: read_trust_file(data, ANCHORS), STATE.csca.der),
    "crl": (lambda data: read_trust_file(data, ANCHORS), STATE.crl([1, 2])),
    "qr": (lambda data: parse_qr(data.decode("latin-1")), b"001199000017||A|01011999|Nam|B|01012024"),
    "scan": (lambda data: parse_scan(data.decode("latin-1")), b"001199000017||A|01011999|Nam|B|01012024"),
    "mrz": (lambda data: MrzInformation.from_lines(data.decode("latin-1")), "".join(td1(DEFAULT_PERSON)).encode()),
}


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    """Return the good files, those that have to be signed among them."""
    from firmware_mocks.chip_card.forgery import Sod  # noqa: PLC0415 - slow to make, and only used here
    from firmware_mocks.chip_card.issuer import Issuer  # noqa: PLC0415
    from firmware_mocks.chip_card.security_object import card_security  # noqa: PLC0415

    found = {name: data for name, (_, data) in TARGETS.items()}
    found["sod"] = Sod(STATE.signer()).build()
    signer = Issuer.new_csca().new_signer()
    return found | {"card_security": card_security([CCCD_CARD_ACCESS[2:]], signer)}


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_files(name: str, good: dict[str, bytes], data: st.DataObject) -> None:
    """Bytes changed, cut out and put in, at a few places of a good file; and any bytes at all."""
    parse, _ = TARGETS[name]
    content = bytearray(good[name])
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    for hostile in (bytes(content), data.draw(st.binary(max_size=64))):
        try:
            parse(hostile)
        except ChipError:
            continue


@pytest.mark.parametrize("name", TARGETS)
def test_claimed_sizes_take_no_memory(name: str) -> None:
    """Every length of four bytes under every tag that the parsers know: refused before anything is kept."""
    parse, _ = TARGETS[name]
    tracemalloc.start()
    try:
        for tag in (0x30, 0x31, 0x60, 0x61, 0x67, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x75, 0x77):
            with pytest.raises(ChipError):
                parse(bytes([tag, 0x84, 0x7F, 0xFF, 0xFF, 0xFF]) + bytes(100))
        assert tracemalloc.get_traced_memory()[1] < BOUND_BYTES
    finally:
        tracemalloc.stop()

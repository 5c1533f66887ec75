from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.chip_keys import ActiveKind
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

Transmit = Callable[[bytes], bytes]
Send = Callable[..., tuple[bytes, int]]
Opened = Callable[[Transmit], Send]
CHALLENGE = "0102030405060708"
ID_CA = "04007F00070202030202"


@pytest.fixture
def card_of(csca_folder: Path, portrait: bytes) -> Callable[..., Card]:
    """Make a card with a kind of active authentication and fault words."""

    def make(kind: ActiveKind, *words: str) -> Card:
        faults = Faults.parse(words)
        return Card(personalise(DEFAULT_PERSON, portrait, csca_folder, faults, kind), faults)

    return make


def answer_and_key(send: Send) -> tuple[bytes, object]:
    """Run INTERNAL AUTHENTICATE; return its answer and the public key of DG15."""
    signature, sw = send(f"0088000008{CHALLENGE}00")
    assert sw == 0x9000
    content, _ = send("00B08F00 000000")
    return signature, serialization.load_der_public_key(tlv.single(content, 0x6F))


def verify_ecdsa(send: Send) -> None:
    """Check a plain r || s signature over the challenge; raises InvalidSignature."""
    signature, key = answer_and_key(send)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
    key.verify(encode_dss_signature(r, s), bytes.fromhex(CHALLENGE), ec.ECDSA(hashes.SHA256()))


def test_chip_signs_the_challenge_with_ecdsa(card_of: Callable[..., Card], opened: Opened) -> None:
    """The signature verifies with the key of DG15."""
    verify_ecdsa(opened(card_of("ecdsa").transmit))


def test_cloned_chip_cannot_sign(card_of: Callable[..., Card], opened: Opened) -> None:
    """The fault cloned copies every file, DG15 too, but has another key."""
    send = opened(card_of("ecdsa", "cloned").transmit)
    with pytest.raises(InvalidSignature):
        verify_ecdsa(send)


def test_rsa_answer_recovers_its_message(card_of: Callable[..., Card], opened: Opened) -> None:
    """Opening the signature gives 6A || M1 || SHA-256(M1 || challenge) || 34CC (ISO/IEC 9796-2, scheme 1)."""
    signature, key = answer_and_key(opened(card_of("rsa").transmit))
    assert isinstance(key, rsa.RSAPublicKey)
    numbers = key.public_numbers()
    opened_value = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n)
    message = opened_value.to_bytes(key.key_size // 8, "big")
    assert (message[0], message[-2:].hex()) == (0x6A, "34cc")
    digest = hashlib.sha256(message[1:-34] + bytes.fromhex(CHALLENGE)).digest()
    assert message[-34:-2] == digest


def test_chip_without_active_authentication(card_of: Callable[..., Card], opened: Opened) -> None:
    """No DG15 and no such instruction."""
    send = opened(card_of("none").transmit)
    assert send("00A4020C02010F") == (b"", 0x6A82)
    assert send(f"0088000008{CHALLENGE}00") == (b"", 0x6D00)


def test_challenge_has_eight_bytes(card_of: Callable[..., Card], opened: Opened) -> None:
    """Shorter challenges are 6700."""
    assert opened(card_of("ecdsa").transmit)("00880000040102030400") == (b"", 0x6700)


@pytest.mark.parametrize(
    ("key", "sw"),
    [("80410400", 0x6A80), ("8141" + "00" * 65, 0x6A80), ("8041" + "04" * 65, 0x6A80)],
    ids=["short", "tag", "off-curve"],
)
def test_chip_authentication_refuses_no_points(card_of: Callable[..., Card], opened: Opened, key: str, sw: int) -> None:
    """Bad keys are refused and the session goes on."""
    send = opened(card_of("ecdsa").transmit)
    assert send(f"002241A40C800A{ID_CA}") == (b"", 0x9000)
    inner = f"7C{len(key) // 2:02X}{key}"
    assert send(f"00860000{len(inner) // 2:02X}{inner}00") == (b"", sw)
    assert send("00A4020C020101") == (b"", 0x9000)


def test_other_chip_authentication_is_refused(card_of: Callable[..., Card], opened: Opened) -> None:
    """Only ECDH with AES-128 is on the card."""
    send = opened(card_of("ecdsa").transmit)
    assert send("002241A40C800A04007F00070202030201") == (b"", 0x6A80)


@pytest.mark.parametrize(("words", "sw"), [((), 0x9000), (("cloned",), 0x6988)], ids=["true", "cloned"])
def test_chip_authentication_renews_the_keys(
    card_of: Callable[..., Card],
    opened: Opened,
    rekey: Callable[[Send, bytes], None],
    words: tuple[str, ...],
    sw: int,
) -> None:
    """The next command under the new keys works with a true chip and fails with a clone."""
    send = opened(card_of("ecdsa", *words).transmit)
    dg14, _ = send("00B08E00 000000")
    start = dg14.index(bytes.fromhex("04007F000702020102")) + 9
    spki = dg14[start : start + 2 + dg14[start + 1]]
    rekey(send, spki)
    assert send("00A4020C020101") == (b"", sw)

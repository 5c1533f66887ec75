from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from firmware_mocks.chip_card import ec
from firmware_mocks.chip_card.apdu import Command, Refused, Sw
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.chip import Chip
from firmware_mocks.chip_card.chip_keys import AgreementKey
from firmware_mocks.chip_card.files import FileSystem
from firmware_mocks.chip_card.pace import Pace, Passwords
from hypothesis import given
from hypothesis import strategies as st

CURVE = ec.BRAINPOOL_P256R1
Transmit = Callable[[bytes], bytes]
# The chip's ephemeral key of ICAO Doc 9303-11, appendix G.1; the vector has its public key, which proves it
EPHEMERAL = 0x107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A
SET_AT = "0022C1A40F 800A04007F00070202040202 830102"
SMALL_ORDER_OR_OFF_CURVE = ("00" * 64, "01" * 64, "FF" * 64)


@pytest.fixture
def example(vector: Callable[[str], dict[str, object]]) -> dict[str, object]:
    """Read the worked example of appendix G.1."""
    return vector("pace_gm_ecdh_appG1")


@pytest.fixture
def example_card(example: dict[str, object]) -> Card:
    """Make a chip that draws the example's random numbers."""
    scalars: Iterator[int] = iter((int(str(example["map_sk_ic"]), 16), EPHEMERAL))

    def new_pace(passwords: Passwords) -> Pace:
        nonce = bytes.fromhex(str(example["nonce_s"]))
        return Pace(passwords, nonce=lambda size: nonce[:size], scalar=lambda _: next(scalars))

    passwords = Passwords("000000", str(example["mrz_information"]))
    return Card(Chip(FileSystem({}, {}), passwords, AgreementKey()), new_pace=new_pace)


def test_worked_example_g1_is_answered_to_the_byte(example: dict[str, object], example_card: Card) -> None:
    """Every answer of appendix G.1 comes back as printed."""
    exchanges = example["apdus"]
    assert isinstance(exchanges, list)
    assert len(exchanges) == 5
    for exchange in exchanges:
        assert example_card.transmit(bytes.fromhex(exchange["c"])).hex().upper() == exchange["r"]


def test_worked_example_g1_yields_the_session_keys(example: dict[str, object]) -> None:
    """KS_Enc and KS_MAC are those of appendix G.1."""
    scalars = iter((int(str(example["map_sk_ic"]), 16), EPHEMERAL))
    passwords = Passwords("000000", str(example["mrz_information"]))
    pace = Pace(passwords, lambda _: bytes.fromhex(str(example["nonce_s"])), lambda _: next(scalars))
    exchanges = example["apdus"]
    assert isinstance(exchanges, list)
    pace.set_at(Command.parse(bytes.fromhex(exchanges[0]["c"])).data)
    for exchange in exchanges[1:]:
        command = Command.parse(bytes.fromhex(exchange["c"]))
        pace.general_authenticate(command.data, last=command.cla == 0)
    assert pace.keys is not None
    assert (pace.keys.encrypt.hex().upper(), pace.keys.mac.hex().upper()) == (
        example["ks_enc"],
        example["ks_mac"],
    )
    assert pace.keys.mac.hex() not in repr(pace.keys)


def test_card_access_number_opens_the_chip(
    new_card: Callable[..., Card], authenticate: Callable[[Transmit, str], int]
) -> None:
    """The last six digits of the number are the CAN."""
    assert authenticate(new_card().transmit, "000017") == 0x9000


def test_wrong_can_fails_at_the_token(
    new_card: Callable[..., Card], authenticate: Callable[[Transmit, str], int]
) -> None:
    """A wrong CAN goes unnoticed until the token step, which answers 6300, and does not lock the chip."""
    card = new_card()
    assert authenticate(card.transmit, "000018") == 0x6300
    assert authenticate(card.transmit, "000017") == 0x9000


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("0022C1A40F 800A04007F00070202040202 830109", "6a88"),
        ("0022C1A40F 800A04007F00070202040204 830102", "6a80"),
        ("0022C1A412 800A04007F00070202040202 830102 84010C", "6a80"),
        ("0022C1A402 8005", "6a80"),
        ("0022C1A400", "6a80"),
        ("0022C1B60183", "6a86"),
        ("10860000027C0000", "6985"),
    ],
    ids=["password", "protocol", "curve", "cut-off", "empty-data", "template", "without-set-at"],
)
def test_unsupported_start_is_refused(new_card: Callable[..., Card], command: str, sw: str) -> None:
    """MSE:Set AT refuses what the chip does not offer."""
    assert new_card().transmit(bytes.fromhex(command)).hex() == sw


@pytest.mark.parametrize("coordinates", SMALL_ORDER_OR_OFF_CURVE)
def test_point_off_the_curve_is_refused(new_card: Callable[..., Card], coordinates: str) -> None:
    """A mapping key that is no point ends the run."""
    card = new_card()
    assert card.transmit(bytes.fromhex(SET_AT)).hex() == "9000"
    card.transmit(bytes.fromhex("10860000027C0000"))
    step = bytes.fromhex(f"10860000457C43814104{coordinates}00")
    assert card.transmit(step).hex() == "6a80"
    assert card.transmit(step).hex() == "6985"


def test_skipped_step_is_refused(new_card: Callable[..., Card]) -> None:
    """The token cannot come before the keys."""
    card = new_card()
    card.transmit(bytes.fromhex(SET_AT))
    assert card.transmit(bytes.fromhex("008600000C7C0A850800000000000000000 0".replace(" ", ""))).hex() == "6985"


def test_own_key_sent_back_is_refused(example: dict[str, object], example_card: Card) -> None:
    """A terminal that mirrors the chip's ephemeral key is refused."""
    exchanges = example["apdus"]
    assert isinstance(exchanges, list)
    for exchange in exchanges[:3]:
        example_card.transmit(bytes.fromhex(exchange["c"]))
    mirrored = bytes.fromhex(f"10860000457C43834104{example['pk_ic']}00")
    assert example_card.transmit(mirrored).hex() == "6a80"


@given(st.integers(1, CURVE.order - 1), st.integers(1, CURVE.order - 1))
def test_multiples_add_up(left: int, right: int) -> None:
    """(a + b) G = a G + b G, and the curve equation holds for the sum."""
    if (left + right) % CURVE.order == 0 or left == right:
        return
    total = CURVE.multiply((left + right) % CURVE.order, CURVE.generator)
    assert CURVE.add(CURVE.multiply(left, CURVE.generator), CURVE.multiply(right, CURVE.generator)) == total
    assert CURVE.decode(CURVE.encode(total)) == total


def test_infinity_is_refused() -> None:
    """A point and its opposite have no sum to work with."""
    opposite = ec.Affine(CURVE.generator.x, CURVE.p - CURVE.generator.y)
    with pytest.raises(ec.PointError):
        CURVE.add(CURVE.generator, opposite)


def test_unknown_password_reference_is_refused() -> None:
    """Only CAN and MRZ open the chip."""
    with pytest.raises(Refused) as refusal:
        Passwords("000017", "").secret(3)
    assert refusal.value.sw == Sw.REFERENCE_NOT_FOUND

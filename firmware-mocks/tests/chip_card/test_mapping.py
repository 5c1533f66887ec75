from __future__ import annotations

from collections.abc import Callable

import pytest
from firmware_mocks.chip_card import ec
from firmware_mocks.chip_card.ciphers import AES_128
from firmware_mocks.chip_card.groups import GROUPS
from firmware_mocks.chip_card.mapping import integrated
from firmware_mocks.chip_card.pace import Pace, Passwords
from firmware_mocks.chip_card.variants import Variant

Vector = Callable[[str], dict[str, object]]


@pytest.mark.parametrize(("name", "parameter_id", "skip"), [("pace_im_ecdh_appH1", 13, 1), ("pace_im_dh_appH2", 0, 0)])
def test_worked_examples_of_the_integrated_mapping(vector: Vector, name: str, parameter_id: int, skip: int) -> None:
    """The generators of ICAO Doc 9303-11, H.1 and H.2."""
    example, group = vector(name), GROUPS[parameter_id]
    nonces = (bytes.fromhex(str(example[key])) for key in ("nonce_s", "nonce_t"))
    generator = integrated(group, AES_128, *nonces)
    assert group.encode(generator)[skip:].hex().upper() == example["g_mapped"]


@pytest.mark.parametrize("number", [n for n in GROUPS if n > 2])
def test_mapped_points_lie_on_their_curve(number: int) -> None:
    """On every curve with integrated mapping, which P-224 has not."""
    group = GROUPS[number]
    assert isinstance(group, ec.Curve)
    if group.p % 4 != 3:
        return
    for first in range(8):
        point = integrated(group, AES_128, bytes([first]) * 16, bytes(16))
        assert group.decode(group.encode(point)) == point


def test_worked_example_of_chip_authentication_mapping(vector: Vector) -> None:
    """The data of appendix I come out of the mapping key and the static key."""
    example = vector("pace_cam_appI")
    variant = Variant("cam", 13, 2)
    pace = Pace(Passwords("", ""), variants=[variant], static=int(str(example["static_sk_ic_derived"]), 16))
    pace._variant, pace._group = variant, variant.group
    pace._mapping_key = int(str(example["map_sk_ic"]), 16)

    class Keys:
        encrypt = bytes.fromhex(str(example["ks_enc"]))

    pace._agreed = Keys()  # type: ignore[assignment]
    assert pace._proof().hex().upper() == "8A30" + str(example["a_ic"])

"""Which protocols a chip runs: PACE variants by object identifier and parameters (ICAO Doc 9303-11, 9.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.ciphers import BY_ARC, Suite
from firmware_mocks.chip_card.groups import GROUPS, Group, is_curve

MappingKind = Literal["gm", "im", "cam"]
_PACE = bytes.fromhex("04007F00070202 04")  # id-PACE
_ARCS = {("gm", False): 1, ("gm", True): 2, ("im", False): 3, ("im", True): 4, ("cam", True): 6}


@dataclass(frozen=True)
class Variant:
    """One variant of PACE: mapping, standardised parameters, cipher."""

    mapping: MappingKind = "gm"
    parameter_id: int = 13
    cipher: int = 2

    @property
    def oid(self) -> bytes:
        """The object identifier, as in a data object 06."""
        return _PACE + bytes([_ARCS[self.mapping, is_curve(self.group)], self.cipher])

    @property
    def group(self) -> Group:
        """Where keys are agreed."""
        return GROUPS[self.parameter_id]

    @property
    def suite(self) -> Suite:
        """The cipher of nonce and session."""
        return BY_ARC[self.cipher]

    @property
    def info(self) -> bytes:
        """PACEInfo."""
        numbers = tlv.encode(0x02, b"\x02") + tlv.encode(0x02, bytes([self.parameter_id]))
        return tlv.encode(0x30, tlv.encode(0x06, self.oid) + numbers)


CITIZEN_CARD = Variant()

"""SecurityInfos (Doc 9303-11, 9.2): what a chip says about its protocols in EF.CardAccess, EF.CardSecurity and DG14."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agent.capture.chip import tlv
from agent.capture.chip.ciphers import BY_ARC, Suite
from agent.capture.chip.errors import ChipDataError

# bsi-de protocols smartcard, 0.4.0.127.0.7.2.2
_SMARTCARD = bytes.fromhex("04007F00070202")
_PUBLIC_KEY_DH, _PUBLIC_KEY_ECDH = _SMARTCARD + b"\x01\x01", _SMARTCARD + b"\x01\x02"
_CHIP_AUTHENTICATION, _PACE = _SMARTCARD + b"\x03", _SMARTCARD + b"\x04"
_ACTIVE_AUTHENTICATION = bytes.fromhex("678108010105")  # 2.23.136.1.1.5
MAX_INFOS = 64


class Mapping(StrEnum):
    """How PACE maps the nonce to a generator."""

    GENERIC = "GM"
    INTEGRATED = "IM"
    CHIP_AUTHENTICATION = "CAM"


# The arc after id-PACE: elliptic curve or not, and the mapping (9.2.3).
_PACE_ARCS = {
    1: (False, Mapping.GENERIC),
    2: (True, Mapping.GENERIC),
    3: (False, Mapping.INTEGRATED),
    4: (True, Mapping.INTEGRATED),
    6: (True, Mapping.CHIP_AUTHENTICATION),
}


@dataclass(frozen=True, slots=True)
class PaceInfo:
    """One PACE variant offered: its protocol's object identifier (as in a DO 06), version, standardised parameters."""

    protocol: bytes
    version: int
    parameter_id: int | None

    @property
    def elliptic(self) -> bool:
        """Whether it is ECDH, else DH."""
        return _PACE_ARCS[self.protocol[-2]][0]

    @property
    def mapping(self) -> Mapping:
        """The mapping."""
        return _PACE_ARCS[self.protocol[-2]][1]

    @property
    def suite(self) -> Suite:
        """The cipher."""
        return BY_ARC[self.protocol[-1]]

    @property
    def known(self) -> bool:
        """Whether the identifier is one of the standard's."""
        return len(self.protocol) == 10 and self.protocol[-2] in _PACE_ARCS and self.protocol[-1] in BY_ARC

    def __str__(self) -> str:
        kind = "ECDH" if self.elliptic else "DH"
        return f"PACE-{kind}-{self.mapping}-{self.suite.name}"


@dataclass(frozen=True, slots=True)
class ChipAuthenticationInfo:
    """One variant of chip authentication; `key_id` names its key where there are several."""

    elliptic: bool
    protocol: bytes
    version: int
    key_id: int | None

    @property
    def suite(self) -> Suite:
        """The cipher of the new session."""
        return BY_ARC[self.protocol[-1]]


@dataclass(frozen=True, slots=True)
class ChipPublicKey:
    """One static key of the chip; `info` is its SubjectPublicKeyInfo."""

    elliptic: bool
    info: bytes = field(repr=False)
    key_id: int | None


@dataclass(frozen=True, slots=True)
class SecurityInfos:
    """What is understood of a set; `active_algorithm` is the ECDSA identifier of active authentication (DO 06)."""

    pace: tuple[PaceInfo, ...] = ()
    chip_authentication: tuple[ChipAuthenticationInfo, ...] = ()
    keys: tuple[ChipPublicKey, ...] = ()
    active_algorithm: bytes | None = None


def parse_security_infos(data: bytes) -> SecurityInfos:
    """Parse the SET OF SecurityInfo (tag 31); what is unknown is skipped. Raises ChipDataError."""
    pace: list[PaceInfo] = []
    chip: list[ChipAuthenticationInfo] = []
    keys: list[ChipPublicKey] = []
    active: bytes | None = None
    for number, info in enumerate(tlv.items(tlv.only(data, 0x31))):
        if number >= MAX_INFOS or info.tag != 0x30:
            raise ChipDataError("SecurityInfos")
        protocol, members = _members(info.value)
        if protocol in (_PUBLIC_KEY_DH, _PUBLIC_KEY_ECDH):
            keys.append(_public_key(protocol, members))
        elif protocol == _ACTIVE_AUTHENTICATION:
            active = _second(members, 0x06)
        elif protocol.startswith(_PACE) and len(protocol) == 10:
            pace.append(PaceInfo(protocol, _integer(members), _optional_integer(members)))
        elif protocol.startswith(_CHIP_AUTHENTICATION) and protocol[-2] in (1, 2) and protocol[-1] in BY_ARC:
            variant = (protocol[-2] == 2, protocol, _integer(members), _optional_integer(members))
            chip.append(ChipAuthenticationInfo(*variant))
    return SecurityInfos(tuple(pace), tuple(chip), tuple(keys), active)


def parse_dg14(data: bytes) -> SecurityInfos:
    """Parse DG14: 6E { SecurityInfos }; raise ChipDataError."""
    return parse_security_infos(tlv.only(data, 0x6E))


def _members(info: bytes) -> tuple[bytes, list[tlv.Tlv]]:
    members = list(tlv.items(info))
    if not 1 <= len(members) <= 3 or members[0].tag != 0x06 or len(members[0].value) < 2:
        raise ChipDataError("SecurityInfo")
    return members[0].value, members[1:]


def _public_key(protocol: bytes, members: list[tlv.Tlv]) -> ChipPublicKey:
    if not members or members[0].tag != 0x30:
        raise ChipDataError("chip authentication key")
    info = tlv.encode(0x30, members[0].value)
    return ChipPublicKey(protocol == _PUBLIC_KEY_ECDH, info, _optional_integer(members))


def _second(members: list[tlv.Tlv], tag: int) -> bytes:
    if len(members) != 2 or members[1].tag != tag:
        raise ChipDataError("SecurityInfo")
    return members[1].value


def _integer(members: list[tlv.Tlv]) -> int:
    if not members or members[0].tag != 0x02 or not 1 <= len(members[0].value) <= 2:
        raise ChipDataError("SecurityInfo version")
    return int.from_bytes(members[0].value, signed=True)


def _optional_integer(members: list[tlv.Tlv]) -> int | None:
    if len(members) < 2:
        return None
    if members[1].tag != 0x02 or not 1 <= len(members[1].value) <= 9:
        raise ChipDataError("SecurityInfo identifier")
    return int.from_bytes(members[1].value, signed=True)

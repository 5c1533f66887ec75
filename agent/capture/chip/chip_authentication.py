"""Chip authentication version 1 (Doc 9303-11, 6.2): a new session that only the owner of DG14's key can keep up.

Attested only: the kiosk knows the session's keys and could write such a transcript by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asn1crypto import keys as asn1_keys

from agent.capture.chip import apdu, ciphers, curves, modular_groups, tlv
from agent.capture.chip.apdu import Command
from agent.capture.chip.ciphers import Suite
from agent.capture.chip.curves import Curve, forgetting_secrets
from agent.capture.chip.domain_parameters import STANDARDISED, Element, Group
from agent.capture.chip.errors import ChipDataError, StatusError
from agent.capture.chip.pace_steps import LONG_BYTES, Random
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys
from agent.capture.chip.security_infos import ChipAuthenticationInfo, ChipPublicKey, SecurityInfos
from agent.capture.chip.signatures import UNUSABLE
from agent.capture.chip.trust import curve_of

NAME = "chip_authentication"


@dataclass(frozen=True, slots=True)
class ChipKey:
    """One variant that the chip offers, with its static key. `protocol` is None for documents that name none."""

    protocol: bytes | None
    suite: Suite
    group: Group
    static: Element
    key_id: int | None

    def __str__(self) -> str:
        kind = "ECDH" if isinstance(self.group, Curve) else "DH"
        return f"CA-{kind}-{self.suite.name}, {self.group.title}"


def choose(infos: SecurityInfos) -> ChipKey | None:
    """Return the strongest variant whose key we can use; None when the chip offers none.

    Raises ChipDataError when it offers keys and none of them is usable.
    """
    offers = [(info, key) for key in infos.keys for info in _variants(infos, key)]
    offers.sort(key=lambda offer: _strength(offer[0]), reverse=True)
    problem: ChipDataError | None = None
    for info, key in offers:
        try:
            return _chip_key(info, key)
        except ChipDataError as error:
            problem = error
    if problem is not None:
        raise problem
    return None


def _variants(infos: SecurityInfos, key: ChipPublicKey) -> list[ChipAuthenticationInfo | None]:
    fitting: list[ChipAuthenticationInfo | None] = [
        info
        for info in infos.chip_authentication
        if info.version == 1 and info.elliptic is key.elliptic and info.key_id in (key.key_id, None)
    ]
    # 9.2.5: documents without ChipAuthenticationInfo use 3DES.
    return fitting or ([] if infos.chip_authentication else [None])


def _strength(info: ChipAuthenticationInfo | None) -> int:
    return info.suite.key_bytes * info.suite.block if info is not None else 0


def _chip_key(info: ChipAuthenticationInfo | None, key: ChipPublicKey) -> ChipKey:
    group, static = static_key(key)
    suite = info.suite if info is not None else ciphers.TRIPLE_DES
    return ChipKey(info.protocol if info is not None else None, suite, group, static, key.key_id)


def static_key(key: ChipPublicKey) -> tuple[Group, Element]:
    """Return a static key and its group, standardised or explicit; raise ChipDataError."""
    try:
        return _elliptic(key) if key.elliptic else _modular(key)
    except UNUSABLE as error:
        raise ChipDataError(f"chip authentication key: {type(error).__name__}") from error


def _elliptic(key: ChipPublicKey) -> tuple[Group, Element]:
    algorithm = list(tlv.items(tlv.need(tlv.only(key.info, 0x30), 0x30)))
    if len(algorithm) == 2 and algorithm[0].value == _STANDARDISED and algorithm[1].tag == 0x02:
        group = STANDARDISED.get(int.from_bytes(algorithm[1].value))
        if not isinstance(group, Curve):
            raise ChipDataError("chip authentication key: domain parameters")
        return group, group.decode(_bits(key.info))
    info: Any = asn1_keys.PublicKeyInfo.load(key.info, strict=True)
    curve = curves.BY_TITLE[curve_of(info)]
    return curve, curve.decode(_bits(key.info))


_STANDARDISED = bytes.fromhex("04007F00070102")  # standardizedDomainParameters, 9.5.1
_DH_PARAMETERS = (bytes.fromhex("2A864886F70D010301"), bytes.fromhex("2A8648CE3E0201"))  # PKCS #3, X9.42


def _bits(info: bytes) -> bytes:
    bits = tlv.need(tlv.only(info, 0x30), 0x03)
    if bits[:1] != b"\0":
        raise ChipDataError("chip authentication key: unused bits")
    return bits[1:]


def _modular(key: ChipPublicKey) -> tuple[Group, Element]:
    algorithm = list(tlv.items(tlv.need(tlv.only(key.info, 0x30), 0x30)))
    group = _modular_group(algorithm)
    value = tlv.only(_bits(key.info), 0x02)
    return group, group.decode(value.lstrip(b"\0"))


def _modular_group(algorithm: list[tlv.Tlv]) -> modular_groups.ModularGroup:
    """Return the standardised group with this prime and generator: of others the subgroup would be a guess."""
    if len(algorithm) == 2 and algorithm[0].value in _DH_PARAMETERS:
        numbers = [int.from_bytes(item.value) for item in tlv.items(algorithm[1].value) if item.tag == 0x02]
        for group in modular_groups.BY_NUMBER.values():
            if numbers[:2] == [group.p, group.g]:
                return group
    raise ChipDataError("chip authentication key: domain parameters")


@forgetting_secrets()
def renew(session: SecureSession, key: ChipKey, random: Random) -> SecureSession:
    """Agree on new keys with the chip and return the new session, which proves nothing before its first answer.

    Raises StatusError when the chip refuses, ChipDataError, SessionBroken, DeviceError.
    """
    secret = key.group.draw(random)
    public = key.group.generator.times(secret).encode()
    key_object = b"" if key.key_id is None else tlv.encode(0x84, _unsigned(key.key_id))
    if key.suite is ciphers.TRIPLE_DES:
        _sent(session, Command(apdu.MANAGE_SECURITY_ENVIRONMENT, 0x41, 0xA6, tlv.encode(0x91, public) + key_object))
    else:
        template = tlv.encode(0x80, key.protocol or b"") + key_object
        _sent(session, Command(apdu.MANAGE_SECURITY_ENVIRONMENT, 0x41, 0xA4, template))
        expected = LONG_BYTES if len(public) > 200 else apdu.SHORT_MAX
        content = tlv.encode(0x7C, tlv.encode(0x80, public))
        _sent(session, Command(apdu.GENERAL_AUTHENTICATE, 0, 0, content, expected))
    return session.renewed(SessionKeys.derive(key.static.agree(secret), key.suite))


def _sent(session: SecureSession, command: Command) -> None:
    _, sw = session.send(command)
    if sw != apdu.OK:
        raise StatusError("chip authentication", sw)


def _unsigned(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8))

"""PACE (Doc 9303-11, 4.4): generic, integrated and chip authentication mapping over curves and modular groups."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.capture.chip import ciphers, pace_mapping, tlv
from agent.capture.chip.curves import Curve, Point, forgetting_secrets
from agent.capture.chip.domain_parameters import STANDARDISED, Element, Group, mirrors
from agent.capture.chip.errors import AccessDenied, ChipDataError
from agent.capture.chip.pace_steps import Random, Steps
from agent.capture.chip.passwords import Password
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys, unpad
from agent.capture.chip.security_infos import Mapping, PaceInfo
from agent.devices.seams import CardLink

PACE_VERSION = 2
MAX_NONCE_BYTES = 32
_MAPPINGS = {Mapping.GENERIC: 1, Mapping.INTEGRATED: 2, Mapping.CHIP_AUTHENTICATION: 3}


@dataclass(frozen=True, slots=True)
class MappingProof:
    """What chip authentication mapping proves the chip's static key with (4.4.3.5): its mapping key and CA_IC."""

    mapping_key: Element = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """What PACE opened: the session, the variant it ran, and the proof of chip authentication mapping."""

    session: SecureSession
    info: PaceInfo
    proof: MappingProof | None = None


def supported(info: PaceInfo) -> bool:
    """Say whether this version can run a variant."""
    if not info.known or info.version != PACE_VERSION or info.parameter_id not in STANDARDISED:
        return False
    group = STANDARDISED[info.parameter_id]
    if isinstance(group, Curve) is not info.elliptic:
        return False
    if info.mapping is Mapping.CHIP_AUTHENTICATION:
        return info.suite is not ciphers.TRIPLE_DES
    return info.mapping is not Mapping.INTEGRATED or not info.elliptic or group.p % 4 == 3


def choose(infos: Iterable[PaceInfo]) -> PaceInfo | None:
    """Return the strongest variant offered: cipher first, then group, then mapping; None when there is none of ours."""
    return max(filter(supported, infos), key=_strength, default=None)


def _strength(info: PaceInfo) -> tuple[int, int, int]:
    group = STANDARDISED[info.parameter_id or 0]
    # The order's length halves for both: rho works on curves and on subgroups alike.
    order = group.n if isinstance(group, Curve) else group.q
    return info.suite.key_bytes * info.suite.block, order.bit_length(), _MAPPINGS[info.mapping]


@forgetting_secrets()
def establish(link: CardLink, info: PaceInfo, password: Password, random: Random) -> Channel:
    """Run PACE and return the channel that it opens.

    Raises WrongCan, WrongMrz or WrongPin when the chip refuses our token (never tried again here), AccessDenied when
    the chip's own token is wrong or it refuses the protocol, ChipDataError, DeviceError.
    """
    if info.parameter_id is None or not supported(info):
        raise AccessDenied("the chip offers no PACE variant that this version has")
    group, suite = STANDARDISED[info.parameter_id], info.suite
    steps = Steps(link, long=group.coordinate_bytes > 100)
    steps.choose(info, password)
    nonce = _decrypt_nonce(info, password, steps.step(b"", 0x80))
    base, mapping_key = _mapped(steps, info, group, nonce, random)
    secret = group.draw(random)
    ours = base.times(secret)
    theirs = group.decode(steps.step(tlv.encode(0x83, ours.encode()), 0x84))
    if mirrors(theirs, ours):
        raise AccessDenied("the chip sent our own key back")
    keys = SessionKeys.derive(theirs.agree(secret), suite)
    answer = steps.last(tlv.encode(0x85, token(info, keys, theirs)), password)
    if not hmac.compare_digest(tlv.need(answer, 0x86), token(info, keys, ours)):
        raise AccessDenied("the chip's token is wrong")
    proof = _proof(info, keys, mapping_key, answer)
    return Channel(SecureSession(link, keys), info, proof)


def _mapped(steps: Steps, info: PaceInfo, group: Group, nonce: bytes, random: Random) -> tuple[Element, Element | None]:
    if info.mapping is Mapping.INTEGRATED:
        return pace_mapping.integrated(steps, group, info.suite, nonce, random), None
    return pace_mapping.generic(steps, group, nonce, random)


def _decrypt_nonce(info: PaceInfo, password: Password, ciphertext: bytes) -> bytes:
    suite = info.suite
    if not suite.block <= len(ciphertext) <= MAX_NONCE_BYTES or len(ciphertext) % suite.block:
        raise ChipDataError("PACE nonce length")
    return suite.decrypt(suite.derive(password.secret, ciphers.PASSWORD), ciphertext)


def _proof(info: PaceInfo, keys: SessionKeys, mapping_key: Element | None, answer: bytes) -> MappingProof | None:
    """Return the decrypted chip authentication data (4.4.3.5.1) where the mapping has them."""
    if info.mapping is not Mapping.CHIP_AUTHENTICATION or mapping_key is None:
        return None
    encrypted, suite = tlv.need(answer, 0x8A), info.suite
    if not encrypted or len(encrypted) % suite.block:
        raise ChipDataError("chip authentication data")
    vector = suite.encrypt(keys.encryption, b"\xff" * suite.block)
    data = unpad(suite.decrypt(keys.encryption, encrypted, vector), suite.block)
    return MappingProof(mapping_key, data)


@forgetting_secrets()
def proves(proof: MappingProof, static: Element) -> bool:
    """Say whether the chip that mapped knows the private part of `static`: CA_IC * PK_IC is its mapping key."""
    scalar = int.from_bytes(proof.data)
    ours = proof.mapping_key
    if not isinstance(static, Point) or not isinstance(ours, Point) or static.curve is not ours.curve:
        return False
    return 1 <= scalar <= static.curve.n - 2 and static.times(scalar) == ours


def token(info: PaceInfo, keys: SessionKeys, public: Element) -> bytes:
    """Return the authentication token over a public key data object (4.4.3.4)."""
    key_object = tlv.encode(0x06, info.protocol) + public.key_object()
    return info.suite.token(keys.authentication, tlv.encode(0x7F49, key_object))

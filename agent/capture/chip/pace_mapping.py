"""From PACE's nonce to a generator (Doc 9303-11, 4.4.3.3): generic and integrated mapping."""

from __future__ import annotations

from agent.capture.chip import tlv
from agent.capture.chip.ciphers import Suite
from agent.capture.chip.curves import Curve, Point
from agent.capture.chip.domain_parameters import Element, Group, plus
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.modular_groups import ModularGroup, Residue
from agent.capture.chip.pace_steps import Random, Steps

# The constants of the integrated mapping's pseudo-random function (4.4.3.3.2), for nonces of 128 and of 256 bits.
_CONSTANTS = {
    16: (
        bytes.fromhex("A668892A7C41E3CA739F40B057D85904"),
        bytes.fromhex("A4E136AC725F738B01C1F60217C188AD"),
    ),
    32: (
        bytes.fromhex("D463D65234124EF7897054986DCA0A174E28DF758CBAA03F240616414D5A1676"),
        bytes.fromhex("54BD7255F0AAF831BEC3423FCF39D69B6CBF066677D0FAAE5AADD99DF8E53517"),
    ),
}


def generic(steps: Steps, group: Group, nonce: bytes, random: Random) -> tuple[Element, Element]:
    """Return the generator s * G + H (g^s * h in a modular group) and the chip's mapping key."""
    secret, base = group.draw(random), group.generator
    theirs = group.decode(steps.step(tlv.encode(0x81, base.times(secret).encode()), 0x82))
    scalar = int.from_bytes(nonce) % (group.n if isinstance(group, Curve) else group.q)
    if scalar == 0:
        raise ChipDataError("PACE nonce is zero")
    return plus(base.times(scalar), theirs.times(secret)), theirs


def integrated(steps: Steps, group: Group, suite: Suite, nonce: bytes, random: Random) -> Element:
    """Return the generator that the nonce s and our nonce t are mapped to."""
    ours = random(suite.key_bytes)
    answer = steps.step(tlv.encode(0x81, ours), 0x82)
    if answer:
        raise ChipDataError("PACE: the chip maps as it was not asked to")
    return map_number(group, pseudo_random(suite, nonce, ours, group.p))


def pseudo_random(suite: Suite, nonce: bytes, ours: bytes, prime: int) -> int:
    """Return R_p(s, t): a number below `prime` that neither side could choose; raise ChipDataError."""
    if len(nonce) != suite.nonce_bytes:
        raise ChipDataError("PACE nonce length")
    to_key, to_number = _CONSTANTS[suite.nonce_bytes]
    key = suite.encrypt(ours, nonce)
    number = b""
    while len(number) * 8 < prime.bit_length() + 64:
        short = key[: suite.key_bytes]
        number += suite.encrypt(short, to_number)
        key = suite.encrypt(short, to_key)
    return int.from_bytes(number) % prime


def map_number(group: Group, number: int) -> Element:
    """Return a generator of the group from a number; raise ChipDataError when it would be none."""
    if isinstance(group, ModularGroup):
        value = pow(number, (group.p - 1) // group.q, group.p)
        if value <= 1:
            raise ChipDataError("the mapped generator degenerates")
        return Residue(group, value)
    return _on_curve(group, number)


def _on_curve(curve: Curve, t: int) -> Point:
    """Encode a number as a point, in the same steps for every number (appendix B.2); p = 3 mod 4."""
    p, a, b = curve.p, curve.a, curve.b
    if p % 4 != 3:
        raise ChipDataError(f"no integrated mapping on {curve.title}")
    alpha = -t * t % p
    if (alpha + alpha * alpha) % p == 0:
        raise ChipDataError("the mapped generator degenerates")
    x2 = -b * pow(a, -1, p) * (1 + pow(alpha + alpha * alpha, -1, p)) % p
    x3 = alpha * x2 % p
    h2 = (x2 * x2 * x2 + a * x2 + b) % p
    root = pow(h2, p - 1 - (p + 1) // 4, p)
    if root * root * h2 % p == 1:
        return Point(curve, x2, root * h2 % p)
    return Point(curve, x3, root * t * t * t * h2 % p)

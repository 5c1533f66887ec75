"""How the chip maps PACE's nonce in the integrated mapping (ICAO Doc 9303-11, 4.4.3.3.2 and appendix B)."""

from __future__ import annotations

from typing import Any

from firmware_mocks.chip_card import ec
from firmware_mocks.chip_card.ciphers import Suite
from firmware_mocks.chip_card.groups import Group

_C0 = {
    16: "a668892a7c41e3ca739f40b057d85904",
    32: "d463d65234124ef7897054986dca0a174e28df758cbaa03f240616414d5a1676",
}
_C1 = {
    16: "a4e136ac725f738b01c1f60217c188ad",
    32: "54bd7255f0aaf831bec3423fcf39d69b6cbf066677d0faae5aadd99df8e53517",
}


def nonce_bytes(suite: Suite) -> int:
    """Return the length of the nonce: whole blocks, no shorter than a key."""
    return 16 if suite.key_bytes == 16 else 32


def integrated(group: Group, suite: Suite, nonce: bytes, additional: bytes) -> Any:
    """Return the generator made of the chip's nonce and the terminal's additional one."""
    number = _random_number(group, suite, nonce, additional)
    if isinstance(group, ec.Curve):
        return _point(group, number)
    return pow(number, (group.p - 1) // group.order, group.p)


def _random_number(group: Group, suite: Suite, nonce: bytes, additional: bytes) -> int:
    zero = bytes(suite.block_bytes)
    c0, c1 = bytes.fromhex(_C0[len(nonce)]), bytes.fromhex(_C1[len(nonce)])
    key = suite.crypt(additional, nonce, zero)[: suite.key_bytes]
    stream = b""
    for _ in range(-(-(group.p.bit_length() + 64) // (8 * len(nonce)))):
        stream += suite.crypt(key, c1, zero)
        key = suite.crypt(key, c0, zero)[: suite.key_bytes]
    return int.from_bytes(stream, "big") % group.p


def _point(curve: ec.Curve, t: int) -> ec.Affine:
    """Try x2, then x3 = -t^2 x2: one of both is on the curve."""
    p = curve.p
    alpha = (p - t * t % p) % p
    x2 = (p - curve.b) * (1 + pow(alpha * alpha + alpha, p - 2, p)) * pow(curve.a, p - 2, p) % p
    x3 = alpha * x2 % p
    for x, factor in ((x2, 1), (x3, t * t * t)):
        right = (x**3 + curve.a * x + curve.b) % p
        if pow(right, (p - 1) // 2, p) in (0, 1):
            # the standard's root: h2^(p-1-(p+1)/4) times h2, times t^3 for the second
            h2 = (x2**3 + curve.a * x2 + curve.b) % p
            return ec.Affine(x, factor * h2 * pow(h2, p - 1 - (p + 1) // 4, p) % p)
    raise ec.PointError("no point for this number")

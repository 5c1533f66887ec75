"""PACE with the CAN: ECDH generic mapping, AES-128, brainpoolP256r1 (Doc 9303-11, 4.4; the CCCD's profile)."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from agent.capture.chip import apdu, kdf, tlv
from agent.capture.chip.apdu import Command
from agent.capture.chip.curves import BRAINPOOL_P256R1, Curve, Point, generator
from agent.capture.chip.errors import AccessDenied, ChipDataError, WrongCan
from agent.capture.chip.identity import CardAccessNumber
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys
from agent.devices.seams import CardLink

# id-PACE-ECDH-GM-AES-CBC-CMAC-128, 0.4.0.127.0.7.2.2.4.2.2
PACE_ECDH_GM_AES_128 = bytes.fromhex("04007F00070202040202")
STANDARD_BRAINPOOL_P256R1 = 13
PASSWORD_CAN = 0x02
TOKEN_BYTES = 8

Random = Callable[[int], bytes]


def supports(card_access: bytes) -> bool:
    """Say whether EF.CardAccess (SecurityInfos, 9.2) offers our PACE variant; raise ChipDataError."""
    offered = [[field.value for field in tlv.items(info.value)] for info in tlv.items(tlv.only(card_access, 0x31))]
    return any(
        len(fields) == 3
        and fields[0] == PACE_ECDH_GM_AES_128
        and int.from_bytes(fields[2]) == STANDARD_BRAINPOOL_P256R1
        for fields in offered
    )


def establish(link: CardLink, can: CardAccessNumber, random: Random) -> SecureSession:
    """Run PACE and return the session that it opens.

    Raises WrongCan when the chip refuses our token (never tried again here), AccessDenied when the chip's own token is
    wrong or it refuses the protocol, ChipDataError, DeviceError.
    """
    curve = BRAINPOOL_P256R1
    _set_authentication_template(link)
    nonce = _decrypt_nonce(can, _step(link, b"", 0x80))
    mapped = _map(link, curve, nonce, random)
    secret = _scalar(curve, random)
    ours = mapped.times(secret)
    theirs = Point.decode(curve, _step(link, tlv.encode(0x83, ours.encode()), 0x84))
    if theirs.x == ours.x:
        raise AccessDenied("the chip sent our own key back")
    shared = theirs.x_times(secret).to_bytes(curve.coordinate_bytes)
    keys = SessionKeys(kdf.derive_aes128(shared, kdf.ENCRYPTION), kdf.derive_aes128(shared, kdf.AUTHENTICATION))
    _exchange_tokens(link, keys, ours, theirs)
    return SecureSession(link, keys)


def _set_authentication_template(link: CardLink) -> None:
    data = tlv.encode(0x80, PACE_ECDH_GM_AES_128) + tlv.encode(0x83, bytes([PASSWORD_CAN]))
    _, sw = link.transmit(Command(apdu.MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4, data).encode())
    if sw != apdu.OK:
        raise AccessDenied(f"MSE:Set AT: {sw:04X}")


def _step(link: CardLink, content: bytes, answer_tag: int) -> bytes:
    """One of the first three GENERAL AUTHENTICATE commands, chained by CLA 10."""
    data = tlv.encode(0x7C, content)
    answer, sw = link.transmit(Command(apdu.GENERAL_AUTHENTICATE, 0, 0, data, 256, cla=0x10).encode())
    if sw != apdu.OK:
        raise AccessDenied(f"GENERAL AUTHENTICATE: {sw:04X}")
    return tlv.need(tlv.only(answer, 0x7C), answer_tag)


def _decrypt_nonce(can: CardAccessNumber, ciphertext: bytes) -> int:
    if len(ciphertext) != 16:
        raise ChipDataError("PACE nonce length")
    key = kdf.derive_aes128(can.digits.encode("ascii"), kdf.PASSWORD)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    return int.from_bytes(decryptor.update(ciphertext) + decryptor.finalize())


def _map(link: CardLink, curve: Curve, nonce: int, random: Random) -> Point:
    """Return the new generator s * G + H (generic mapping, 4.4.3.3.1)."""
    secret = _scalar(curve, random)
    base = generator(curve)
    theirs = Point.decode(curve, _step(link, tlv.encode(0x81, base.times(secret).encode()), 0x82))
    if nonce == 0:
        raise ChipDataError("PACE nonce is zero")
    return base.times(nonce).plus(theirs.times(secret))


def _scalar(curve: Curve, random: Random) -> int:
    """Return a secret number in 1 .. n-2, without bias that matters (64 bits more than the order)."""
    return int.from_bytes(random(curve.coordinate_bytes + 8)) % (curve.n - 2) + 1


def _exchange_tokens(link: CardLink, keys: SessionKeys, ours: Point, theirs: Point) -> None:
    data = tlv.encode(0x7C, tlv.encode(0x85, _token(keys, theirs)))
    answer, sw = link.transmit(Command(apdu.GENERAL_AUTHENTICATE, 0, 0, data, 256).encode())
    if sw >> 4 == apdu.AUTHENTICATION_FAILED >> 4 or sw >> 4 == 0x63C:
        raise WrongCan(f"{sw:04X}")
    if sw != apdu.OK:
        raise AccessDenied(f"mutual authentication: {sw:04X}")
    if not hmac.compare_digest(tlv.need(tlv.only(answer, 0x7C), 0x86), _token(keys, ours)):
        raise AccessDenied("the chip's token is wrong")


def _token(keys: SessionKeys, public: Point) -> bytes:
    """Return the authentication token over a public key data object (4.4.3.4)."""
    key_object = tlv.encode(0x06, PACE_ECDH_GM_AES_128) + tlv.encode(0x86, public.encode())
    mac = CMAC(algorithms.AES(keys.authentication))
    mac.update(tlv.encode(0x7F49, key_object))
    return mac.finalize()[:TOKEN_BYTES]

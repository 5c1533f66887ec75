"""Basic access control (Doc 9303-11, 4.3): the weak predecessor of PACE, for documents that have nothing else."""

from __future__ import annotations

import hmac

from agent.capture.chip import apdu, ciphers
from agent.capture.chip.apdu import Command
from agent.capture.chip.ciphers import MAC_BYTES, TRIPLE_DES, pad
from agent.capture.chip.errors import AccessDenied
from agent.capture.chip.pace_steps import COUNTED, Random
from agent.capture.chip.passwords import Password, Reference
from agent.capture.chip.secure_messaging import SecureSession, SessionKeys
from agent.devices.seams import CardLink

NONCE_BYTES, KEY_BYTES = 8, 16
CRYPTOGRAM_BYTES = 32


def establish(link: CardLink, password: Password, random: Random) -> SecureSession:
    """Run BAC in the selected application and return the session that it opens.

    Raises WrongMrz when the chip refuses our cryptogram, AccessDenied when its own is wrong or it refuses the
    protocol, DeviceError.
    """
    if password.reference is not Reference.MRZ:
        raise AccessDenied("BAC needs the machine-readable zone")
    seed = password.secret[:KEY_BYTES]
    encryption, authentication = (TRIPLE_DES.derive(seed, use) for use in (ciphers.ENCRYPTION, ciphers.AUTHENTICATION))
    mac = TRIPLE_DES.mac_of(authentication)
    theirs, sw = link.transmit(Command(apdu.GET_CHALLENGE, 0, 0, expected=NONCE_BYTES).encode())
    if sw != apdu.OK or len(theirs) != NONCE_BYTES:
        raise AccessDenied(f"GET CHALLENGE: {sw:04X}")
    ours, our_key = random(NONCE_BYTES), random(KEY_BYTES)
    cryptogram = TRIPLE_DES.encrypt(encryption, ours + theirs + our_key)
    answer = _authenticate(link, password, cryptogram + mac(pad(cryptogram, TRIPLE_DES.block)))
    sealed, their_mac = answer[:CRYPTOGRAM_BYTES], answer[CRYPTOGRAM_BYTES:]
    if len(answer) != CRYPTOGRAM_BYTES + MAC_BYTES or not hmac.compare_digest(
        mac(pad(sealed, TRIPLE_DES.block)), their_mac
    ):
        raise AccessDenied("the chip's cryptogram is wrong")
    opened = TRIPLE_DES.decrypt(encryption, sealed)
    if not hmac.compare_digest(opened[: 2 * NONCE_BYTES], theirs + ours):
        raise AccessDenied("the chip's cryptogram answers another challenge")
    shared = bytes(a ^ b for a, b in zip(our_key, opened[2 * NONCE_BYTES :], strict=True))
    counter = int.from_bytes(theirs[4:] + ours[4:])
    return SecureSession(link, SessionKeys.derive(shared, TRIPLE_DES, counter))


def _authenticate(link: CardLink, password: Password, data: bytes) -> bytes:
    command = Command(apdu.EXTERNAL_AUTHENTICATE, 0, 0, data, CRYPTOGRAM_BYTES + MAC_BYTES)
    answer, sw = link.transmit(command.encode())
    if sw >> 4 in (apdu.AUTHENTICATION_FAILED >> 4, COUNTED >> 4) or sw in (
        apdu.SECURITY_NOT_SATISFIED,
        apdu.SM_OBJECTS_INCORRECT,
    ):
        raise password.refused(sw)
    if sw != apdu.OK:
        raise AccessDenied(f"EXTERNAL AUTHENTICATE: {sw:04X}")
    return answer

"""Basic access control, the chip's side (ICAO Doc 9303-11, 4.3)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

from firmware_mocks.chip_card.apdu import Refused, Sw
from firmware_mocks.chip_card.ciphers import TRIPLE_DES, KeyUse
from firmware_mocks.chip_card.secure_messaging import SessionKeys

NONCE_BYTES, KEY_BYTES, CRYPTOGRAM_BYTES = 8, 16, 32
_ZERO = bytes(8)


class Bac:
    """One run: a challenge, and the terminal's answer to it."""

    def __init__(self, mrz_information: str, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        seed = hashlib.sha1(mrz_information.encode("ascii"), usedforsecurity=False).digest()[:KEY_BYTES]
        self._encrypt = TRIPLE_DES.derive(seed, KeyUse.ENCRYPT)
        self._mac_key = TRIPLE_DES.derive(seed, KeyUse.MAC)
        self._random = random
        self._challenge = b""

    def challenge(self) -> bytes:
        """GET CHALLENGE: 8 random bytes."""
        self._challenge = self._random(NONCE_BYTES)
        return self._challenge

    def authenticate(self, data: bytes) -> tuple[bytes, SessionKeys]:
        """EXTERNAL AUTHENTICATE: return the answer and the session's keys.

        Raises Refused: 6985 without a challenge, 6700 for another length, 6300 for a wrong cryptogram.
        """
        challenge, self._challenge = self._challenge, b""
        if not challenge:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        if len(data) != CRYPTOGRAM_BYTES + 8:
            raise Refused(Sw.WRONG_LENGTH)
        sealed, mac = data[:CRYPTOGRAM_BYTES], data[CRYPTOGRAM_BYTES:]
        if not hmac.compare_digest(mac, self._mac(sealed)):
            raise Refused(Sw.AUTHENTICATION_FAILED)
        opened = TRIPLE_DES.crypt(self._encrypt, sealed, _ZERO, decrypt=True)
        terminal, heard, terminal_key = opened[:8], opened[8:16], opened[16:]
        if heard != challenge:
            raise Refused(Sw.AUTHENTICATION_FAILED)
        own_key = self._random(KEY_BYTES)
        answer = TRIPLE_DES.crypt(self._encrypt, challenge + terminal + own_key, _ZERO)
        shared = bytes(left ^ right for left, right in zip(terminal_key, own_key, strict=True))
        counter = int.from_bytes(challenge[4:] + terminal[4:], "big")
        return answer + self._mac(answer), SessionKeys.from_secret(shared, TRIPLE_DES, counter)

    def _mac(self, data: bytes) -> bytes:
        return TRIPLE_DES.mac(self._mac_key, TRIPLE_DES.pad(data))

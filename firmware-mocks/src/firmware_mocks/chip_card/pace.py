"""PACE-ECDH-GM-AES-CBC-CMAC-128 on brainpoolP256r1, the chip's side (ICAO Doc 9303-11, 4.4)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from firmware_mocks.chip_card import ec, tlv
from firmware_mocks.chip_card.apdu import Refused, Sw
from firmware_mocks.chip_card.secure_messaging import KeyUse, SessionKeys, cmac, derive

OID = bytes.fromhex("04007F00070202040202")  # id-PACE-ECDH-GM-AES-CBC-CMAC-128
PARAMETER_ID = b"\x0d"  # brainpoolP256r1, 9303-11 table 6
MRZ, CAN = 1, 2  # password references of MSE:Set AT

Step = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Passwords:
    """What opens the chip: the card access number and the MRZ information (number, birth, expiry with digits)."""

    can: str = field(repr=False)
    mrz_information: str = field(repr=False)

    def key(self, reference: int) -> bytes:
        """K_pi for a password reference; raises Refused (6A88) for one the chip does not have."""
        if reference == CAN:
            return derive(self.can.encode("ascii"), KeyUse.PASSWORD)
        if reference == MRZ:
            digest = hashlib.sha1(self.mrz_information.encode("ascii"), usedforsecurity=False).digest()
            return derive(digest, KeyUse.PASSWORD)
        raise Refused(Sw.REFERENCE_NOT_FOUND)


def random_scalar() -> int:
    """Draw a private key, 0 < key < order."""
    return 1 + secrets.randbelow(ec.ORDER - 1)


class Pace:
    """One run of the protocol; every refusal sends it back to its start."""

    def __init__(
        self,
        passwords: Passwords,
        nonce: Callable[[int], bytes] = secrets.token_bytes,
        scalar: Callable[[], int] = random_scalar,
    ) -> None:
        self._passwords = passwords
        self._nonce_source = nonce
        self._scalar = scalar
        self._forget()

    def _forget(self) -> None:
        self._key: bytes | None = None
        self._step: tuple[int, Step] | None = None
        self.keys: SessionKeys | None = None

    def set_at(self, data: bytes) -> None:
        """MSE:Set AT (9303-11, 4.4); raises Refused for what the chip does not offer."""
        self._forget()
        try:
            objects = dict(tlv.decode(data))
        except tlv.TlvError as error:
            raise Refused(Sw.WRONG_DATA) from error
        if objects.get(0x80) != OID or objects.get(0x84, PARAMETER_ID) != PARAMETER_ID:
            raise Refused(Sw.WRONG_DATA)
        self._key = self._passwords.key(int.from_bytes(objects.get(0x83, b""), "big"))
        self._step = (0, self._nonce)

    def general_authenticate(self, data: bytes, *, last: bool) -> bytes:
        """One GENERAL AUTHENTICATE; returns the dynamic authentication data 7C (9303-11, 4.4).

        After the step with `last` set `keys` holds the session's keys.
        Raises Refused: 6985 out of order, 6A80 for unusable data, 6300 for a wrong token.
        """
        if self._step is None:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        tag, step = self._step
        self._step = None
        if last != (tag == 0x85):
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        try:
            return tlv.encode(0x7C, step(_dynamic_data(data, tag)))
        except (tlv.TlvError, ec.PointError) as error:
            raise Refused(Sw.WRONG_DATA) from error

    def _nonce(self, _: bytes) -> bytes:
        if self._key is None:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        self._secret_nonce = self._nonce_source(16)
        # 9303-11, 4.4 encrypts the one-block nonce in CBC with a zero IV
        encryptor = Cipher(algorithms.AES(self._key), modes.CBC(bytes(16))).encryptor()
        self._step = (0x81, self._map)
        return tlv.encode(0x80, encryptor.update(self._secret_nonce) + encryptor.finalize())

    def _map(self, terminal: bytes) -> bytes:
        private = self._scalar()
        shared = ec.multiply(private, ec.Point.from_bytes(terminal))
        nonce = int.from_bytes(self._secret_nonce, "big") % ec.ORDER
        self._generator = ec.add(ec.multiply(nonce, ec.GENERATOR), shared)
        self._step = (0x83, self._agree)
        return tlv.encode(0x82, ec.multiply(private, ec.GENERATOR).to_bytes())

    def _agree(self, terminal: bytes) -> bytes:
        private = self._scalar()
        public = ec.multiply(private, self._generator).to_bytes()
        if public == terminal:  # 9303-11, 4.4: both sides check that the keys differ
            raise Refused(Sw.WRONG_DATA)
        secret = ec.multiply(private, ec.Point.from_bytes(terminal)).x.to_bytes(ec.SIZE_BYTES, "big")
        self._agreed = SessionKeys.from_secret(secret)
        self._publics = (public, terminal)
        self._step = (0x85, self._confirm)
        return tlv.encode(0x84, public)

    def _confirm(self, token: bytes) -> bytes:
        chip, terminal = self._publics
        if not hmac.compare_digest(token, _token(self._agreed, chip)):
            raise Refused(Sw.AUTHENTICATION_FAILED)
        self.keys = self._agreed
        return tlv.encode(0x86, _token(self._agreed, terminal))


def _dynamic_data(data: bytes, tag: int) -> bytes:
    inner = tlv.single(data, 0x7C)
    if tag == 0 and not inner:
        return b""
    return tlv.single(inner, tag)


def _token(keys: SessionKeys, public: bytes) -> bytes:
    """Compute the authentication token over the other side's ephemeral key (9303-11, 4.4)."""
    body = tlv.encode(0x06, OID) + tlv.encode(0x86, public)
    return cmac(keys.mac, tlv.encode(0x7F49, body))

"""The chip's own keys: active authentication (DG15) and chip authentication (DG14), ICAO Doc 9303-11, 6."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Literal, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec as openssl_ec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firmware_mocks.chip_card import ec, tlv
from firmware_mocks.chip_card.apdu import Refused, Sw
from firmware_mocks.chip_card.secure_messaging import SessionKeys

CHALLENGE_BYTES = 8
ActiveKind = Literal["ecdsa", "rsa", "none"]
CHIP_AUTHENTICATION = bytes.fromhex("04007F00070202030202")  # id-CA-ECDH-AES-CBC-CMAC-128
_TERMINAL_AUTHENTICATION = bytes.fromhex("04007F000702020202")  # id-TA
_PUBLIC_KEY_ECDH = bytes.fromhex("04007F000702020102")  # id-PK-ECDH
_ACTIVE_AUTHENTICATION = bytes.fromhex("678108010105")  # id-icao-mrtd-security-aaProtocolObject
_ECDSA_PLAIN_SHA256 = bytes.fromhex("04007F00070101040103")
_RSA_BITS = 1536  # the signature still fits a short answer under secure messaging


class ActiveKey(Protocol):
    """A key for active authentication."""

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        ...

    def sign(self, challenge: bytes) -> bytes:
        """Answer INTERNAL AUTHENTICATE for 8 bytes of challenge."""
        ...


class EcdsaKey:
    """ECDSA with SHA-256 on brainpoolP256r1, answered as plain r || s (BSI TR-03111, 5.2)."""

    def __init__(self) -> None:
        self._key = openssl_ec.generate_private_key(openssl_ec.BrainpoolP256R1())

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo in DER, with the named curve."""
        return _spki(self._key.public_key())

    def sign(self, challenge: bytes) -> bytes:
        """Sign the challenge; 64 bytes."""
        r, s = decode_dss_signature(self._key.sign(challenge, openssl_ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(ec.SIZE_BYTES, "big") + s.to_bytes(ec.SIZE_BYTES, "big")


class RsaKey:
    """RSA with message recovery, scheme 1 of ISO/IEC 9796-2, SHA-256 (trailer 34CC)."""

    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._key = rsa.generate_private_key(65537, _RSA_BITS)
        self._random = random

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return _spki(self._key.public_key())

    def sign(self, challenge: bytes) -> bytes:
        """Sign a random part, recovered from the signature, followed by the challenge, which is not."""
        size = _RSA_BITS // 8
        recoverable = self._random(size - 1 - 32 - 2)
        digest = hashlib.sha256(recoverable + challenge).digest()
        representative = int.from_bytes(b"\x6a" + recoverable + digest + b"\x34\xcc", "big")
        numbers = self._key.private_numbers()
        return pow(representative, numbers.d, numbers.public_numbers.n).to_bytes(size, "big")


class AgreementKey:
    """The static key of chip authentication version 1 on brainpoolP256r1."""

    def __init__(self) -> None:
        self._key = openssl_ec.generate_private_key(openssl_ec.BrainpoolP256R1())

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo in DER, with the named curve."""
        return _spki(self._key.public_key())

    def agree(self, terminal: bytes) -> SessionKeys:
        """Derive the new session's keys from the terminal's point; raises Refused (6A80) for no point."""
        try:
            private = self._key.private_numbers().private_value
            shared = ec.multiply(private, ec.Point.from_bytes(terminal))
        except ec.PointError as error:
            raise Refused(Sw.WRONG_DATA) from error
        return SessionKeys.from_secret(shared.x.to_bytes(ec.SIZE_BYTES, "big"))


def new_active_key(kind: ActiveKind) -> ActiveKey | None:
    """Make a key of that kind; "none" is a chip without active authentication."""
    if kind == "none":
        return None
    return EcdsaKey() if kind == "ecdsa" else RsaKey()


def dg15(active: ActiveKey) -> bytes:
    """EF.DG15: the public key of active authentication."""
    return tlv.encode(0x6F, active.public)


def dg14(agreement: AgreementKey, active: ActiveKey | None, pace_info: bytes) -> bytes:
    """EF.DG14: the SecurityInfos of the chip's protocols (ICAO Doc 9303-11, 9.2)."""
    infos = [
        _info(_TERMINAL_AUTHENTICATION, _integer(1)),
        _info(CHIP_AUTHENTICATION, _integer(1)),
        _info(_PUBLIC_KEY_ECDH, agreement.public),
        pace_info,
    ]
    if isinstance(active, EcdsaKey):
        infos.append(_info(_ACTIVE_AUTHENTICATION, _integer(1) + tlv.encode(0x06, _ECDSA_PLAIN_SHA256)))
    return tlv.encode(0x6E, tlv.encode(0x31, b"".join(sorted(infos))))


def _info(protocol: bytes, content: bytes) -> bytes:
    return tlv.encode(0x30, tlv.encode(0x06, protocol) + content)


def _integer(value: int) -> bytes:
    return tlv.encode(0x02, bytes([value]))


def _spki(key: openssl_ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(der, form)

"""The chip's own keys: active authentication (DG15) and chip authentication (DG14), ICAO Doc 9303-11, 6."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec as openssl_ec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firmware_mocks.chip_card import ec, tlv
from firmware_mocks.chip_card.apdu import Refused, Sw
from firmware_mocks.chip_card.ciphers import BY_ARC
from firmware_mocks.chip_card.groups import GROUPS, Group, is_curve
from firmware_mocks.chip_card.secure_messaging import SessionKeys

CHALLENGE_BYTES = 8
ActiveKind = Literal["ecdsa", "ecdsa-der", "rsa", "rsa-sha1", "none"]
_CHIP_AUTHENTICATION = bytes.fromhex("04007F0007020203")  # id-CA
_TERMINAL_AUTHENTICATION = bytes.fromhex("04007F000702020202")  # id-TA
_PUBLIC_KEY = bytes.fromhex("04007F0007020201")  # id-PK
_ACTIVE_AUTHENTICATION = bytes.fromhex("678108010105")  # id-icao-mrtd-security-aaProtocolObject
BRAINPOOL_P256R1 = 13  # among the standardised domain parameters
_EC_PUBLIC_KEY = bytes.fromhex("06072A8648CE3D0201")
_BRAINPOOL_P256R1 = bytes.fromhex("06092B2403030208010107")
_STANDARDISED = tlv.encode(0x06, bytes.fromhex("04007F00070102"))
_X942_DH = bytes.fromhex("06072A8648CE3E0201")
_ECDSA_WITH_SHA256 = bytes.fromhex("2A8648CE3D040302")
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
    """ECDSA with SHA-256 on brainpoolP256r1: plain r || s (BSI TR-03111, 5.2), or in DER."""

    def __init__(self, *, plain: bool = True) -> None:
        self._key = openssl_ec.generate_private_key(openssl_ec.BrainpoolP256R1())
        self._plain = plain

    @property
    def algorithm(self) -> bytes:
        """The object identifier that DG14 names."""
        return _ECDSA_PLAIN_SHA256 if self._plain else _ECDSA_WITH_SHA256

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo in DER, with the named curve."""
        return _spki(self._key.public_key())

    def sign(self, challenge: bytes) -> bytes:
        """Sign the challenge."""
        signature = self._key.sign(challenge, openssl_ec.ECDSA(hashes.SHA256()))
        if not self._plain:
            return signature
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class RsaKey:
    """RSA with message recovery, scheme 1 of ISO/IEC 9796-2: SHA-256 (trailer 34CC), or SHA-1 (trailer BC)."""

    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes, *, implicit: bool = False) -> None:
        self._key = rsa.generate_private_key(65537, _RSA_BITS)
        self._random = random
        self._hash, self._trailer = (hashlib.sha1, b"\xbc") if implicit else (hashlib.sha256, b"\x34\xcc")

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return _spki(self._key.public_key())

    def sign(self, challenge: bytes) -> bytes:
        """Sign a random part, recovered from the signature, followed by the challenge, which is not."""
        size = _RSA_BITS // 8
        recoverable = self._random(size - 1 - self._hash().digest_size - len(self._trailer))
        digest = self._hash(recoverable + challenge).digest()
        representative = int.from_bytes(b"\x6a" + recoverable + digest + self._trailer, "big")
        numbers = self._key.private_numbers()
        return pow(representative, numbers.d, numbers.public_numbers.n).to_bytes(size, "big")


@dataclass(frozen=True)
class Agreement:
    """A variant of chip authentication version 1: standardised parameters and cipher."""

    parameter_id: int = 13
    cipher: int = 2
    key_id: int | None = None

    @property
    def group(self) -> Group:
        """Where keys are agreed."""
        return GROUPS[self.parameter_id]

    @property
    def oid(self) -> bytes:
        """The protocol's object identifier."""
        return _CHIP_AUTHENTICATION + bytes([2 if is_curve(self.group) else 1, self.cipher])


class AgreementKey:
    """The static key of chip authentication version 1."""

    def __init__(self, variant: Agreement | None = None) -> None:
        self.variant = variant or Agreement()
        group = self.variant.group
        self.private = 1 + secrets.randbelow(group.order - 1)
        self._public = group.multiply(self.private, group.generator)

    @property
    def public(self) -> bytes:
        """SubjectPublicKeyInfo in DER: a named curve where it has a name of its own, else the standardised number."""
        group = self.variant.group
        encoded = group.encode(self._public)
        if not is_curve(group):
            numbers = (group.p, group.generator, group.order)
            parameters = tlv.encode(0x30, b"".join(_unsigned(number) for number in numbers))
            return _public_info(_X942_DH, parameters, _unsigned(int.from_bytes(encoded, "big")))
        if self.variant.parameter_id == BRAINPOOL_P256R1:
            return _public_info(_EC_PUBLIC_KEY, _BRAINPOOL_P256R1, encoded)
        return _public_info(_STANDARDISED, tlv.encode(0x02, bytes([self.variant.parameter_id])), encoded)

    def agree(self, terminal: bytes) -> SessionKeys:
        """Derive the new session's keys from the terminal's key; raises Refused (6A80) for none of the group."""
        group = self.variant.group
        try:
            shared = group.multiply(self.private, group.decode(terminal))
        except ec.PointError as error:
            raise Refused(Sw.WRONG_DATA) from error
        return SessionKeys.from_secret(group.secret(shared), BY_ARC[self.variant.cipher])


def new_active_key(kind: ActiveKind) -> ActiveKey | None:
    """Make a key of that kind; "none" is a chip without active authentication."""
    if kind == "none":
        return None
    if kind in ("rsa", "rsa-sha1"):
        return RsaKey(implicit=kind == "rsa-sha1")
    return EcdsaKey(plain=kind == "ecdsa")


def dg15(active: ActiveKey) -> bytes:
    """EF.DG15: the public key of active authentication."""
    return tlv.encode(0x6F, active.public)


def dg14(agreement: AgreementKey | None, active: ActiveKey | None, pace_infos: Sequence[bytes]) -> bytes:
    """EF.DG14: the SecurityInfos of the chip's protocols (ICAO Doc 9303-11, 9.2)."""
    infos = [*pace_infos]
    if agreement is not None:
        infos += [_info(_TERMINAL_AUTHENTICATION, _integer(1)), *agreement_infos(agreement)]
    if isinstance(active, EcdsaKey):
        infos.append(_info(_ACTIVE_AUTHENTICATION, _integer(1) + tlv.encode(0x06, active.algorithm)))
    return tlv.encode(0x6E, tlv.encode(0x31, b"".join(sorted(infos))))


def agreement_infos(agreement: AgreementKey) -> list[bytes]:
    """Return ChipAuthenticationInfo and ChipAuthenticationPublicKeyInfo of a key."""
    variant = agreement.variant
    number = b"" if variant.key_id is None else _integer(variant.key_id)
    kind = _PUBLIC_KEY + (b"\x02" if is_curve(variant.group) else b"\x01")
    return [_info(variant.oid, _integer(1) + number), _info(kind, agreement.public + number)]


def _info(protocol: bytes, content: bytes) -> bytes:
    return tlv.encode(0x30, tlv.encode(0x06, protocol) + content)


def _public_info(algorithm: bytes, parameters: bytes, key: bytes) -> bytes:
    return tlv.encode(0x30, tlv.encode(0x30, algorithm + parameters) + tlv.encode(0x03, b"\0" + key))


def _unsigned(number: int) -> bytes:
    return tlv.encode(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _integer(value: int) -> bytes:
    return tlv.encode(0x02, bytes([value]))


def _spki(key: openssl_ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(der, form)

"""Secure messaging with AES-128, the chip's side (ICAO Doc 9303-11, 9.8)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.apdu import Command, Refused, Sw

BLOCK_BYTES = 16
# 256 bytes of answer hold 87 81 E1 01 <224> 99 02 SW 8E 08 MAC; one byte of the 224 is padding.
SHORT_ANSWER_BYTES = 223


class KeyUse(IntEnum):
    """The counter of the key derivation function (ICAO Doc 9303-11, 9.7.1)."""

    ENCRYPT = 1
    MAC = 2
    PASSWORD = 3


def derive(secret: bytes, use: KeyUse) -> bytes:
    """KDF for AES-128: the first 16 bytes of SHA-1(secret || counter)."""
    return hashlib.sha1(secret + use.to_bytes(4, "big"), usedforsecurity=False).digest()[:BLOCK_BYTES]


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC cut to 8 bytes, as authentication tokens and secure messaging use it."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()[:8]


def pad(data: bytes) -> bytes:
    """Apply padding method 2 of ISO/IEC 9797-1 to whole AES blocks."""
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK_BYTES)


def unpad(data: bytes) -> bytes:
    """Take method 2 padding off; raises Refused (6988) where there is none."""
    stripped = data.rstrip(b"\x00")
    if not stripped.endswith(b"\x80") or len(data) - len(stripped) >= BLOCK_BYTES:
        raise Refused(Sw.SM_OBJECTS_INCORRECT)
    return stripped[:-1]


def _block_cipher(key: bytes, counter: bytes) -> Cipher[modes.CBC]:
    # S305: the standard takes the IV from one block of ECB (9303-11, 9.8)
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    return Cipher(algorithms.AES(key), modes.CBC(encryptor.update(counter) + encryptor.finalize()))


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """KS_Enc and KS_MAC, 16 bytes each."""

    encrypt: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> Self:
        """Derive both keys from the shared secret."""
        return cls(derive(secret, KeyUse.ENCRYPT), derive(secret, KeyUse.MAC))


class Session:
    """One secure messaging session; any Refused it raises ends it (the caller forgets the session)."""

    def __init__(self, keys: SessionKeys) -> None:
        self._keys = keys
        self._counter = 0

    def unprotect(self, command: Command) -> Command:
        """Return the plain command inside a protected one.

        Raises Refused: 6987 when a data object is missing or unreadable, 6988 when a check fails.
        """
        self._counter += 1
        objects, ciphertext, le = _objects_of(command)
        signed = b"".join(tlv.encode(tag, value) for tag, value in objects if tag != 0x8E)
        message = pad(command.header) + (pad(signed) if signed else b"")
        if not hmac.compare_digest(cmac(self._keys.mac, self._ssc() + message), dict(objects)[0x8E]):
            raise Refused(Sw.SM_OBJECTS_INCORRECT)
        data = self._decrypt(ciphertext) if ciphertext is not None else b""
        return replace(command, cla=command.cla & ~0x0C, data=data, le=le)

    def protect(self, command: Command, data: bytes, sw: int, *, spoil_mac: bool = False) -> bytes:
        """Wrap the answer with its data objects and status word; `spoil_mac` is the fault of the same name."""
        self._counter += 1
        status = sw.to_bytes(2, "big")
        answer = self._data_object(command.ins, data) if data else b""
        answer += tlv.encode(0x99, status)
        mac = cmac(self._keys.mac, self._ssc() + pad(answer))
        if spoil_mac:
            mac = bytes([mac[0] ^ 0x01]) + mac[1:]
        return answer + tlv.encode(0x8E, mac) + status

    def _data_object(self, ins: int, data: bytes) -> bytes:
        encryptor = _block_cipher(self._keys.encrypt, self._ssc()).encryptor()
        ciphertext = encryptor.update(pad(data)) + encryptor.finalize()
        return tlv.encode(0x85, ciphertext) if ins & 1 else tlv.encode(0x87, b"\x01" + ciphertext)

    def _decrypt(self, ciphertext: bytes) -> bytes:
        if not ciphertext or len(ciphertext) % BLOCK_BYTES:
            raise Refused(Sw.SM_OBJECTS_INCORRECT)
        decryptor = _block_cipher(self._keys.encrypt, self._ssc()).decryptor()
        return unpad(decryptor.update(ciphertext) + decryptor.finalize())

    def _ssc(self) -> bytes:
        return self._counter.to_bytes(BLOCK_BYTES, "big")


def _objects_of(command: Command) -> tuple[list[tuple[int, bytes]], bytes | None, int]:
    try:
        objects = tlv.decode(command.data)
    except tlv.TlvError as error:
        raise Refused(Sw.SM_OBJECTS_MISSING) from error
    tags = [tag for tag, _ in objects]
    data_tag = 0x85 if command.ins & 1 else 0x87
    if tags not in ([*head, *le, 0x8E] for head in ([], [data_tag]) for le in ([], [0x97])):
        raise Refused(Sw.SM_OBJECTS_MISSING)
    values = dict(objects)
    return objects, _ciphertext(values.get(data_tag), data_tag), _expected(values.get(0x97))


def _ciphertext(value: bytes | None, tag: int) -> bytes | None:
    if value is None or tag == 0x85:
        return value
    if value[:1] != b"\x01":  # padding-content indicator, ISO/IEC 7816-4, 10.2
        raise Refused(Sw.SM_OBJECTS_INCORRECT)
    return value[1:]


def _expected(value: bytes | None) -> int:
    if value is None:
        return 0
    if len(value) not in (1, 2):
        raise Refused(Sw.SM_OBJECTS_INCORRECT)
    return int.from_bytes(value, "big") or 256 ** len(value)

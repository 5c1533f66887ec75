"""Secure messaging, the chip's side (ICAO Doc 9303-11, 9.8)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from typing import Self

from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.apdu import Command, Refused, Sw
from firmware_mocks.chip_card.ciphers import AES_128, KeyUse, Suite

# 256 bytes of answer hold 87 81 E1 01 <224> 99 02 SW 8E 08 MAC; one byte of the 224 is padding.
SHORT_ANSWER_BYTES = 223


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """KS_Enc and KS_MAC of a cipher, and where the send sequence counter begins."""

    encrypt: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    suite: Suite = AES_128
    counter: int = 0

    @classmethod
    def from_secret(cls, secret: bytes, suite: Suite = AES_128, counter: int = 0) -> Self:
        """Derive both keys from the shared secret."""
        return cls(suite.derive(secret, KeyUse.ENCRYPT), suite.derive(secret, KeyUse.MAC), suite, counter)


class Session:
    """One secure messaging session; any Refused it raises ends it (the caller forgets the session)."""

    def __init__(self, keys: SessionKeys) -> None:
        self._keys = keys
        self._suite = keys.suite
        self._counter = keys.counter

    def unprotect(self, command: Command) -> Command:
        """Return the plain command inside a protected one.

        Raises Refused: 6987 when a data object is missing or unreadable, 6988 when a check fails.
        """
        self._counter += 1
        objects, ciphertext, le = _objects_of(command)
        signed = b"".join(tlv.encode(tag, value) for tag, value in objects if tag != 0x8E)
        pad = self._suite.pad
        message = pad(command.header) + (pad(signed) if signed else b"")
        if not hmac.compare_digest(self._mac(message), dict(objects)[0x8E]):
            raise Refused(Sw.SM_OBJECTS_INCORRECT)
        data = self._decrypt(ciphertext) if ciphertext is not None else b""
        return replace(command, cla=command.cla & ~0x0C, data=data, le=le)

    def protect(self, command: Command, data: bytes, sw: int, *, spoil_mac: bool = False) -> bytes:
        """Wrap the answer with its data objects and status word; `spoil_mac` is the fault of the same name."""
        self._counter += 1
        status = sw.to_bytes(2, "big")
        answer = self._data_object(command.ins, data) if data else b""
        answer += tlv.encode(0x99, status)
        mac = self._mac(self._suite.pad(answer))
        if spoil_mac:
            mac = bytes([mac[0] ^ 0x01]) + mac[1:]
        return answer + tlv.encode(0x8E, mac) + status

    def _data_object(self, ins: int, data: bytes) -> bytes:
        ciphertext = self._crypt(self._suite.pad(data), decrypt=False)
        return tlv.encode(0x85, ciphertext) if ins & 1 else tlv.encode(0x87, b"\x01" + ciphertext)

    def _decrypt(self, ciphertext: bytes) -> bytes:
        if not ciphertext or len(ciphertext) % self._suite.block_bytes:
            raise Refused(Sw.SM_OBJECTS_INCORRECT)
        return unpad(self._crypt(ciphertext, decrypt=True), self._suite.block_bytes)

    def _crypt(self, data: bytes, *, decrypt: bool) -> bytes:
        vector = self._suite.vector(self._keys.encrypt, self._ssc())
        return self._suite.crypt(self._keys.encrypt, data, vector, decrypt=decrypt)

    def _mac(self, message: bytes) -> bytes:
        return self._suite.mac(self._keys.mac, self._ssc() + message)

    def _ssc(self) -> bytes:
        return self._counter.to_bytes(self._suite.block_bytes, "big")


def unpad(data: bytes, block_bytes: int = 16) -> bytes:
    """Take method 2 padding off; raises Refused (6988) where there is none."""
    stripped = data.rstrip(b"\x00")
    if not stripped.endswith(b"\x80") or len(data) - len(stripped) >= block_bytes:
        raise Refused(Sw.SM_OBJECTS_INCORRECT)
    return stripped[:-1]


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

"""Secure messaging with AES-128 (Doc 9303-11, 9.8): a CardLink whose commands and answers are protected."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from agent.capture.chip import tlv
from agent.capture.chip.apdu import Command, build
from agent.capture.chip.errors import ChipDataError, SessionBroken
from agent.devices.seams import CardLink

BLOCK = 16
MAC_BYTES = 8
PROTECTED = 0x0C

DO_DATA_PADDED = 0x87
DO_DATA_PLAIN = 0x85
DO_EXPECTED = 0x97
DO_STATUS = 0x99
DO_MAC = 0x8E


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """KSenc and KSmac, 16 bytes each."""

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)


class SecureSession:
    """Protects commands and checks answers. After the first fault it is dead and raises SessionBroken for ever."""

    def __init__(self, link: CardLink, keys: SessionKeys) -> None:
        self._link, self._keys = link, keys
        self._counter = 0
        self._dead = False

    def send(self, command: Command) -> tuple[bytes, int]:
        """Send one command protected; return the plain data and the protected status word."""
        if self._dead:
            raise SessionBroken("the session ended before")
        try:
            answer, sw = self._link.transmit(self._protect(command))
            return self._unprotect(answer, sw)
        except (SessionBroken, ChipDataError) as error:
            self._dead = True
            raise SessionBroken(error.detail) from error

    def _protect(self, command: Command) -> bytes:
        self._counter += 1
        header = bytes([command.cla | PROTECTED, command.ins, command.p1, command.p2])
        body = self._data_object(command) + _expected_object(command)
        mac = self._mac(pad(header) + body)
        protected = body + tlv.encode(DO_MAC, mac)
        extended = command.extended or len(protected) > 255
        return build(header, protected, 65536 if extended else 256, extended=extended)

    def _data_object(self, command: Command) -> bytes:
        if not command.data:
            return b""
        encryptor = self._cipher().encryptor()
        ciphertext = encryptor.update(pad(command.data)) + encryptor.finalize()
        if command.ins & 1:
            return tlv.encode(DO_DATA_PLAIN, ciphertext)
        return tlv.encode(DO_DATA_PADDED, b"\x01" + ciphertext)

    def _unprotect(self, answer: bytes, sw: int) -> tuple[bytes, int]:
        self._counter += 1
        if not answer:
            raise SessionBroken(f"unprotected answer {sw:04X}")
        objects = {item.tag: item.value for item in tlv.items(answer)}
        mac, status = objects.get(DO_MAC), objects.get(DO_STATUS)
        if mac is None or status is None or len(status) != 2:
            raise SessionBroken("status or MAC is missing")
        covered = answer[: len(answer) - len(tlv.encode(DO_MAC, mac))]
        if tlv.encode(DO_MAC, mac) != answer[len(covered) :] or not hmac.compare_digest(self._mac(covered), mac):
            raise SessionBroken("wrong MAC")
        if int.from_bytes(status) != sw:
            raise SessionBroken("status words differ")
        return self._decrypt(objects), sw

    def _decrypt(self, objects: dict[int, bytes]) -> bytes:
        ciphertext = objects.get(DO_DATA_PLAIN)
        if DO_DATA_PADDED in objects:
            if objects[DO_DATA_PADDED][:1] != b"\x01":
                raise SessionBroken("padding indicator")
            ciphertext = objects[DO_DATA_PADDED][1:]
        if ciphertext is None:
            return b""
        if not ciphertext or len(ciphertext) % BLOCK:
            raise SessionBroken("ciphertext length")
        decryptor = self._cipher().decryptor()
        return unpad(decryptor.update(ciphertext) + decryptor.finalize())

    def _cipher(self) -> Cipher[modes.CBC]:
        key = algorithms.AES(self._keys.encryption)
        # The IV is the encrypted send sequence counter (9.8.6.1): single-block ECB, never used for data.
        encryptor = Cipher(key, modes.ECB()).encryptor()  # noqa: S305
        iv = encryptor.update(self._ssc()) + encryptor.finalize()
        return Cipher(key, modes.CBC(iv))

    def _mac(self, data: bytes) -> bytes:
        mac = CMAC(algorithms.AES(self._keys.authentication))
        mac.update(pad(self._ssc() + data))
        return mac.finalize()[:MAC_BYTES]

    def _ssc(self) -> bytes:
        return self._counter.to_bytes(BLOCK)


def _expected_object(command: Command) -> bytes:
    if not command.expected:
        return b""
    if command.expected <= 256:
        return tlv.encode(DO_EXPECTED, bytes([command.expected & 0xFF]))
    return tlv.encode(DO_EXPECTED, (command.expected & 0xFFFF).to_bytes(2))


def pad(data: bytes) -> bytes:
    """Append 80 and zeros up to a whole block (ISO/IEC 9797-1, method 2)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def unpad(data: bytes) -> bytes:
    """Remove the padding of method 2; raise SessionBroken when there is none."""
    stripped = data.rstrip(b"\0")
    if stripped[-1:] != b"\x80":
        raise SessionBroken("padding")
    return stripped[:-1]

"""Secure messaging with 3DES or AES (Doc 9303-11, 9.8): commands and answers over a CardLink, protected."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from agent.capture.chip import ciphers, tlv
from agent.capture.chip.apdu import Command, build
from agent.capture.chip.ciphers import AES_128, AES_BLOCK, MAC_BYTES, Suite, pad
from agent.capture.chip.errors import ChipDataError, SessionBroken
from agent.devices.seams import CardLink

PROTECTED = 0x0C

DO_DATA_PADDED = 0x87
DO_DATA_PLAIN = 0x85
DO_EXPECTED = 0x97
DO_STATUS = 0x99
DO_MAC = 0x8E
MAC_OBJECT_HEADER = bytes([DO_MAC, MAC_BYTES])
MAC_OBJECT_BYTES = len(MAC_OBJECT_HEADER) + MAC_BYTES


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """KSenc and KSmac of a cipher suite, and the counter that a session begins with (zero but after BAC, 9.8.6.3)."""

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    suite: Suite = field(default=AES_128, repr=False)
    counter: int = field(default=0, repr=False)

    @classmethod
    def derive(cls, secret: bytes, suite: Suite, counter: int = 0) -> SessionKeys:
        """Derive both keys from a shared secret (9.7.1)."""
        encryption = suite.derive(secret, ciphers.ENCRYPTION)
        return cls(encryption, suite.derive(secret, ciphers.AUTHENTICATION), suite, counter)


class SecureSession:
    """Protects commands and checks answers. After the first fault it is dead and raises SessionBroken for ever."""

    def __init__(self, link: CardLink, keys: SessionKeys) -> None:
        self._link, self._keys = link, keys
        self._block = keys.suite.block
        self._vector = keys.suite.vector_of(keys.encryption)
        self._mac = keys.suite.mac_of(keys.authentication)
        self._counter = keys.counter
        self._dead = False

    @property
    def suite(self) -> Suite:
        """The cipher suite of the session."""
        return self._keys.suite

    def renewed(self, keys: SessionKeys) -> SecureSession:
        """Return a session with other keys over the same link, as after chip authentication."""
        return SecureSession(self._link, keys)

    def send(self, command: Command) -> tuple[bytes, int]:
        """Send one command protected; return the plain data and the protected status word."""
        if self._dead:
            raise SessionBroken("the session ended before")
        self._dead = True  # until the answer proves otherwise, whatever is raised
        try:
            answer, sw = self._link.transmit(self._protect(command))
            plain = self._unprotect(command.ins, answer, sw)
        except ChipDataError as error:
            raise SessionBroken(error.detail) from error
        self._dead = False
        return plain

    def _protect(self, command: Command) -> bytes:
        self._counter += 1
        header = bytes([command.cla | PROTECTED, command.ins, command.p1, command.p2])
        body = self._data_object(command) + _expected_object(command)
        mac = self._mac(self._ssc() + self._padded(header) + (self._padded(body) if body else b""))
        protected = body + tlv.encode(DO_MAC, mac)
        extended = command.extended or len(protected) > 255
        return build(header, protected, 65536 if extended else 256, extended=extended)

    def _data_object(self, command: Command) -> bytes:
        if not command.data:
            return b""
        ciphertext = self.suite.encrypt(self._keys.encryption, self._padded(command.data), self._vector(self._ssc()))
        if command.ins & 1:
            return tlv.encode(DO_DATA_PLAIN, ciphertext)
        return tlv.encode(DO_DATA_PADDED, b"\x01" + ciphertext)

    def _unprotect(self, ins: int, answer: bytes, sw: int) -> tuple[bytes, int]:
        self._counter += 1
        if not answer:
            raise SessionBroken(f"unprotected answer {sw:04X}", sw)
        protected, mac = answer[:-MAC_OBJECT_BYTES], answer[-MAC_BYTES:]
        if answer[len(protected) : -MAC_BYTES] != MAC_OBJECT_HEADER:
            raise SessionBroken("the MAC is missing")
        # Nothing of the answer is parsed before the MAC holds.
        if not hmac.compare_digest(self._mac(self._ssc() + self._padded(protected)), mac):
            raise SessionBroken("wrong MAC")
        data_tag = DO_DATA_PLAIN if ins & 1 else DO_DATA_PADDED
        objects = [(item.tag, item.value) for item in tlv.items(protected)]
        if [tag for tag, _ in objects] not in ([DO_STATUS], [data_tag, DO_STATUS]):
            raise SessionBroken("data objects other than expected")
        if objects[-1][1] != sw.to_bytes(2):
            raise SessionBroken("status words differ")
        return self._decrypt(*objects[0]) if len(objects) > 1 else b"", sw

    def _decrypt(self, tag: int, ciphertext: bytes) -> bytes:
        if tag == DO_DATA_PADDED:
            if ciphertext[:1] != b"\x01":
                raise SessionBroken("padding indicator")
            ciphertext = ciphertext[1:]
        if not ciphertext or len(ciphertext) % self._block:
            raise SessionBroken("ciphertext length")
        return unpad(self.suite.decrypt(self._keys.encryption, ciphertext, self._vector(self._ssc())), self._block)

    def _padded(self, data: bytes) -> bytes:
        return pad(data, self._block)

    def _ssc(self) -> bytes:
        return self._counter.to_bytes(self._block)


def _expected_object(command: Command) -> bytes:
    if not command.expected:
        return b""
    if command.expected <= 256:
        return tlv.encode(DO_EXPECTED, bytes([command.expected & 0xFF]))
    return tlv.encode(DO_EXPECTED, (command.expected & 0xFFFF).to_bytes(2))


def unpad(data: bytes, block: int = AES_BLOCK) -> bytes:
    """Remove the padding of method 2; raise SessionBroken when there is none."""
    stripped = data.rstrip(b"\0")
    if stripped[-1:] != b"\x80" or len(data) - len(stripped) >= block:
        raise SessionBroken("padding")
    return stripped[:-1]

"""An enrolment token as people carry it: 14 groups of four characters, with a checksum against typing errors."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from agent.proto.enrolment import TOKEN_BYTES

PIN_BYTES = 16
CHECK_BYTES = 3
GROUP = 4


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """A secret for one enrolment, and which collector it is for.

    `pin` is the start of SHA-256 over the certificate (DER) that the collector shows on its second port: a kiosk that
    knows nobody yet tells by it whom it may show the secret.
    """

    secret: bytes = field(repr=False)
    pin: bytes

    @classmethod
    def parse(cls, text: str) -> EnrolmentToken:
        """Read what somebody typed or pasted; raise ValueError."""
        plain = "".join(text.split()).replace("-", "").upper()
        try:
            data = base64.b32decode(plain)
        except binascii.Error as error:
            raise ValueError("not an enrolment token") from error
        secret, pin, check = data[:TOKEN_BYTES], data[TOKEN_BYTES:-CHECK_BYTES], data[-CHECK_BYTES:]
        if len(pin) != PIN_BYTES or check != _check(secret + pin):
            raise ValueError("not an enrolment token")
        return cls(secret, pin)

    def to_text(self) -> str:
        """Return it for people."""
        data = self.secret + self.pin
        plain = base64.b32encode(data + _check(data)).decode("ascii")
        return "-".join(plain[place : place + GROUP] for place in range(0, len(plain), GROUP))


def pin_of(certificate_der: bytes) -> bytes:
    """Return what a token says of the collector's certificate."""
    return hashlib.sha256(certificate_der).digest()[:PIN_BYTES]


def _check(data: bytes) -> bytes:
    return hashlib.sha256(b"kiosk-enrolment-token-v1" + data).digest()[:CHECK_BYTES]

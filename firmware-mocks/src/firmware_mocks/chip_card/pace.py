"""PACE, the chip's side (ICAO Doc 9303-11, 4.4)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from firmware_mocks.chip_card import mapping, tlv
from firmware_mocks.chip_card.apdu import Refused, Sw
from firmware_mocks.chip_card.ciphers import KeyUse
from firmware_mocks.chip_card.ec import PointError
from firmware_mocks.chip_card.groups import is_curve
from firmware_mocks.chip_card.secure_messaging import SessionKeys
from firmware_mocks.chip_card.variants import CITIZEN_CARD, Variant

MRZ, CAN, PIN, PUK = 1, 2, 3, 4  # password references of MSE:Set AT
PIN_TRIES = 3

Step = Callable[[bytes], bytes]


@dataclass(slots=True)
class Passwords:
    """What opens the chip: card access number, MRZ information (number, birth, expiry with digits), PIN and PUK.

    A wrong PIN costs one of three tries, a right one gives all of them back.
    """

    can: str = field(repr=False)
    mrz_information: str = field(repr=False)
    pin: str = field(repr=False, default="")
    puk: str = field(repr=False, default="")
    tries: int = PIN_TRIES

    def secret(self, reference: int) -> bytes:
        """Return K for a password reference; raises Refused (6A88) for one the chip does not have."""
        if reference == MRZ:
            return hashlib.sha1(self.mrz_information.encode("ascii"), usedforsecurity=False).digest()
        known = {CAN: self.can, PIN: self.pin, PUK: self.puk}.get(reference)
        if not known:
            raise Refused(Sw.REFERENCE_NOT_FOUND)
        return known.encode("ascii")


class Pace:
    """One run of the protocol; every refusal sends it back to its start.

    `static` is the private key of chip authentication mapping. `scalar` draws a private key below the given order.
    """

    def __init__(
        self,
        passwords: Passwords,
        nonce: Callable[[int], bytes] = secrets.token_bytes,
        scalar: Callable[[int], int] = lambda order: 1 + secrets.randbelow(order - 1),
        variants: Sequence[Variant] = (CITIZEN_CARD,),
        static: int = 0,
    ) -> None:
        self._passwords = passwords
        self._nonce_source, self._scalar = nonce, scalar
        self._variants, self._static = variants, static
        self._forget()

    def _forget(self) -> None:
        self._step: tuple[int, Step] | None = None
        self.keys: SessionKeys | None = None

    def set_at(self, data: bytes) -> None:
        """MSE:Set AT (9303-11, 4.4.4.1); raises Refused for what the chip does not offer."""
        self._forget()
        try:
            objects = dict(tlv.decode(data))
        except tlv.TlvError as error:
            raise Refused(Sw.WRONG_DATA) from error
        fitting = [v for v in self._variants if v.oid == objects.get(0x80)]
        chosen = objects.get(0x84, bytes([fitting[0].parameter_id]) if fitting else b"")
        fitting = [v for v in fitting if bytes([v.parameter_id]) == chosen]
        if not fitting:
            raise Refused(Sw.WRONG_DATA)
        self._variant, self._group = fitting[0], fitting[0].group
        self._reference = int.from_bytes(objects.get(0x83, b""), "big")
        self._key = self._variant.suite.derive(self._passwords.secret(self._reference), KeyUse.PASSWORD)
        self._step = (0, self._nonce)

    def general_authenticate(self, data: bytes, *, last: bool) -> bytes:
        """One GENERAL AUTHENTICATE; returns the dynamic authentication data 7C (9303-11, 4.4.4.2).

        After the step with `last` set `keys` holds the session's keys.
        Raises Refused: 6985 out of order, 6A80 for unusable data, 6300 for a wrong token (63Cx for a PIN).
        """
        if self._step is None:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        tag, step = self._step
        self._step = None
        if last != (tag == 0x85):
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        try:
            return tlv.encode(0x7C, step(_dynamic_data(data, tag)))
        except (tlv.TlvError, PointError, ValueError) as error:
            raise Refused(Sw.WRONG_DATA) from error

    def _nonce(self, _: bytes) -> bytes:
        suite = self._variant.suite
        self._secret_nonce = self._nonce_source(mapping.nonce_bytes(suite))
        self._step = (0x81, self._integrate if self._variant.mapping == "im" else self._map)
        # 9303-11, 4.4.3.3 encrypts the nonce in CBC with a zero IV
        return tlv.encode(0x80, suite.crypt(self._key, self._secret_nonce, bytes(suite.block_bytes)))

    def _map(self, terminal: bytes) -> bytes:
        group = self._group
        self._mapping_key = self._scalar(group.order)
        shared = group.multiply(self._mapping_key, group.decode(terminal))
        nonce = int.from_bytes(self._secret_nonce, "big") % group.order
        self._generator = group.add(group.multiply(nonce, group.generator), shared)
        self._step = (0x83, self._agree)
        return tlv.encode(0x82, group.encode(group.multiply(self._mapping_key, group.generator)))

    def _integrate(self, terminal: bytes) -> bytes:
        suite = self._variant.suite
        if len(terminal) != suite.key_bytes:
            raise Refused(Sw.WRONG_DATA)
        self._generator = mapping.integrated(self._group, suite, self._secret_nonce, terminal)
        self._step = (0x83, self._agree)
        return tlv.encode(0x82, b"")

    def _agree(self, terminal: bytes) -> bytes:
        group = self._group
        private = self._scalar(group.order)
        public = group.encode(group.multiply(private, self._generator))
        if public == terminal:  # 9303-11, 4.4: both sides check that the keys differ
            raise Refused(Sw.WRONG_DATA)
        element = group.decode(terminal)
        secret = group.secret(group.multiply(private, element))
        self._agreed = SessionKeys.from_secret(secret, self._variant.suite)
        self._publics = (public, group.encode(element))
        self._step = (0x85, self._confirm)
        return tlv.encode(0x84, public)

    def _confirm(self, token: bytes) -> bytes:
        chip, terminal = self._publics
        counted = self._reference == PIN
        if counted and not self._passwords.tries:
            raise Refused(Sw.AUTHENTICATION_BLOCKED)
        if not hmac.compare_digest(token, self._token(chip)):
            if counted:
                self._passwords.tries -= 1
                raise Refused(Sw(Sw.TRIES_LEFT + self._passwords.tries))
            raise Refused(Sw.AUTHENTICATION_FAILED)
        if counted:
            self._passwords.tries = PIN_TRIES
        self.keys = self._agreed
        return tlv.encode(0x86, self._token(terminal)) + self._proof()

    def _proof(self) -> bytes:
        """Encrypt the chip authentication data: the mapping key over the static key (9303-11, 4.4.3.5)."""
        if self._variant.mapping != "cam":
            return b""
        suite, order = self._variant.suite, self._group.order
        quotient = self._mapping_key * pow(self._static, -1, order) % order
        vector = suite.crypt(self._agreed.encrypt, b"\xff" * suite.block_bytes, bytes(suite.block_bytes))
        padded = suite.pad(quotient.to_bytes(self._group.size, "big"))
        return tlv.encode(0x8A, suite.crypt(self._agreed.encrypt, padded, vector))

    def _token(self, public: bytes) -> bytes:
        """Compute the authentication token over the other side's ephemeral key (9303-11, 4.4.3.4)."""
        tag = 0x86 if is_curve(self._group) else 0x84
        body = tlv.encode(0x06, self._variant.oid) + tlv.encode(tag, public)
        return self._variant.suite.token(self._agreed.mac, tlv.encode(0x7F49, body))


def _dynamic_data(data: bytes, tag: int) -> bytes:
    inner = tlv.single(data, 0x7C)
    if tag == 0 and not inner:
        return b""
    return tlv.single(inner, tag)

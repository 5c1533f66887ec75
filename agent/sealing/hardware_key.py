"""A record key that never leaves its device: one connection, opened again when it was lost, every signature checked."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from agent.sealing.errors import SealingError
from agent.sealing.key_errors import KeyDeviceAbsent, KeyDeviceFailed, KeyTimeout, PinWrong
from agent.sealing.keys import COORDINATE_BYTES, key_id
from agent.sealing.registered_key import require_registered

# Not CBOR for an array, so it can never be a Sig_structure (RFC 9052, 4.4) that somebody would accept.
PROOF = b"kiosk record key check"


class Connection(Protocol):
    """An open device with the key found and unlocked. Deadlines are on time.monotonic()."""

    @property
    def place(self) -> str:
        """What people recognise the device by."""
        ...

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key's public half as the device tells it."""
        ...

    def sign_digest(self, digest: bytes, deadline: float) -> bytes:
        """Sign a SHA-256 digest: r || s, 64 bytes. KeyDeviceAbsent means that opening again may help."""
        ...

    def close(self) -> None:
        """Let go of the device; never blocks, never raises."""
        ...


class HardwareRecordKey:
    """An ES256 record key behind a Connection; safe to use from several threads."""

    def __init__(
        self, connect: Callable[[float], Connection], registered: ec.EllipticCurvePublicKey, wait_s: float
    ) -> None:
        self._connect = connect
        self._registered = registered
        self._wait_s = wait_s
        self._turn = threading.Lock()
        self._connection: Connection | None = None
        self._refused: PinWrong | None = None
        self.key_id = key_id(registered)
        self.place = ""

    def __repr__(self) -> str:
        return f"HardwareRecordKey(key_id={self.key_id.hex()}, place={self.place!r})"

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The registered public key, which the device's key was compared with."""
        return self._registered

    def prove(self) -> None:
        """Open the device and make one signature, so that a wrong PIN or key shows now and not with a person waiting.

        Raises the errors of `sign`.
        """
        self.sign(PROOF)

    def sign(self, data: bytes) -> bytes:
        """Return r || s over SHA-256 of `data`, checked against the registered key.

        Raises KeyDeviceAbsent, KeyDeviceFailed, KeyTimeout, KeyMismatch, KeyMissing, KeyLockedOut, PinWrong,
        PinLastTry or PinUnreadable. After PinWrong the device is left alone until the key is loaded anew, so that
        tries are not used up.
        """
        deadline = time.monotonic() + self._wait_s
        digest = hashlib.sha256(data).digest()
        with self._my_turn(deadline):
            signature = self._sign(digest, deadline)
        self._check(signature, digest)
        return signature

    def close(self) -> None:
        """Let go of the device, after a signature under way; a later signature opens it again. Raises KeyTimeout."""
        with self._my_turn(time.monotonic() + self._wait_s):
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    @contextmanager
    def _my_turn(self, deadline: float) -> Iterator[None]:
        if not self._turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise KeyTimeout("another signature is under way")
        try:
            yield
        finally:
            self._turn.release()

    def _sign(self, digest: bytes, deadline: float) -> bytes:
        reused = self._connection is not None
        try:
            return self._attempt(digest, deadline)
        except KeyDeviceAbsent:
            if not reused:
                raise
        # The connection is from before a suspend, a restart or a re-plug: a fresh one tells if the device is back.
        return self._attempt(digest, deadline)

    def _attempt(self, digest: bytes, deadline: float) -> bytes:
        try:
            return self._open(deadline).sign_digest(digest, deadline)
        except PinWrong as error:
            self._refused = error
            self._drop()
            raise
        except SealingError:
            self._drop()
            raise

    def _open(self, deadline: float) -> Connection:
        if self._refused:
            raise PinWrong("refused before; the device was not asked again", self._refused.tries_left)
        if self._connection is None:
            self._connection = self._connect(deadline)
            require_registered(self._connection.public_key, self._registered)
            self.place = self._connection.place
        return self._connection

    def _check(self, signature: bytes, digest: bytes) -> None:
        r, s = (int.from_bytes(half) for half in (signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]))
        scheme = ec.ECDSA(Prehashed(hashes.SHA256()))
        try:
            if len(signature) != 2 * COORDINATE_BYTES:
                raise InvalidSignature
            self._registered.verify(encode_dss_signature(r, s), digest, scheme)
        except (InvalidSignature, ValueError):
            raise KeyDeviceFailed("the signature does not verify") from None

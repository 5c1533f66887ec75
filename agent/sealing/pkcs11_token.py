"""An open PKCS#11 token with the record key found on it (PKCS #11 v2.40). The only file that talks to a module."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pkcs11
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, TokenFlag, exceptions
from pkcs11.types import PublicKey, SignMixin
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from agent.sealing.errors import KeyUnusable
from agent.sealing.key_errors import (
    KeyDeviceAbsent,
    KeyDeviceFailed,
    KeyExists,
    KeyLockedOut,
    KeyMissing,
    KeyModuleNotFound,
    PinLastTry,
    PinWrong,
)
from agent.sealing.key_settings import OnToken
from agent.sealing.pin import Pin, read_pin
from agent.sealing.serial_thread import SerialThread

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Module  # noqa: N812  # the library gives a loaded module no other name

CURVE = "secp256r1"
WRONG_PIN = (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange)
LOCKED = (exceptions.PinLocked, exceptions.PinExpired)
LOST = (
    exceptions.DeviceRemoved,
    exceptions.KeyHandleInvalid,
    exceptions.ObjectHandleInvalid,
    exceptions.SessionClosed,
    exceptions.SessionHandleInvalid,
    exceptions.SlotIDInvalid,
    exceptions.TokenNotPresent,
    exceptions.TokenNotRecognised,
    exceptions.UserNotLoggedIn,
)


@functools.cache
def thread_of(module: Path) -> SerialThread:
    """Return the one thread that may enter this module: python-pkcs11 initialises it for single-threaded use."""
    return SerialThread(f"PKCS#11 module {module.name}")


class TokenConnection:
    """A session with the private key at hand: the Connection of a PKCS#11 key."""

    def __init__(self, settings: OnToken, session: pkcs11.Session) -> None:
        self._thread = thread_of(settings.module)
        self._session = session
        self._private = _signing_key(session, settings.label)
        self.public_key = _public_key(session, settings.label)
        token = session.token
        self.place = f"token {token.label}, serial {token.serial.decode('ascii', 'replace')}, {token.manufacturer_id}"

    def sign_digest(self, digest: bytes, deadline: float) -> bytes:
        """Sign with CKM_ECDSA, whose result is r || s already (PKCS #11 v2.40, 2.3.1)."""
        return self._thread.call(lambda: self._sign(digest), deadline)

    def close(self) -> None:
        """Close the session when the module has time for it."""
        self._thread.post(self._session.close)

    def _sign(self, digest: bytes) -> bytes:
        with translated():
            return self._private.sign(digest, mechanism=Mechanism.ECDSA)


def connect(settings: OnToken, deadline: float) -> TokenConnection:
    """Open the token, log in and find the key; raises the errors of HardwareRecordKey.sign and KeyModuleNotFound."""
    return thread_of(settings.module).call(lambda: _connect(settings), deadline)


def generate(settings: OnToken, deadline: float) -> ec.EllipticCurvePublicKey:
    """Make a P-256 key pair that cannot leave the token; raise KeyExists when the label is taken."""
    return thread_of(settings.module).call(lambda: _generate(settings), deadline)


def destroy(settings: OnToken, deadline: float) -> None:
    """Destroy both halves of the key; raise KeyMissing when the token has neither."""
    thread_of(settings.module).call(lambda: _destroy(settings), deadline)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the library's errors into ours; its messages never quote a PIN."""
    try:
        yield
    except LOST as error:
        raise KeyDeviceAbsent(type(error).__name__) from error
    except exceptions.PKCS11Error as error:
        raise KeyDeviceFailed(f"{type(error).__name__} {error}".strip()) from error


def _connect(settings: OnToken) -> TokenConnection:
    session = _log_in(settings, writable=False)
    try:
        with translated():
            return TokenConnection(settings, session)
    except BaseException:
        with suppress(exceptions.PKCS11Error):
            session.close()
        raise


def _generate(settings: OnToken) -> ec.EllipticCurvePublicKey:
    with translated(), _log_in(settings, writable=True) as session:
        if _objects(session, ObjectClass.PRIVATE_KEY, settings.label):
            raise KeyExists(f"label {settings.label}")
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(CURVE)}
        parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
        parameters.generate_keypair(
            store=True,
            label=settings.label,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        _signing_key(session, settings.label)
        return _public_key(session, settings.label)


def _destroy(settings: OnToken) -> None:
    with translated(), _log_in(settings, writable=True) as session:
        kinds = (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)
        found = [entry for kind in kinds for entry in _objects(session, kind, settings.label)]
        if not found:
            raise KeyMissing(f"label {settings.label}")
        for entry in found:
            entry.destroy()


def _log_in(settings: OnToken, *, writable: bool) -> pkcs11.Session:
    pin = read_pin(settings.pin)
    with translated():
        token = _token(settings)
        _spare_the_last_try(token)
    try:
        with translated():
            return _session(token, pin, writable=writable)
    except KeyDeviceFailed as error:
        if isinstance(error.__cause__, LOCKED):
            raise KeyLockedOut(token.label) from None
        if isinstance(error.__cause__, WRONG_PIN):
            raise PinWrong(f"token {token.label}", _tries_left(token)) from None
        raise


def _session(token: pkcs11.Token, pin: Pin, *, writable: bool) -> pkcs11.Session:
    try:
        return token.open(rw=writable, user_pin=pin.value)
    except exceptions.UserAlreadyLoggedIn:
        # A login holds for the whole process (PKCS #11 v2.40, 5.6): another key of this token is in use.
        return token.open(rw=writable)


def _token(settings: OnToken) -> pkcs11.Token:
    library = _library(settings.module)
    found = _tokens(library, settings)
    if not found:
        # Some modules look for tokens only when they start; sessions that this ends are opened again by their keys.
        library.reinitialize()
        found = _tokens(library, settings)
    if len(found) != 1:
        raise KeyDeviceAbsent(f"{len(found)} tokens with label {settings.token!r} and serial {settings.serial!r}")
    return found[0]


def _tokens(library: Module, settings: OnToken) -> list[pkcs11.Token]:
    present = [slot.get_token() for slot in library.get_slots(token_present=True)]
    return [
        token
        for token in present
        if token.label == settings.token and settings.serial in {"", token.serial.decode("ascii", "replace")}
    ]


def _library(module: Path) -> Module:
    if not module.is_file():
        raise KeyModuleNotFound(str(module))
    try:
        library: Module = pkcs11.lib(str(module))
        return library
    except exceptions.PKCS11Error as error:
        raise KeyModuleNotFound(f"{module}: {error}") from error


def _spare_the_last_try(token: pkcs11.Token) -> None:
    if token.flags & TokenFlag.USER_PIN_LOCKED:
        raise KeyLockedOut(token.label)
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise PinLastTry(token.label)


def _tries_left(token: pkcs11.Token) -> int | None:
    """PKCS#11 has flags, not a number: exactly one, none, or not told."""
    with translated():
        flags = token.slot.get_token().flags
    if flags & TokenFlag.USER_PIN_LOCKED:
        return 0
    return 1 if flags & TokenFlag.USER_PIN_FINAL_TRY else None


def _objects(session: pkcs11.Session, kind: ObjectClass, label: str) -> list[pkcs11.Object]:
    return list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: label}))


def _only(session: pkcs11.Session, kind: ObjectClass, label: str) -> pkcs11.Object:
    found = _objects(session, kind, label)
    if not found:
        raise KeyMissing(f"{kind.name.lower()} with label {label}")
    if len(found) > 1:
        raise KeyUnusable(f"{len(found)} keys with label {label}")
    return found[0]


def _signing_key(session: pkcs11.Session, label: str) -> SignMixin:
    private = _only(session, ObjectClass.PRIVATE_KEY, label)
    if not isinstance(private, SignMixin):
        raise KeyUnusable("the token's key may not sign")
    if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
        raise KeyUnusable("the key could be read out of the token")
    return private


def _public_key(session: pkcs11.Session, label: str) -> ec.EllipticCurvePublicKey:
    entry = _only(session, ObjectClass.PUBLIC_KEY, label)
    if not isinstance(entry, PublicKey):
        raise KeyUnusable("the token's public key cannot be read")
    try:
        public = serialization.load_der_public_key(encode_ec_public_key(entry))
    except (ValueError, TypeError) as error:
        raise KeyUnusable("the token's public key cannot be read") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise KeyUnusable("the token's key is not a P-256 key")
    return public

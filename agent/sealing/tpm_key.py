"""A record key that only one TPM 2.0 can use: create, load, delete."""

from __future__ import annotations

import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from tpm2_pytss import (
    ESYS_TR,
    TPM2_ALG,
    TPM2_RH,
    TPM2_ST,
    TPM2B_DIGEST,
    TPM2B_PUBLIC,
    TPM2B_SENSITIVE_CREATE,
    TPMS_SENSITIVE_CREATE,
    TPMT_SIG_SCHEME,
    TPMT_TK_HASHCHECK,
)
from tpm2_pytss.tsskey import TSSPrivKey

from agent.sealing.errors import KeyUnusable
from agent.sealing.hardware_key import HardwareRecordKey
from agent.sealing.key_errors import KeyExists, KeyMissing
from agent.sealing.key_settings import InTpm
from agent.sealing.keys import COORDINATE_BYTES
from agent.sealing.pin import Pin, read_pin
from agent.sealing.registered_key import PUBLIC_MODE, public_path, public_pem, read_registered, remove, write_new
from agent.sealing.tpm_blob import BLOB_MODE, blob_path, public_key_of, read_blob, template
from agent.sealing.tpm_chip import Tpm


class TpmConnection:
    """An open TPM with the record key loaded: the Connection of a TPM key."""

    def __init__(self, tpm: Tpm, key: ESYS_TR, session: ESYS_TR, public: ec.EllipticCurvePublicKey) -> None:
        self._tpm, self._key, self._session = tpm, key, session
        self.public_key = public
        self.place = tpm.place

    def sign_digest(self, digest: bytes, deadline: float) -> bytes:
        """TPM2_Sign; returns r || s."""
        self._tpm.until(deadline)
        scheme = TPMT_SIG_SCHEME(scheme=TPM2_ALG.NULL)  # the key's own: ECDSA with SHA-256
        ticket = TPMT_TK_HASHCHECK(tag=TPM2_ST.HASHCHECK, hierarchy=TPM2_RH.NULL)
        with self._tpm.translated():
            signed = self._tpm.esys.sign(self._key, TPM2B_DIGEST(digest), scheme, ticket, session1=self._session)
        return raw_signature(bytes(signed.signature.ecdsa.signatureR), bytes(signed.signature.ecdsa.signatureS))

    def close(self) -> None:
        """Flush key and session, and let go of the TPM."""
        self._tpm.close()


def raw_signature(r: bytes, s: bytes) -> bytes:
    """Return r || s, each filled up to 32 bytes: some TPMs leave leading zeros away."""
    return r.rjust(COORDINATE_BYTES, b"\0") + s.rjust(COORDINATE_BYTES, b"\0")


def create(settings: InTpm, folder: Path) -> HardwareRecordKey:
    """Make a key inside the TPM, write its wrapped form (0600) and its public half; return it, proven.

    Raises KeyExists and the errors of `load`.
    """
    for path in (blob_path(folder, settings.name), public_path(folder, settings.name)):
        if path.exists():
            raise KeyExists(str(path))
    blob = _generate(settings, time.monotonic() + settings.wait_s)
    write_new(blob_path(folder, settings.name), blob.to_pem(), BLOB_MODE)
    public = public_key_of(blob.public.publicArea)
    write_new(public_path(folder, settings.name), public_pem(public), PUBLIC_MODE)
    return load(settings, folder)


def load(settings: InTpm, folder: Path) -> HardwareRecordKey:
    """Load the key into the TPM, compare it with the registered one, and prove it with one signature.

    Raises KeyDeviceAbsent, KeyDeviceFailed, KeyTimeout, KeyMissing, KeyMismatch, KeyOfAnotherDevice, KeyUnusable,
    KeyLockedOut, PinWrong, PinLastTry or PinUnreadable.
    """
    blob = read_blob(blob_path(folder, settings.name))
    registered = read_registered(folder, settings.name)
    key = HardwareRecordKey(lambda deadline: _connect(settings, blob, deadline), registered, settings.wait_s)
    key.prove()
    return key


def delete(settings: InTpm, folder: Path) -> None:
    """Remove the wrapped key and its public half; raise KeyMissing when there is no such key.

    The TPM keeps nothing of it. A copy of the file stays usable with this TPM until the TPM is cleared.
    """
    blob = blob_path(folder, settings.name)
    if not blob.exists():
        raise KeyMissing(f"{blob}: not there")
    remove(blob, public_path(folder, settings.name))


def _connect(settings: InTpm, blob: TSSPrivKey, deadline: float) -> TpmConnection:
    public = public_key_of(blob.public.publicArea)
    pin = _pin_for(settings, blob)
    tpm = Tpm(settings, deadline)
    with tpm.closed_on_error(), tpm.translated():
        if pin:
            tpm.spare_the_last_try()
        primary = tpm.primary()
        key = tpm.load(primary, blob)
        session = tpm.salted_session(primary) if pin else ESYS_TR.PASSWORD
        tpm.esys.tr_set_auth(key, pin.value.encode() if pin else b"")
        tpm.flush(primary)
        return TpmConnection(tpm, key, session, public)


def _generate(settings: InTpm, deadline: float) -> TSSPrivKey:
    pin = read_pin(settings.pin) if settings.pin else None
    area = TPM2B_PUBLIC(publicArea=template(pin=pin is not None))
    tpm = Tpm(settings, deadline)
    with tpm.closed_on_error(), tpm.translated():
        primary = tpm.primary()
        session = tpm.salted_session(primary) if pin else ESYS_TR.PASSWORD
        private, public, *_ = tpm.esys.create(primary, _sensitive(pin), area, session1=session)
    tpm.close()
    return TSSPrivKey(private, public, empty_auth=pin is None)


def _sensitive(pin: Pin | None) -> TPM2B_SENSITIVE_CREATE:
    if pin is None:
        return TPM2B_SENSITIVE_CREATE()
    return TPM2B_SENSITIVE_CREATE(TPMS_SENSITIVE_CREATE(userAuth=pin.value.encode()))


def _pin_for(settings: InTpm, blob: TSSPrivKey) -> Pin | None:
    if blob.empty_auth and settings.pin:
        raise KeyUnusable("[keys] names a PIN, the key was made without one")
    if not blob.empty_auth and not settings.pin:
        raise KeyUnusable("the key was made with a PIN, [keys] names none")
    return read_pin(settings.pin) if settings.pin else None

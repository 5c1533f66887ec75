"""An open TPM 2.0 (TPM 2.0 Library, part 3): its storage key, sessions, lockout counters and errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tpm2_pytss import (
    ESAPI,
    ESYS_TR,
    TPM2_ALG,
    TPM2_CAP,
    TPM2_PT,
    TPM2_RC,
    TPM2_SE,
    TPM2B_PUBLIC,
    TPM2B_SENSITIVE_CREATE,
    TPMA_OBJECT,
    TPMA_PERMANENT,
    TPMA_SESSION,
    TPMT_SYM_DEF,
    TSS2_Exception,
)
from tpm2_pytss.tsskey import TSSPrivKey

from agent.sealing.errors import SealingError
from agent.sealing.key_errors import (
    KeyDeviceAbsent,
    KeyDeviceFailed,
    KeyLockedOut,
    KeyOfAnotherDevice,
    PinLastTry,
    PinWrong,
)
from agent.sealing.key_settings import InTpm
from agent.sealing.tpm_link import TpmLink

# The storage key that the TSS2 PRIVATE KEY form means by "owner": derived from the owner seed, the same every time.
PRIMARY = "ecc256:aes128cfb"
PRIMARY_ATTRIBUTES = (
    TPMA_OBJECT.FIXEDTPM
    | TPMA_OBJECT.FIXEDPARENT
    | TPMA_OBJECT.SENSITIVEDATAORIGIN
    | TPMA_OBJECT.USERWITHAUTH
    | TPMA_OBJECT.NODA
    | TPMA_OBJECT.RESTRICTED
    | TPMA_OBJECT.DECRYPT
)
CLOSING_S = 1.0
FORMAT_ONE = 0x080  # TPM 2.0 Library, part 2, 6.6: a code that names a handle, a session or a parameter
LAYER_SHIFT = 16
LOST = frozenset({TPM2_RC.HANDLE, TPM2_RC.INITIALIZE, TPM2_RC.CONTEXT_GAP, TPM2_RC.REFERENCE_H0, TPM2_RC.REFERENCE_S0})


@dataclass(frozen=True, slots=True)
class Lockout:
    """The dictionary-attack counters. The whole TPM shares them, so other software's wrong tries count too."""

    active: bool
    failed: int
    allowed: int
    recovery_s: int

    @property
    def tries_left(self) -> int:
        """How many wrong tries the TPM takes before it locks."""
        return max(0, self.allowed - self.failed)


class Tpm:
    """An open TPM; used by one thread at a time."""

    def __init__(self, settings: InTpm, deadline: float) -> None:
        self._link = TpmLink(settings.device, development=settings.development)
        self._link.deadline = deadline
        self._esys: ESAPI | None = None
        self._handles: list[ESYS_TR] = []
        with self.closed_on_error(), self.translated():
            self._esys = ESAPI(self._link)
            self.place = f"TPM {settings.device}, {self._manufacturer()}"

    @property
    def esys(self) -> ESAPI:
        """The TSS's own interface; raises KeyDeviceAbsent when the TPM is closed."""
        if self._esys is None:
            raise KeyDeviceAbsent("closed")
        return self._esys

    def until(self, deadline: float) -> None:
        """Let the commands that follow take until `deadline` (time.monotonic())."""
        self._link.deadline = deadline

    def primary(self) -> ESYS_TR:
        """Derive the owner hierarchy's storage key."""
        area = TPM2B_PUBLIC.parse(PRIMARY, objectAttributes=PRIMARY_ATTRIBUTES)
        handle, *_ = self.esys.create_primary(TPM2B_SENSITIVE_CREATE(), area)
        self._handles.append(handle)
        return handle

    def load(self, primary: ESYS_TR, blob: TSSPrivKey) -> ESYS_TR:
        """Load a wrapped key; raise KeyOfAnotherDevice when this TPM did not wrap exactly this."""
        try:
            handle = self.esys.load(primary, blob.private, blob.public)
        except TSS2_Exception as error:
            if error.rc >> LAYER_SHIFT == 0 and error.rc & TPM2_RC.P and error.rc & FORMAT_ONE:
                raise KeyOfAnotherDevice(f"0x{error.rc:X}") from None
            raise
        self._handles.append(handle)
        return handle

    def salted_session(self, primary: ESYS_TR) -> ESYS_TR:
        """Open an HMAC session, salted, so that a PIN is never on the bus (TPM 2.0 Library, part 1, 19.6)."""
        session = self.esys.start_auth_session(
            primary, ESYS_TR.NONE, TPM2_SE.HMAC, TPMT_SYM_DEF.parse("aes128cfb"), TPM2_ALG.SHA256
        )
        self._handles.append(session)
        self.esys.trsess_set_attributes(session, TPMA_SESSION.CONTINUESESSION | TPMA_SESSION.DECRYPT)
        return session

    def lockout(self) -> Lockout:
        """Read the dictionary-attack counters."""
        permanent = self._property(TPM2_PT.PERMANENT)
        return Lockout(
            active=bool(permanent & TPMA_PERMANENT.INLOCKOUT),
            failed=self._property(TPM2_PT.LOCKOUT_COUNTER),
            allowed=self._property(TPM2_PT.MAX_AUTH_FAIL),
            recovery_s=self._property(TPM2_PT.LOCKOUT_INTERVAL),
        )

    def spare_the_last_try(self) -> None:
        """Raise KeyLockedOut or PinLastTry when a wrong PIN is not to be risked."""
        state = self.lockout()
        if state.active:
            raise KeyLockedOut(f"{state.failed} wrong tries; one is forgiven every {state.recovery_s} s")
        if state.failed and state.tries_left <= 1:
            raise PinLastTry(f"one is forgiven every {state.recovery_s} s")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the TSS's errors into ours."""
        try:
            yield
        except TSS2_Exception as error:
            raise self._typed(error) from None

    def flush(self, handle: ESYS_TR) -> None:
        """Free a slot: a TPM has three for keys, and one without a resource manager keeps what was left in them."""
        self.esys.flush_context(handle)
        self._handles.remove(handle)

    def close(self) -> None:
        """Flush what is loaded if the TPM still answers, and let go of it; never raises."""
        self._link.deadline = time.monotonic() + CLOSING_S
        if self._esys:
            with suppress(TSS2_Exception):
                for handle in self._handles:
                    self._esys.flush_context(handle)
            self._esys.close()
            self._esys = None
        self._link.close()

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Let go of the TPM when the block fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _typed(self, error: TSS2_Exception) -> SealingError:
        if self._link.failure:
            return self._link.failure
        if error.rc >> LAYER_SHIFT == 0:
            if error.error == TPM2_RC.LOCKOUT:
                return KeyLockedOut()
            if error.error == TPM2_RC.AUTH_FAIL:
                return PinWrong("TPM", self._tries_left())
            if error.error in LOST:
                return KeyDeviceAbsent(f"the TPM was started anew (0x{error.rc:X})")
            if error.error == TPM2_RC.BAD_AUTH:
                return KeyDeviceFailed("the TPM's owner hierarchy has a password")
        return KeyDeviceFailed(f"0x{error.rc:X} {error}")

    def _tries_left(self) -> int | None:
        try:
            return self.lockout().tries_left
        except TSS2_Exception:
            return None

    def _property(self, which: int) -> int:
        _, data = self.esys.get_capability(TPM2_CAP.TPM_PROPERTIES, which, 1)
        found = data.data.tpmProperties
        if found.count != 1 or found[0].property != which:
            raise KeyDeviceFailed(f"the TPM does not tell property 0x{which:X}")
        return int(found[0].value)

    def _manufacturer(self) -> str:
        letters = self._property(TPM2_PT.MANUFACTURER).to_bytes(4)
        return letters.decode("ascii", "replace").strip("\0 ")

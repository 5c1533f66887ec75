"""A PKCS#11 token that locks, fails, hangs or computes wrongly: SoftHSM behind a module that fails on order."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agent.sealing.hardware_key import HardwareRecordKey
from agent.sealing.key_errors import KeyDeviceAbsent, KeyDeviceFailed, KeyLockedOut, KeyTimeout, PinLastTry
from agent.sealing.key_settings import OnToken
from tests.sealing.hardware import WAIT_S, verify
from tests.sealing.softhsm import order

pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extra pkcs11)")
from agent.sealing import pkcs11_key, pkcs11_token  # needs the library that was just looked for

CKR_PIN_LOCKED, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR = 0xA4, 0x32, 0x30
FLAG_FINAL_TRY, FLAG_LOCKED = 0x20000, 0x40000


def test_a_locked_token_is_told_apart(faulty: OnToken, token_trust: Path) -> None:
    """CKR_PIN_LOCKED at login is KeyLockedOut, not a wrong PIN."""
    pkcs11_key.create(faulty, token_trust).close()
    order(faulty, f"login {CKR_PIN_LOCKED}")
    with pytest.raises(KeyLockedOut):
        pkcs11_key.load(faulty, token_trust)


@pytest.mark.parametrize(
    ("flag", "error"), [(FLAG_FINAL_TRY, PinLastTry), (FLAG_LOCKED, KeyLockedOut)], ids=["final try", "locked"]
)
def test_the_last_try_is_never_used(faulty: OnToken, token_trust: Path, flag: int, error: type[Exception]) -> None:
    """With these flags up the login is not even tried: it would answer with another error."""
    pkcs11_key.create(faulty, token_trust).close()
    order(faulty, f"flags {flag}\nlogin {CKR_DEVICE_ERROR}")
    with pytest.raises(error):
        pkcs11_key.load(faulty, token_trust)


def test_a_wrong_signature_never_gets_out(faulty: OnToken, token_trust: Path) -> None:
    """A token that computes wrongly is an error at the kiosk, not a record that nobody can verify."""
    key = pkcs11_key.create(faulty, token_trust)
    order(faulty, "flip 1")
    with pytest.raises(KeyDeviceFailed, match="does not verify"):
        key.sign(b"x")
    order(faulty, "")
    verify(key, b"x")


@pytest.mark.parametrize(
    ("code", "error"),
    [(CKR_DEVICE_REMOVED, KeyDeviceAbsent), (CKR_DEVICE_ERROR, KeyDeviceFailed)],
    ids=["removed", "device error"],
)
def test_a_failing_signature_is_typed_and_passes(
    faulty: OnToken, token_trust: Path, code: int, error: type[Exception]
) -> None:
    """The device's own code becomes our error; when the device is well again, so is the key."""
    key = pkcs11_key.create(faulty, token_trust)
    order(faulty, f"sign {code}")
    with pytest.raises(error):
        key.sign(b"x")
    order(faulty, "")
    verify(key, b"x")


def test_a_module_that_hangs_ends_at_the_deadline(faulty: OnToken, token_trust: Path) -> None:
    """KeyTimeout for the caller, also for the next one; when the module goes on, so does the key."""
    key = pkcs11_key.create(faulty, token_trust)
    hasty = HardwareRecordKey(lambda deadline: pkcs11_token.connect(faulty, deadline), key.public_key, 0.3)
    order(faulty, "hang 1")
    for _ in range(2):
        with pytest.raises(KeyTimeout):
            hasty.sign(b"x")
    order(faulty, "")
    verify(key, b"x")


def test_a_caller_behind_a_hanging_signature_ends_too(faulty: OnToken, token_trust: Path) -> None:
    """The second caller waits for its turn only until its own deadline."""
    key = pkcs11_key.create(faulty, token_trust)
    hasty = HardwareRecordKey(lambda deadline: pkcs11_token.connect(faulty, deadline), key.public_key, 0.5)
    order(faulty, "hang 1")
    outcomes: list[str] = []

    def sign() -> None:
        with pytest.raises(KeyTimeout) as caught:
            hasty.sign(b"x")
        outcomes.append(caught.value.code)

    threads = [threading.Thread(target=sign) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert outcomes == ["key.timeout", "key.timeout"]

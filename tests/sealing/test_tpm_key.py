"""Record keys in a TPM 2.0: the real library down to swtpm on a Unix socket."""

from __future__ import annotations

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cwt import COSE, COSEKey

from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.errors import KeyUnusable
from agent.sealing.key_errors import (
    KeyDeviceFailed,
    KeyExists,
    KeyLockedOut,
    KeyMismatch,
    KeyMissing,
    KeyOfAnotherDevice,
    PinLastTry,
    PinWrong,
)
from agent.sealing.key_settings import InTpm
from agent.sealing.keys import FileRecordKey
from agent.sealing.registered_key import public_pem
from tests.sealing.hardware import OTHER_PIN, PIN, WAIT_S, verify, write_pin
from tests.sealing.swtpm import Simulator, Tap

pytss = pytest.importorskip("tpm2_pytss", reason="tpm2-pytss is not installed (extra tpm)")
from agent.sealing import tpm_blob, tpm_chip, tpm_key  # noqa: E402  # needs the library that was just looked for

BLOB = "record.tpm.pem"


def _allow_tries(in_tpm: InTpm, tries: int) -> None:
    """Set how many wrong tries the TPM takes, as its owner may."""
    chip = tpm_chip.Tpm(in_tpm, time.monotonic() + WAIT_S)
    chip.esys.dictionary_attack_parameters(tries, 7200, 7200)
    chip.close()


def test_a_signature_verifies(in_tpm: InTpm, trust: Path) -> None:
    """Raw r || s, 64 bytes, over SHA-256 of the data."""
    verify(tpm_key.create(in_tpm, trust), b"one record")


def test_short_numbers_are_filled_up() -> None:
    """Some TPMs leave leading zeros away (1 signature in 128 has one); COSE wants 32 bytes each."""
    assert tpm_key.raw_signature(b"\x01\x02", b"\x03" * 32) == bytes(30) + b"\x01\x02" + b"\x03" * 32
    assert tpm_key.raw_signature(b"\x01" * 31, b"") == b"\0" + b"\x01" * 31 + bytes(32)


def test_an_independent_library_accepts_the_cose_message(with_pin: InTpm, trust: Path) -> None:
    """`cwt` verifies a COSE_Sign1 that the TPM signed, and so do we."""
    key = tpm_key.create(with_pin, trust)
    message = sign1(b"payload", "application/test", key)
    public = COSEKey.from_pem(public_pem(key.public_key).decode(), kid=key.key_id, alg="ES256")
    assert COSE.new().decode(message, public) == b"payload"
    assert parse_sign1(message, "application/test").verify(key.public_key) == b"payload"


def test_the_key_survives_a_restart_of_the_tpm(with_pin: InTpm, trust: Path, tpm: Simulator) -> None:
    """The same key after power off and on: loaded anew, and in an object that was open all the time."""
    key = tpm_key.create(with_pin, trust)
    tpm.restart()
    verify(key, b"the open one")
    key.close()
    loaded = tpm_key.load(with_pin, trust)
    assert loaded.key_id == key.key_id
    verify(loaded, b"the loaded one")


def test_two_threads_sign_side_by_side(in_tpm: InTpm, trust: Path) -> None:
    """Signatures of concurrent callers all verify and belong to their own data."""
    key = tpm_key.create(in_tpm, trust)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: verify(key, b"record %d" % n), range(40)))


def test_the_tpm_is_left_clean(in_tpm: InTpm, trust: Path) -> None:
    """Opening and closing many times uses up neither object nor session slots (a TPM has three)."""
    tpm_key.create(in_tpm, trust).close()
    for _ in range(8):
        tpm_key.load(in_tpm, trust).close()


def test_only_the_owner_can_read_the_wrapped_key(in_tpm: InTpm, trust: Path) -> None:
    """The wrapped key is 0600, its public half 0644; a wider mode is refused."""
    tpm_key.create(in_tpm, trust).close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in trust.iterdir()}
    assert modes == {BLOB: 0o600, "record.pub.pem": 0o644}
    (trust / BLOB).chmod(0o640)
    with pytest.raises(KeyUnusable, match="0640"):
        tpm_key.load(in_tpm, trust)


def test_creating_twice_changes_nothing(in_tpm: InTpm, trust: Path) -> None:
    """A second create is refused and the first key stays."""
    key = tpm_key.create(in_tpm, trust)
    key.close()
    with pytest.raises(KeyExists):
        tpm_key.create(in_tpm, trust)
    assert tpm_key.load(in_tpm, trust).key_id == key.key_id


def test_a_deleted_key_is_gone(in_tpm: InTpm, trust: Path) -> None:
    """Both files go; loading and deleting again say so."""
    tpm_key.create(in_tpm, trust).close()
    tpm_key.delete(in_tpm, trust)
    assert not list(trust.iterdir())
    for action in (tpm_key.load, tpm_key.delete):
        with pytest.raises(KeyMissing):
            action(in_tpm, trust)


def test_a_key_of_another_tpm_is_refused(in_tpm: InTpm, trust: Path, other_tpm: Simulator) -> None:
    """A stolen trust trust is of no use on another machine."""
    tpm_key.create(in_tpm, trust).close()
    with pytest.raises(KeyOfAnotherDevice):
        tpm_key.load(replace(in_tpm, device=other_tpm.socket), trust)


def test_an_owner_password_is_named(in_tpm: InTpm, trust: Path) -> None:
    """A TPM that somebody has taken ownership of: the true cause, not a wrong PIN."""
    tpm_key.create(in_tpm, trust).close()
    chip = tpm_chip.Tpm(in_tpm, time.monotonic() + WAIT_S)
    chip.esys.hierarchy_change_auth(pytss.ESYS_TR.RH_OWNER, "taken")
    chip.close()
    with pytest.raises(KeyDeviceFailed, match="owner hierarchy has a password"):
        tpm_key.load(in_tpm, trust)


def test_another_key_than_the_registered_one_is_refused(in_tpm: InTpm, trust: Path) -> None:
    """A trust trust with another kiosk's public half: both key ids are named."""
    key = tpm_key.create(in_tpm, trust)
    key.close()
    stranger = FileRecordKey.create(trust / "stranger.key")
    (trust / "record.pub.pem").write_bytes(public_pem(stranger.public_key))
    with pytest.raises(KeyMismatch, match=key.key_id.hex()):
        tpm_key.load(in_tpm, trust)


def test_the_key_is_sign_only_and_born_inside(with_pin: InTpm, trust: Path) -> None:
    """The public area says: fixed to this TPM, not restricted, no decryption, protected against guessing."""
    tpm_key.create(with_pin, trust).close()
    attributes = tpm_blob.read_blob(trust / BLOB).public.publicArea.objectAttributes
    names = pytss.TPMA_OBJECT
    assert attributes & names.FIXEDTPM
    assert attributes & names.SENSITIVEDATAORIGIN
    assert attributes & names.SIGN_ENCRYPT
    assert not attributes & (names.DECRYPT | names.RESTRICTED | names.NODA)


class TestPin:
    """Wrong tries, the last try, the lock."""

    def test_a_wrong_pin_tells_how_many_tries_are_left(self, with_pin: InTpm, trust: Path) -> None:
        """The TPM's own counters; the PIN is nowhere in the error."""
        tpm_key.create(with_pin, trust).close()
        _allow_tries(with_pin, 5)
        write_pin(trust.parent, OTHER_PIN)
        for left in (4, 3):
            with pytest.raises(PinWrong, match=f"tries left: {left}") as caught:
                tpm_key.load(with_pin, trust)
            assert caught.value.tries_left == left
            assert OTHER_PIN not in repr(caught.value) + str(caught.value.__context__)

    def test_one_key_object_uses_one_wrong_try(self, with_pin: InTpm, trust: Path) -> None:
        """After PinWrong the TPM is left alone, so that a queue of records does not lock it."""
        key = tpm_key.create(with_pin, trust)
        key.close()
        _allow_tries(with_pin, 5)
        write_pin(trust.parent, OTHER_PIN)
        for _ in range(3):
            with pytest.raises(PinWrong) as caught:
                key.sign(b"x")
            assert caught.value.tries_left == 4

    def test_the_last_try_is_never_used(self, with_pin: InTpm, trust: Path) -> None:
        """With one try left even the right PIN is not tried: a technician decides."""
        tpm_key.create(with_pin, trust).close()
        _allow_tries(with_pin, 2)
        write_pin(trust.parent, OTHER_PIN)
        with pytest.raises(PinWrong):
            tpm_key.load(with_pin, trust)
        write_pin(trust.parent, PIN)
        with pytest.raises(PinLastTry, match="7200 s"):
            tpm_key.load(with_pin, trust)

    def test_a_locked_tpm_is_told_apart(self, with_pin: InTpm, trust: Path) -> None:
        """The dictionary-attack lock is its own error, with the time to wait, also for the right PIN."""
        tpm_key.create(with_pin, trust).close()
        _allow_tries(with_pin, 1)
        write_pin(trust.parent, OTHER_PIN)
        with pytest.raises(PinWrong) as caught:
            tpm_key.load(with_pin, trust)
        assert caught.value.tries_left == 0
        write_pin(trust.parent, PIN)
        with pytest.raises(KeyLockedOut, match="7200 s"):
            tpm_key.load(with_pin, trust)

    def test_a_key_without_pin_works_in_a_locked_tpm(self, in_tpm: InTpm, with_pin: InTpm, trust: Path) -> None:
        """Somebody else's wrong tries do not stop a kiosk whose key has no PIN."""
        free = replace(in_tpm, name="free")
        tpm_key.create(with_pin, trust).close()
        tpm_key.create(free, trust).close()
        _allow_tries(with_pin, 1)
        write_pin(trust.parent, OTHER_PIN)
        with pytest.raises(PinWrong):
            tpm_key.load(with_pin, trust)
        verify(tpm_key.load(free, trust), b"x")

    def test_pin_and_key_must_fit(self, in_tpm: InTpm, with_pin: InTpm, trust: Path) -> None:
        """A key with a PIN and settings without one, and the other way round, are told before the TPM is asked."""
        tpm_key.create(with_pin, trust).close()
        with pytest.raises(KeyUnusable, match="names none"):
            tpm_key.load(in_tpm, trust)
        tpm_key.create(replace(in_tpm, name="free"), trust).close()
        with pytest.raises(KeyUnusable, match="without one"):
            tpm_key.load(replace(with_pin, name="free"), trust)

    def test_no_secret_is_printed(self, with_pin: InTpm, trust: Path) -> None:
        """Neither key, connection nor settings show the PIN, and the wrapped key's file does not hold it."""
        key = tpm_key.create(with_pin, trust)
        shown = repr(key) + str(key) + repr(with_pin) + repr(vars(key)) + repr(vars(key._connection))
        assert PIN not in shown
        assert PIN.encode() not in (trust / BLOB).read_bytes()

    def test_the_pin_is_never_on_the_bus(self, with_pin: InTpm, trust: Path, tpm: Simulator) -> None:
        """A tap between kiosk and TPM sees neither creation nor use of the PIN in the clear."""
        tap = Tap(tpm.socket, trust.parent / "tap")
        key = tpm_key.create(replace(with_pin, device=trust.parent / "tap"), trust)
        key.close()
        tap.stop()
        assert len(tap.seen) > 1000
        assert PIN.encode() not in tap.seen

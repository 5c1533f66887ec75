"""Record keys on a PKCS#11 token: the real library down to SoftHSM."""

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
    KeyDeviceAbsent,
    KeyExists,
    KeyMismatch,
    KeyMissing,
    KeyModuleNotFound,
    PinUnreadable,
    PinWrong,
)
from agent.sealing.key_settings import OnToken
from agent.sealing.keys import FileRecordKey
from agent.sealing.registered_key import public_pem
from tests.sealing.hardware import OTHER_PIN, PIN, WAIT_S, verify, write_pin
from tests.sealing.softhsm import SOFTHSM, SPARE, TOKEN, finalize, init_token, restart_module

pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extra pkcs11)")
from agent.sealing import pkcs11_key, pkcs11_token  # noqa: E402  # needs the library that was just looked for


def test_a_signature_verifies(on_token: OnToken, token_trust: Path) -> None:
    """Raw r || s, 64 bytes, over SHA-256 of the data."""
    verify(pkcs11_key.create(on_token, token_trust), b"one record")


def test_an_independent_library_accepts_the_cose_message(on_token: OnToken, token_trust: Path) -> None:
    """`cwt` verifies a COSE_Sign1 that the token signed, and so do we."""
    key = pkcs11_key.create(on_token, token_trust)
    message = sign1(b"payload", "application/test", key)
    public = COSEKey.from_pem(public_pem(key.public_key).decode(), kid=key.key_id, alg="ES256")
    assert COSE.new().decode(message, public) == b"payload"
    assert parse_sign1(message, "application/test").verify(key.public_key) == b"payload"


def test_a_loaded_key_is_the_created_one(on_token: OnToken, token_trust: Path) -> None:
    """The same key id and public key after loading, also while the first is still open."""
    made = pkcs11_key.create(on_token, token_trust)
    loaded = pkcs11_key.load(on_token, token_trust)
    assert loaded.key_id == made.key_id
    assert loaded.public_key == made.public_key
    verify(loaded, b"second")
    made.close()
    verify(loaded, b"after the other one logged out")


def test_the_key_survives_a_restart_of_the_module(on_token: OnToken, token_trust: Path) -> None:
    """After C_Finalize and C_Initialize an open key finds its way back by itself."""
    key = pkcs11_key.create(on_token, token_trust)
    restart_module(SOFTHSM)
    verify(key, b"after the restart")


def test_the_key_cannot_leave_the_token(on_token: OnToken, token_trust: Path) -> None:
    """The private object is sensitive, never extractable, and was made on the token."""
    pkcs11_key.create(on_token, token_trust)

    def attributes() -> list[object]:
        token = pkcs11.lib(str(SOFTHSM)).get_token(token_label=TOKEN)
        with token.open() as session:
            found = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=on_token.label)
            names = ("SENSITIVE", "EXTRACTABLE", "NEVER_EXTRACTABLE", "ALWAYS_SENSITIVE", "LOCAL", "DERIVE")
            return [found[getattr(pkcs11.Attribute, name)] for name in names]

    found = pkcs11_token.thread_of(SOFTHSM).call(attributes, time.monotonic() + WAIT_S)
    assert found == [True, False, True, True, True, False]


def test_two_threads_sign_side_by_side(on_token: OnToken, token_trust: Path) -> None:
    """Signatures of concurrent callers all verify and belong to their own data."""
    key = pkcs11_key.create(on_token, token_trust)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: verify(key, b"record %d" % n), range(40)))


def test_creating_twice_changes_nothing(on_token: OnToken, token_trust: Path) -> None:
    """A second create is refused, by the file and by the token's label."""
    key = pkcs11_key.create(on_token, token_trust)
    with pytest.raises(KeyExists):
        pkcs11_key.create(on_token, token_trust)
    with pytest.raises(KeyExists, match="label kiosk-record"):
        pkcs11_key.create(replace(on_token, name="other"), token_trust)
    assert pkcs11_key.load(on_token, token_trust).key_id == key.key_id


def test_old_and_new_key_live_side_by_side(on_token: OnToken, token_trust: Path) -> None:
    """A rotation needs both: another label and another name on the same token."""
    old = pkcs11_key.create(on_token, token_trust)
    new = pkcs11_key.create(replace(on_token, name="next", label="kiosk-next"), token_trust)
    assert old.key_id != new.key_id
    verify(old, b"old")
    verify(new, b"new")


def test_a_deleted_key_is_gone(on_token: OnToken, token_trust: Path) -> None:
    """Both halves on the token and the public file go; a second delete says so."""
    pkcs11_key.create(on_token, token_trust).close()
    pkcs11_key.delete(on_token, token_trust)
    assert not list(token_trust.iterdir())
    with pytest.raises(KeyMissing):
        pkcs11_key.load(on_token, token_trust)
    with pytest.raises(KeyMissing):
        pkcs11_key.delete(on_token, token_trust)


def test_a_key_that_only_the_token_lost_is_missing(on_token: OnToken, token_trust: Path) -> None:
    """With the registered half still there, the error names the label that was looked for."""
    pkcs11_key.create(on_token, token_trust).close()
    registered = (token_trust / "record.pub.pem").read_bytes()
    pkcs11_key.delete(on_token, token_trust)
    (token_trust / "record.pub.pem").write_bytes(registered)
    with pytest.raises(KeyMissing, match="kiosk-record"):
        pkcs11_key.load(on_token, token_trust)


def test_another_key_than_the_registered_one_is_refused(on_token: OnToken, token_trust: Path) -> None:
    """The token was swapped, or the trust token_trust is another kiosk's: both key ids are named."""
    key = pkcs11_key.create(on_token, token_trust)
    stranger = FileRecordKey.create(token_trust / "stranger.key")
    (token_trust / "record.pub.pem").write_bytes(public_pem(stranger.public_key))
    with pytest.raises(KeyMismatch, match=key.key_id.hex()) as caught:
        pkcs11_key.load(on_token, token_trust)
    assert stranger.key_id.hex() in str(caught.value)


def test_a_wrong_pin_is_told_and_not_tried_again(on_token: OnToken, token_trust: Path) -> None:
    """PinWrong without the PIN in it; the same key object then leaves the token alone."""
    key = pkcs11_key.create(on_token, token_trust)
    key.close()
    write_pin(token_trust.parent, OTHER_PIN)
    with pytest.raises(PinWrong) as caught:
        key.sign(b"x")
    assert OTHER_PIN not in repr(caught.value) + str(caught.value.__context__)
    assert caught.value.tries_left is None
    write_pin(token_trust.parent, PIN)
    with pytest.raises(PinWrong, match="not asked again"):
        key.sign(b"x")
    verify(pkcs11_key.load(on_token, token_trust), b"x")


def test_a_wide_pin_file_is_refused_before_the_token_is_asked(on_token: OnToken, token_trust: Path) -> None:
    """A PIN that others can read is not used."""
    pkcs11_key.create(on_token, token_trust).close()
    (token_trust.parent / "pin").chmod(0o640)
    with pytest.raises(PinUnreadable, match="0640"):
        pkcs11_key.load(on_token, token_trust)


def test_a_missing_token_is_absent_and_found_when_it_comes(on_token: OnToken, token_trust: Path) -> None:
    """No token of this label is KeyDeviceAbsent; one that comes later needs no restart of the process."""
    other = replace(on_token, token=SPARE)
    with pytest.raises(KeyDeviceAbsent, match="0 tokens with label 'spare'"):
        pkcs11_key.create(other, token_trust)
    init_token(SPARE)
    verify(pkcs11_key.create(other, token_trust), b"found")


def test_two_tokens_of_one_label_need_the_serial(on_token: OnToken, token_trust: Path) -> None:
    """A guess is never made; the serial decides."""
    key = pkcs11_key.create(on_token, token_trust)
    serial = key.place.split("serial ")[1].split(",")[0]
    init_token(TOKEN)
    key.close()
    finalize(SOFTHSM)
    with pytest.raises(KeyDeviceAbsent, match="2 tokens"):
        pkcs11_key.load(on_token, token_trust)
    verify(pkcs11_key.load(replace(on_token, serial=serial), token_trust), b"x")


def test_a_token_that_vanishes_is_absent_and_comes_back(on_token: OnToken, token_trust: Path) -> None:
    """The token's token_trust taken away and put back: a typed error, then signatures again."""
    key = pkcs11_key.create(on_token, token_trust)
    tokens, away = token_trust.parent / "tokens", token_trust.parent / "away"
    tokens.rename(away)
    tokens.mkdir()
    restart_module(SOFTHSM)
    with pytest.raises(KeyDeviceAbsent):
        key.sign(b"x")
    tokens.rmdir()
    away.rename(tokens)
    verify(key, b"back")


@pytest.mark.parametrize("text", [None, "not a library"], ids=["missing", "no library"])
def test_a_module_that_cannot_be_loaded_is_named(on_token: OnToken, token_trust: Path, text: str | None) -> None:
    """A missing file and a file that is no module are the same error with the path."""
    module = token_trust.parent / "driver.so"
    if text:
        module.write_text(text)
    with pytest.raises(KeyModuleNotFound, match=str(module)):
        pkcs11_key.create(replace(on_token, module=module), token_trust)


def test_the_public_half_is_all_that_the_token_trust_holds(on_token: OnToken, token_trust: Path) -> None:
    """One file, public, 0644; nothing secret beside it."""
    pkcs11_key.create(on_token, token_trust)
    (only,) = token_trust.iterdir()
    assert stat.S_IMODE(only.stat().st_mode) == 0o644
    assert b"PRIVATE" not in only.read_bytes()


def test_no_secret_is_printed(on_token: OnToken, token_trust: Path) -> None:
    """Neither key nor settings show the PIN."""
    key = pkcs11_key.create(on_token, token_trust)
    assert PIN not in repr(key) + str(key) + repr(on_token) + repr(vars(key))


def test_a_key_that_could_be_read_out_is_refused(on_token: OnToken, token_trust: Path) -> None:
    """A key imported or made extractable by other software does not count as a hardware key."""

    def make() -> None:
        token = pkcs11.lib(str(SOFTHSM)).get_token(token_label=TOKEN)
        with token.open(rw=True, user_pin=PIN) as session:
            curve = {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")}
            parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
            template = {pkcs11.Attribute.EXTRACTABLE: True, pkcs11.Attribute.SENSITIVE: False}
            parameters.generate_keypair(store=True, label=on_token.label, private_template=template)

    pkcs11_token.thread_of(SOFTHSM).call(make, time.monotonic() + WAIT_S)
    stranger = FileRecordKey.create(token_trust / "stranger.key")
    (token_trust / "record.pub.pem").write_bytes(public_pem(stranger.public_key))
    with pytest.raises(KeyUnusable, match="read out"):
        pkcs11_key.load(on_token, token_trust)

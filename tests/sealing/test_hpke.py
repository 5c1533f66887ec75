"""Sealing against RFC 9180's published vector and an independent implementation; the core is bound in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from agent.sealing import (
    ClockState,
    Core,
    KeyUnusable,
    RecipientKey,
    RecipientPrivateKey,
    SealBroken,
    open_content,
    seal_content,
)
from agent.sealing.hpke import INFO_PREFIX
from tests.sealing.material import Keys, core_for, flips

CONTENT = b"manifest and parts"
AES_128_GCM, AES_256_GCM = (1, 16), (2, 32)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return one key of each kind."""
    return Keys(tmp_path_factory.mktemp("keys"))


def independent_open(
    sealed: bytes, private: x25519.X25519PrivateKey, info: bytes, aad: bytes, aead: tuple[int, int]
) -> bytes:
    """Open as RFC 9180 writes it down, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256; aead is (id, Nk)."""
    enc, ciphertext = sealed[:32], sealed[32:]
    public = private.public_key().public_bytes_raw()
    kem = b"KEM" + (0x20).to_bytes(2)
    dh = private.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    prk = labeled_extract(kem, b"", b"eae_prk", dh)
    secret = labeled_expand(kem, prk, b"shared_secret", enc + public, 32)
    suite = b"HPKE" + (0x20).to_bytes(2) + (1).to_bytes(2) + aead[0].to_bytes(2)
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    prk = labeled_extract(suite, secret, b"secret", b"")
    key = labeled_expand(suite, prk, b"key", context, aead[1])
    nonce = labeled_expand(suite, prk, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, aad)


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """Return LabeledExtract (RFC 9180, 4)."""
    mac = hmac.HMAC(salt or bytes(32), hashes.SHA256())
    mac.update(b"HPKE-v1" + suite + label + ikm)
    return mac.finalize()


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """Return LabeledExpand (RFC 9180, 4)."""
    labeled = length.to_bytes(2) + b"HPKE-v1" + suite + label + info
    return HKDFExpand(hashes.SHA256(), length, labeled).derive(prk)


def test_the_independent_opener_gives_the_published_plaintext() -> None:
    """RFC 9180, A.1.1.1, sequence number 0."""
    private = x25519.X25519PrivateKey.from_private_bytes(
        bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    )
    sealed = bytes.fromhex(
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"
    )
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    opened = independent_open(sealed, private, info, bytes.fromhex("436f756e742d30"), AES_128_GCM)
    assert opened == bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")


def test_the_independent_opener_opens_what_we_seal(keys: Keys) -> None:
    """AES-256-GCM, empty AAD, info = label || SHA-256(core)."""
    core = core_for(keys)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(core.to_bytes())
    sealed = seal_content(CONTENT, core, keys.recipient.public)
    info = INFO_PREFIX + digest.finalize()
    assert isinstance(keys.recipient.private, x25519.X25519PrivateKey)
    assert independent_open(sealed, keys.recipient.private, info, b"", AES_256_GCM) == CONTENT
    with pytest.raises(InvalidTag):
        independent_open(sealed, keys.recipient.private, info + b"x", b"", AES_256_GCM)


@pytest.mark.parametrize("size", [0, 1, 65_536, 500_000])
def test_what_was_sealed_opens_again_48_bytes_longer(keys: Keys, size: int) -> None:
    """32 bytes of encapsulated key, 16 of tag."""
    core, content = core_for(keys), bytes(size)
    sealed = seal_content(content, core, keys.recipient.public)
    assert len(sealed) == size + 48
    assert open_content(sealed, core, keys.recipient) == content


def test_sealing_twice_gives_two_ciphertexts(keys: Keys) -> None:
    """The key for each record is its own."""
    core = core_for(keys)
    assert seal_content(CONTENT, core, keys.recipient.public) != seal_content(CONTENT, core, keys.recipient.public)


def test_a_change_in_any_byte_breaks_the_seal(keys: Keys) -> None:
    """Encapsulated key, ciphertext and tag."""
    core = core_for(keys)
    for changed in flips(seal_content(CONTENT, core, keys.recipient.public)):
        # X25519 ignores the highest bit of a public key (RFC 7748, 5): HPKE takes the bytes into the key schedule.
        with pytest.raises(SealBroken):
            open_content(changed, core, keys.recipient)


def test_a_ciphertext_cut_at_any_byte_breaks_the_seal(keys: Keys) -> None:
    """Down to nothing."""
    core = core_for(keys)
    sealed = seal_content(CONTENT, core, keys.recipient.public)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            open_content(sealed[:length], core, keys.recipient)


@pytest.mark.parametrize(
    "change",
    [
        {"test": False},
        {"kiosk": "kiosk-2"},
        {"record_id": bytes(16)},
        {"manifest_sha256": bytes(32)},
        {"captured_at_ns": 1},
        {"clock": ClockState(123_456_789, None)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_ciphertext_opens_under_its_own_core_only(keys: Keys, change: dict[str, object]) -> None:
    """Neither can be exchanged alone."""
    core = core_for(keys)
    sealed = seal_content(CONTENT, core, keys.recipient.public)
    with pytest.raises(SealBroken):
        open_content(sealed, replace(core, **change), keys.recipient)  # type: ignore[arg-type]


def test_another_collectors_key_does_not_open(keys: Keys, tmp_path: Path) -> None:
    """Nor does the kiosk that sealed."""
    other = RecipientPrivateKey.create(tmp_path / "other.key")
    with pytest.raises(SealBroken):
        open_content(seal_content(CONTENT, core_for(keys), keys.recipient.public), core_for(keys), other)


def test_the_core_must_name_the_key_that_is_sealed_for(keys: Keys, tmp_path: Path) -> None:
    """Otherwise nobody would find the key to open it with."""
    other = RecipientPrivateKey.create(tmp_path / "other.key")
    with pytest.raises(KeyUnusable):
        seal_content(CONTENT, core_for(keys), other.public)


@pytest.mark.parametrize("raw", [bytes(32), (1).to_bytes(32, "little")], ids=["zero", "one"])
def test_a_recipient_key_of_small_order_is_refused(keys: Keys, raw: bytes) -> None:
    """Everybody could open what is sealed for it (RFC 7748, 6.1)."""
    weak = RecipientKey.from_raw(raw)
    core: Core = replace(core_for(keys), recipient_key_id=weak.key_id)
    with pytest.raises(KeyUnusable):
        seal_content(CONTENT, core, weak)

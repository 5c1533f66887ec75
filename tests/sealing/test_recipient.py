"""Sealing keys of both suites, their validity, and the hybrid against an implementation of our own in this test."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.sealing import (
    Bundle,
    KeyUnusable,
    Malformed,
    RecipientKey,
    RecipientKeys,
    RecipientPrivateKey,
    SealBroken,
    SealingError,
    Suite,
    Validity,
    open_content,
    seal_content,
)
from agent.sealing.encoding import encode
from agent.sealing.hpke import INFO_PREFIX
from agent.sealing.recipient import MLKEM768_BYTES
from tests.sealing.material import Keys, core_for, flips
from tests.sealing.test_hpke import labeled_expand, labeled_extract

CONTENT = b"manifest and parts"
CIPHERTEXT_BYTES = 1088
DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> RecipientPrivateKey:
    """Return a key of the hybrid suite."""
    return RecipientPrivateKey.create(tmp_path_factory.mktemp("hybrid") / "recipient.key", Suite.MLKEM768_X25519)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return one key of each other kind."""
    return Keys(tmp_path_factory.mktemp("keys"))


def independent_open(sealed: bytes, path: Path, info: bytes) -> bytes:
    """Open as X-Wing (draft-connolly-cfrg-xwing-kem, 5.4) and RFC 9180, 5.1 write it down, from the key file's PEM."""
    first, second = path.read_bytes().split(b"-----END PRIVATE KEY-----\n")[:2]
    lattice, curve = (
        serialization.load_pem_private_key(block + b"-----END PRIVATE KEY-----\n", None) for block in (first, second)
    )
    assert isinstance(lattice, mlkem.MLKEM768PrivateKey)
    assert isinstance(curve, x25519.X25519PrivateKey)
    enc, ciphertext = sealed[: CIPHERTEXT_BYTES + 32], sealed[CIPHERTEXT_BYTES + 32 :]
    point, public = enc[CIPHERTEXT_BYTES:], curve.public_key().public_bytes_raw()
    shared = lattice.decapsulate(enc[:CIPHERTEXT_BYTES])
    exchanged = curve.exchange(x25519.X25519PublicKey.from_public_bytes(point))
    secret = hashlib.sha3_256(shared + exchanged + point + public + b"\\.//^\\").digest()
    suite = b"HPKE" + (0x647A).to_bytes(2) + (1).to_bytes(2) + (2).to_bytes(2)
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    prk = labeled_extract(suite, secret, b"secret", b"")
    key, nonce = labeled_expand(suite, prk, b"key", context, 32), labeled_expand(suite, prk, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def test_the_hybrid_opens_by_its_published_definition(keys: Keys, tmp_path: Path) -> None:
    """ML-KEM-768 and X25519 both, 1136 bytes longer than the content."""
    hybrid = RecipientPrivateKey.create(tmp_path / "recipient.key", Suite.MLKEM768_X25519)
    core = replace(core_for(keys), recipient_key_id=hybrid.key_id)
    sealed = seal_content(CONTENT, core, hybrid.public)
    assert len(sealed) == len(CONTENT) + 1136
    info = INFO_PREFIX + hashlib.sha256(core.to_bytes()).digest()
    assert independent_open(sealed, tmp_path / "recipient.key", info) == CONTENT
    assert open_content(sealed, core, RecipientPrivateKey.load(tmp_path / "recipient.key")) == CONTENT


def test_a_change_in_any_byte_breaks_the_hybrid_seal(keys: Keys, hybrid: RecipientPrivateKey) -> None:
    """Both encapsulations, ciphertext and tag; and every hundredth cut."""
    core = replace(core_for(keys), recipient_key_id=hybrid.key_id)
    sealed = seal_content(CONTENT, core, hybrid.public)
    for changed in (*flips(sealed), *(sealed[:length] for length in range(0, len(sealed), 100))):
        with pytest.raises(SealBroken):
            open_content(changed, core, hybrid)


def test_both_private_keys_are_in_one_file_for_its_owner_only(hybrid: RecipientPrivateKey, tmp_path: Path) -> None:
    """Each as PKCS #8, which other software reads."""
    path = tmp_path / "recipient.key"
    made = RecipientPrivateKey.create(path, Suite.MLKEM768_X25519)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().count(b"BEGIN PRIVATE KEY") == 2
    assert RecipientPrivateKey.load(path).public == made.public
    blocks = path.read_bytes().split(b"-----BEGIN PRIVATE KEY-----\n")[1:]
    for wrong in (blocks[:1], blocks[::-1], [*blocks, blocks[1]], [*blocks, b"x"]):
        path.write_bytes(b"".join(b"-----BEGIN PRIVATE KEY-----\n" + block for block in wrong))
        with pytest.raises(KeyUnusable):
            RecipientPrivateKey.load(path)


def test_a_key_id_binds_the_suite() -> None:
    """The same bytes under another suite would be another key, and are refused besides."""
    raw = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    assert RecipientKey.from_raw(raw).key_id != RecipientKey.from_raw(raw[::-1]).key_id
    for suite in (Suite.MLKEM768_X25519, 0x21, 0):
        with pytest.raises(KeyUnusable):
            RecipientKey.from_raw(raw, suite)


@pytest.mark.parametrize("length", [0, 32, MLKEM768_BYTES, MLKEM768_BYTES + 31, MLKEM768_BYTES + 33])
def test_a_hybrid_key_of_another_length_is_refused(hybrid: RecipientPrivateKey, length: int) -> None:
    """1184 and 32 bytes."""
    with pytest.raises(KeyUnusable):
        RecipientKey.from_raw((hybrid.public.raw + b"\0")[:length], Suite.MLKEM768_X25519)


class TestValidity:
    """Which key a kiosk seals for."""

    def test_the_key_that_began_last_of_those_valid_is_taken(self, hybrid: RecipientPrivateKey, keys: Keys) -> None:
        """While the old key and the new one overlap the new one is used; before, the old one."""
        old, new = keys.recipient.public, hybrid.public
        both = RecipientKeys(((old, Validity(0, 20 * DAY_NS)), (new, Validity(10 * DAY_NS, 30 * DAY_NS))))
        at = {day: both.current(day * DAY_NS) for day in (0, 9, 10, 19, 29)}
        assert at == {0: old, 9: old, 10: new, 19: new, 29: new}
        assert both.covers(29 * DAY_NS)

    def test_a_wrong_clock_stops_nobody(self, hybrid: RecipientPrivateKey, keys: Keys) -> None:
        """Twenty years off in either direction: the newest key stands in, and that no key covers the day is told."""
        entries = ((keys.recipient.public, Validity(0, DAY_NS)), (hybrid.public, Validity(DAY_NS, 2 * DAY_NS)))
        for order in (entries, entries[::-1]):
            assert RecipientKeys(order).current(7000 * DAY_NS) == hybrid.public
            assert RecipientKeys(order).current(-7000 * DAY_NS) == hybrid.public
            assert not RecipientKeys(order).covers(7000 * DAY_NS)

    @pytest.mark.parametrize(
        "change",
        [{"from": 5}, {"from": 6}, {"until": -1}, {"suite": "x"}, {"key": 1}, {"more": 1}, {"suite": 0x21}],
        ids=str,
    )
    def test_a_bundle_with_a_wrong_entry_is_refused(self, keys: Keys, change: dict[str, object]) -> None:
        """Nothing is guessed."""
        entry = {"suite": 0x20, "key": keys.recipient.public.raw, "from": 1, "until": 5}
        RecipientKeys.from_bundle(_bundle(encode([entry])))
        with pytest.raises(SealingError):
            RecipientKeys.from_bundle(_bundle(encode([entry | change])))
        with pytest.raises(Malformed):
            RecipientKeys.from_bundle(_bundle(encode(entry)))


def _bundle(body: bytes) -> Bundle:
    return Bundle("recipients", 1, 0, 1, body)

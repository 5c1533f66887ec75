"""Key files: private, whole, of the right kind, and never written over."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from agent.sealing import (
    FileSigningKey,
    KeyUnusable,
    RecipientKey,
    RecipientPrivateKey,
    key_id,
    point_of,
    public_key_from_point,
    signing_key_from_pem,
)

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    """Write a file with a mode."""
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey) -> bytes:
    """Return a private key as PKCS #8."""
    return key.private_bytes(PEM, PKCS8, PLAIN)


def test_a_key_comes_back_from_its_file_with_mode_0600(tmp_path: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        made, sealing = FileSigningKey.create(tmp_path / "a.key"), RecipientPrivateKey.create(tmp_path / "b.key")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert FileSigningKey.load(tmp_path / "a.key").key_id == made.key_id
    assert RecipientPrivateKey.load(tmp_path / "b.key").public.raw == sealing.public.raw


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o660, 0o666, 0o777, 0o601, 0o610])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """Any bit for group or others; the message names the mode."""
    FileSigningKey.create(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(KeyUnusable, match=f"{mode:04o}"):
        FileSigningKey.load(tmp_path / "a.key")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_for_its_owner_alone_is_taken(tmp_path: Path, mode: int) -> None:
    """Read-only is fine."""
    FileSigningKey.create(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(mode)
    FileSigningKey.load(tmp_path / "a.key")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away needs root")
def test_a_file_of_another_owner_is_refused(tmp_path: Path) -> None:
    """Whoever owns it can exchange it."""
    FileSigningKey.create(tmp_path / "a.key")
    os.chown(tmp_path / "a.key", 65534, 65534)
    with pytest.raises(KeyUnusable, match="uid 65534"):
        FileSigningKey.load(tmp_path / "a.key")


def test_an_existing_key_is_never_written_over(tmp_path: Path) -> None:
    """Records were signed with it."""
    first = FileSigningKey.create(tmp_path / "a.key")
    with pytest.raises(KeyUnusable, match="exists"):
        FileSigningKey.create(tmp_path / "a.key")
    assert FileSigningKey.load(tmp_path / "a.key").key_id == first.key_id


def test_a_key_that_could_not_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a key must not stand in the way of the next attempt."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeyUnusable, match="No space"):
            FileSigningKey.create(tmp_path / "a.key")
    assert list(tmp_path.iterdir()) == []
    FileSigningKey.create(tmp_path / "a.key")


def test_the_file_and_its_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record key lost in a power cut would end its epoch."""
    synced = []
    plain = os.fsync

    def noted(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        plain(handle)

    monkeypatch.setattr(os, "fsync", noted)
    FileSigningKey.create(tmp_path / "a.key")
    assert synced == [str(tmp_path / "a.key"), str(tmp_path)]


@pytest.mark.parametrize("length", [0, 1, 30, 100, 200, 240])
def test_a_cut_file_is_refused_and_its_content_not_told(tmp_path: Path, length: int) -> None:
    """Errors go to logs."""
    data = pem(ec.generate_private_key(ec.SECP256R1()))
    write(tmp_path / "a.key", data[: min(length, len(data) - 30)])
    with pytest.raises(KeyUnusable) as caught:
        FileSigningKey.load(tmp_path / "a.key")
    assert caught.value.__cause__ is None
    assert data.splitlines()[1].decode()[:20] not in str(caught.value)


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    """Another curve, another algorithm, a sealing key as signing key and the reverse, an encrypted file."""
    p384, p256 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
    sealing = x25519.X25519PrivateKey.generate()
    encrypted = p256.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"password"))
    wrong = [pem(p384), pem(sealing), pem(ed25519.Ed25519PrivateKey.generate()), encrypted, b"\x00" * 100_000]
    for number, data in enumerate(wrong):
        path = write(tmp_path / f"{number}.key", data)
        with pytest.raises(KeyUnusable):
            FileSigningKey.load(path)
    with pytest.raises(KeyUnusable):
        RecipientPrivateKey.load(write(tmp_path / "p256.key", pem(p256)))


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe that nobody writes to, a symbolic link."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    FileSigningKey.create(tmp_path / "a.key")
    (tmp_path / "link").symlink_to(tmp_path / "a.key")
    for name in ("missing", "pipe", "folder", "link"):
        with pytest.raises(KeyUnusable, match=name):
            FileSigningKey.load(tmp_path / name)


def test_a_signature_is_r_and_s_and_verifies(tmp_path: Path) -> None:
    """64 bytes, fixed length, leading zeros kept."""
    key = FileSigningKey.create(tmp_path / "a.key")
    for number in range(300):
        signature = key.sign(bytes([number % 256]))
        assert len(signature) == 64
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        key.public_key.verify(encode_dss_signature(r, s), bytes([number % 256]), ec.ECDSA(SHA256()))


def test_points_survive_the_round_trip_and_others_are_refused(tmp_path: Path) -> None:
    """Uncompressed, on the curve, 65 bytes."""
    public = FileSigningKey.create(tmp_path / "a.key").public_key
    assert key_id(public_key_from_point(point_of(public))) == key_id(public)
    compressed = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    point = point_of(public)
    for wrong in (compressed, b"", b"\0", point[:-1], point + b"\0", point[:-1] + bytes([point[-1] ^ 1])):
        with pytest.raises(KeyUnusable):
            public_key_from_point(wrong)


def test_only_p256_public_keys_are_campaign_keys() -> None:
    """In PEM."""
    layout = serialization.PublicFormat.SubjectPublicKeyInfo
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert key_id(signing_key_from_pem(public.public_bytes(PEM, layout))) == key_id(public)
    p384 = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(PEM, layout)
    other = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(PEM, layout)
    for wrong in (p384, other, b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(KeyUnusable):
            signing_key_from_pem(wrong)


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33)])
def test_sealing_keys_have_32_bytes(raw: bytes) -> None:
    """Nothing else is one."""
    with pytest.raises(KeyUnusable):
        RecipientKey.from_raw(raw)

"""The journal of the visit in progress: a power cut loses at most the stage under way.

One folder, at most one visit in it: `visit.key` is the visit's own key, wrapped (RFC 3394) by the kiosk's journal key;
`visit.journal` holds the entries, each sealed with AES-256-GCM. When the visit is over the wrapped key is overwritten
and removed first, so that what remains of the entries can never be opened again.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from agent.intake.errors import JournalKeyTooOpen, JournalUnreadable
from agent.intake.journal_entry import FinishedStage, VisitStart

KEY_BYTES = 32
NONCE_BYTES = 12
MAX_ENTRY_BYTES = 64 * 2**20
MAX_ENTRIES = 64
_LENGTH = struct.Struct("<I")

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class JournalKey:
    """The key that wraps each visit's key. `bound` says that it lives outside the disk (a systemd credential)."""

    secret: bytes = field(repr=False)
    bound: bool

    @classmethod
    def load(cls, credential: Path | None, file: Path, random: Random = os.urandom) -> JournalKey:
        """Take the key from systemd's credential, else from `file` (0600), which is made when it is missing.

        A key in a file does not protect against a stolen disk. Raises JournalKeyTooOpen or JournalUnreadable.
        """
        if credential is not None and credential.exists():
            return cls(_whole_key(credential), bound=True)
        if not file.exists():
            _write(file, random(KEY_BYTES))
        if file.stat().st_mode & 0o077:
            raise JournalKeyTooOpen(str(file))
        return cls(_whole_key(file), bound=False)


@dataclass(frozen=True, slots=True)
class UnfinishedVisit:
    """A visit that was cut off: how it began and the stages that were finished."""

    start: VisitStart
    stages: tuple[FinishedStage, ...]


class Journal:
    """The journal's folder, made if missing (0700). Not for use by several threads at once."""

    def __init__(self, folder: Path, key: JournalKey, random: Random = os.urandom) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._key, self._random = folder, key, random
        self._visit_key = folder / "visit.key"
        self._entries = folder / "visit.journal"

    def begin(self, start: VisitStart) -> VisitJournal:
        """Start the journal of a visit; what an earlier one left is destroyed. Raises OSError."""
        self.destroy()
        secret = self._random(KEY_BYTES)
        # The entries' file first: a key without entries is a visit that had not begun.
        _write(self._entries, b"")
        _write(self._visit_key, aes_key_wrap(self._key.secret, secret))
        journal = VisitJournal(self._entries, AESGCM(secret), self._random, 0)
        journal.add(start)
        return journal

    def unfinished(self) -> UnfinishedVisit | None:
        """Return the visit that was cut off, if there is one. Raises JournalUnreadable when it cannot be opened."""
        if not self._visit_key.exists() or not any(self._visit_key.read_bytes()):
            # Cut off in the middle of destroying, or before the visit had its key: nothing can be read any more.
            self._remove_remains()
            return None
        entries, _ = self._read()
        if not entries:
            # The visit was cut off before its start was noted: nothing of it was kept.
            self.destroy()
            return None
        stages = tuple(FinishedStage.from_bytes(entry) for entry in entries[1:])
        return UnfinishedVisit(VisitStart.from_bytes(entries[0]), stages)

    def go_on(self) -> VisitJournal:
        """Return the journal of the unfinished visit for further entries; a torn last entry is cut off."""
        entries, end = self._read()
        with self._entries.open("r+b") as file:
            file.truncate(end)
            os.fsync(file.fileno())
        return VisitJournal(self._entries, AESGCM(self._secret()), self._random, len(entries))

    def destroy(self) -> None:
        """Make what was written unreadable for ever, key first; does nothing when there is nothing. Raises OSError."""
        if self._visit_key.exists():
            with self._visit_key.open("r+b") as file:
                file.write(bytes(self._visit_key.stat().st_size))
                file.flush()
                os.fdatasync(file.fileno())
            self._visit_key.unlink()
        self._entries.unlink(missing_ok=True)
        for scratch in self._scratch():
            scratch.unlink(missing_ok=True)
        _sync_folder(self._folder)

    def _remove_remains(self) -> None:
        if any(path.exists() for path in (self._visit_key, self._entries, *self._scratch())):
            self.destroy()

    def _scratch(self) -> tuple[Path, ...]:
        return _scratch(self._visit_key), _scratch(self._entries)

    def _read(self) -> tuple[list[bytes], int]:
        """Return all whole entries, opened, and where they end."""
        cipher = AESGCM(self._secret())
        data = self._entries.read_bytes()
        found: list[bytes] = []
        at = 0
        while (entry := _entry_at(data, at)) is not None and len(found) < MAX_ENTRIES:
            try:
                found.append(cipher.decrypt(entry[:NONCE_BYTES], entry[NONCE_BYTES:], _place(len(found))))
            except InvalidTag:
                if at + _LENGTH.size + len(entry) == len(data):
                    break  # the last entry, torn: its stage was under way
                raise JournalUnreadable(f"entry {len(found)}") from None
            at += _LENGTH.size + len(entry)
        return found, at

    def _secret(self) -> bytes:
        try:
            return aes_key_unwrap(self._key.secret, self._visit_key.read_bytes())
        except (InvalidUnwrap, ValueError) as error:
            raise JournalUnreadable("the visit's key was not wrapped by this kiosk's journal key") from error


class VisitJournal:
    """Appends entries of one visit; each is durable when `add` returns."""

    def __init__(self, path: Path, cipher: AESGCM, random: Random, entries: int) -> None:
        self._path, self._cipher, self._random, self._count = path, cipher, random, entries

    def add(self, entry: VisitStart | FinishedStage) -> None:
        """Write one entry with one sync. Raises OSError."""
        nonce = self._random(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, entry.to_bytes(), _place(self._count))
        with self._path.open("ab") as file:
            file.write(_LENGTH.pack(len(sealed)) + sealed)
            file.flush()
            os.fdatasync(file.fileno())
        self._count += 1


def _place(number: int) -> bytes:
    """Bind an entry to its place, so that entries cannot be swapped."""
    return _LENGTH.pack(number)


def _entry_at(data: bytes, at: int) -> bytes | None:
    """Return the entry at this place, None when it is not there whole."""
    if at + _LENGTH.size > len(data):
        return None
    (length,) = _LENGTH.unpack_from(data, at)
    if not NONCE_BYTES < length <= MAX_ENTRY_BYTES or at + _LENGTH.size + length > len(data):
        return None
    return data[at + _LENGTH.size : at + _LENGTH.size + length]


def _whole_key(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != KEY_BYTES:
        raise JournalUnreadable(f"{path}: a key has {KEY_BYTES} bytes")
    return secret


def _write(path: Path, data: bytes) -> None:
    """Make a file whole or not at all: half a key would keep the kiosk from starting."""
    # What an earlier attempt left may have another mode.
    _scratch(path).unlink(missing_ok=True)
    handle = os.open(_scratch(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _scratch(path).replace(path)
    _sync_folder(path.parent)


def _scratch(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""The kiosk's epochs on the disk: one file for each after the first, and a queue folder and a key of its own.

`<data>/epochs/<number>.epoch` commits the epoch: when it is there, it counts. `<number>.reissued` says that what the
epoch before still had to deliver was issued again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import cbor2

from agent.epochs.errors import EpochsNotReadable, EpochUnreadable, TokenMalformed
from agent.proto.stream import EpochStart
from agent.sealing import (
    EpochClaims,
    EpochProof,
    InFile,
    OnToken,
    RecordKeySettings,
    SealingError,
    epoch_start,
    key_id,
    verify_epoch,
)
from agent.sealing.registered_key import read_registered, sync_folder, write_new

FIRST = 1
MODE = 0o600
_TOKEN = re.compile(r"([1-9][0-9]{0,8})-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Token:
    """A technician's one-time token: the epoch it opens, and its secret."""

    epoch: int
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read `EPOCH-HEX`, as the collector prints it; raise TokenMalformed."""
        match = _TOKEN.fullmatch(text.strip().lower())
        if match is None:
            raise TokenMalformed("expected NUMBER-32 hexadecimal digits")
        return cls(int(match[1]), bytes.fromhex(match[2]))

    def __repr__(self) -> str:
        return f"Token(epoch={self.epoch})"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch: its number, the head before its first record, and, after the first, how it began."""

    number: int
    head: bytes
    claims: EpochClaims | None = None
    start: EpochStart | None = None


class EpochBook:
    """The epochs of one kiosk."""

    def __init__(self, data_folder: Path, trust_folder: Path, kiosk: str, keys: RecordKeySettings) -> None:
        self._data, self._trust, self._kiosk, self._keys = data_folder, trust_folder, kiosk, keys
        self._folder = data_folder / "epochs"

    def current(self) -> Epoch:
        """Return the epoch that counts. Raises EpochError, or KeyMissing when not even the first key is there."""
        return self.epoch(self.current_number())

    def current_number(self) -> int:
        """Return the number of the epoch that counts; no key is needed for that. Raises EpochsNotReadable."""
        # Not by `glob`, which takes a folder that it may not read for an empty one.
        try:
            names = [path for path in self._folder.iterdir() if path.suffix == ".epoch"]
        except FileNotFoundError:
            return FIRST
        except OSError as error:
            raise EpochsNotReadable(f"{self._folder}: {error.strerror}") from error
        return max((int(path.stem) for path in names if path.stem.isdecimal()), default=FIRST)

    def epoch(self, number: int) -> Epoch:
        """Return an epoch; raise EpochUnreadable or KeyMissing."""
        if number == FIRST and not self._path(number).exists():
            public = read_registered(self._trust, self.keys(number).name)
            return Epoch(number, epoch_start(self._kiosk, number, key_id(public)))
        try:
            start = EpochStart(**cbor2.loads(self._path(number).read_bytes()))
            # Only our own key's signature can be checked here; the old key's is for the collector.
            claims = verify_epoch(EpochProof(start.by_new_key, start.by_old_key), None)
        except (OSError, ValueError, TypeError, cbor2.CBORDecodeError, SealingError) as error:
            raise EpochUnreadable(f"{self._path(number)}: {type(error).__name__}") from error
        if (claims.kiosk, claims.epoch) != (self._kiosk, number):
            raise EpochUnreadable(f"{self._path(number)}: for {claims.kiosk}, epoch {claims.epoch}")
        return Epoch(number, claims.head, claims, start)

    def commit(self, number: int, proof: EpochProof, token: Token | None, *, again: bool = False) -> None:
        """Write the epoch's file durably; `again` replaces it (another token). Raises RecordKeyError or OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self._path(number).with_suffix(".new")
        scratch.unlink(missing_ok=True)
        secret = b"" if token is None else token.secret
        content = {"by_new_key": proof.by_new_key, "by_old_key": proof.by_old_key, "token": secret}
        write_new(scratch, cbor2.dumps(content), MODE)
        if not again and self._path(number).exists():
            raise EpochUnreadable(f"{self._path(number)}: is there already")
        scratch.replace(self._path(number))
        sync_folder(self._folder)

    def keys(self, number: int) -> RecordKeySettings:
        """Return where the key of an epoch lives: the first as configured, later ones with the number behind it."""
        settings = self._keys
        if number == FIRST:
            return settings
        name = f"{settings.name}-{number}"
        if isinstance(settings, OnToken):
            return replace(settings, name=name, label=f"{settings.label}-{number}")
        return InFile(name) if isinstance(settings, InFile) else replace(settings, name=name)

    def queue_folder(self, number: int) -> Path:
        """Return the folder of an epoch's queue."""
        return self._data / ("queue" if number == FIRST else f"queue-{number}")

    def reissued(self, number: int) -> bool:
        """Say whether an epoch has taken over what the one before still had to deliver."""
        return number == FIRST or self._marker(number).exists()

    def mark_reissued(self, number: int) -> None:
        """Note it durably."""
        if not self._marker(number).exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_new(self._marker(number), b"", MODE)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010d}.epoch"

    def _marker(self, number: int) -> Path:
        return self._folder / f"{number:010d}.reissued"

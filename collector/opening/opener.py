"""Opens stored records one by one: log, decrypt, judge again, hold against those opened before, write out."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from agent.capture.chip import TrustAnchors
from agent.opening import OpenedRecord, open_record, write_out
from agent.words import KioskError
from collector.errors import NoSuchRecord
from collector.opening.book import Book, Opened, OpeningAlarm, person_key
from collector.opening.errors import OpeningFailed
from collector.opening.log import OpeningLog
from collector.opening.reverify import Rejudged, rejudge
from collector.recipients import private_keys
from collector.record_files import sync_folder
from collector.sql_store import SqlStore
from collector.store import StoredRecord

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenerFolder:
    """Where records are opened: `keys` has recipient*.key and csca*; log, book and the opened records lie beside it."""

    path: Path

    @property
    def keys(self) -> Path:
        """The sealing keys and the CSCA certificates."""
        return self.path / "keys"

    @property
    def records(self) -> Path:
        """The opened records: plain personal data."""
        return self.path / "records"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record: `code` is empty when it was opened, `double` for one that was opened before."""

    record_id: str
    kiosk: str
    epoch: int
    seq: int
    code: str
    folder: str = ""
    alarms: tuple[OpeningAlarm, ...] = ()


class Opener:
    """Use it as a context manager. Every attempt is in the log before it is made."""

    def __init__(
        self,
        store: SqlStore,
        folder: OpenerFolder,
        who: str,
        why: str,
        anchors: TrustAnchors,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Keep `who` opens and `why`. Raises OpeningFailed, OpeningInUse, OpeningLogBroken or KeyUnusable."""
        if not who.strip() or not why.strip():
            raise OpeningFailed("who and why must be told")
        self._store, self._folder, self._who, self._why = store, folder, who, why
        self._anchors, self._clock_ns = anchors, clock_ns
        self._keys = private_keys(folder.keys)
        if not self._keys:
            raise OpeningFailed(f"{folder.keys}: no recipient*.key")
        with ExitStack() as stack:
            self._log = stack.enter_context(OpeningLog(folder.path / "openings.log"))
            key = person_key(folder.keys / "person.key")
            self._book = stack.enter_context(Book(folder.path / "openings.sqlite", key))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def open_all(self, records: list[StoredRecord]) -> Iterator[Outcome]:
        """Open these records in their order; yield what became of each. Raises OpeningFailed or OpeningLogBroken."""
        for stored in records:
            yield self._open(stored)

    def _open(self, stored: StoredRecord) -> Outcome:
        outcome = Outcome(stored.record_id.hex(), stored.kiosk, stored.epoch, stored.seq, "")
        if self._book.has(outcome.record_id):
            return replace(outcome, code="double")
        self._note(outcome, "opens")
        try:
            opened = self._decrypted(stored)
            judged = rejudge(opened, self._anchors, datetime.fromtimestamp(self._clock_ns() / 10**9, UTC))
            alarms = self._alarms(outcome, opened, judged)
            folder = self._written(outcome, opened, judged)
        except KioskError as error:
            if isinstance(error, OpeningFailed):
                raise
            alarm = OpeningAlarm(outcome.record_id, error.code, error.detail)
            self._book.alarm(alarm, self._clock_ns())
            self._note(outcome, error.code)
            return replace(outcome, code=error.code, alarms=(alarm,))
        entry = Opened(outcome.record_id, stored.kiosk, stored.epoch, stored.seq, folder.name)
        self._book.add(entry, _number(opened, judged), alarms, self._clock_ns())
        self._note(outcome, "opened")
        for alarm in alarms:
            log.error("opening.alarm", record=alarm.record_id, code=alarm.code, detail=alarm.detail)
        return replace(outcome, folder=str(folder), alarms=tuple(alarms))

    def _decrypted(self, stored: StoredRecord) -> OpenedRecord:
        record_key = self._store.record_key(stored.kiosk, stored.epoch)
        if record_key is None:
            raise NoSuchRecord(f"kiosk {stored.kiosk} has no epoch {stored.epoch}")
        return open_record(self._store.load(stored), record_key, self._keys)

    def _alarms(self, outcome: Outcome, opened: OpenedRecord, judged: Rejudged) -> list[OpeningAlarm]:
        found = [("verdict_differs", one) for one in judged.differing]
        if judged.number and judged.number != opened.manifest.member.number:
            found.append(("identity_differs", "the chip names another number than the roster"))
        for other in self._book.others_of(_number(opened, judged), outcome.record_id):
            code = "same_person_again" if other.kiosk == outcome.kiosk else "same_person_two_kiosks"
            found.append((code, f"also record {other.record_id} of {other.kiosk}, {other.epoch}/{other.seq}"))
        return [OpeningAlarm(outcome.record_id, code, detail) for code, detail in found]

    def _written(self, outcome: Outcome, opened: OpenedRecord, judged: Rejudged) -> Path:
        """Write the readable record under its final name only when it is whole."""
        target = self._folder.records / f"{outcome.kiosk}-{outcome.epoch}-{outcome.seq:08d}-{outcome.record_id[:8]}"
        scratch = target.with_suffix(".new")
        try:
            for left in (scratch, target):
                # A crash came before the book knew: what is there is this very record.
                if left.exists():
                    shutil.rmtree(left)
            self._folder.records.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_out(opened, scratch)
            told = [{"check": c.name, "verdict": c.verdict.value, "reason": c.reason} for c in judged.checks]
            body = json.dumps({"checks": told, "differing": judged.differing}, indent=2).encode()
            handle = os.open(scratch / "reverified.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(body)
            _sync(scratch)
            scratch.rename(target)
            sync_folder(self._folder.records)
        except OSError as error:
            raise OpeningFailed(f"{error.filename or target}: {error.strerror}") from error
        return target

    def _note(self, outcome: Outcome, what: str) -> None:
        place = {"record": outcome.record_id, "kiosk": outcome.kiosk, "epoch": outcome.epoch, "seq": outcome.seq}
        at = datetime.fromtimestamp(self._clock_ns() / 10**9, UTC).isoformat(timespec="milliseconds")
        self._log.append({"at": at, "what": what, "who": self._who, "why": self._why, "uid": os.getuid(), **place})


def _sync(folder: Path) -> None:
    """Return when all files of a folder, and their names, are on stable storage."""
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    sync_folder(folder)


def _number(opened: OpenedRecord, judged: Rejudged) -> str:
    """Return who this is: by the chip's signed data, or by the roster when there was no chip."""
    return judged.number or opened.manifest.member.number

"""How the kiosks are: the last heartbeat of each, what became of offered bundles, and messages to their people.

A data base of its own: it may be lost without losing a record, and must not wait for the store's syncs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.proto.sync import (
    Announcement,
    BundleVerdict,
    BundleVersion,
    DeviceHealth,
    Heartbeat,
    Hello,
    QueueHealth,
    StageTiming,
)
from collector.sqlite_file import SqliteFile

FILE_NAME = "fleet.sqlite"
EVERYBODY = ""
# A kiosk that was away is not flooded.
MAX_ANNOUNCEMENTS = 20
SCHEMA = """
CREATE TABLE IF NOT EXISTS heartbeat (
    kiosk TEXT PRIMARY KEY, received_at_ns INTEGER NOT NULL, software TEXT NOT NULL, beat TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS verdict (
    kiosk TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, code TEXT NOT NULL, at_ns INTEGER NOT NULL,
    PRIMARY KEY (kiosk, kind)
) STRICT;
CREATE TABLE IF NOT EXISTS announcement (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kiosk TEXT NOT NULL, vi TEXT NOT NULL, en TEXT NOT NULL,
    made_at_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS shown (
    kiosk TEXT NOT NULL, number INTEGER NOT NULL, at_ns INTEGER NOT NULL, PRIMARY KEY (kiosk, number)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class KioskReport:
    """The last that was heard of a kiosk. `verdicts`: the newest offer of each kind, refused when it has a code."""

    kiosk: str
    received_at_ns: int
    software: str
    beat: Heartbeat
    verdicts: tuple[BundleVerdict, ...]


class Fleet:
    """Use it as a context manager; its methods may be called from any thread and raise StoreFailed."""

    def __init__(self, folder: Path) -> None:
        """Open or make the data base in the store's folder, which must be there."""
        self._file = SqliteFile(folder / FILE_NAME, SCHEMA, create=True, synchronous="NORMAL")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def heard(self, hello: Hello, beat: Heartbeat, now_ns: int) -> None:
        """Keep a kiosk's newest heartbeat."""
        told = json.dumps(asdict(beat))
        with self._file.writing() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO heartbeat VALUES (?, ?, ?, ?)", (hello.kiosk, now_ns, hello.software, told)
            )

    def judged(self, kiosk: str, verdict: BundleVerdict, now_ns: int) -> None:
        """Keep what became of the newest offer of a kind."""
        values = (kiosk, verdict.kind, verdict.version, verdict.code, now_ns)
        with self._file.writing() as rows:
            rows.execute("INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?)", values)

    def announce(self, kiosk: str, vi: str, en: str, now_ns: int) -> int:
        """Add a message for the people at a kiosk, or at all of them (EVERYBODY); return its number."""
        query = "INSERT INTO announcement (kiosk, vi, en, made_at_ns) VALUES (?, ?, ?, ?) RETURNING number"
        with self._file.writing() as rows:
            return int(rows.execute(query, (kiosk, vi, en, now_ns)).fetchone()[0])

    def waiting(self, kiosk: str) -> tuple[Announcement, ...]:
        """Return what a kiosk was not shown yet, oldest first, the newest 20 at most."""
        query = (
            "SELECT number, vi, en FROM announcement WHERE kiosk IN (?, '') AND number NOT IN "
            "(SELECT number FROM shown WHERE shown.kiosk = ?) ORDER BY number DESC LIMIT ?"
        )
        with self._file.reading() as rows:
            found = rows.execute(query, (kiosk, kiosk, MAX_ANNOUNCEMENTS)).fetchall()
        return tuple(Announcement(*row) for row in reversed(found))

    def shown(self, kiosk: str, number: int, now_ns: int) -> None:
        """Note that a kiosk has a message."""
        with self._file.writing() as rows:
            rows.execute("INSERT OR IGNORE INTO shown VALUES (?, ?, ?)", (kiosk, number, now_ns))

    def kiosks(self) -> list[KioskReport]:
        """Return the last that was heard of every kiosk, by name."""
        with self._file.reading() as rows:
            beats = rows.execute(
                "SELECT kiosk, received_at_ns, software, beat FROM heartbeat ORDER BY kiosk"
            ).fetchall()
            verdicts = rows.execute("SELECT kiosk, kind, version, code FROM verdict ORDER BY kind").fetchall()
        return [
            KioskReport(kiosk, at, software, _beat(json.loads(told)), tuple(_of(kiosk, verdicts)))
            for kiosk, at, software, told in beats
        ]


def kiosks(store: Path) -> list[KioskReport]:
    """Return the last that was heard of every kiosk, while the collector serves or not. Raises StoreFailed.

    `store` is the store's folder.
    """
    if not (store / FILE_NAME).exists():
        return []
    with Fleet(store) as fleet:
        return fleet.kiosks()


def _of(kiosk: str, verdicts: list[tuple[str, str, int, str]]) -> Iterator[BundleVerdict]:
    return (BundleVerdict(kind, version, code) for name, kind, version, code in verdicts if name == kiosk)


def _beat(told: dict[str, Any]) -> Heartbeat:  # Any: our own JSON
    lists = {"devices": DeviceHealth, "timings": StageTiming, "bundles": BundleVersion}
    read = {name: tuple(kind(**one) for one in told[name]) for name, kind in lists.items()}
    return Heartbeat(**{**told, **read, "queue": QueueHealth(**told["queue"]), "errors": tuple(told["errors"])})

"""What this kiosk tells the centre besides records, and what it does with what it is told. Nothing about a person."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Lock

import structlog

from agent import __version__
from agent.bundle_inbox import BundleInbox
from agent.proto.sync import (
    Announcement,
    BundleOffer,
    BundleVerdict,
    BundleVersion,
    DeviceHealth,
    Heartbeat,
    Hello,
    QueueHealth,
    StageTiming,
)
from agent.queue import Queue
from agent.stage_times import StageTimes
from agent.words import KioskError

log = structlog.get_logger()

ANNOUNCEMENTS_KEPT = 10


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bundle that was not taken, and why."""

    kind: str
    version: int
    code: str


class KioskCentre:
    """Speaks for one kiosk. `announcements`, `refusal` and `waiting` may be read from any thread."""

    def __init__(
        self,
        *,
        kiosk: str,
        test: bool,
        inbox: BundleInbox,
        in_use: Callable[[], Mapping[str, int]],
        take_up: Callable[[], bool],
        queue: Queue,
        devices: Callable[[], tuple[DeviceHealth, ...]],
        times: StageTimes,
        errors: Callable[[], tuple[str, ...]],
        measured: Callable[[int], None],
        wall_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`in_use`: versions of the bundles by kind; `take_up` is false while a visit is open."""
        self._kiosk, self._test, self._inbox, self._in_use, self._take_up = kiosk, test, inbox, in_use, take_up
        self._queue, self._devices, self._times, self._errors = queue, devices, times, errors
        self._measured, self._wall_ns, self._clock = measured, wall_ns, clock
        self._started, self._lock = clock(), Lock()
        self._taken: dict[str, int] = {}
        self._announcements: deque[Announcement] = deque(maxlen=ANNOUNCEMENTS_KEPT)
        self._refusal: Refusal | None = None
        self._news = Event()

    @property
    def announcements(self) -> tuple[Announcement, ...]:
        """The newest messages for people, oldest first, since the start."""
        return tuple(self._announcements)

    @property
    def refusal(self) -> Refusal | None:
        """The last bundle that was not taken."""
        return self._refusal

    @property
    def waiting(self) -> bool:
        """Whether a bundle waits until no visit is open."""
        return bool(self._taken)

    def hello(self) -> Hello:
        """Say who this is and which bundles it has, those that wait included."""
        with self._lock:
            return Hello(self._kiosk, f"v{__version__}", _versions({**self._in_use(), **self._taken}))

    def heartbeat(self) -> Heartbeat:
        """Say how the kiosk is, in figures and codes."""
        return Heartbeat(
            kiosk_time_ns=self._wall_ns(),
            uptime_s=int(self._clock() - self._started),
            test=self._test,
            queue=self._queue_health(),
            devices=self._devices(),
            timings=tuple(
                StageTiming(one.stage, one.visits, one.failed, one.median_ms, one.p95_ms)
                for one in self._times.summaries()
            ),
            bundles=_versions(self._in_use()),
            errors=self._errors(),
        )

    def offered(self, offer: BundleOffer) -> BundleVerdict:
        """Keep a bundle that is good and newer; refuse and tell any other."""
        with self._lock:
            have = self._taken.get(offer.kind) or self._in_use().get(offer.kind, 0)
            try:
                self._inbox.take(offer.kind, offer.version, offer.cose_sign1, have)
            except KioskError as error:
                log.error("bundle.refused", kind=offer.kind, version=offer.version, code=error.code)
                self._refusal = Refusal(offer.kind, offer.version, error.code)
                return BundleVerdict(offer.kind, offer.version, error.code)
            self._taken[offer.kind] = offer.version
        return BundleVerdict(offer.kind, offer.version)

    def told(self, announcement: Announcement) -> None:
        """Keep a message for the people here."""
        log.info("centre.announcement", number=announcement.number)
        if announcement not in self._announcements:
            self._announcements.append(announcement)

    def heard(self, collector_time_ns: int) -> None:
        """Note the collector's time."""
        self._measured(collector_time_ns)

    def changed(self) -> None:
        """Have the next heartbeat sent at once: a visit was stored."""
        self._news.set()

    def settle(self) -> bool:
        """Work with the newest bundles as soon as no visit is open; say whether there is news for the centre."""
        with self._lock:
            if self._taken and self._took_up():
                self._taken.clear()
                self._news.set()
        news = self._news.is_set()
        self._news.clear()
        return news

    def _took_up(self) -> bool:
        try:
            return self._take_up()
        except KioskError as error:
            # What was checked when it came cannot be loaded: the kiosk goes on as it is and does not try for ever.
            log.error("bundle.not_taken_up", code=error.code, detail=error.detail)
            self._refusal = Refusal("all", 0, error.code)
            return True

    def _queue_health(self) -> QueueHealth:
        position, status = self._queue.position, self._queue.status()
        return QueueHealth(
            epoch=position.epoch,
            next_seq=position.next_seq,
            acknowledged=self._queue.acknowledged,
            pending_records=status.pending_records,
            pending_bytes=status.pending_bytes,
            oldest_pending_s=int(status.oldest_pending_s or 0),
            free_bytes=status.free_bytes,
            lost_records=len(self._queue.lost),
        )


def _versions(by_kind: Mapping[str, int]) -> tuple[BundleVersion, ...]:
    return tuple(BundleVersion(kind, version) for kind, version in sorted(by_kind.items()))

"""Opening a new epoch: a new key, signed for by the old one or by a technician's token, and the old queue's rest.

A power cut at any point leaves either the old epoch, or the new one with some records still to be issued again; the
next start goes on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from agent.epochs.book import FIRST, Epoch, EpochBook, Token
from agent.epochs.errors import EpochUnreadable, RotatedBefore, TokenMalformed, TokenNeeded
from agent.queue import Entry, EpochStart, NoQueue, Queue, QueueSettings, RecordLost
from agent.sealing import (
    EpochClaims,
    PreviousEpoch,
    RecordClaims,
    RecordKey,
    SealingError,
    create_record_key,
    load_record_key,
    point_of,
    public_key_from_point,
    reissue_record,
    release,
    sign_epoch,
    verify_record,
)
from agent.sealing.key_errors import KeyExists
from agent.sealing.registered_key import read_registered

log = structlog.get_logger()


class Epochs:
    """Opens epochs of one kiosk. The daemon must not run: the old queue's lock is taken."""

    def __init__(
        self,
        book: EpochBook,
        kiosk: str,
        trust_folder: Path,
        settings: QueueSettings,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._book, self._kiosk, self._trust = book, kiosk, trust_folder
        self._settings, self._wall_ns = settings, wall_ns

    def open_queue(self, epoch: Epoch, key: RecordKey) -> Queue:
        """Open an epoch's queue; what the epoch before still had to deliver is issued again first.

        Raises QueueError, SealingError or EpochUnreadable.
        """
        queue = self._queue(epoch)
        try:
            if not self._book.reissued(epoch.number):
                self._reissue(epoch, queue, key)
                self._book.mark_reissued(epoch.number)
        except BaseException:
            queue.close()
            raise
        return queue

    def rotate(self, reason: str, token: Token | None = None) -> Epoch:
        """Open the next epoch; the old key signs for it, or a token stands for that.

        Raises NoQueue, TokenNeeded, TokenMalformed, RotatedBefore, QueueError or SealingError.
        """
        old = self._book.current()
        if token is not None and token.epoch != old.number + 1:
            raise TokenMalformed(f"for epoch {token.epoch}, {old.number + 1} comes next")
        folder = self._book.queue_folder(old.number)
        if old.number == FIRST and not folder.is_dir():
            # Most likely the wrong data folder: a new epoch would give up what waits in the right one.
            raise NoQueue(str(folder))
        with self._queue(old) as queue:
            if not self._book.reissued(old.number) or (old.number > FIRST and not queue.acknowledged and token is None):
                raise RotatedBefore(f"epoch {old.number}")
            position, waiting = queue.position, queue.acknowledged
            public = self._public(old)
            lost = tuple(seq for seq in range(waiting, position.next_seq) if _whole(queue, seq, public) is None)
        previous = PreviousEpoch(old.number, position.next_seq, position.head, waiting)
        return self._begin(old.number + 1, previous, reason, token, lost, old)

    def begin_after_a_lost_disk(self, reason: str, token: Token) -> Epoch:
        """Open the epoch that a token names on a kiosk that has nothing of the epoch before. Raises SealingError."""
        epoch = self._begin(token.epoch, None, reason, token, (), None)
        self._book.mark_reissued(token.epoch)
        return epoch

    def authorise(self, token: Token) -> Epoch:
        """Give the present epoch, which the collector refused, a token. Raises TokenMalformed or SealingError."""
        epoch = self._book.current()
        if epoch.claims is None or token.epoch != epoch.number:
            raise TokenMalformed(f"for epoch {token.epoch}, {epoch.number} is open")
        claims = replace(epoch.claims, token_sha256=hashlib.sha256(token.secret).digest())
        key = load_record_key(self._book.keys(epoch.number), self._trust)
        try:
            self._book.commit(epoch.number, sign_epoch(claims, key, None), token, again=True)
        finally:
            release(key)
        return self._book.current()

    def _begin(
        self,
        number: int,
        previous: PreviousEpoch | None,
        reason: str,
        token: Token | None,
        lost: tuple[int, ...],
        old: Epoch | None,
    ) -> Epoch:
        old_key = None if token is not None or old is None else self._old_key(old)
        new_key = self._new_key(number)
        try:
            claims = EpochClaims(
                kiosk=self._kiosk,
                epoch=number,
                key=point_of(new_key.public_key),
                previous=previous,
                reason=reason,
                token_sha256=None if token is None else hashlib.sha256(token.secret).digest(),
                lost=lost,
                time_ns=max(0, self._wall_ns()),
            )
            self._book.commit(number, sign_epoch(claims, new_key, old_key), token)
        finally:
            for key in (new_key, old_key):
                if key is not None:
                    release(key)
        return self._book.current()

    def _old_key(self, old: Epoch) -> RecordKey:
        try:
            return load_record_key(self._book.keys(old.number), self._trust)
        except SealingError as error:
            raise TokenNeeded(f"{error.code}: {error.detail}") from error

    def _new_key(self, number: int) -> RecordKey:
        """Make the key; one that a power cut left without its epoch is taken."""
        try:
            return create_record_key(self._book.keys(number), self._trust)
        except KeyExists:
            return load_record_key(self._book.keys(number), self._trust)

    def _public(self, epoch: Epoch) -> ec.EllipticCurvePublicKey:
        if epoch.claims is not None:
            return public_key_from_point(epoch.claims.key)
        return read_registered(self._trust, self._book.keys(epoch.number).name)

    def _queue(self, epoch: Epoch) -> Queue:
        start = EpochStart(epoch.number, epoch.head)
        return Queue.open(self._book.queue_folder(epoch.number), start=start, settings=self._settings)

    def _reissue(self, epoch: Epoch, queue: Queue, key: RecordKey) -> None:
        before = epoch.claims.previous if epoch.claims is not None else None
        if before is None:
            return
        old = self._book.epoch(before.epoch)
        with self._queue(old) as source:
            if (source.position.next_seq, source.position.head) != (before.next_seq, before.head):
                raise EpochUnreadable(f"the queue of epoch {old.number} is not the one that was left")
            for place, (entry, claims) in enumerate(self._waiting(source, before, self._public(old))):
                # The place in the new queue tells what a power cut in the middle had left to do.
                if place >= queue.position.next_seq:
                    queue.append(_again(queue, entry, claims, key))
        log.info("epoch.reissued", epoch=epoch.number, records=queue.position.next_seq)

    def _waiting(
        self, source: Queue, before: PreviousEpoch, public: ec.EllipticCurvePublicKey
    ) -> Iterator[tuple[Entry, RecordClaims]]:
        for seq in range(before.acknowledged, before.next_seq):
            found = _whole(source, seq, public)
            if found is not None:
                yield found


def _whole(queue: Queue, seq: int, public: ec.EllipticCurvePublicKey) -> tuple[Entry, RecordClaims] | None:
    """Return a record and what it says, or None when it is lost or not ours."""
    try:
        entry = queue.read(seq)
        return entry, verify_record(entry.cose_sign1, entry.ciphertext, public)
    except (RecordLost, SealingError):
        return None


def _again(queue: Queue, entry: Entry, claims: RecordClaims, key: RecordKey) -> Entry:
    """Give a record its number in the new epoch: same record id and ciphertext, new payload."""
    place = queue.position
    signed = reissue_record(claims, place.epoch, place.next_seq, place.head, key)
    return Entry(
        signed.epoch,
        signed.seq,
        signed.prev,
        signed.payload_sha256,
        signed.cose_sign1,
        entry.ciphertext,
        signed.ciphertext_sha256,
    )

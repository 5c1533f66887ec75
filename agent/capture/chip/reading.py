"""One chip, read to its end: opens the secure channel, and opens it anew where it ended for a reason that can pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from agent.capture.chip.access import AccessControl
from agent.capture.chip.chaining import ChainedCommands
from agent.capture.chip.errors import SessionBroken
from agent.capture.chip.files import REFUSED_LENGTHS, ElementaryFile, FileReader, PartialFile, Progress
from agent.capture.chip.pieces import Ladder
from agent.capture.chip.transport import GuardedLink, ReturningCard, WholeAnswers
from agent.capture.evidence import Guidance, Guide
from agent.devices.errors import Cancelled, CardLost, DeviceError, DeviceTimeout, NoCard, NoPcscd, NoReader
from agent.devices.seams import CardLink
from agent.words import Words

MAX_RETURNS = 8

_OPENING = Guidance("chip.pace", Words("Đang mở kênh an toàn với chip…", "Opening the secure channel…"))
_PUT_BACK = Guidance(
    "chip.put_back", Words("Thẻ bị nhấc lên. Đặt lại thẻ để đọc tiếp.", "The card was lifted. Put it back to go on.")
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Limits:
    """Until when a reading may last.

    `deadline` is on time.monotonic(), `return_within_s` how long a lifted card is waited for.
    """

    deadline: float
    cancelled: Event
    return_within_s: float

    def check(self) -> None:
        """Raise Cancelled or DeviceTimeout when it is over."""
        if self.cancelled.is_set():
            raise Cancelled
        if time.monotonic() >= self.deadline:
            raise DeviceTimeout("chip")


class ChipReading:
    """Reads files of one chip. A wrong password is never tried again, and nothing is before it has proved right."""

    def __init__(self, link: CardLink, access: AccessControl, ladder: Ladder, limits: Limits, guide: Guide) -> None:
        self._card, self._access, self._ladder = link, access, ladder
        self._limits, self._guide = limits, guide
        self.counted = GuardedLink(link, limits.check)
        self._link = ChainedCommands(WholeAnswers(self.counted))
        self._files: FileReader | None = None
        self._lost_at: tuple[str, int] | None = None
        self.channels = self.returns = 0

    def open(self) -> None:
        """Open the first channel.

        Raises WrongCan, WrongMrz, WrongPin, AccessDenied, ChipDataError, StatusError, SessionBroken or DeviceError.
        """
        self._access.begin(self._link)
        self._guide(_OPENING)
        self.perform("opening", lambda _: None)

    def read(self, file: ElementaryFile, progress: Progress) -> bytes | None:
        """Return a file whole, or None when the chip does not have it; raise what `open` raises."""
        partial = PartialFile(file)
        found = self._persist(lambda files: files.read(partial, progress), lambda: (file.name, len(partial.data)))
        return bytes(partial.data) if found else None

    def perform(self, name: str, action: Callable[[FileReader], Answer]) -> Answer:
        """Do something in the channel that can be done again from its start; raise what it or `open` raises."""
        return self._persist(action, lambda: (name, 0))

    def _persist(self, action: Callable[[FileReader], Answer], place: Callable[[], tuple[str, int]]) -> Answer:
        while True:
            try:
                self._files = self._files or self._open_channel()
                return action(self._files)
            except SessionBroken as error:
                self._take_smaller_pieces(error)
            except (CardLost, NoPcscd, NoReader) as error:
                self._wait_for_return(error, place())
            self._files = None

    def _open_channel(self) -> FileReader:
        files = self._access.open(self._link, self._ladder)
        self.channels += 1
        return files

    def _take_smaller_pieces(self, error: SessionBroken) -> None:
        """Start again below a length that was refused without protection, which ends a channel; raise other faults."""
        if not self.channels or error.sw not in REFUSED_LENGTHS or not self._ladder.descend():
            raise error
        if isinstance(self._card, ReturningCard):
            self._card.reconnect(self._limits.deadline, self._limits.cancelled)

    def _wait_for_return(self, error: DeviceError, place: tuple[str, int]) -> None:
        if not self._access.proved or self.returns == MAX_RETURNS or not isinstance(self._card, ReturningCard):
            raise error
        self.returns += 1
        if place == self._lost_at:
            # Lost twice at one place: some readers drop the card over a length that they cannot carry.
            self._ladder.descend()
        self._lost_at = place
        self._guide(_PUT_BACK)
        within = min(self._limits.deadline, time.monotonic() + self._limits.return_within_s)
        try:
            self._card.reconnect(within, self._limits.cancelled)
        except NoCard:
            raise error from None

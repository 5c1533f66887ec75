"""Appends records as fast as it can and tells each one that was answered; the test kills it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from agent.queue import Queue
from tests.queue.records import SETTINGS, START, acknowledge, record


def main(folder: Path, keep_s: float = SETTINGS.keep_receipted_s) -> None:
    """Write until killed: one line for each record that is durable, and for each receipt."""
    settings = replace(SETTINGS, keep_receipted_s=keep_s)
    with Queue.open(folder, start=START, settings=settings) as queue:
        print("open", queue.position.next_seq, flush=True)
        while True:
            queue.ensure_room(1)
            entry = record(queue.position, 4000 + queue.position.next_seq % 7 * 1500)
            queue.append(entry)
            print("stored", entry.seq, flush=True)
            if entry.seq % 5 == 4:
                acknowledge(queue, queue.read(entry.seq - 3))
                print("acknowledged", entry.seq - 2, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *([0] if "purge" in sys.argv else []))

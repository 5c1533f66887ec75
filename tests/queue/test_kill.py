"""kill -9 at random moments, on the real disk: what was answered is there after the next start."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from agent.queue import Entry, Position, Queue
from tests.queue.records import SETTINGS, START, record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("cycles", [8, pytest.param(400, marks=pytest.mark.slow)])
def test_every_answered_record_survives_kill_9(tmp_path: Path, cycles: int) -> None:
    """The folder goes through all cycles, as on a kiosk whose power button is used too often."""
    chance = random.Random(cycles)  # noqa: S311 # moments, no secrets
    answered = acknowledged = 0
    for _ in range(cycles):
        lines = killed_run(tmp_path / "queue", chance)
        stored = [number for word, number in lines if word == "stored"]
        assert stored == list(range(lines[0][1], lines[0][1] + len(stored)))
        answered = max(answered, lines[0][1] + len(stored))
        acknowledged = max([acknowledged, *(number for word, number in lines if word == "acknowledged")])
        with Queue.open(tmp_path / "queue", start=START, settings=SETTINGS) as queue:
            position = queue.position
            assert answered <= position.next_seq <= answered + 1
            assert queue.acknowledged >= acknowledged
            check_content(queue)
            answered = position.next_seq


def check_content(queue: Queue) -> None:
    """Compare each record with its recipe: its seq and the head before it."""
    for seq in range(queue.oldest_kept, queue.position.next_seq):
        check_recipe(queue.read(seq))


def check_recipe(entry: Entry) -> None:
    """Compare one record with its recipe."""
    place = Position(entry.epoch, entry.seq, entry.prev)
    assert entry == record(place, 4000 + entry.seq % 7 * 1500)


def killed_run(folder: Path, chance: random.Random) -> list[tuple[str, int]]:
    """Start the writer, let it tell a few lines, kill it; return all that it told."""
    command = [sys.executable, "-m", "tests.queue.kill_writer", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        lines = []
        for _ in range(chance.randint(1, 40)):
            lines.append(writer.stdout.readline())
        writer.kill()
        lines += writer.stdout.readlines()
    told = [line.split() for line in lines if line.endswith("\n") and not line.startswith("20")]
    return [(word, int(number)) for word, number in told]

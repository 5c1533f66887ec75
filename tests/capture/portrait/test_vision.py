"""The vision worker as a process: same judgement, and it comes back when it dies or hangs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from agent.capture.portrait import FrameNotTaken, VisionFailed, VisionWorker
from agent.capture.portrait.analyser import Analyser
from agent.devices.errors import Cancelled, DeviceTimeout
from agent.devices.seams import Pixels

Picture = Callable[..., Pixels]
NEVER = Event()


def _soon() -> float:
    return time.monotonic() + 60


def test_the_worker_judges_as_the_analyser_does(vision: VisionWorker, analyser: Analyser, picture: Picture) -> None:
    """Values, box and JPEGs come through the process's border unchanged."""
    pixels = picture("passing")
    assert vision.preview(pixels, _soon(), NEVER) == analyser.preview(pixels)
    assert vision.still(pixels, _soon(), NEVER) == analyser.still(pixels)
    assert vision.preview(picture("none"), _soon(), NEVER) == analyser.preview(picture("none"))


def test_frames_of_changing_sizes_are_taken(vision: VisionWorker, analyser: Analyser, picture: Picture) -> None:
    """A view that is not contiguous, a small frame and a large one: each is judged as itself."""
    for pixels in (picture("passing")[:, 280:1000], picture("passing")[::2, ::2], picture("two-faces")):
        assert vision.preview(pixels, _soon(), NEVER) == analyser.preview(np.ascontiguousarray(pixels))


def test_a_killed_worker_is_replaced(vision: VisionWorker, picture: Picture) -> None:
    """A kill -9 between two frames costs nothing but the start of a new process."""
    before = vision.still(picture("passing"), _soon(), NEVER)
    first = vision.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert vision.still(picture("passing"), _soon(), NEVER) == before
    assert vision.pid not in (None, first)


def test_a_worker_killed_while_it_works_is_replaced(models_folder: Path, picture: Picture) -> None:
    """A kill -9 with a frame in its hands: the frame is judged by the next one."""
    with VisionWorker(models_folder, frame_within_s=30) as worker:
        worker.preview(picture("none"), _soon(), NEVER)
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        killer = threading.Timer(0.3, os.kill, (first, signal.SIGKILL))
        killer.start()
        assert worker.preview(picture("passing"), _soon(), NEVER).has_face
        killer.join()
        assert worker.pid != first


def test_a_hung_worker_is_replaced(models_folder: Path, picture: Picture) -> None:
    """A worker that does not answer in its time is killed, and the frame is judged by the next one."""
    with VisionWorker(models_folder, frame_within_s=1) as worker:
        worker.preview(picture("none"), _soon(), NEVER)
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        assert worker.preview(picture("passing"), _soon(), NEVER).has_face
        assert worker.pid != first


def test_a_worker_that_never_starts_is_an_error(models_folder: Path, picture: Picture) -> None:
    """When no worker gets ready in its time, twice, it is VisionFailed and not a wait for ever."""
    with VisionWorker(models_folder, start_within_s=0.0) as worker, pytest.raises(VisionFailed):
        worker.preview(picture("none"), _soon(), NEVER)


def test_cancel_and_deadline_end_the_wait_and_leave_the_worker(vision: VisionWorker, picture: Picture) -> None:
    """Both give their own error; the late answer is dropped, and the next frame gets its own."""
    expected = vision.preview(picture("passing"), _soon(), NEVER)
    first = vision.pid
    assert first is not None
    cancelled = Event()
    cancelled.set()
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(Cancelled):
        vision.preview(picture("none"), _soon(), cancelled)
    with pytest.raises(DeviceTimeout):
        vision.preview(picture("none"), time.monotonic(), NEVER)
    os.kill(first, signal.SIGCONT)
    assert vision.preview(picture("passing"), _soon(), NEVER) == expected
    assert vision.pid == first


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.uint16),
        np.zeros((1, 9000, 3), np.uint8),
        np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (10_000, 10_000, 3)),
    ],
    ids=["empty", "grey", "alpha", "16 bit", "a line", "100 megapixels"],
)
def test_frames_that_nobody_can_judge_are_refused(vision: VisionWorker, pixels: Pixels) -> None:
    """Each is refused before it is copied, and the worker is left alone."""
    first = vision.pid
    with pytest.raises(FrameNotTaken):
        vision.preview(pixels, _soon(), NEVER)
    assert vision.pid == first


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (40, 40, 3)], ids=str)
def test_hostile_frames_do_not_end_the_worker(vision: VisionWorker, shape: tuple[int, int, int]) -> None:
    """Tiny frames and noise have no face; the worker stays."""
    noise = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    first = vision.pid
    assert not vision.still(noise, _soon(), NEVER).analysis.has_face
    assert vision.pid == first


def test_threads_that_share_a_worker_get_their_own_answers(vision: VisionWorker, picture: Picture) -> None:
    """Two threads with two scenes never see each other's faces."""
    found: dict[str, list[int]] = {"none": [], "two-faces": []}

    def ask(subject: str) -> None:
        for _ in range(5):
            found[subject].append(vision.preview(picture(subject), _soon(), NEVER).faces)

    threads = [Thread(target=ask, args=(subject,)) for subject in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {"none": [0] * 5, "two-faces": [2] * 5}


def test_the_worker_gets_no_secrets_and_ends_with_its_block(
    models_folder: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the daemon has in its environment is not in the worker's, and after the block there is no process left."""
    monkeypatch.setenv("KIOSK_TEST_SECRET", "correct-horse")
    with VisionWorker(models_folder) as worker:
        pid = worker.pid
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert worker.preview(picture("passing"), _soon(), NEVER).has_face
    assert b"correct-horse" not in environment
    assert worker.pid is None
    assert not Path(f"/proc/{pid}").exists()

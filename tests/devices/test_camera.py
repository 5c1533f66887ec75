"""The camera through its worker, against a camera on the wire that misbehaves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event, Timer

import pytest
from firmware_mocks.camera import CameraMock

from agent.devices import camera as camera_module
from agent.devices.camera import CONTROLS, Camera
from agent.devices.camera_controls import Control
from agent.devices.errors import CameraFrozen, CameraNotAllowed, Cancelled, NoCamera
from agent.devices.seams import DeviceState, Frame

NEVER = Event()
FROZEN_S = 1.0
LONG_S = 60.0


@pytest.fixture(scope="module")
def mock() -> Iterator[CameraMock]:
    """Return one camera on the wire for all tests; small pictures, so that it is quick."""
    with CameraMock(size=(320, 240)) as running:
        yield running


@pytest.fixture(scope="module")
def opened(mock: CameraMock) -> Iterator[Camera]:
    """Return the agent's camera looking at it; whatever is done to it, it comes back."""
    with Camera(mock.url, 320, 240, development=True, frozen_s=FROZEN_S) as camera:
        yield camera


@pytest.fixture
def camera(mock: CameraMock, opened: Camera) -> Camera:
    """Return that camera with nothing wrong and new pictures coming."""
    mock.thaw()
    opened.lock(on=False)
    _next(opened, opened._memory.newest())
    return opened


def _next(camera: Camera, after: int = 0, within_s: float = LONG_S) -> Frame:
    return camera.newest(after, time.monotonic() + within_s, NEVER)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_frames_come_new_and_in_order(camera: Camera) -> None:
    """Numbers rise, times rise, each picture is of the asked size, and the camera says that it is ready."""
    frames = [_next(camera)]
    while len(frames) < 10:
        frames.append(_next(camera, frames[-1].number))
    assert all(one.number < two.number and one.taken_s < two.taken_s for one, two in pairwise(frames))
    assert {frame.pixels.shape for frame in frames} == {(240, 320, 3)}
    assert (camera.info().state, camera.info().detail) == (DeviceState.READY, "320x240")


def test_a_network_camera_refuses_to_be_locked_and_goes_on(camera: Camera) -> None:
    """Through worker and shared memory: each control is named as refused, and frames keep coming."""
    assert camera.locked() == "not locked"
    camera.lock(on=True)
    _until(lambda: camera.locked() != "not locked")
    assert camera.locked() == "exposure refused, white balance refused, focus refused"
    _next(camera, camera._memory.newest())
    camera.lock(on=False)
    _until(lambda: camera.locked() == "not locked")


def test_a_camera_without_a_larger_mode_says_so_and_goes_on(camera: Camera) -> None:
    """Through worker and shared memory."""
    assert camera.still(time.monotonic() + LONG_S, NEVER) is None
    _next(camera, camera._memory.newest())


def test_the_still_has_all_the_pixels_that_the_camera_has() -> None:
    """People are shown a smaller picture; the still comes in full, as often as it is asked for."""
    with CameraMock(size=(640, 480)) as mock, Camera(mock.url, 320, 240, development=True) as camera:
        assert _next(camera).pixels.shape == (240, 320, 3)
        for _ in range(2):
            still = camera.still(time.monotonic() + LONG_S, NEVER)
            assert still is not None
            assert still.pixels.shape == (480, 640, 3)
        assert _next(camera, camera._memory.newest()).pixels.shape == (240, 320, 3)


def test_a_still_from_a_frozen_camera_is_waited_for_until_the_deadline_only(mock: CameraMock, camera: Camera) -> None:
    """None, and cancelling ends it at once."""
    mock.freeze()
    assert camera.still(time.monotonic() + 0.1, NEVER) is None
    cancelled = Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        camera.still(time.monotonic() + LONG_S, cancelled)
    mock.thaw()


def test_a_slow_reader_gets_the_newest_frame(mock: CameraMock, camera: Camera) -> None:
    """After a pause of the reader the next frame shows what is there now, not what was there then."""
    mock.show("passing")
    first = _next(camera)
    mock.show("none")
    _until(lambda: _next(camera, first.number).pixels.std() < 20)
    waited = _next(camera).number
    mock.show("passing")
    _until(lambda: camera._memory.newest() > waited + 8)
    assert _next(camera, waited).number > waited + 8


def test_a_frozen_camera_is_recognised_and_recovers(mock: CameraMock, camera: Camera) -> None:
    """No new pictures: CameraFrozen at the deadline, shown as recovering; new ones again after the thaw."""
    _next(camera)
    worker = camera.worker_pid
    mock.freeze()
    _until(lambda: camera.info().state is DeviceState.RECOVERING)
    with pytest.raises(CameraFrozen):
        _next(camera, camera._memory.newest(), within_s=0.1)
    mock.thaw()
    _next(camera, camera._memory.newest())
    assert camera.worker_pid != worker


def test_a_camera_that_repeats_itself_is_frozen(mock: CameraMock, camera: Camera) -> None:
    """The very same picture again and again is no new picture, and not shown as one."""
    _next(camera)
    mock.repeat()
    _until(lambda: camera.info().state is DeviceState.RECOVERING)
    with pytest.raises(CameraFrozen):
        _next(camera, camera._memory.newest(), within_s=0.1)
    mock.thaw()
    _next(camera, camera._memory.newest())


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_hung_worker_is_replaced(camera: Camera, kind: signal.Signals) -> None:
    """Killed or stopped, another one takes over, the frame numbers go on, and the old one is gone."""
    before = _next(camera)
    worker = camera.worker_pid
    assert worker is not None
    os.kill(worker, kind)
    _until(lambda: camera.worker_pid not in (None, worker))
    assert _next(camera, camera._memory.newest()).number > before.number
    assert not Path(f"/proc/{worker}").exists()


def test_a_dropped_connection_is_opened_again(mock: CameraMock, camera: Camera) -> None:
    """The stream ends: the next frames come over a new one."""
    _next(camera)
    worker = camera.worker_pid
    mock.drop_connection()
    _until(lambda: camera.worker_pid not in (None, worker))
    _next(camera, camera._memory.newest())


def test_cancel_ends_the_wait(mock: CameraMock, camera: Camera) -> None:
    """A wait for a frame that does not come is ended by the cancel event."""
    _next(camera)
    mock.freeze()
    cancelled = Event()
    Timer(0.2, cancelled.set).start()
    with pytest.raises(Cancelled):
        camera.newest(2**62, time.monotonic() + LONG_S, cancelled)


def test_nobody_at_the_address_is_no_camera() -> None:
    """A URL where nothing listens: NoCamera, shown as absent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/video"
        with Camera(url, 320, 240, development=True) as camera:
            _until(lambda: camera.info().state is DeviceState.ABSENT)
            with pytest.raises(NoCamera):
                _next(camera, within_s=0.1)


def test_a_wrong_path_is_no_camera(mock: CameraMock) -> None:
    """A server that has no pictures there."""
    with Camera(f"{mock.url}-not", 320, 240, development=True) as camera:
        _until(lambda: camera.info().state is DeviceState.ABSENT)


def test_a_source_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something takes the connection and says nothing: the worker is replaced, the caller gets his deadline."""
    monkeypatch.setattr(camera_module, "FIRST_FRAME_S", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/video"
        with Camera(url, 320, 240, development=True) as camera:
            with pytest.raises(CameraFrozen):
                _next(camera, within_s=0.2)
            _until(lambda: "no new picture" in camera.info().detail)
            assert camera.info().state is DeviceState.RECOVERING


def test_a_camera_that_is_not_plugged_in_is_absent() -> None:
    """A V4L2 index without a device: NoCamera without starting a worker for it."""
    with Camera(63) as camera:
        _until(lambda: camera.info().state is DeviceState.ABSENT)
        assert camera.worker_pid is None
        with pytest.raises(NoCamera):
            _next(camera, within_s=0.05)


def test_a_node_that_is_no_camera_is_not_opened(tmp_path: Path) -> None:
    """A device that V4L2 cannot open is an error with its cause, not a hang."""
    with Camera("/dev/null", 320, 240) as camera:
        _until(lambda: camera.info().state is DeviceState.BUSY)


def test_the_names_of_the_controls_are_the_workers_bits() -> None:
    """The two processes speak of the same controls."""
    assert {name.upper().replace(" ", "_"): bit for name, bit in CONTROLS.items()} == {
        one.name: one.value for one in Control
    }


def test_urls_are_for_development_only(mock: CameraMock) -> None:
    """Outside development a network camera is refused before anything is opened."""
    with pytest.raises(CameraNotAllowed):
        Camera(mock.url)


def test_the_worker_gets_no_secrets_and_no_proxy(mock: CameraMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the daemon has in its environment is not in the worker's."""
    monkeypatch.setenv("KIOSK_TEST_SECRET", "correct-horse")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    mock.thaw()
    with Camera(mock.url, 320, 240, development=True) as camera:
        _next(camera)
        environment = Path(f"/proc/{camera.worker_pid}/environ").read_bytes()
    assert b"correct-horse" not in environment
    assert b"http_proxy" not in environment


def test_the_worker_ends_with_its_parent(mock: CameraMock) -> None:
    """A daemon that is killed leaves no process on the camera."""
    mock.thaw()
    program = (
        "import sys, time; from threading import Event; from agent.devices.camera import Camera\n"
        "with Camera(sys.argv[1], 320, 240, development=True) as camera:\n"
        "    camera.newest(0, time.monotonic() + 60, Event())\n"
        "    print(camera.worker_pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, mock.url], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    _until(lambda: not _runs(worker))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # a zombie waits for an init that may not look

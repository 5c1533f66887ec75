"""The mock camera on its wire: HTTP, multipart, JPEG; faults at run time."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from firmware_mocks.camera import SUBJECTS, CameraError, CameraMock
from firmware_mocks.camera.__main__ import main
from firmware_mocks.camera.film import film
from firmware_mocks.camera.subjects import Pixels, render

SIZE = (320, 240)
LONG_S = 60.0


@pytest.fixture(scope="module")
def camera() -> Iterator[CameraMock]:
    """Return one camera for all tests."""
    with CameraMock(size=SIZE, fps=60) as running:
        yield running


class Viewer:
    """A client of the stream that believes nothing: it reads each part by its headers."""

    def __init__(self, url: str, timeout_s: float = LONG_S) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=timeout_s)
        self._connection.request("GET", address.path)
        self.answer = self._connection.getresponse()
        self.headers: list[dict[str, str]] = []

    def close(self) -> None:
        """Close the connection."""
        self.answer.close()
        self._connection.close()

    def jpeg(self) -> bytes:
        """Return the next picture; b"" at the end of the stream."""
        boundary = self.answer.readline()
        if not boundary:
            return b""
        assert boundary == b"--frame\r\n"
        headers = {}
        while (line := self.answer.readline()) != b"\r\n":
            name, _, value = line.decode("ascii").partition(":")
            headers[name.lower()] = value.strip()
        self.headers.append(headers)
        data = self.answer.read(int(headers["content-length"]))
        assert self.answer.readline() == b"\r\n"
        return data


@pytest.fixture
def viewer(camera: CameraMock) -> Iterator[Viewer]:
    """Return a client of the camera, which has no fault."""
    camera.thaw()
    opened = Viewer(camera.url)
    yield opened
    opened.close()


def _decoded(jpeg: bytes) -> Pixels:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < deadline, "it never happened"


def test_each_part_is_a_jpeg_with_its_length(viewer: Viewer) -> None:
    """The type of the stream, the headers of each part, and pictures of the asked size."""
    pictures = [_decoded(viewer.jpeg()) for _ in range(3)]
    assert viewer.answer.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=frame"
    assert {headers["content-type"] for headers in viewer.headers} == {"image/jpeg"}
    assert {picture.shape for picture in pictures} == {(240, 320, 3)}


def test_each_picture_has_noise_of_its_own(viewer: Viewer) -> None:
    """Two pictures in a row are never the same bytes, as with a real sensor."""
    jpegs = [viewer.jpeg() for _ in range(20)]
    assert all(one != two for one, two in pairwise(jpegs))


def test_the_subject_changes_at_run_time(camera: CameraMock, viewer: Viewer) -> None:
    """`show` puts somebody else there, or a picture file, without a new connection."""
    camera.show("none")
    _until(lambda: _decoded(viewer.jpeg()).std() < 20)
    camera.show("passing", 2)
    _until(lambda: _decoded(viewer.jpeg()).std() > 30)


def test_a_picture_file_is_shown(camera: CameraMock, viewer: Viewer, tmp_path: Path) -> None:
    """Any picture that OpenCV reads, whatever its path is called, scaled to the camera's size."""
    path = tmp_path / "a picture?seed=3 & more.png"
    cv2.imwrite(str(path), np.full((50, 60, 3), (10, 200, 90), np.uint8))
    camera.show(path)
    _until(lambda: bool(np.abs(_decoded(viewer.jpeg()).mean(axis=(0, 1)) - (10, 200, 90)).max() < 4))


def test_frozen_sends_nothing_and_thawed_goes_on(camera: CameraMock, viewer: Viewer) -> None:
    """While frozen the stream stays open and silent; the thaw brings pictures over the same connection."""
    viewer.jpeg()
    camera.freeze()
    late = Viewer(camera.url, timeout_s=0.3)
    with pytest.raises(TimeoutError):
        late.jpeg()
    late.close()
    camera.thaw()
    _until(lambda: len(viewer.jpeg()) > 0)


def test_repeating_sends_the_same_bytes(camera: CameraMock, viewer: Viewer) -> None:
    """After `repeat` all pictures are one."""
    camera.repeat()
    last: list[bytes] = []
    _until(lambda: not last.append(viewer.jpeg()) and len(set(last[-10:])) == 1 and len(last) > 10)
    camera.thaw()
    _until(lambda: viewer.jpeg() != last[-1])


def test_dropping_the_connection_ends_the_stream_and_not_the_camera(camera: CameraMock, viewer: Viewer) -> None:
    """Open streams end, new ones are served."""
    viewer.jpeg()
    camera.drop_connection()
    _until(lambda: viewer.jpeg() == b"")
    again = Viewer(camera.url)
    assert again.jpeg()
    again.close()


@pytest.mark.parametrize("subject", ["nobody-knows", "/etc/passwd", "../x", "a\nb"])
def test_an_unknown_subject_is_refused(camera: CameraMock, viewer: Viewer, subject: str) -> None:
    """The order fails with words, and the camera goes on with what it showed."""
    with pytest.raises(CameraError, match="neither a picture file"):
        camera.show(subject)
    assert viewer.jpeg()


def test_other_paths_are_not_found(camera: CameraMock) -> None:
    """There is nothing else on this server."""
    other = Viewer(camera.url.replace("/video", "/etc/passwd"))
    assert other.answer.status == 404
    other.close()


@pytest.fixture
def _sigterm() -> Iterator[None]:
    """Give the tests their signal handling back after `main` has set its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_sigterm")
@pytest.mark.parametrize("arguments", [["--subject", "nobody"], ["--size", "1x1"], ["--fps", "0"]], ids=" ".join)
def test_unusable_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and a sentence."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_camera_that_does_not_come_up_says_why() -> None:
    """The class raises with the program's own words."""
    with pytest.raises(CameraError, match="neither a picture file"), CameraMock("nobody"):
        pass


def test_help_names_subjects_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` works and is complete."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for word in (*SUBJECTS, "freeze", "repeat", "thaw", "drop-connection"):
        assert word in told


def test_the_camera_ends_with_its_block_and_with_its_starter() -> None:
    """No process is left, neither after the block nor after the starter was killed."""
    with CameraMock("none", size=SIZE) as camera:
        pid = camera.pid
    assert not Path(f"/proc/{pid}").exists()
    program = (
        "import time; from firmware_mocks.camera import CameraMock\n"
        "with CameraMock('none', size=(64, 64)) as camera:\n    print(camera.pid, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        os.kill(starter.pid, signal.SIGKILL)
    _until(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_seed_is_always_the_same_film_and_another_seed_is_not() -> None:
    """Rendering is a function of subject, seed and size."""
    one = film("passing", 3, *SIZE)
    film.cache_clear()
    assert film("passing", 3, *SIZE) == one
    assert film("passing", 4, *SIZE) != one


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_renders_in_any_size(subject: str) -> None:
    """Width x height as asked, 8 bit, three channels."""
    for width, height in ((320, 240), (240, 320), (64, 48)):
        picture = render(subject, 1, width, height)
        assert (picture.shape, picture.dtype) == ((height, width, 3), np.uint8)

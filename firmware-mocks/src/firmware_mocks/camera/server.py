"""MJPEG over HTTP (multipart/x-mixed-replace) with Content-Length per part, and a control path for faults.

GET /video; POST /subject/NAME?seed=N; POST /fault/FAULT, with the faults named below.
"""

from __future__ import annotations

import itertools
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from urllib.parse import parse_qs, unquote, urlsplit

from firmware_mocks.camera.film import film

BOUNDARY = "frame"
FAULTS = ("freeze", "repeat", "thaw", "drop-connection")


class CameraServer(ThreadingHTTPServer):
    """The camera: what it shows and what is wrong with it, for all connections. Raises ValueError, OSError."""

    daemon_threads = True

    def __init__(self, port: int, subject: str, seed: int, size: tuple[int, int], fps: float) -> None:
        if fps <= 0:
            raise ValueError("fps must be above 0")
        self._size, self.fps = size, fps
        self._lock = Lock()
        self.thawed = Event()
        self.thawed.set()
        self._repeating = False
        self.drops = 0
        self.show(subject, seed)
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def url(self) -> str:
        """Where the pictures are."""
        return f"http://127.0.0.1:{self.server_port}/video"

    def show(self, subject: str, seed: int) -> None:
        """Change the subject; raise ValueError for an unknown one."""
        frames = film(subject, seed, *self._size)
        with self._lock:
            self._frames = frames

    def frame(self, number: int) -> bytes:
        """Return the JPEG with this number, in turn; always the first one while repeating."""
        with self._lock:
            return self._frames[0 if self._repeating else number % len(self._frames)]

    def fail(self, fault: str) -> None:
        """Switch a fault on (or all off by `thaw`); raise ValueError for an unknown one."""
        match fault:
            case "freeze":
                self.thawed.clear()
            case "repeat":
                self._repeating = True
            case "thaw":
                self._repeating = False
                self.thawed.set()
            case "drop-connection":
                self.drops += 1
            case _:
                raise ValueError(f"no such fault: {fault}; there are {', '.join(FAULTS)}")


class _Connection(BaseHTTPRequestHandler):
    server: CameraServer

    def do_GET(self) -> None:  # http.server's name
        """Send pictures until the client goes."""
        if self.path != "/video":
            self.send_error(404)
            return
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        self.close_connection = True
        try:
            self._stream()
        except (BrokenPipeError, ConnectionResetError):
            return

    def do_POST(self) -> None:  # http.server's name
        """Change fault or subject."""
        path = urlsplit(self.path)
        try:
            seed = int(parse_qs(path.query).get("seed", ["1"])[0])
            self._control(path.path, seed)
        except ValueError as error:
            self.send_error(400, " ".join(str(error).split()))
            return
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Stay quiet."""

    def _stream(self) -> None:
        drops = self.server.drops
        due = time.monotonic()
        for number in itertools.count():
            self.server.thawed.wait()
            if self.server.drops != drops:
                return
            jpeg = self.server.frame(number)
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode("ascii") + jpeg + b"\r\n")
            # A stall is not made up for: a camera does not send what it did not take.
            due = max(due + 1 / self.server.fps, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _control(self, path: str, seed: int) -> None:
        match path.strip("/").split("/"):
            case ["fault", fault]:
                self.server.fail(fault)
            case ["subject", name]:
                self.server.show(unquote(name), seed)
            case _:
                raise ValueError(f"no such control: {path}")

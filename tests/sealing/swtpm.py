"""TPM simulators (swtpm) as the tests need them: started, stopped, killed; tapped; behind a character device."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

WAIT_S = 60.0


class Simulator:
    """One TPM: a state folder that outlives its processes, and the process that runs now."""

    def __init__(self, folder: Path) -> None:
        self.state = folder
        self.socket = folder / "socket"
        self.state.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the TPM and wait until it listens."""
        self.socket.unlink(missing_ok=True)
        where = ["--tpmstate", f"dir={self.state}", "--server", f"type=unixio,path={self.socket}"]
        command = ["swtpm", "socket", "--tpm2", *where, "--flags", "not-need-init,startup-clear"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._listens)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def send(self, which: signal.Signals) -> None:
        """Send a signal to the process; after SIGKILL also wait for its end."""
        assert self._process
        self._process.send_signal(which)
        if which == signal.SIGKILL:
            self._process.wait(WAIT_S)

    def stop(self) -> None:
        """End the process, however it stands."""
        if self._process:
            self._process.kill()
            self._process.wait(WAIT_S)
        self.socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """Power off and on again."""
        self.stop()
        self.start()


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition; fail after a generous deadline."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Tap:
    """A wire tap: passes bytes between one client and the TPM, and keeps them."""

    def __init__(self, tpm: Path, here: Path) -> None:
        self.seen = b""
        self._tpm = tpm
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(here))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and wait for the end."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT_S)
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with client, socket.socket(socket.AF_UNIX) as tpm:
                    tpm.connect(str(self._tpm))
                    self._pass_on(client, tpm)

    def _pass_on(self, client: socket.socket, tpm: socket.socket) -> None:
        while command := client.recv(4096):
            tpm.sendall(command)
            answer = tpm.recv(4096)
            self.seen += command + answer
            client.sendall(answer)


class Terminal:
    """A character device (a pseudo terminal in raw mode) behind which the TPM answers."""

    def __init__(self, tpm: Path) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.path = Path(os.ttyname(self._theirs))
        self._tpm = socket.socket(socket.AF_UNIX)
        self._tpm.connect(str(tpm))
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        """End the passing of bytes."""
        os.close(self._stop)
        self._thread.join(WAIT_S)
        for fd in (self._ours, self._theirs, self._stopped):
            os.close(fd)
        self._tpm.close()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._ours, self._tpm.fileno(), self._stopped], [], [], WAIT_S)
            if self._stopped in ready or not ready:
                return
            if self._ours in ready:
                self._tpm.sendall(os.read(self._ours, 4096))
            if self._tpm.fileno() in ready:
                os.write(self._ours, self._tpm.recv(4096))


def answer_once(server: socket.socket, answer: bytes) -> None:
    """Answer one command of one client with these bytes, then hang up."""
    client, _ = server.accept()
    with client, suppress(OSError):
        client.recv(4096)
        client.sendall(answer)

"""A forwarder on the loopback that cuts and slows what goes through it."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from threading import Event, Lock, Thread

PIECE = 16 * 1024


class Forwarder:
    """Passes connections on to `target` (host:port). `cut` breaks all and takes no more; `pace` is in bytes/s."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._lock, self._ended = Lock(), Event()
        self._through = Event()
        self._through.set()
        self._open: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self.bytes_per_s: float | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def cut(self) -> None:
        """Break every connection and refuse new ones until `heal`."""
        self._through.clear()
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Let everything through, at full speed."""
        self.bytes_per_s = None
        self._through.set()

    def close(self) -> None:
        """End all threads."""
        self._ended.set()
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, work: object, *arguments: socket.socket) -> None:
        thread = Thread(target=work, args=arguments, name="forwarder")  # type: ignore[arg-type] # one of our methods
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._through.is_set():
                client.close()
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            self._start(self._pump, client, server)
            self._start(self._pump, server, client)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE):
                pace = self.bytes_per_s
                if pace is not None:
                    time.sleep(len(data) / pace)
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            # The other direction may still use the target: each closes its own source.
            self._open.discard(source)
        source.close()

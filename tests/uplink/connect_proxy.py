"""A small real HTTP proxy that knows CONNECT only, on the loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


class ConnectProxy:
    """Tunnels to whatever is asked for; `status` other than 200 refuses everybody. `asked` keeps the targets."""

    def __init__(self, status: int = 200) -> None:
        self._status = status
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [Thread(target=self._accept, name="proxy")]
        self._threads[0].start()

    def close(self) -> None:
        """Cut all tunnels and take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._start(self._serve, client)

    def _start(self, work: object, *arguments: socket.socket) -> None:
        thread = Thread(target=work, args=arguments, name="proxy")  # type: ignore[arg-type] # one of our methods
        self._threads.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                heard = client.recv(1)
                if not heard:
                    return
                head += heard
            method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
            assert method == b"CONNECT"
            self.asked.append(target.decode())
            if self._status != 200:
                client.sendall(f"HTTP/1.1 {self._status} Forbidden\r\n\r\n".encode())
                client.shutdown(socket.SHUT_RDWR)
                return
            host, _, port = target.decode().rpartition(":")
            server = socket.create_connection((host, int(port)))
            self._open.append(server)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._start(_pump, server, client)
            _pump(client, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def connect_proxy(status: int = 200) -> Iterator[ConnectProxy]:
    """Run a proxy."""
    proxy = ConnectProxy(status)
    try:
        yield proxy
    finally:
        proxy.close()

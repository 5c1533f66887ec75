"""Bytes to and from a TPM, each answer with a deadline (TCG TSS 2.0 TCTI). The TSS's own transports wait for ever."""

from __future__ import annotations

import os
import select
import socket
import stat
import threading
import time
from pathlib import Path

from tpm2_pytss.TCTI import PyTCTI

from agent.sealing.key_errors import KeyDeviceAbsent, KeyDeviceFailed, KeyTimeout, RecordKeyError

MAX_ANSWER = 4096  # TPM2_MAX_RESPONSE_SIZE of PC clients
HEADER_BYTES = 10  # tag, size, response code: TPM 2.0 Library, part 1, 18.2
SIZE = slice(2, 6)


class TpmLink(PyTCTI):  # type: ignore[misc]  # the library has no type information
    """One open TPM device; used by one thread at a time.

    The TSS reports only that its transport failed; `failure` keeps the reason.
    """

    def __init__(self, device: Path, *, development: bool) -> None:
        self.failure: RecordKeyError | None = None
        self.deadline = 0.0
        self._device = device
        self._fd = _open(device, development=development)
        super().__init__(max_size=MAX_ANSWER)

    def close(self) -> None:
        """Close the device without waiting for a command that it is still busy with."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # The kernel's close() waits for the running command, which can take minutes on a TPM that is stuck.
            threading.Thread(target=os.close, args=(fd,), daemon=True).start()

    def do_transmit(self, command: bytes) -> None:
        """Write one command (called by the TSS)."""
        try:
            self._write(command)
        except OSError as error:
            raise self._failed(KeyDeviceAbsent(f"{self._device}: {error.strerror}")) from error

    def do_receive(self, timeout: int) -> bytes:
        """Read one whole answer before the deadline (called by the TSS, whose own timeout is always 'for ever')."""
        try:
            return self._read_answer()
        except OSError as error:
            raise self._failed(KeyDeviceAbsent(f"{self._device}: {error.strerror}")) from error

    def _write(self, command: bytes) -> None:
        while command:
            self._wait(select.POLLOUT)
            command = command[os.write(self._fd, command) :]

    def _read_answer(self) -> bytes:
        answer = b""
        while len(answer) < HEADER_BYTES or len(answer) < int.from_bytes(answer[SIZE]):
            self._wait(select.POLLIN)
            piece = os.read(self._fd, MAX_ANSWER)
            answer += piece
            if not piece:
                raise self._failed(KeyDeviceAbsent(f"{self._device}: closed by the other side"))
            if len(answer) > MAX_ANSWER or int.from_bytes(answer[SIZE]) > MAX_ANSWER:
                raise self._failed(KeyDeviceFailed(f"an answer longer than {MAX_ANSWER} bytes"))
        if len(answer) != int.from_bytes(answer[SIZE]):
            raise self._failed(KeyDeviceFailed("an answer of another length than it says"))
        return answer

    def _wait(self, event: int) -> None:
        if self.failure:
            raise self.failure
        poll = select.poll()
        poll.register(self._fd, event)
        if not poll.poll(max(0.0, self.deadline - time.monotonic()) * 1000):
            raise self._failed(KeyTimeout(str(self._device)))

    def _failed(self, failure: RecordKeyError) -> RecordKeyError:
        self.failure = failure
        return failure


def _open(device: Path, *, development: bool) -> int:
    try:
        mode = device.stat().st_mode
        if stat.S_ISCHR(mode):
            # Without O_NONBLOCK the kernel's write() would wait for the TPM and no deadline could hold.
            return os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        if stat.S_ISSOCK(mode) and development:
            return _connect(device)
    except OSError as error:
        raise KeyDeviceAbsent(f"{device}: {error.strerror}") from error
    raise KeyDeviceAbsent(f"{device}: not a TPM device (a simulator's socket needs development = true)")


def _connect(device: Path) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(str(device))
        link.setblocking(False)
        return link.detach()

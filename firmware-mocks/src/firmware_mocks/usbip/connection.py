"""The host's end of USB/IP: list a server's devices, attach one, and run transfers on it concurrently."""

from __future__ import annotations

import errno
import itertools
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from firmware_mocks.usbip import wire
from firmware_mocks.usbip.wire import Command, DeviceRecord, Operation, Return, Status, Submit, Unlink, WireError

CONNECT_S = 5.0
DETACH_S = 2.0
# A server that does not even answer an unlink is gone.
UNLINK_S = 2.0
MAX_DEVICES = 64
MAX_INTERFACES = 32


class TransferError(Exception):
    """A transfer failed; `errno` is Linux's number, ETIMEDOUT when the host gave up."""

    def __init__(self, number: int) -> None:
        super().__init__(errno.errorcode.get(number, str(number)))
        self.errno = number


@dataclass(frozen=True, slots=True)
class Listed:
    """A device in a server's list, with class, subclass and protocol of its interfaces."""

    record: DeviceRecord
    interfaces: tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class _Transfer:
    is_in: bool
    length: int
    done: Event = field(default_factory=Event)
    status: int = 0
    data: bytes = b""


def listed(address: tuple[str, int]) -> list[Listed]:
    """Return the devices that the server at `address` shows; raises WireError or OSError."""
    with _connected(address) as connection:
        connection.sendall(wire.operation(Operation.REQ_DEVLIST))
        _expect(connection, Operation.REP_DEVLIST)
        count = int.from_bytes(wire.receive(connection, 4), "big")
        if count > MAX_DEVICES:
            raise WireError(f"the server claims {count} devices")
        return [_listed(connection) for _ in range(count)]


def _listed(connection: socket.socket) -> Listed:
    record = DeviceRecord.unpack(wire.receive(connection, wire.DEVICE_BYTES))
    if record.interfaces > MAX_INTERFACES:
        raise WireError(f"a device claims {record.interfaces} interfaces")
    kinds = [wire.receive(connection, 4) for _ in range(record.interfaces)]
    return Listed(record, tuple((kind[0], kind[1], kind[2]) for kind in kinds))


class Attachment:
    """A device of a server, attached; raises TransferError(EBUSY) when another host has it, ENODEV when it is gone."""

    def __init__(self, address: tuple[str, int], bus_id: str) -> None:
        self._socket = socket.create_connection(address, CONNECT_S)
        self._numbers = itertools.count(1)
        self._running: dict[int, _Transfer] = {}
        self._unlinking: dict[int, int] = {}
        self._lock, self._sending = Lock(), Lock()
        self._lost = False
        try:
            self._import(bus_id)
        except BaseException:
            self._socket.close()
            raise
        self._listener = Thread(target=self._listen, name="usbip-answers", daemon=True)
        self._listener.start()

    def transfer_in(self, endpoint: int, length: int, timeout_s: float | None) -> bytes:
        """Read up to `length` bytes from an IN endpoint (its address, 0x80 set)."""
        return self._run(True, endpoint & 0x0F, length, bytes(8), b"", timeout_s)

    def control(self, setup: bytes, data: bytes, timeout_s: float | None) -> bytes:
        """Run a control transfer; `setup` has eight bytes, `data` goes out with an OUT request."""
        is_in, length = bool(setup[0] & 0x80), struct.unpack_from("<H", setup, 6)[0]
        return self._run(is_in, 0, length, setup, data, timeout_s)

    def close(self) -> None:
        """Detach; returns when the server has let go, so that the device can be attached again at once."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._listener.join(DETACH_S)
        self._socket.close()

    def _import(self, bus_id: str) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = bus_id.encode("ascii").ljust(wire.BUS_ID_BYTES, b"\0")
        try:
            self._socket.sendall(wire.operation(Operation.REQ_IMPORT) + name)
            status = _expect(self._socket, Operation.REP_IMPORT)
            if status == Status.OK:
                record = DeviceRecord.unpack(wire.receive(self._socket, wire.DEVICE_BYTES))
        except (OSError, WireError) as error:
            raise TransferError(errno.ENODEV) from error
        if status != Status.OK:
            raise TransferError(errno.EBUSY if status == Status.BUSY else errno.ENODEV)
        self._device = record.bus << 16 | record.address
        self._socket.settimeout(None)

    def _run(
        self, is_in: bool, endpoint: int, length: int, setup: bytes, data: bytes, timeout_s: float | None
    ) -> bytes:
        number, transfer = next(self._numbers), _Transfer(is_in, length)
        with self._lock:
            if self._lost:
                raise TransferError(errno.ENODEV)
            self._running[number] = transfer
        self._send(Submit(number, self._device, is_in, endpoint, length, setup).pack() + data)
        if not transfer.done.wait(timeout_s):
            self._take_back(number, transfer)
        if transfer.status != 0:
            raise TransferError(-transfer.status)
        return transfer.data

    def _take_back(self, target: int, transfer: _Transfer) -> None:
        """Unlink a transfer; data that came in the meantime count."""
        number = next(self._numbers)
        with self._lock:
            self._unlinking[number] = target
        self._send(Unlink(number, self._device, target).pack())
        if not transfer.done.wait(UNLINK_S):
            self._lose()

    def _send(self, message: bytes) -> None:
        try:
            with self._sending:
                self._socket.sendall(message)
        except OSError:
            self._lose()

    def _listen(self) -> None:
        try:
            while True:
                self._settle(wire.parse_return(wire.receive(self._socket, wire.URB_HEADER_BYTES)))
        except (WireError, OSError):
            self._lose()

    def _settle(self, answer: Return) -> None:
        if answer.command is Command.RET_UNLINK:
            self._unlinked(answer)
            return
        with self._lock:
            transfer = self._running.get(answer.number)
        if transfer is None:
            raise WireError(f"an answer to {answer.number}, which does not run")
        # The length of an OUT transfer only says what was taken; data follow those of IN transfers.
        if transfer.is_in:
            if answer.length > transfer.length:
                raise WireError(f"{answer.length} bytes for a transfer of {transfer.length}")
            transfer.data = wire.receive(self._socket, answer.length)
        transfer.status = answer.status
        # Only now: until then a broken connection still has to end it.
        with self._lock:
            self._running.pop(answer.number, None)
        transfer.done.set()

    def _unlinked(self, answer: Return) -> None:
        with self._lock:
            target = self._unlinking.pop(answer.number, 0)
            # Status 0: it was too late, the answer is here or on its way.
            transfer = self._running.pop(target, None) if answer.status != 0 else None
        if transfer is not None:
            transfer.status = -errno.ETIMEDOUT
            transfer.done.set()

    def _lose(self) -> None:
        with self._lock:
            self._lost = True
            running, self._running = list(self._running.values()), {}
        for transfer in running:
            transfer.status = -errno.ENODEV
            transfer.done.set()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


@contextmanager
def _connected(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, CONNECT_S) as connection:
        yield connection


def _expect(connection: socket.socket, wanted: Operation) -> int:
    code, status = wire.parse_operation(wire.receive(connection, wire.OPERATION_BYTES))
    if code != wanted:
        raise WireError(f"operation {code:04x} instead of {wanted:04x}")
    return status


def deadline_s(timeout_ms: int) -> float | None:
    """Turn libusb's time-out into seconds: 0 means for ever."""
    return timeout_ms / 1000 if timeout_ms else None

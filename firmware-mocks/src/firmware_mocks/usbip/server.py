"""A USB/IP server on 127.0.0.1 for one device. Transfers run concurrently, as on a bus."""

from __future__ import annotations

import errno
import socket
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from firmware_mocks.usbip import wire
from firmware_mocks.usbip.device import FULL_SPEED, InTransfer, Setup, Stall, StandardRequests, UsbDevice, interfaces
from firmware_mocks.usbip.wire import Command, DeviceRecord, Operation, Return, Status, Submit, Unlink, WireError

BUS_ID = "1-1"
HELLO_S = 5.0
# Address 1 is the hub.
FIRST_PLACE = 2


class UsbipServer:
    """Shows `device` to hosts; one host at a time can attach it. A context manager."""

    def __init__(self, device: UsbDevice, port: int = 0) -> None:
        self._device = device
        self._socket = socket.create_server(("127.0.0.1", port))
        self._lock = Lock()
        self._plugged, self._busy, self._place = True, False, FIRST_PLACE
        self._attachment: _Attachment | None = None
        self._connections: set[socket.socket] = set()
        self._acceptor = Thread(target=self._accept, name="usbip-accept", daemon=True)

    @property
    def address(self) -> str:
        """Where hosts find it: host:port."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _hang_up(connection)
        self._acceptor.join()

    def unplug(self) -> None:
        """Take the device off the bus; a host that has attached it loses it at once."""
        with self._lock:
            self._plugged = False
            attachment, self._attachment = self._attachment, None
        if attachment is not None:
            _hang_up(attachment.connection)

    def plug(self) -> None:
        """Put the device back on the bus, at a new address as on a real one."""
        with self._lock:
            if not self._plugged:
                self._place += 1
            self._plugged = True

    def hold(self, busy: bool) -> None:
        """Let somebody else have the device (`busy`): hosts that want to attach it are refused."""
        with self._lock:
            self._busy = busy

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            Thread(target=self._serve, args=(connection,), name="usbip-host", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(HELLO_S)
                self._hello(connection)
        except (WireError, OSError):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _hello(self, connection: socket.socket) -> None:
        code, _ = wire.parse_operation(wire.receive(connection, wire.OPERATION_BYTES))
        if code == Operation.REQ_DEVLIST:
            connection.sendall(self._list())
        elif code == Operation.REQ_IMPORT:
            self._import(connection, wire.receive(connection, wire.BUS_ID_BYTES))

    def _list(self) -> bytes:
        with self._lock:
            plugged = self._plugged
        head = wire.operation(Operation.REP_DEVLIST) + int(plugged).to_bytes(4, "big")
        if not plugged:
            return head
        kinds = b"".join(bytes([*kind, 0]) for kind in interfaces(self._device.configuration_descriptor))
        return head + self._record().pack() + kinds

    def _import(self, connection: socket.socket, name: bytes) -> None:
        attachment = _Attachment(self._device, connection)
        status = self._attach(attachment, name.split(b"\0", 1)[0])
        if status is not Status.OK:
            connection.sendall(wire.operation(Operation.REP_IMPORT, status))
            return
        try:
            connection.sendall(wire.operation(Operation.REP_IMPORT) + self._record().pack())
            connection.settimeout(None)
            attachment.serve()
        finally:
            attachment.end()
            with self._lock:
                if self._attachment is attachment:
                    self._attachment = None

    def _attach(self, attachment: _Attachment, bus_id: bytes) -> Status:
        with self._lock:
            if bus_id != BUS_ID.encode() or not self._plugged:
                return Status.NO_DEVICE
            if self._busy or self._attachment is not None:
                return Status.BUSY
            self._attachment = attachment
            return Status.OK

    def _record(self) -> DeviceRecord:
        descriptor, configuration = self._device.device_descriptor, self._device.configuration_descriptor
        vendor, product, release = (int.from_bytes(descriptor[at : at + 2], "little") for at in (8, 10, 12))
        device_class = (descriptor[4], descriptor[5], descriptor[6])
        numbers = (configuration[5], descriptor[17], configuration[4])
        return DeviceRecord(BUS_ID, 1, self._place, FULL_SPEED, vendor, product, release, device_class, *numbers)


class _Attachment:
    """One host's hold on the device: its transfers and their answers."""

    def __init__(self, device: UsbDevice, connection: socket.socket) -> None:
        self.connection = connection
        self._device = device
        self._standard = StandardRequests(device)
        self._pending: dict[int, InTransfer] = {}
        self._lock, self._sending = Lock(), Lock()

    def serve(self) -> None:
        """Obey until the host goes; raises WireError then."""
        while True:
            command = wire.parse_command(wire.receive(self.connection, wire.URB_HEADER_BYTES))
            if isinstance(command, Unlink):
                self._unlink(command)
            else:
                data = b"" if command.is_in else wire.receive(self.connection, command.length)
                self._submit(command, data)

    def end(self) -> None:
        """Give all transfers back."""
        with self._lock:
            pending, self._pending = list(self._pending.values()), {}
        for transfer in pending:
            self._device.withdraw(transfer)

    def _submit(self, command: Submit, data: bytes) -> None:
        try:
            if command.endpoint == 0:
                self._control(command, data)
            elif command.is_in:
                self._device.submit(self._waiting(command))
            else:
                raise Stall
        except Stall:
            with self._lock:
                self._pending.pop(command.number, None)
            self._send(Return(Command.RET_SUBMIT, command.number, -errno.EPIPE), b"")

    def _control(self, command: Submit, data: bytes) -> None:
        setup = Setup.parse(command.setup)
        answer = self._standard.answer(setup) if setup.is_standard else self._device.control(setup, data)
        if setup.is_in:
            answer = answer[: min(setup.length, command.length)]
            self._send(Return(Command.RET_SUBMIT, command.number, 0, len(answer)), answer)
        else:
            self._send(Return(Command.RET_SUBMIT, command.number, 0, len(data)), b"")

    def _waiting(self, command: Submit) -> InTransfer:
        number = command.number

        def complete(data: bytes) -> None:
            # A device that sends more than it was asked for is babbling.
            status = 0 if len(data) <= command.length else -errno.EOVERFLOW
            self._answer(number, status, data[: command.length])

        transfer = InTransfer(
            command.endpoint | 0x80, command.length, complete, lambda code: self._answer(number, -code, b"")
        )
        with self._lock:
            self._pending[number] = transfer
        return transfer

    def _unlink(self, command: Unlink) -> None:
        with self._lock:
            transfer = self._pending.get(command.target)
        # The device decides: what it has begun to answer goes to the host, or an interrupt would be lost.
        taken_back = transfer is not None and self._device.withdraw(transfer)
        if taken_back:
            with self._lock:
                self._pending.pop(command.target, None)
        status = -errno.ECONNRESET if taken_back else 0
        self._send(Return(Command.RET_UNLINK, command.number, status), b"")

    def _answer(self, number: int, status: int, data: bytes) -> None:
        with self._lock:
            if self._pending.pop(number, None) is None:
                return
        self._send(Return(Command.RET_SUBMIT, number, status, len(data)), data)

    def _send(self, answer: Return, data: bytes) -> None:
        try:
            with self._sending:
                self.connection.sendall(answer.pack() + data)
        except OSError:
            _hang_up(self.connection)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

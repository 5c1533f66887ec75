"""The USB/IP server and the pyusb backend against each other, and against whoever does not keep to the protocol."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Condition, Thread

import pytest
import usb.core
import usb.util
from firmware_mocks.usbip import InTransfer, Setup, Stall, UsbipServer, wire
from firmware_mocks.usbip.backend import get_backend
from firmware_mocks.usbip.connection import Attachment, TransferError, listed
from firmware_mocks.usbip.wire import DeviceRecord, Operation, Status, Submit, Unlink
from hypothesis import given, settings
from hypothesis import strategies as st


class Echo:
    """A device that keeps what it is sent and gives it back: vendor request 1, interrupt 0x81, bulk 0x82."""

    device_descriptor = bytes.fromhex("120100020000004034127856000101020001")
    configuration_descriptor = bytes.fromhex("0902200001010080640904000002FFFFFF000705810340000807058202400000")
    strings: Sequence[str] = ("Máy thử", "Echo")

    def __init__(self) -> None:
        self.kept = b""
        self.changed = Condition()
        self.transfers: list[InTransfer] = []
        self.withdrawn = 0

    def control(self, setup: Setup, data: bytes) -> bytes:
        """Keep or give back; request 2 stalls."""
        if setup.request != 1:
            raise Stall
        if not setup.is_in:
            self.kept = data
        return self.kept

    def submit(self, transfer: InTransfer) -> None:
        """Let tests complete transfers when they like."""
        if transfer.endpoint not in (0x81, 0x82):
            raise Stall
        with self.changed:
            self.transfers.append(transfer)
            self.changed.notify_all()

    def withdraw(self, transfer: InTransfer) -> bool:
        """Count what was taken back."""
        with self.changed:
            if transfer not in self.transfers:
                return False
            self.transfers.remove(transfer)
            self.withdrawn += 1
            self.changed.notify_all()
            return True

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait for a condition."""
        with self.changed:
            assert self.changed.wait_for(ready, 30)


@pytest.fixture
def echo() -> Echo:
    """Make the device."""
    return Echo()


@pytest.fixture
def server(echo: Echo) -> Iterator[UsbipServer]:
    """Put it on the bus."""
    with UsbipServer(echo) as running:
        yield running


def place(server: UsbipServer) -> tuple[str, int]:
    """Return host and port."""
    host, _, port = server.address.partition(":")
    return host, int(port)


@pytest.fixture
def attached(server: UsbipServer) -> Iterator[Attachment]:
    """Attach the device."""
    attachment = Attachment(place(server), "1-1")
    yield attachment
    attachment.close()


class TestBackend:
    """pyusb on the backend behaves as on a bus."""

    def test_descriptors_and_strings(self, server: UsbipServer) -> None:
        """Identity, interfaces, endpoints and strings are the device's own."""
        device = usb.core.find(backend=get_backend(server.address), idVendor=0x1234, idProduct=0x5678)
        interface = device[0][(0, 0)]
        assert [end.bEndpointAddress for end in interface] == [0x81, 0x82]
        assert (interface.bInterfaceClass, device.bcdDevice, device.speed) == (0xFF, 0x0100, 2)
        assert (device.manufacturer, device.product) == ("Máy thử", "Echo")
        usb.util.dispose_resources(device)

    def test_control_both_ways(self, server: UsbipServer) -> None:
        """What is written is read back; asking for less gives less."""
        device = usb.core.find(backend=get_backend(server.address))
        assert device.ctrl_transfer(0x40, 1, 0, 0, b"hello") == 5
        assert bytes(device.ctrl_transfer(0xC0, 1, 0, 0, 64)) == b"hello"
        assert bytes(device.ctrl_transfer(0xC0, 1, 0, 0, 2)) == b"he"
        usb.util.dispose_resources(device)

    @pytest.mark.parametrize("request_type", [0x40, 0xC0])
    def test_a_refused_request_is_a_stall(self, server: UsbipServer, request_type: int) -> None:
        """EPIPE, as from libusb, and the next request works."""
        device = usb.core.find(backend=get_backend(server.address))
        with pytest.raises(usb.core.USBError) as refused:
            device.ctrl_transfer(request_type, 2, 0, 0, b"x" if request_type == 0x40 else 1)
        assert refused.value.errno == errno.EPIPE
        assert device.ctrl_transfer(0x40, 1, 0, 0, b"y") == 1
        usb.util.dispose_resources(device)

    def test_a_held_device_is_listed_but_cannot_be_claimed(self, server: UsbipServer) -> None:
        """EBUSY comes at the claim, with the interface known from the list."""
        server.hold(True)
        device = usb.core.find(backend=get_backend(server.address))
        assert device[0][(0, 0)].bInterfaceClass == 0xFF
        with pytest.raises(usb.core.USBError) as refused:
            usb.util.claim_interface(device, 0)
        assert refused.value.errno == errno.EBUSY
        usb.util.dispose_resources(device)

    def test_released_means_free_at_once(self, server: UsbipServer) -> None:
        """Attach and let go, many times: never busy."""
        for _ in range(20):
            device = usb.core.find(backend=get_backend(server.address))
            usb.util.claim_interface(device, 0)
            usb.util.dispose_resources(device)

    def test_an_unplugged_device(self, server: UsbipServer) -> None:
        """A pending transfer ends with ENODEV; the list is empty; plugged in again it is there, elsewhere."""
        device = usb.core.find(backend=get_backend(server.address))
        usb.util.claim_interface(device, 0)
        server.unplug()
        with pytest.raises(usb.core.USBError) as gone:
            device.read(0x81, 64, 30_000)
        assert gone.value.errno == errno.ENODEV
        assert usb.core.find(backend=get_backend(server.address)) is None
        server.plug()
        again = usb.core.find(backend=get_backend(server.address))
        assert again.address != device.address
        usb.util.dispose_resources(device)

    def test_no_server(self, server: UsbipServer) -> None:
        """Where nobody listens the error says so."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(usb.core.USBError, match="no USB/IP server"):
            usb.core.find(backend=get_backend(f"127.0.0.1:{port}"))

    @pytest.mark.parametrize("address", ["", "127.0.0.1", ":1", "127.0.0.1:x"])
    def test_unusable_addresses(self, address: str) -> None:
        """An address is host:port."""
        with pytest.raises(ValueError, match="host:port"):
            get_backend(address)


class TestTransfers:
    """Many transfers at once, taken back, lost."""

    def test_an_interrupt_read_waits_while_control_and_bulk_run(self, echo: Echo, attached: Attachment) -> None:
        """Each endpoint goes its own way."""
        got: list[bytes] = []
        threads = [Thread(target=lambda end=end: got.append(attached.transfer_in(end, 64, 30))) for end in (0x81, 0x82)]
        for thread in threads:
            thread.start()
        echo.wait(lambda: len(echo.transfers) == 2)
        assert attached.control(struct.pack("<BBHHH", 0x40, 1, 0, 0, 2), b"ok", 30) == b""
        waiting = {transfer.endpoint: transfer for transfer in echo.transfers}
        waiting[0x82].complete(b"bulk")
        threads[1].join(30)
        assert got == [b"bulk"]
        waiting[0x81].complete(b"interrupt")
        threads[0].join(30)
        assert got == [b"bulk", b"interrupt"]

    def test_a_time_out_takes_the_transfer_back(self, echo: Echo, attached: Attachment) -> None:
        """The device forgets it, and the late answer harms nobody."""
        with pytest.raises(TransferError) as late:
            attached.transfer_in(0x81, 64, 0.02)
        assert late.value.errno == errno.ETIMEDOUT
        assert (echo.withdrawn, echo.transfers) == (1, [])

    def test_data_that_cross_the_unlink_are_not_lost(self, echo: Echo, attached: Attachment) -> None:
        """Whatever the race, each answer of the device is given to exactly one read, in order."""
        sent = iter(range(1, 200))
        taken: list[int] = []

        def answer() -> None:
            for number in sent:
                with echo.changed:
                    assert echo.changed.wait_for(lambda: bool(echo.transfers), 30)
                    transfer = echo.transfers.pop(0)
                transfer.complete(bytes([number]))

        thread = Thread(target=answer)
        thread.start()
        while len(taken) < 199:
            with suppress(TransferError):
                taken += attached.transfer_in(0x81, 64, 0.0005)
        thread.join(30)
        assert taken == list(range(1, 200))

    def test_more_than_was_asked_for_is_babble(self, echo: Echo, attached: Attachment) -> None:
        """EOVERFLOW, not memory written past the end."""

        def babble_on() -> None:
            echo.wait(lambda: bool(echo.transfers))
            echo.transfers[0].complete(bytes(65))

        thread = Thread(target=babble_on)
        thread.start()
        with pytest.raises(TransferError) as babble:
            attached.transfer_in(0x81, 64, 30)
        thread.join()
        assert babble.value.errno == errno.EOVERFLOW

    def test_an_endpoint_that_does_not_exist(self, attached: Attachment) -> None:
        """It stalls."""
        with pytest.raises(TransferError) as none:
            attached.transfer_in(0x83, 64, 30)
        assert none.value.errno == errno.EPIPE

    def test_a_host_that_goes_frees_the_device(self, echo: Echo, server: UsbipServer) -> None:
        """Its transfers are given back, and the next host can attach."""
        first = Attachment(place(server), "1-1")

        def wait() -> None:
            with suppress(TransferError):
                first.transfer_in(0x81, 64, 30)

        thread = Thread(target=wait)
        thread.start()
        echo.wait(lambda: bool(echo.transfers))
        first.close()
        thread.join(30)
        assert echo.withdrawn == 1
        Attachment(place(server), "1-1").close()


class TestWire:
    """The messages, byte for byte."""

    def test_published_layouts(self) -> None:
        """Sizes and offsets of the protocol's description."""
        submit = Submit(0x0D, 0x00010002, True, 1, 64, bytes.fromhex("8006000100001200")).pack()
        assert submit.hex() == (
            "000000010000000d000100020000000100000001000000000000004000000000ffffffff000000008006000100001200"
        )
        assert len(Unlink(1, 2, 3).pack()) == wire.URB_HEADER_BYTES
        assert wire.DEVICE_BYTES == 0x138
        assert wire.operation(Operation.REQ_IMPORT).hex() == "0111800300000000"

    def test_the_list_names_the_device(self, server: UsbipServer) -> None:
        """Identity and interface classes come with the list."""
        (one,) = listed(place(server))
        assert (one.record.vendor, one.record.product, one.interfaces) == (0x1234, 0x5678, ((0xFF, 0xFF, 0xFF),))
        assert DeviceRecord.unpack(one.record.pack()) == one.record

    @settings(max_examples=200, deadline=None)
    @given(st.binary(min_size=48, max_size=48))
    def test_any_command_is_read_or_refused(self, data: bytes) -> None:
        """No header makes the server take much memory or fall over."""
        try:
            command = wire.parse_command(data)
        except wire.WireError:
            return
        assert isinstance(command, Unlink) or command.length <= wire.MAX_TRANSFER_BYTES

    @settings(max_examples=200, deadline=None)
    @given(st.binary(min_size=48, max_size=48))
    def test_any_answer_is_read_or_refused(self, data: bytes) -> None:
        """No header makes the host take much memory."""
        try:
            answer = wire.parse_return(data)
        except wire.WireError:
            return
        assert answer.length <= wire.MAX_TRANSFER_BYTES


class TestHostileHosts:
    """Whatever a host sends, the next one is served."""

    @pytest.mark.parametrize(
        "sent",
        [
            b"",
            b"\x01\x11\x80",
            b"GET / HTTP/1.1\r\n\r\n",
            bytes.fromhex("0106800500000000"),
            bytes.fromhex("0111999900000000"),
            wire.operation(Operation.REQ_IMPORT) + b"1-1"[:2],
            wire.operation(Operation.REQ_IMPORT) + b"9-9".ljust(32, b"\0"),
            wire.operation(Operation.REQ_IMPORT) + b"\xff" * 32,
        ],
        ids=["nothing", "torn", "http", "old", "unknown", "short-name", "no-device", "no-text"],
    )
    def test_before_the_import(self, server: UsbipServer, sent: bytes) -> None:
        """Nonsense is answered with an error or the end of the connection."""
        with socket.create_connection(place(server), 10) as host:
            answer = b""
            # Bytes that nobody reads make a reset of the end.
            with suppress(ConnectionResetError):
                host.sendall(sent)
                host.shutdown(socket.SHUT_WR)
                answer = host.recv(1024)
        if answer:
            assert wire.parse_operation(answer[:8]) == (Operation.REP_IMPORT, Status.NO_DEVICE)
        Attachment(place(server), "1-1").close()

    @pytest.mark.parametrize(
        "message",
        [
            Submit(1, 0, True, 1, 1 << 31, bytes(8)).pack(),
            Submit(1, 0, False, 0, 0xFFFFFFFF, bytes(8)).pack(),
            Submit(1, 0, True, 99, 1, bytes(8)).pack(),
            struct.pack(">II", 7, 1) + bytes(40),
            Submit(1, 0, True, 1, 64, bytes(8)).pack()[:47],
        ],
        ids=["huge-in", "huge-out", "endpoint", "command", "torn"],
    )
    def test_after_the_import(self, server: UsbipServer, message: bytes) -> None:
        """A lying length or an unknown command ends the connection and frees the device."""
        with socket.create_connection(place(server), 10) as host:
            host.sendall(wire.operation(Operation.REQ_IMPORT) + b"1-1".ljust(32, b"\0"))
            wire.receive(host, 8 + wire.DEVICE_BYTES)
            host.sendall(message)
            host.shutdown(socket.SHUT_WR)
            assert host.recv(1024) == b""
        Attachment(place(server), "1-1").close()

    def test_unlinking_what_does_not_run(self, server: UsbipServer) -> None:
        """Status 0: it has completed, or never was."""
        with socket.create_connection(place(server), 10) as host:
            host.sendall(wire.operation(Operation.REQ_IMPORT) + b"1-1".ljust(32, b"\0"))
            wire.receive(host, 8 + wire.DEVICE_BYTES)
            host.sendall(Unlink(5, 0, 4).pack())
            answer = wire.parse_return(wire.receive(host, 48))
        assert (answer.command, answer.number, answer.status) == (4, 5, 0)


class TestHostileServers:
    """Whatever a server answers, the host's reads end with an error."""

    @pytest.mark.parametrize(
        "answer",
        [
            struct.pack(">IIIIIiIIII8x", 3, 1, 0, 0, 0, 0, 1 << 31, 0, 0, 0),
            struct.pack(">IIIIIiIIII8x", 3, 1, 0, 0, 0, 0, 65, 0, 0, 0) + bytes(65),
            struct.pack(">IIIIIiIIII8x", 3, 77, 0, 0, 0, 0, 0, 0, 0, 0),
            struct.pack(">IIIIIiIIII8x", 9, 1, 0, 0, 0, 0, 0, 0, 0, 0),
            b"\0" * 20,
        ],
        ids=["huge", "more-than-asked", "another-number", "unknown", "torn"],
    )
    def test_after_the_import(self, answer: bytes) -> None:
        """ENODEV, at once."""
        record = DeviceRecord("1-1", 1, 2, 2, 1, 2, 3, (0, 0, 0), 1, 1, 1)
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve() -> None:
                connection, _ = listening.accept()
                with connection:
                    wire.receive(connection, 40)
                    connection.sendall(wire.operation(Operation.REP_IMPORT) + record.pack())
                    wire.receive(connection, 48)
                    connection.sendall(answer)

            thread = Thread(target=serve)
            thread.start()
            attachment = Attachment(listening.getsockname(), "1-1")
            with pytest.raises(TransferError) as lost:
                attachment.transfer_in(0x81, 64, None)
            assert lost.value.errno == errno.ENODEV
            attachment.close()
            thread.join()

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            bytes.fromhex("0111000500000000ffffffff"),
            bytes.fromhex("0111000300000000"),
            bytes.fromhex("0111000500000000") + struct.pack(">I", 1) + bytes(100),
        ],
        ids=["nothing", "devices", "another", "torn"],
    )
    def test_lists(self, answer: bytes) -> None:
        """A list that cannot be is refused."""
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve() -> None:
                connection, _ = listening.accept()
                with connection:
                    wire.receive(connection, 8)
                    connection.sendall(answer)

            thread = Thread(target=serve)
            thread.start()
            with pytest.raises(wire.WireError):
                listed(listening.getsockname())
            thread.join()

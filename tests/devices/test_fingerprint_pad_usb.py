"""Finding and opening readers: which are there, what keeps one from being used, and the ways to the bus."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import usb.core
from firmware_mocks.fingerprint_pad import registers
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.usbip.backend import UsbipBackend, get_backend
from usb.backend import libusb1

from agent.devices.errors import NoLibusb, NoPad, PadBusy, PadLost, PadNotPermitted, UsbBackendMissing
from agent.devices.fingerprint_pad_registers import MODELS
from agent.devices.fingerprint_pad_usb import list_pads, open_usb_pad, usb_backend
from agent.devices.seams import DeviceState

RULES = Path(__file__).resolve().parents[2] / "deploy" / "60-kiosk.rules"


@pytest.fixture
def bus() -> Iterator[PadOnBus]:
    """Put a reader on the bus."""
    with PadOnBus() as pad:
        yield pad


class Forbidding(UsbipBackend):
    """A bus on which the system refuses to open devices, with this errno."""

    def __init__(self, address: tuple[str, int], number: int) -> None:
        super().__init__(address)
        self._number = number

    def open_device(self, dev: Any) -> Any:
        """Refuse as libusb does."""
        raise usb.core.USBError("refused", -3, self._number)


def forbidding(bus: PadOnBus, number: int) -> Forbidding:
    """Return the bus of a reader that may not be opened."""
    host, _, port = bus.address.partition(":")
    return Forbidding((host, int(port)), number)


class TestListing:
    """`kiosk devices`."""

    def test_a_free_reader(self, bus: PadOnBus) -> None:
        """It is ready, with name and place on the bus."""
        (found,) = list_pads(get_backend(bus.address))
        assert (found.kind, found.name, found.state) == ("fingerprint_pad", "U.are.U 4000B/4500", DeviceState.READY)
        assert found.address == "bus 001 device 002"

    def test_no_reader(self, bus: PadOnBus) -> None:
        """An empty list."""
        bus.server.unplug()
        assert list_pads(get_backend(bus.address)) == []

    def test_held_by_another_program(self, bus: PadOnBus) -> None:
        """Busy, and the usual suspect is named."""
        bus.server.hold(True)
        (found,) = list_pads(get_backend(bus.address))
        assert found.state is DeviceState.BUSY
        assert "fprintd" in found.detail

    def test_held_by_ourselves(self, bus: PadOnBus) -> None:
        """A reader that this process uses is busy with the kiosk, and listing does not disturb it."""
        pad = open_usb_pad(get_backend(bus.address))
        (found,) = list_pads(get_backend(bus.address))
        assert (found.state, found.detail) == (DeviceState.BUSY, "in use by the kiosk")
        assert len(pad.read_registers(0xF0, 16)) == 16
        pad.close()
        assert list_pads(get_backend(bus.address))[0].state is DeviceState.READY

    def test_not_permitted(self, bus: PadOnBus) -> None:
        """The state says what the user may not do."""
        (found,) = list_pads(forbidding(bus, errno.EACCES))
        assert found.state is DeviceState.FAILED
        assert "not permitted" in found.detail

    def test_known_but_not_supported(self, bus: PadOnBus, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader that this driver cannot use is told apart from none."""
        descriptor = registers.DEVICE_DESCRIPTOR
        monkeypatch.setattr(registers, "DEVICE_DESCRIPTOR", descriptor[:10] + b"\x0e\x00" + descriptor[12:])
        (found,) = list_pads(get_backend(bus.address))
        assert (found.state, found.detail) == (DeviceState.FAILED, "this model is not supported")
        with pytest.raises(NoPad, match="not supported"):
            open_usb_pad(get_backend(bus.address))


class TestOpening:
    """Why a reader cannot be opened, each with its own remedy."""

    def test_no_reader(self, bus: PadOnBus) -> None:
        """Nothing is plugged in."""
        bus.server.unplug()
        with pytest.raises(NoPad):
            open_usb_pad(get_backend(bus.address))

    def test_no_server(self) -> None:
        """In development, the mock may not be running."""
        with PadOnBus() as gone:
            address = gone.address
        with pytest.raises(NoPad, match="USB/IP server"):
            open_usb_pad(get_backend(address))

    def test_held_by_another_program(self, bus: PadOnBus) -> None:
        """The remedy tells how to stop fprintd."""
        bus.server.hold(True)
        with pytest.raises(PadBusy) as refused:
            open_usb_pad(get_backend(bus.address))
        assert "fprintd" in refused.value.remedy.vi

    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            (errno.EACCES, PadNotPermitted),
            (errno.EPERM, PadNotPermitted),
            (errno.ENODEV, PadLost),
            (errno.EIO, PadLost),
        ],
        ids=["access", "permission", "gone", "io"],
    )
    def test_what_the_system_says(self, bus: PadOnBus, number: int, kind: type[Exception]) -> None:
        """Numbers of the system become words; the udev rule is named where it helps."""
        with pytest.raises(kind):
            open_usb_pad(forbidding(bus, number))
        assert "60-kiosk.rules" in PadNotPermitted.remedy.en


class TestUdevRule:
    """deploy/60-kiosk.rules and the driver agree."""

    def test_every_reader_that_we_drive_may_be_opened_and_stays_awake(self) -> None:
        """All supported ids and no other, each with the kiosk's group and without autosuspend."""
        rules = [line for line in RULES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        covered = set()
        for rule in rules:
            match = {key: value for key, _, value in re.findall(r'([\w{}/]+)(==|=)"([^"]*)"', rule)}
            assert (match["SUBSYSTEM"], match["GROUP"], match["MODE"]) == ("usb", "plugdev", "0660")
            assert match["ATTR{power/control}"] == "on"
            products = match["ATTR{idProduct}"].split("|")
            covered |= {(int(match["ATTR{idVendor}"], 16), int(product, 16)) for product in products}
        assert covered == {ids for ids, model in MODELS.items() if model.supported}


class TestBackends:
    """The ways to the bus."""

    def test_libusb_is_what_production_uses(self) -> None:
        """Libusb's own backend, or the word that it is missing."""
        expected = libusb1.get_backend()
        if expected is None:
            pytest.skip("libusb is not usable here")
        assert usb_backend() is expected
        assert isinstance(list_pads(usb_backend()), list)

    def test_without_libusb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The package to install is named."""
        monkeypatch.setattr(libusb1, "get_backend", lambda: None)
        with pytest.raises(NoLibusb) as missing:
            usb_backend()
        assert "libusb-1.0-0" in missing.value.remedy.en

    def test_usbip_comes_by_entry_point_in_development(self, bus: PadOnBus) -> None:
        """The package firmware-mocks brings it."""
        assert len(list_pads(usb_backend("usbip", bus.address, development=True))) == 1

    @pytest.mark.parametrize(
        ("name", "address", "development"),
        [("usbip", "127.0.0.1:1", False), ("usbip", "nowhere", True), ("carrier-pigeon", "", True)],
        ids=["production", "address", "unknown"],
    )
    def test_unusable_backends(self, name: str, address: str, development: bool) -> None:
        """Not in production, not without an address, not without its package."""
        with pytest.raises(UsbBackendMissing):
            usb_backend(name, address, development=development)

"""USB devices against the list, on a sysfs of files."""

from __future__ import annotations

from agent.diagnostics.finding import Verdict
from agent.usb_allow_list import LIST, SYSFS, UsbDevice, list_text
from tests.diagnostics.conftest import Kiosk, assert_fault
from tests.test_usb_allow_list import HUB, PAD, put

CHECK = "machine.usb_allowed"


def plug(kiosk: Kiosk, *devices: UsbDevice, authorised: str = "1") -> None:
    """Plug devices in."""
    sysfs = kiosk.machine.root / str(SYSFS).lstrip("/")
    sysfs.mkdir(parents=True, exist_ok=True)
    for device in devices:
        put(sysfs, device, authorised=authorised)


def allow(kiosk: Kiosk, *devices: UsbDevice) -> None:
    """Write the list."""
    kiosk.machine.put(str(LIST).lstrip("/"), list_text(devices))


def test_what_is_listed_is_fine(kiosk: Kiosk) -> None:
    """A listed device may be away."""
    plug(kiosk, PAD)
    allow(kiosk, PAD, HUB)
    assert kiosk.finding(CHECK).verdict is Verdict.OK


def test_no_list(kiosk: Kiosk) -> None:
    """Told on a real kiosk, not on one in development."""
    plug(kiosk, PAD)
    assert kiosk.finding(CHECK).verdict is Verdict.SKIPPED
    kiosk.configure(development=False)
    assert_fault(kiosk.finding(CHECK), "machine.usb_allowed.no_list")


def test_another_serial(kiosk: Kiosk) -> None:
    """The reader was changed for another of its kind."""
    plug(kiosk, UsbDevice("1-2", PAD.vendor, PAD.product, "B-2"), authorised="0")
    allow(kiosk, PAD)
    assert_fault(kiosk.finding(CHECK), "machine.usb_allowed.serial_changed")


def test_strangers(kiosk: Kiosk) -> None:
    """Kept out is a warning, working is an error."""
    allow(kiosk, PAD)
    plug(kiosk, HUB, authorised="0")
    assert_fault(kiosk.finding(CHECK), "machine.usb_allowed.stranger")
    plug(kiosk, UsbDevice("1-4", "046d", "c31c"))
    assert_fault(kiosk.finding(CHECK), "machine.usb_allowed.stranger_let_in")


def test_a_list_that_cannot_be_read(kiosk: Kiosk) -> None:
    """Its error is the finding."""
    plug(kiosk, PAD)
    kiosk.machine.put(str(LIST).lstrip("/"), "[[device]]\nport = 1\n")
    assert kiosk.finding(CHECK).code == "usb.list_invalid"


def test_a_machine_without_usb(kiosk: Kiosk) -> None:
    """Not assessed."""
    assert kiosk.finding(CHECK).verdict is Verdict.NOT_ASSESSED

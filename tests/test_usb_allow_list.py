"""The list of USB devices and its udev rules, on a sysfs of files and by systemd's own parser."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.usb_allow_list import UsbDevice, UsbListInvalid, list_text, parse_list, plugged_in, rules
from tests.deploy import package

PAD = UsbDevice("1-2", "05ba", "000a", "A-1", "U.are.U 4500")
HUB = UsbDevice("1-1", "1d6b", "0104")
TYPES = UsbDevice("1-3.1", "046d", "c31c", "K9", "Keyboard", keyboard=True)
DEPLOY = Path(__file__).resolve().parents[1] / "deploy"


def put(sysfs: Path, device: UsbDevice, *, authorised: str = "1") -> None:
    """Plug a device into a sysfs of files."""
    folder = sysfs / device.port
    folder.mkdir(parents=True)
    told = {"idVendor": device.vendor, "idProduct": device.product, "serial": device.serial, "product": device.name}
    for name, value in {**told, "authorized": authorised}.items():
        if value:
            (folder / name).write_text(value + "\n")
    interface = folder / f"{device.port}:1.0"
    interface.mkdir()
    (interface / "bInterfaceClass").write_text("03\n" if device.keyboard else "ff\n")
    (interface / "bInterfaceProtocol").write_text("01\n" if device.keyboard else "00\n")


def test_what_is_plugged_in_is_read(tmp_path: Path) -> None:
    """Devices by port; root hubs, interfaces and what has no ids are left out."""
    for device in (PAD, HUB, TYPES):
        put(tmp_path, device, authorised="0" if device is HUB else "1")
    (tmp_path / "usb1").mkdir()
    (tmp_path / "1-9").mkdir()
    found = plugged_in(tmp_path)
    assert [one.device for one in found] == [HUB, PAD, TYPES]
    assert [one.authorised for one in found] == [False, True, True]


def test_the_list_is_read_as_it_was_written() -> None:
    """Every field comes back."""
    assert parse_list(list_text([PAD, HUB, TYPES]).encode()) == [PAD, HUB, TYPES]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_a_clear_error(data: bytes) -> None:
    """Nothing else is raised."""
    with suppress(UsbListInvalid):
        parse_list(data)


@pytest.mark.parametrize(
    "wrong",
    [
        'vendor = "05ba"',
        'port = "1-2"\nvendor = "05BA"\nproduct = "000a"',
        'port = "usb1"\nvendor = "05ba"\nproduct = "000a"',
        'port = "1-2"\nvendor = "05ba"\nproduct = "000a"\nserial = "a\\", RUN+=\\"/bin/sh"',
        'port = "1-2"\nvendor = "05ba"\nproduct = "000a"\nserial = "*"',
        'port = "1-2"\nvendor = 5\nproduct = "000a"',
        'port = "1-2"\nvendor = "05ba"\nproduct = "000a"\nunknown = 1',
    ],
)
def test_what_could_mean_more_than_one_device_is_refused(wrong: str) -> None:
    """Patterns, quotes, other spellings and unknown keys."""
    with pytest.raises(UsbListInvalid):
        parse_list(f"[[device]]\n{wrong}\n".encode())


def test_a_serial_that_cannot_stand_in_a_rule_does_not_get_into_one(tmp_path: Path) -> None:
    """A device chooses its own serial: this one tries to run a program."""
    put(tmp_path, UsbDevice("1-2", "05ba", "000a"))
    (tmp_path / "1-2" / "serial").write_text('x", RUN+="/bin/sh"\n')
    (found,) = plugged_in(tmp_path)
    assert found.device.serial == ""


class Udev:
    """Reads rules as udev(7) tells: matches, assignments and jumps, enough for ours."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.lines = [re.findall(r'(\w+(?:\{\w+\})?)(==|!=|=)"([^"]*)"', line) for line in lines]

    def authorised(self, kernel: str, kind: str, attributes: dict[str, str]) -> str | None:
        """Return what is written to `authorized` (or authorized_default) for this device; None for nothing."""
        told = {"SUBSYSTEM": "usb", "ACTION": "add", "KERNEL": kernel, "ENV{DEVTYPE}": kind}
        told |= {f"ATTR{{{name}}}": value for name, value in attributes.items()}
        written, label = None, ""
        for line in self.lines:
            if label:
                label = "" if ("LABEL", "=", label) in line else label
                continue
            if all(self._holds(told.get(key, ""), how, value) for key, how, value in line if how != "="):
                for key, how, value in line:
                    written = value if how == "=" and key.startswith("ATTR{authorized") else written
                    label = value if key == "GOTO" else label
        return written

    @staticmethod
    def _holds(told: str, how: str, pattern: str) -> bool:
        choices = [re.escape(one).replace(r"\*", ".*").replace(r"\?", ".") for one in pattern.split("|")]
        choices = [re.sub(r"\\\[(.*?)\\\]", r"[\1]", one).replace(r"\-", "-") for one in choices]
        return any(re.fullmatch(one, told) for one in choices) == (how == "==")


class TestRules:
    """What becomes of a device that is plugged in."""

    udev = Udev(rules([PAD, HUB, TYPES]))

    def device(self, device: UsbDevice, **other: str) -> str | None:
        """Plug it in, with other attributes."""
        told = {"idVendor": device.vendor, "idProduct": device.product, "serial": device.serial}
        return self.udev.authorised(other.pop("port", device.port), "usb_device", {**told, **other})

    def test_listed_devices_are_let_in(self) -> None:
        """With their serial, or without one where they have none."""
        assert [self.device(one) for one in (PAD, HUB, TYPES)] == ["1", "1", "1"]

    @pytest.mark.parametrize(
        "other", [{"serial": "B-2"}, {"serial": ""}, {"idProduct": "000b"}, {"idVendor": "1234"}, {"port": "1-4"}]
    )
    def test_one_difference_keeps_a_device_out(self, other: dict[str, str]) -> None:
        """Serial, product, vendor or port."""
        assert self.device(PAD, **other) == "0"

    def test_a_serial_where_there_was_none_keeps_it_out(self) -> None:
        """It is another device."""
        assert self.device(HUB, serial="new") == "0"

    def test_root_hubs_let_nothing_in_by_themselves(self) -> None:
        """authorized_default is 0 on each bus."""
        assert self.udev.authorised("usb1", "usb_device", {}) == "0"

    def test_a_keyboard_inside_a_listed_device_is_kept_out(self) -> None:
        """Only the interface that types; other interfaces of the device are left alone."""
        keys = {"bInterfaceClass": "03", "bInterfaceProtocol": "01"}
        assert self.udev.authorised("1-2:1.1", "usb_interface", keys) == "0"
        assert self.udev.authorised("1-3.1:1.0", "usb_interface", keys) is None
        assert self.udev.authorised("1-2:1.0", "usb_interface", {"bInterfaceClass": "ff"}) is None


@pytest.mark.skipif(bool(package.why_not()), reason=package.why_not() or "-")
def test_udev_understands_all_our_rules(tmp_path: Path) -> None:
    """systemd-udevd's own parser complains of none of our lines, and does of a wrong one."""
    (tmp_path / "61-kiosk-usb.rules").write_text(rules([PAD, HUB, TYPES]))
    (tmp_path / "60-kiosk.rules").write_text((DEPLOY / "60-kiosk.rules").read_text())
    (tmp_path / "62-wrong.rules").write_text('ATTRR{authorized}="0"\n')
    script = "cp /mnt/*.rules /etc/udev/rules.d/\nmount -t sysfs sysfs /sys\n"
    told = package.run(tmp_path, script + "SYSTEMD_LOG_LEVEL=debug udevadm test /class/mem/null 2>&1 || true\n")
    complaints = [line for line in told.text.splitlines() if re.search(r"\.rules:\d+", line)]
    assert any("62-wrong" in line for line in complaints), told.text
    assert not [line for line in complaints if "kiosk" in line]

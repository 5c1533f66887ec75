"""Which driver serves the reader, and what is said of those that none serves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from firmware_mocks.fingerprint_pad.desk import PadOnBus

from agent.devices.errors import NoLibusb
from agent.devices.fingerprint_pad_drivers import PadChoice, list_readers_of, open_own_pad, open_pad
from agent.devices.fingerprint_pad_errors import DrivenByLibfprint, NoLibfprint
from agent.devices.fingerprint_pad_hotplug import HotplugPad
from agent.devices.fingerprint_pad_libfprint import LibfprintPad
from agent.devices.seams import DeviceState

LIBFPRINT = PadChoice("libfprint", "", "virtual_image", 512, 512, Path("/nonexistent"), development=True)


def listed(choice: PadChoice) -> list[tuple[str, str, str]]:
    """Return name, state and driver of each, or skip where libfprint is not installed."""
    try:
        return [(one.name, str(one.state), one.driver) for one in list_readers_of(choice)]
    except NoLibfprint as error:
        pytest.skip(str(error))


def test_our_own_driver_is_named() -> None:
    """A U.are.U on the bus."""
    with PadOnBus() as bus:
        choice = replace(LIBFPRINT, backend="usbip", address=bus.address, driver="")
        assert listed(choice) == [("U.are.U 4000B/4500", "ready", "kiosk uru4000")]
        with open_pad(choice) as pad:
            assert isinstance(pad, HotplugPad)


def test_a_reader_of_libfprint_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its virtual one, which development may use."""
    monkeypatch.setenv("FP_VIRTUAL_IMAGE", str(tmp_path / "image"))
    found = listed(LIBFPRINT)
    assert [(state, driver) for _, state, driver in found] == [("ready", "libfprint virtual_image")]
    with open_pad(LIBFPRINT) as pad:
        assert isinstance(pad, LibfprintPad)


def test_production_never_sees_the_virtual_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in the environment."""
    monkeypatch.setenv("FP_VIRTUAL_IMAGE", str(tmp_path / "image"))
    assert listed(replace(LIBFPRINT, development=False)) == []


def test_readers_that_only_libfprint_knows_are_listed_as_not_used() -> None:
    """Where our own driver finds none; whatever is there says what it needs."""
    try:
        found = list_readers_of(replace(LIBFPRINT, backend="libusb", driver=""))
    except NoLibusb as error:
        pytest.skip(str(error))
    for one in found:
        if one.driver.startswith("libfprint"):
            assert one.state is DeviceState.FAILED
            assert "pad.backend" in one.detail


def test_libfprints_reader_is_not_calibrated() -> None:
    """Calibration needs frames without a finger; the remedy names the setting."""
    with pytest.raises(DrivenByLibfprint) as caught:
        open_own_pad(LIBFPRINT)
    assert "pad.backend" in caught.value.remedy.vi

"""Where cameras are, what is allowed, and why one cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.devices import camera_address
from agent.devices.camera_address import CameraAddress, list_cameras
from agent.devices.errors import CameraBusy, CameraNotAllowed, CameraNotPermitted, NoCamera
from agent.devices.seams import DeviceState


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a machine with /dev and /sys of its own."""
    monkeypatch.setattr(camera_address, "DEV", tmp_path / "dev")
    monkeypatch.setattr(camera_address, "SYSFS", tmp_path / "sys")
    (tmp_path / "dev").mkdir()
    return tmp_path


def _plug(machine: Path, number: int, name: str, mode: int = 0o660) -> Path:
    node = machine / "dev" / f"video{number}"
    node.touch(mode)
    (machine / "sys" / node.name).mkdir(parents=True)
    (machine / "sys" / node.name / "name").write_text(f"{name}\n")
    return node


@pytest.mark.parametrize(
    "source", ["http://127.0.0.1:1/video", "rtsp://camera/1", "film.mp4", "-1", "", "../dev/video0"]
)
def test_only_devices_outside_development(source: str) -> None:
    """A URL or a file is refused in production and taken in development."""
    with pytest.raises(CameraNotAllowed):
        CameraAddress.parse(source, development=False)
    assert CameraAddress.parse(source, development=True).source == source


@pytest.mark.parametrize(("source", "opened_as"), [(0, "0"), ("2", "2"), ("/dev/video3", "3")])
def test_devices_are_opened_by_index(source: int | str, opened_as: str) -> None:
    """Index and path are the same device to V4L2."""
    address = CameraAddress.parse(source, development=False)
    assert address.opened_as == opened_as
    assert address.node == Path(f"/dev/video{opened_as}")


def test_a_camera_that_is_not_there_is_no_camera(machine: Path) -> None:
    """An index without a device node."""
    address = CameraAddress.parse(7, development=False)
    assert not address.present
    assert isinstance(address.why_not_opened(), NoCamera)
    assert "video7" in address.why_not_opened().detail


def test_a_camera_that_is_there_is_busy_or_forbidden(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The true cause: the node's rights decide between the group and another program."""
    _plug(machine, 0, "HD Webcam")
    address = CameraAddress.parse(0, development=False)
    assert address.present
    assert address.name == "HD Webcam"
    assert isinstance(address.why_not_opened(), CameraBusy)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert isinstance(address.why_not_opened(), CameraNotPermitted)
    assert [camera.state for camera in list_cameras()] == [DeviceState.FAILED]


def test_cameras_are_listed_by_name(machine: Path) -> None:
    """Every V4L2 node with its product's name and path; none without V4L2."""
    assert list_cameras() == []
    for number, name in ((0, "HD Webcam"), (2, "Document camera")):
        _plug(machine, number, name)
    found = [(camera.kind, camera.name, camera.address, camera.state) for camera in list_cameras()]
    assert found == [
        ("camera", "HD Webcam", str(machine / "dev" / "video0"), DeviceState.READY),
        ("camera", "Document camera", str(machine / "dev" / "video2"), DeviceState.READY),
    ]

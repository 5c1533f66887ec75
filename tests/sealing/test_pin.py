"""The PIN's file: who may have read it, what it may hold, and that nothing shows it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from agent.sealing.key_errors import PinUnreadable
from agent.sealing.key_settings import PinSource
from agent.sealing.pin import MAX_PIN_BYTES, Pin, read_pin

DIGITS = "482915"


def _file(folder: Path, data: bytes = DIGITS.encode(), mode: int = 0o600) -> Path:
    path = folder / "pin"
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"], ids=["bare", "LF", "CRLF"])
def test_the_pin_is_the_only_line(tmp_path: Path, end: bytes) -> None:
    """An editor's line end does not belong to the PIN."""
    assert read_pin(PinSource(_file(tmp_path, DIGITS.encode() + end))).value == DIGITS


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o644, 0o601])
def test_a_wider_mode_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others refuses the file, and the mode is named."""
    with pytest.raises(PinUnreadable, match=f"{mode:04o}"):
        read_pin(PinSource(_file(tmp_path, mode=mode)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever owns the file can read it, whatever its mode."""
    path = _file(tmp_path)
    os.chown(path, 65534, 65534)
    with pytest.raises(PinUnreadable, match="uid 65534"):
        read_pin(PinSource(path))


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"48\n15", b"48\x0015", b"\xff\xfe" + DIGITS.encode(), b"1" * (MAX_PIN_BYTES + 1)],
    ids=["empty", "blank", "two lines", "NUL", "not UTF-8", "too long"],
)
def test_what_is_no_pin_is_refused_and_not_quoted(tmp_path: Path, data: bytes) -> None:
    """The error names the file and never its bytes, not even in the traceback's chain."""
    with pytest.raises(PinUnreadable, match="pin") as caught:
        read_pin(PinSource(_file(tmp_path, data)))
    assert DIGITS not in "".join(traceback.format_exception(caught.value))


def test_a_link_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    """Only a plain file; a pipe does not block."""
    (tmp_path / "link").symlink_to(_file(tmp_path))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "folder", "pipe", "missing"):
        with pytest.raises(PinUnreadable, match=name):
            read_pin(PinSource(tmp_path / name))


class TestCredential:
    """PINs from systemd: LoadCredential, LoadCredentialEncrypted."""

    @pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
    def test_a_credential_is_read(self, tmp_path: Path, mode: int) -> None:
        """The modes that systemd sets are accepted, with the group bits that its access list shows as."""
        _file(tmp_path, mode=mode)
        assert read_pin(PinSource(credential="pin"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}).value == DIGITS

    @pytest.mark.parametrize("mode", [0o444, 0o460, 0o404])
    def test_a_credential_for_all_is_refused(self, tmp_path: Path, mode: int) -> None:
        """Readable to all or writable to a group is not what systemd makes."""
        _file(tmp_path, mode=mode)
        with pytest.raises(PinUnreadable, match=f"{mode:04o}"):
            read_pin(PinSource(credential="pin"), {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    @pytest.mark.parametrize("name", ["../pin", "a/b", "..", "/etc/shadow"])
    def test_a_credential_is_a_plain_name(self, tmp_path: Path, name: str) -> None:
        """No way out of the credentials' folder."""
        with pytest.raises(PinUnreadable, match="plain name"):
            read_pin(PinSource(credential=name), {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    def test_without_systemd_the_cause_is_named(self) -> None:
        """Started by hand, there is no credentials' folder."""
        with pytest.raises(PinUnreadable, match="CREDENTIALS_DIRECTORY is not set"):
            read_pin(PinSource(credential="pin"), {})


def test_exactly_one_source_is_needed(tmp_path: Path) -> None:
    """None, or two, is a mistake in the settings."""
    for source in (PinSource(), PinSource(tmp_path / "pin", "pin")):
        with pytest.raises(PinUnreadable):
            read_pin(source, {})


def test_a_pin_cannot_be_printed() -> None:
    """Not by repr, str, format or a log line."""
    pin = Pin(DIGITS)
    with capture_logs() as logs:
        structlog.get_logger().info("key.opened", pin=repr(pin))
    assert DIGITS not in repr(pin) + str(pin) + f"{pin}" + repr(logs)

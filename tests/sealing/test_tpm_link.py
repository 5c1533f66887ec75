"""The wire to a TPM: a device that dies, hangs or lies ends in a typed error, and signatures come back after it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.sealing.errors import SealingError
from agent.sealing.key_errors import KeyDeviceAbsent, KeyDeviceFailed, KeyTimeout
from agent.sealing.key_settings import InTpm
from tests.sealing.hardware import WAIT_S, verify
from tests.sealing.swtpm import Simulator, Terminal, answer_once, until

pytest.importorskip("tpm2_pytss", reason="tpm2-pytss is not installed (extra tpm)")
from agent.sealing import tpm_chip, tpm_key  # needs the library that was just looked for

HASTY_S = 0.3


def test_a_character_device_is_driven_without_blocking(in_tpm: InTpm, trust: Path, tpm: Simulator) -> None:
    """The production path, as with /dev/tpmrm0: open, write, poll, read on a device file; no development flag."""
    device = Terminal(tpm.socket)
    production = replace(in_tpm, device=device.path, development=False)
    key = tpm_key.create(production, trust)
    verify(key, b"x")
    connection = key._connection
    assert isinstance(connection, tpm_key.TpmConnection)
    assert not os.get_blocking(connection._tpm._link._fd)  # else the kernel's write() waits for the TPM
    key._wait_s = HASTY_S
    tpm.send(signal.SIGSTOP)
    with pytest.raises(KeyTimeout, match=str(device.path)):
        key.sign(b"x")
    tpm.send(signal.SIGCONT)
    device.stop()


class TestHostile:
    """A TPM that dies, hangs or lies, and files that were changed."""

    def test_a_killed_tpm_is_absent_and_recovers(self, in_tpm: InTpm, trust: Path, tpm: Simulator) -> None:
        """Killed between signatures: typed error; started again: the same object signs."""
        key = tpm_key.create(in_tpm, trust)
        tpm.send(signal.SIGKILL)
        with pytest.raises(KeyDeviceAbsent):
            key.sign(b"x")
        tpm.restart()
        verify(key, b"x")

    def test_a_tpm_killed_in_the_middle_of_a_signature(self, in_tpm: InTpm, trust: Path, tpm: Simulator) -> None:
        """The command is sent, the TPM dies: typed error, and recovery after a restart."""
        key = tpm_key.create(in_tpm, trust)
        tpm.send(signal.SIGSTOP)
        failures: list[SealingError] = []

        def sign() -> None:
            with pytest.raises(KeyDeviceAbsent) as caught:
                key.sign(b"x")
            failures.append(caught.value)

        thread = threading.Thread(target=sign)
        thread.start()
        until(key._turn.locked)
        tpm.send(signal.SIGKILL)
        thread.join(WAIT_S)
        assert len(failures) == 1
        tpm.restart()
        verify(key, b"x")

    def test_a_hanging_tpm_ends_at_the_deadline(self, in_tpm: InTpm, trust: Path, tpm: Simulator) -> None:
        """KeyTimeout, again for the next caller, and signatures once the TPM is back."""
        tpm_key.create(in_tpm, trust).close()
        key = tpm_key.load(in_tpm, trust)
        key._wait_s = HASTY_S
        tpm.send(signal.SIGSTOP)
        for _ in range(2):
            with pytest.raises(KeyTimeout):
                key.sign(b"x")
        tpm.restart()
        key._wait_s = WAIT_S
        verify(key, b"x")

    def test_no_device_is_absent(self, in_tpm: InTpm, trust: Path) -> None:
        """A kiosk whose TPM is off in the firmware has no device file."""
        tpm_key.create(in_tpm, trust).close()
        with pytest.raises(KeyDeviceAbsent, match="No such file"):
            tpm_key.load(replace(in_tpm, device=trust / "tpmrm0"), trust)

    def test_a_simulator_is_refused_outside_development(self, in_tpm: InTpm, trust: Path) -> None:
        """A socket is no TPM: whoever puts one there would hold the key."""
        with pytest.raises(KeyDeviceAbsent, match="development"):
            tpm_key.create(replace(in_tpm, development=False), trust)

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (b"", KeyDeviceAbsent),
            (bytes.fromhex("8001"), KeyDeviceAbsent),
            (bytes.fromhex("8001 0000000a 000000"), KeyDeviceAbsent),
            (bytes.fromhex("8001 7fffffff 00000000"), KeyDeviceFailed),
            (bytes.fromhex("8001 00000003 00000000"), KeyDeviceFailed),
            (bytes.fromhex("8001 0000000a 00000000 00"), KeyDeviceFailed),
            (bytes.fromhex("8001 0000000a 00000000"), KeyDeviceFailed),
            (bytes.fromhex("8001 0000000a 00000101"), KeyDeviceFailed),
            (bytes.fromhex("8001 0000000a 00000100"), KeyDeviceAbsent),
            (b"\xff" * 5000, KeyDeviceFailed),
        ],
        ids=["nothing", "2 bytes", "9 bytes", "2 GB", "3 long", "longer", "empty", "failure", "not started", "endless"],
    )
    def test_a_lying_tpm_is_a_typed_error(self, tmp_path: Path, answer: bytes, error: type[Exception]) -> None:
        """Torn, oversized and contradictory answers end the opening; none is believed."""
        path = tmp_path / "liar"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            thread = threading.Thread(target=answer_once, args=(server, answer))
            thread.start()
            with pytest.raises(error):
                tpm_chip.Tpm(InTpm(path, development=True), time.monotonic() + WAIT_S)
            thread.join(WAIT_S)

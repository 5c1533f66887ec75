"""Devices for the tests of hardware keys: TPM simulators, a SoftHSM token, a token that fails on order."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.sealing.key_settings import InTpm, OnToken, PinSource
from tests.sealing.hardware import PIN, WAIT_S, write_pin
from tests.sealing.softhsm import SOFTHSM, TOKEN, finalize, init_token
from tests.sealing.swtpm import Simulator


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Simulator]:
    """Run a new TPM."""
    if shutil.which("swtpm") is None:
        pytest.skip("swtpm is not installed")
    simulator = Simulator(tmp_path / "tpm")
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def other_tpm(tmp_path: Path) -> Iterator[Simulator]:
    """Run a second new TPM."""
    simulator = Simulator(tmp_path / "other")
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """Make a trust folder, and a PIN file beside it."""
    write_pin(tmp_path, PIN)
    trust = tmp_path / "trust"
    trust.mkdir()
    return trust


@pytest.fixture
def in_tpm(tpm: Simulator) -> InTpm:
    """Return the settings for that TPM, without a PIN."""
    return InTpm(tpm.socket, development=True, wait_s=WAIT_S)


@pytest.fixture
def with_pin(in_tpm: InTpm, trust: Path) -> InTpm:
    """Return the settings for that TPM, with a PIN."""
    return replace(in_tpm, pin=PinSource(trust.parent / "pin"))


@pytest.fixture
def token_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a trust folder, a PIN file, and SoftHSM with one token `kiosk`, all new."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extra pkcs11)")
    if not SOFTHSM.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is not installed")
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    write_pin(tmp_path, PIN)
    init_token(TOKEN)
    trust = tmp_path / "trust"
    trust.mkdir()
    return trust


@pytest.fixture
def on_token(token_trust: Path) -> Iterator[OnToken]:
    """Yield the settings for that token."""
    yield OnToken(SOFTHSM, TOKEN, PinSource(token_trust.parent / "pin"), wait_s=WAIT_S)
    finalize(SOFTHSM)


@pytest.fixture(scope="module")
def faulty_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the failing module."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed, so the failing PKCS#11 module cannot be built")
    built = tmp_path_factory.mktemp("module") / "faulty_token.so"
    source = Path(__file__).with_name("faulty_token.c")
    command = ["gcc", "-shared", "-fPIC", "-O1", f'-DSOFTHSM="{SOFTHSM}"', "-o", str(built), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return built


@pytest.fixture
def faulty(token_trust: Path, faulty_module: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnToken]:
    """Yield the settings for that token behind the failing module, which has no orders yet."""
    orders = token_trust.parent / "orders"
    orders.touch()
    monkeypatch.setenv("FAULTY_TOKEN_ORDERS", str(orders))
    yield OnToken(faulty_module, TOKEN, PinSource(token_trust.parent / "pin"), wait_s=WAIT_S)
    orders.write_text("")
    finalize(faulty_module)

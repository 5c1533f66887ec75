"""SoftHSM tokens as the tests need them, and orders for the module that fails in front of them."""

from __future__ import annotations

import importlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.sealing.key_settings import OnToken
from tests.sealing.hardware import PIN, WAIT_S

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
TOKEN, SPARE = "kiosk", "spare"
SO_PIN = "73190264"


def init_token(label: str) -> None:
    """Make a new token in the folder that $SOFTHSM2_CONF names."""
    pins = ["--pin", PIN, "--so-pin", SO_PIN]
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, *pins], check=True, capture_output=True
    )


def finalize(module: Path) -> None:
    """End the module: SoftHSM reads its configuration when it starts, so the next test must find it ended."""
    _in_its_thread(module, lambda library: library.finalize())


def restart_module(module: Path) -> None:
    """End the module and start it anew, as when another key looks for a token that is not there."""
    _in_its_thread(module, lambda library: library.reinitialize())


def order(settings: OnToken, text: str) -> None:
    """Give the failing module its orders (faulty_token.c)."""
    (settings.pin.file or Path()).with_name("orders").write_text(text)


def _in_its_thread(module: Path, work: Callable[[Any], object]) -> None:
    # Imported here, because the optional library may be absent and the tests then skip.
    token = importlib.import_module("agent.sealing.pkcs11_token")
    library = importlib.import_module("pkcs11").lib
    token.thread_of(module).call(lambda: work(library(str(module))), time.monotonic() + WAIT_S)

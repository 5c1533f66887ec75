"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from firmware_mocks.card_reader import NotInstalled
from firmware_mocks.card_reader.requirements import check

# libpcsclite reads it once in the life of a process, so all readers of a run share one folder for their sockets.
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"


@pytest.fixture(scope="session")
def socket_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tell this process where every pcscd of this run will listen."""
    try:
        check()
    except NotInstalled as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("pcscd")
    before = os.environ.get(SOCKET_VARIABLE)
    os.environ[SOCKET_VARIABLE] = str(folder / "pcscd.comm")
    yield folder
    if before is None:
        del os.environ[SOCKET_VARIABLE]
    else:
        os.environ[SOCKET_VARIABLE] = before

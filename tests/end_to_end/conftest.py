"""One whole kiosk for the tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.harness import Kiosk, open_kiosk


@pytest.fixture(scope="session")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    """Open a kiosk in processes of its own, with people who were not here yet."""
    with open_kiosk(tmp_path_factory.mktemp("kiosk")) as opened:
        yield opened

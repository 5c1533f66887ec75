"""A mock card reader behind a private pcscd. libpcsclite reads its socket's path once, so all tests share one path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firmware_mocks.card_reader import CardProcess, CardReader
from firmware_mocks.chip_card.portrait import drawn_portrait


class QuickReader(CardReader):
    """A reader whose cards get a portrait drawn before: drawing one takes a card program most of its time."""

    def __init__(self, folder: Path, socket_folder: Path, portrait: Path) -> None:
        super().__init__(folder, socket_folder)
        self._portrait = portrait

    def insert(self, profile: Path | None = None, *options: str) -> CardProcess:
        """Put a card in, as any reader does."""
        return super().insert(profile, "--portrait", str(self._portrait), *options)


@pytest.fixture(scope="session")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw the portrait of all cards."""
    path = tmp_path_factory.mktemp("portrait") / "portrait.jpg"
    path.write_bytes(drawn_portrait())
    return path


@pytest.fixture
def mock_reader(socket_folder: Path, portrait_file: Path, tmp_path: Path) -> Iterator[CardReader]:
    """Open a reader of its own for one test, which may stop its pcscd or pull its card."""
    with QuickReader(tmp_path / "reader", socket_folder, portrait_file) as opened:
        yield opened

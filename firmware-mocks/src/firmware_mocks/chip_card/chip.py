"""A personalised chip before it is powered: files, passwords and keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_mocks.chip_card.chip_keys import ActiveKey, AgreementKey
from firmware_mocks.chip_card.files import FileSystem
from firmware_mocks.chip_card.pace import Passwords


@dataclass(frozen=True, slots=True)
class Chip:
    """What personalisation leaves behind; `active` is None for a chip without active authentication."""

    files: FileSystem
    passwords: Passwords = field(repr=False)
    agreement: AgreementKey = field(repr=False)
    active: ActiveKey | None = field(repr=False, default=None)

"""A personalised chip before it is powered: files, passwords and keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_mocks.chip_card.chip_keys import ActiveKey, AgreementKey
from firmware_mocks.chip_card.files import FileSystem
from firmware_mocks.chip_card.pace import Passwords
from firmware_mocks.chip_card.variants import CITIZEN_CARD, Variant


@dataclass(frozen=True, slots=True)
class Chip:
    """What personalisation leaves behind; keys are None for what the chip cannot do."""

    files: FileSystem
    passwords: Passwords = field(repr=False)
    agreement: AgreementKey | None = field(repr=False, default=None)
    active: ActiveKey | None = field(repr=False, default=None)
    pace: tuple[Variant, ...] = (CITIZEN_CARD,)
    bac: bool = False

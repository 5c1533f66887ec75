"""Kinds of documents a mock chip can be: the citizen card, and passports with other protocols."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_mocks.chip_card.chip_keys import Agreement
from firmware_mocks.chip_card.variants import CITIZEN_CARD, Variant


@dataclass(frozen=True)
class Document:
    """What a kind of document has.

    `card_access` replaces the PACE variants that EF.CardAccess lists, for a chip that hides or lies about them.
    """

    passport: bool = False
    pace: tuple[Variant, ...] = (CITIZEN_CARD,)
    bac: bool = False
    agreement: Agreement | None = field(default_factory=Agreement)
    lds: str = "0107"
    pin: str = ""
    card_access: tuple[Variant, ...] | None = None

    @property
    def proves_by_mapping(self) -> bool:
        """Whether there is an EF.CardSecurity for chip authentication mapping."""
        return any(variant.mapping == "cam" for variant in self.pace)


DOCUMENTS = {
    "cccd": Document(),
    "cccd-downgraded": Document(card_access=(Variant("gm", 12, 1),), pace=(CITIZEN_CARD, Variant("gm", 12, 1))),
    "passport-bac": Document(passport=True, pace=(), bac=True, agreement=None),
    "passport-bac-ca": Document(passport=True, pace=(), bac=True, agreement=Agreement(13, 1)),
    "passport-hidden-pace": Document(passport=True, pace=(Variant("gm", 13, 2),), bac=True, card_access=()),
    "passport-im": Document(passport=True, pace=(Variant("im", 12, 2),), bac=True, agreement=Agreement(12, 2, 1)),
    "passport-cam": Document(passport=True, pace=(Variant("cam", 13, 2),), agreement=Agreement(13, 2), lds="0108"),
    "passport-dh": Document(passport=True, pace=(Variant("gm", 1, 2),), agreement=Agreement(2, 3)),
    "passport-aes256": Document(passport=True, pace=(Variant("gm", 16, 4),), agreement=Agreement(16, 4), lds="0108"),
    "passport-3des": Document(passport=True, pace=(Variant("gm", 14, 1),), bac=True, agreement=Agreement(14, 1)),
    "passport": Document(passport=True, bac=True),
    "id-pin": Document(pin="123456"),
}

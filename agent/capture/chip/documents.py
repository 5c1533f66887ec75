"""Kinds of documents: what a reader may expect of them and what it reads."""

from __future__ import annotations

from dataclasses import dataclass, field

# The same on every CCCD seen; for chips that hide EF.CardAccess once their application is selected.
CCCD_CARD_ACCESS = bytes.fromhex(
    "3134300d060804007f0007020202020101300f060a04007f000702020302020201013012060a04007f0007020204020202010202010d"
)


@dataclass(frozen=True, slots=True)
class DocumentProfile:
    """One kind of document.

    With `requires_pace` BAC is refused whatever the policy says. `card_access` stands in for an EF.CardAccess that the
    chip hides. `groups` are the data groups read besides DG1, DG14, DG15 and the policy's optional ones, where EF.SOD
    lists them;
    `personal_number` says whether the MRZ holds a CCCD's 12-digit number.
    """

    name: str
    requires_pace: bool
    groups: tuple[int, ...]
    personal_number: bool
    card_access: bytes | None = field(repr=False, default=None)


CITIZEN_CARD = DocumentProfile("cccd", True, (2, 13), True, CCCD_CARD_ACCESS)
TRAVEL_DOCUMENT = DocumentProfile("icao", False, (2,), False)
PROFILES = {profile.name: profile for profile in (CITIZEN_CARD, TRAVEL_DOCUMENT)}

"""One person of the roster."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Member:
    """A roster row. Everything but eligibility is personal data and stays out of repr."""

    number: str = field(repr=False)
    full_name: str = field(repr=False)
    birth_date: date = field(repr=False)
    branch: str = field(repr=False)
    eligible: bool

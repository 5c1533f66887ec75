"""The person on the card, as JSON and as a frozen dataclass."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Literal, Self, cast

Sex = Literal["M", "F"]


class ProfileError(ValueError):
    """The profile is not a person a card could be made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a citizen card says about its holder; text is Vietnamese with its diacritics, in NFC.

    `number` has 12 digits, `birth_date` and the like are dates; an empty text leaves its DG13 entry out.
    `expiry_date` is None for a card without end, whose MRZ then has fillers there: a guess, no source tells.
    """

    number: str
    full_name: str
    birth_date: date
    sex: Sex
    issue_date: date
    expiry_date: date | None
    nationality: str = "Việt Nam"
    ethnicity: str = "Kinh"
    religion: str = "Không"
    origin: str = ""
    residence: str = ""
    features: str = ""
    father: str = ""
    mother: str = ""
    spouse: str = ""
    old_number: str = ""
    chip_serial: str = ""

    def __post_init__(self) -> None:
        if len(self.number) != 12 or not self.number.isascii() or not self.number.isdigit():
            raise ProfileError("the number must be 12 digits")
        if self.sex not in ("M", "F"):
            raise ProfileError("sex must be M or F")
        if not self.full_name.strip():
            raise ProfileError("the name is empty")

    @property
    def document_number(self) -> str:
        """The last nine digits, which the MRZ has as document number."""
        return self.number[-9:]

    @property
    def can(self) -> str:
        """The card access number: the last six digits."""
        return self.number[-6:]

    def to_json(self) -> str:
        """JSON text with ISO dates, read back by `from_json`."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2, default=date.isoformat)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` writes; raises ProfileError, also for fields there are not."""
        try:
            raw: object = json.loads(text)
        except ValueError as error:
            raise ProfileError(f"not JSON: {error}") from error
        if not isinstance(raw, dict) or set(raw) - {field.name for field in fields(cls)}:
            raise ProfileError("not a JSON object of a person's fields")
        values: dict[str, object] = dict(raw)
        for name in ("birth_date", "issue_date", "expiry_date"):
            values[name] = _date(name, values.get(name))
        strings = {name: value for name, value in values.items() if not name.endswith("_date")}
        if not all(isinstance(value, str) for value in strings.values()):
            raise ProfileError("every field but the dates must be text")
        try:
            return cls(**cast("dict[str, str]", values))  # type: ignore[arg-type]  # checked one by one above
        except TypeError as error:
            raise ProfileError(f"fields are missing: {error}") from error


def _date(name: str, value: object) -> date | None:
    if value is None and name == "expiry_date":
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ProfileError(f"{name} must be a date as 2039-01-01") from error


DEFAULT_PERSON = Person(
    number="001199000017",
    full_name="Nguyễn Thị Mẫu",
    birth_date=date(1999, 1, 1),
    sex="F",
    issue_date=date(2024, 7, 15),
    expiry_date=date(2039, 1, 1),
    origin="Phường Hàng Trống, Quận Hoàn Kiếm, Hà Nội",
    residence="Số 5 ngõ 12 phố Huế, Phường Phạm Đình Hổ, Quận Hai Bà Trưng, Hà Nội",
    features="Nốt ruồi cách 1 cm dưới mắt trái",
    father="Nguyễn Văn Kiểu",
    mother="Trần Thị Thử",
    old_number="012345678",
    chip_serial="00A1B2C3D4E5F607",
)

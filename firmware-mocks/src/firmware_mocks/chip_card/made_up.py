"""Persons that do not exist: plausible, consistent in themselves, and the same for the same seed."""

from __future__ import annotations

import random
from datetime import date, timedelta

from firmware_mocks.chip_card.profile import Person, Sex

_SURNAMES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương")
_WEIGHTS = (38, 11, 9, 7, 5, 5, 4, 4, 3, 3, 3, 3, 3, 2)
_MIDDLE: dict[Sex, tuple[str, ...]] = {
    "M": ("Văn", "Đức", "Minh", "Quốc", "Hữu", "Anh", "Thành", "Công", "Xuân", "Gia"),
    "F": ("Thị", "Ngọc", "Thu", "Thanh", "Phương", "Kim", "Bích", "Mỹ", "Thị Hồng", "Thùy"),
}
_GIVEN: dict[Sex, tuple[str, ...]] = {
    "M": ("An", "Bình", "Cường", "Dũng", "Đạt", "Hải", "Hùng", "Khánh", "Long", "Nam", "Phúc", "Quân", "Sơn", "Tuấn"),
    "F": ("Anh", "Châu", "Diệp", "Giang", "Hà", "Hạnh", "Hương", "Lan", "Linh", "Mai", "Nga", "Thảo", "Trang", "Yến"),
}
# number prefix of the province of birth registration: name, and districts with some of their wards and communes
_PROVINCES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "001": ("Hà Nội", {"Quận Ba Đình": ("Phường Kim Mã", "Phường Cống Vị"), "Huyện Đông Anh": ("Xã Cổ Loa",)}),
    "022": ("Quảng Ninh", {"Thành phố Hạ Long": ("Phường Bãi Cháy", "Phường Hồng Gai")}),
    "031": ("Hải Phòng", {"Quận Lê Chân": ("Phường An Biên",), "Huyện Thủy Nguyên": ("Xã Lập Lễ",)}),
    "036": ("Nam Định", {"Huyện Hải Hậu": ("Xã Hải Anh", "Xã Hải Minh")}),
    "038": ("Thanh Hóa", {"Thành phố Sầm Sơn": ("Phường Trường Sơn",), "Huyện Thọ Xuân": ("Xã Xuân Lập",)}),
    "040": ("Nghệ An", {"Huyện Nam Đàn": ("Xã Kim Liên",), "Thành phố Vinh": ("Phường Hưng Bình",)}),
    "046": ("Thừa Thiên Huế", {"Thành phố Huế": ("Phường Vỹ Dạ", "Phường Kim Long")}),
    "048": ("Đà Nẵng", {"Quận Hải Châu": ("Phường Hải Châu I",), "Huyện Hòa Vang": ("Xã Hòa Tiến",)}),
    "066": ("Đắk Lắk", {"Thành phố Buôn Ma Thuột": ("Phường Tân Lợi", "Xã Ea Tu")}),
    "079": ("Thành phố Hồ Chí Minh", {"Quận 3": ("Phường Võ Thị Sáu",), "Huyện Củ Chi": ("Xã Phú Hòa Đông",)}),
    "089": ("An Giang", {"Thành phố Long Xuyên": ("Phường Mỹ Bình",), "Huyện Tri Tôn": ("Xã Ô Lâm",)}),
    "092": ("Cần Thơ", {"Quận Ninh Kiều": ("Phường Tân An", "Phường Cái Khế")}),
}
_FEATURES = ("Nốt ruồi cách {n} cm trên trước đầu lông mày trái", "Sẹo chấm cách {n} cm dưới sau mép phải")
_MILESTONES = (25, 40, 60)  # a citizen renews the card at these ages; from 60 it has no end
_AS_OF = date(2026, 6, 1)


def made_up_person(seed: int) -> Person:
    """Make up the adult below 60 of this seed, with a card valid on 2026-06-01 and for a year after.

    Seeds that differ by less than a million give different numbers and different card access numbers.
    """
    draw = random.Random(seed)  # noqa: S311 - the same person for the same seed is the point
    sex: Sex = draw.choice(("M", "F"))
    age_days = draw.randrange(18 * 366, 58 * 365)
    birth = _AS_OF - timedelta(days=age_days)
    issue, expiry = _validity(birth, draw)
    code = draw.choice(list(_PROVINCES))
    surname = draw.choices(_SURNAMES, _WEIGHTS)[0]
    mother_surname = draw.choices(_SURNAMES, _WEIGHTS)[0]
    married = age_days > 26 * 365 and draw.random() < 0.7
    partner: Sex = "F" if sex == "M" else "M"
    return Person(
        number=_number(code, birth, sex, seed),
        full_name=_named(surname, sex, draw),
        birth_date=birth,
        sex=sex,
        issue_date=issue,
        expiry_date=expiry,
        ethnicity="Ê-đê" if code == "066" and draw.random() < 0.3 else "Kinh",
        religion=draw.choices(("Không", "Phật giáo", "Công giáo"), (84, 9, 7))[0],
        origin=_place(code, draw),
        residence=f"Số {draw.randrange(1, 300)}, {_place(draw.choice(list(_PROVINCES)), draw)}",
        features=draw.choice(_FEATURES).format(n=draw.randrange(1, 5)),
        father=_named(surname, "M", draw),
        mother=_named(mother_surname, "F", draw),
        spouse=_named(draw.choices(_SURNAMES, _WEIGHTS)[0], partner, draw) if married else "",
        old_number=f"{draw.randrange(10**9):09d}" if birth.year < 2001 else "",
        chip_serial=f"{draw.getrandbits(64):016X}",
    )


def _number(province: str, birth: date, sex: Sex, seed: int) -> str:
    """Province, century and sex, year of birth, serial; the factor has no divisor in common with a million."""
    century = (birth.year - 1900) // 100 * 2 + (sex == "F")
    return f"{province}{century}{birth:%y}{(seed * 611_953 + 104_729) % 1_000_000:06d}"


def _validity(birth: date, draw: random.Random) -> tuple[date, date]:
    """Draw a day of issue since the chip cards began, and the next milestone birthday at least a year ahead."""
    milestones = (_birthday(birth, age) for age in _MILESTONES)
    expiry = next(day for day in milestones if day > _AS_OF + timedelta(days=365))
    earliest = max(date(2021, 3, 1), _birthday(birth, 14))
    return earliest + timedelta(days=draw.randrange((_AS_OF - earliest).days)), expiry


def _birthday(birth: date, age: int) -> date:
    last_of_february = (birth.month, birth.day) == (2, 29)
    return birth.replace(year=birth.year + age, day=28 if last_of_february else birth.day)


def _named(surname: str, sex: Sex, draw: random.Random) -> str:
    return f"{surname} {draw.choice(_MIDDLE[sex])} {draw.choice(_GIVEN[sex])}"


def _place(code: str, draw: random.Random) -> str:
    province, districts = _PROVINCES[code]
    district = draw.choice(list(districts))
    return f"{draw.choice(districts[district])}, {district}, {province}"

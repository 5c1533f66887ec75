"""How far the campaign is, from what is known without opening a record: kiosk, hour, stored, in quarantine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from collector.errors import PlanInvalid
from collector.hours import HOUR_NS, KioskTotal

# The rate is that of so many full hours before the one that runs, pauses and nights included.
RATE_HOURS = 24
HOURS_SHOWN = 72
SILENT_AFTER_NS = HOUR_NS
HOURS_MAX = 100 * 365 * 24


class StationPlan(BaseModel):
    """One station: where it is, how many people are on its rosters, its kiosks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    ward: str
    roster: int = Field(ge=0)
    kiosks: tuple[str, ...]


class CampaignPlan(BaseModel):
    """What is to be done by when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deadline: AwareDatetime | None = None
    stations: tuple[StationPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A station, a ward or everything. `finished_at` is where the rate leads; None when nothing can be foretold."""

    name: str
    done: int
    roster: int | None
    per_hour: float
    quarantined: int
    finished_at: datetime | None
    in_time: bool | None


@dataclass(frozen=True, slots=True)
class Progress:
    """The campaign's numbers. `hours` are (hour from 1970-01-01, stored); `silent` are kiosks and their newest time."""

    at_ns: int
    whole: Line
    wards: tuple[Line, ...]
    stations: tuple[Line, ...]
    hours: tuple[tuple[int, int], ...]
    silent: tuple[tuple[str, int | None], ...]


def load_plan(path: Path | None) -> CampaignPlan:
    """Read a campaign plan (JSON); without a path nothing is planned. Raises PlanInvalid naming file and key."""
    if path is None:
        return CampaignPlan()
    try:
        plan = CampaignPlan.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise PlanInvalid(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise PlanInvalid(f"{path}: {faults}") from error
    except ValueError as error:
        raise PlanInvalid(f"{path}: not JSON: {error}") from error
    twice = [kiosk for kiosk, times in Counter(k for s in plan.stations for k in s.kiosks).items() if times > 1]
    if twice:
        raise PlanInvalid(f"{path}: {', '.join(twice)} in more than one place")
    return plan


def progress(
    plan: CampaignPlan,
    kiosks: Sequence[str],
    totals: Sequence[KioskTotal],
    hours: Sequence[tuple[int, int]],
    now_ns: int,
) -> Progress:
    """Return the numbers at `now_ns`; the totals' `recent` count from `rate_from(now_ns)` on."""
    by_kiosk = {one.kiosk: one for one in totals}
    every = tuple(dict.fromkeys((*kiosks, *by_kiosk)))
    count = _Counting(by_kiosk, plan.deadline, now_ns)
    stations = tuple(count.line(one.name, one.kiosks, one.roster) for one in plan.stations)
    wards = tuple(_ward(count, plan, ward) for ward in dict.fromkeys(one.ward for one in plan.stations))
    roster = sum(one.roster for one in plan.stations) if plan.stations else None
    silent = tuple((kiosk, newest) for kiosk in every if _is_silent(newest := count.newest(kiosk), now_ns))
    return Progress(now_ns, count.line("", every, roster), wards, stations, tuple(hours), silent)


def rate_from(now_ns: int) -> int:
    """Return the first hour that counts for the rate."""
    return max(0, now_ns // HOUR_NS - RATE_HOURS)


def _ward(count: _Counting, plan: CampaignPlan, ward: str) -> Line:
    stations = [one for one in plan.stations if one.ward == ward]
    kiosks = tuple(kiosk for one in stations for kiosk in one.kiosks)
    return count.line(ward, kiosks, sum(one.roster for one in stations))


def _is_silent(newest_at_ns: int | None, now_ns: int) -> bool:
    return newest_at_ns is None or now_ns - newest_at_ns > SILENT_AFTER_NS


@dataclass(frozen=True, slots=True)
class _Counting:
    by_kiosk: dict[str, KioskTotal]
    deadline: datetime | None
    now_ns: int

    def newest(self, kiosk: str) -> int | None:
        """Return when the kiosk's newest record came."""
        total = self.by_kiosk.get(kiosk)
        return None if total is None else total.newest_at_ns

    def line(self, name: str, kiosks: tuple[str, ...], roster: int | None) -> Line:
        """Return the numbers of these kiosks together."""
        totals = [self.by_kiosk[kiosk] for kiosk in kiosks if kiosk in self.by_kiosk]
        # Who is in quarantine must be taken in again.
        done = sum(one.stored - one.quarantined for one in totals)
        rate = self._rate(totals)
        finished_at = self._finished_at(done, roster, rate)
        return Line(
            name,
            done,
            roster,
            rate,
            sum(one.quarantined for one in totals),
            finished_at,
            None if finished_at is None or self.deadline is None else finished_at <= self.deadline,
        )

    def _rate(self, totals: Sequence[KioskTotal]) -> float:
        """Return records per hour; in a young campaign over the hours since its first record."""
        if not totals:
            return 0.0
        first = max(min(one.first_hour for one in totals), rate_from(self.now_ns))
        # A campaign of minutes would foretell nonsense: an hour is the least.
        return sum(one.recent for one in totals) / max(1.0, self.now_ns / HOUR_NS - first)

    def _finished_at(self, done: int, roster: int | None, rate: float) -> datetime | None:
        now = datetime.fromtimestamp(self.now_ns / 10**9).astimezone()
        if roster is None or (done < roster and rate <= 0):
            return None
        hours = max(0, roster - done) / rate if done < roster else 0
        # Beyond a century a date means nothing.
        return now + timedelta(hours=hours) if hours < HOURS_MAX else None


def as_json(progress: Progress) -> dict[str, object]:
    """Return the numbers, JSON-ready."""
    told = asdict(progress)
    for line in (told["whole"], *told["wards"], *told["stations"]):
        line["finished_at"] = line["finished_at"] and line["finished_at"].isoformat(timespec="seconds")
    told["silent"] = [{"kiosk": kiosk, "newest_at_ns": newest} for kiosk, newest in progress.silent]
    told["hours"] = [{"from_ns": hour * HOUR_NS, "stored": stored} for hour, stored in progress.hours]
    return told

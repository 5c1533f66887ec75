from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from collector.cli import app
from collector.errors import PlanInvalid
from collector.hours import HOUR_NS, KioskTotal
from collector.progress import CampaignPlan, StationPlan, load_plan, progress
from collector.progress_page import page
from collector.progress_server import make_app
from tests.collector.world import KIOSK, OTHER_KIOSK, World, free_port, new_record, position
from tests.uplink.kiosk import await_

DAY = 20_000 * 24
NOW_NS = (DAY + 10) * HOUR_NS
STATIONS = (
    StationPlan(name="Nhà văn hóa <1>", ward="Hạc Thành", roster=1000, kiosks=("a", "b")),
    StationPlan(name="Trường học", ward="Hạc Thành", roster=100, kiosks=("c",)),
    StationPlan(name="Đông Sơn", ward="Đông Sơn", roster=0, kiosks=("d",)),
)
TOTALS = [
    KioskTotal("a", 40, 2, (DAY + 7) * HOUR_NS, DAY + 6, 40),
    KioskTotal("b", 60, 0, NOW_NS - HOUR_NS // 2, DAY + 8, 60),
    KioskTotal("c", 100, 0, NOW_NS - 1, DAY + 9, 100),
]
HOURS = [(DAY + 6, 40), (DAY + 8, 60), (DAY + 9, 100)]


def plan(hours_left: float) -> CampaignPlan:
    """Return a plan that ends so many hours from now."""
    deadline = datetime.fromtimestamp(NOW_NS / 10**9 + hours_left * 3600, UTC)
    return CampaignPlan(deadline=deadline, stations=STATIONS)


def test_stations_wards_and_the_whole_are_counted() -> None:
    """Who is in quarantine must be taken in again and is not done."""
    told = progress(plan(1), ["a", "b", "c", "d", "e"], TOTALS, HOURS, NOW_NS)
    assert [(line.done, line.roster, line.quarantined) for line in told.stations] == [
        (98, 1000, 2),
        (100, 100, 0),
        (0, 0, 0),
    ]
    assert [(line.name, line.done, line.roster) for line in told.wards] == [
        ("Hạc Thành", 198, 1100),
        ("Đông Sơn", 0, 0),
    ]
    assert (told.whole.done, told.whole.roster) == (198, 1100)
    assert told.hours == tuple(HOURS)


@pytest.mark.parametrize(("hours_left", "in_time"), [(36.1, True), (36.0, False)])
def test_the_rate_leads_to_a_forecast(hours_left: float, in_time: bool) -> None:
    """100 records in four hours are 25 an hour; 902 people are left: 36.08 hours."""
    line = progress(plan(hours_left), ["a", "b"], TOTALS[:2], HOURS, NOW_NS).stations[0]
    assert line.per_hour == pytest.approx(25)
    assert line.finished_at is not None
    assert line.finished_at.timestamp() == pytest.approx(NOW_NS / 10**9 + 902 / 25 * 3600)
    assert line.in_time is in_time


def test_what_cannot_be_foretold_is_left_open() -> None:
    """Nothing done yet, no deadline, or no roster: no date is made up."""
    assert progress(plan(1), ["a"], [], [], NOW_NS).stations[0].finished_at is None
    assert progress(CampaignPlan(), ["a"], TOTALS, HOURS, NOW_NS).whole.roster is None
    assert progress(CampaignPlan(stations=STATIONS), ["a"], TOTALS, HOURS, NOW_NS).whole.in_time is None


def test_a_kiosk_without_a_record_for_an_hour_is_silent() -> None:
    """One that never sent anything is silent too."""
    told = progress(plan(1), ["a", "b", "c", "d"], TOTALS, HOURS, NOW_NS)
    assert told.silent == (("a", (DAY + 7) * HOUR_NS), ("d", None))


counts = st.builds(
    KioskTotal,
    kiosk=st.sampled_from("abcde"),
    stored=st.integers(0, 10**6),
    quarantined=st.just(0),
    newest_at_ns=st.integers(0, NOW_NS),
    first_hour=st.integers(0, 600_000),
    recent=st.integers(0, 10**6),
)
hours_of_all = st.lists(st.tuples(st.integers(0, 600_000), st.integers(0, 10**6)), max_size=5)


@given(st.lists(counts, max_size=5, unique_by=lambda one: one.kiosk), hours_of_all, st.integers(0, 2**62))
def test_any_counts_make_a_page(totals: list[KioskTotal], hours: list[tuple[int, int]], now_ns: int) -> None:
    """Whatever the clocks say, clocks set back included: the sums agree and the page can be drawn."""
    told = progress(CampaignPlan(stations=STATIONS), list("abcde"), totals, hours, now_ns)
    assert told.whole.done == sum(one.stored for one in totals)
    assert page(told).endswith("</html>")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "JSON"),
        ('{"stations": [{"name": "x"}]}', "stations.0.ward"),
        ('{"deadline": "2026-08-15T17:00:00"}', "deadline"),
        ('{"stations": [{"name":"x","ward":"w","roster":-1,"kiosks":[]}]}', "roster"),
        ('{"stations": [{"name":"x","ward":"w","roster":1,"kiosks":["a","a"]}]}', "more than one"),
        (None, "No such file"),
    ],
)
def test_a_wrong_plan_names_what_is_wrong(tmp_path: Path, text: str | None, named: str) -> None:
    """File and key are told; a deadline without its time zone is no deadline."""
    path = tmp_path / "plan.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanInvalid, match=named):
        load_plan(path)


@pytest.fixture
def planned(world: World, tmp_path: Path) -> Path:
    """Store two records and return a plan for them."""
    chain = world.chain()
    with world.store() as store:
        store.append(position(store), [new_record(chain), new_record(chain, quarantined="why")], NOW_NS)
    stations = [{"name": "Trường <học>", "ward": "Đông Sơn", "roster": 7, "kiosks": [KIOSK, OTHER_KIOSK]}]
    path = tmp_path / "plan.json"
    told = {"deadline": "2026-08-15T17:00:00+07:00", "stations": stations}
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def test_the_command_tells_the_numbers(world: World, planned: Path) -> None:
    """As a table and as JSON."""
    arguments = ["progress", "--config", str(world.folder / "collector"), "--plan", str(planned)]
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (told["whole"]["done"], told["whole"]["roster"], told["whole"]["quarantined"]) == (1, 7, 1)
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert "1 / 7" in shown.stdout
    assert "Trường <học>" in shown.stdout


async def test_the_page_needs_nothing_from_outside(world: World, planned: Path) -> None:
    """Both languages, one document, names as text; a plan that breaks later is told without its content."""
    with world.store() as store:
        wire = httpx.ASGITransport(app=make_app(store, planned))
        async with httpx.AsyncClient(transport=wire, base_url="http://collector") as client:
            answer = await client.get("/")
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            for part in ("Tiến độ", "Progress", "1 / 7", "Trường &lt;học&gt;", "<svg"):
                assert part in answer.text
            outside = ("src=", "href=", "url(", "@import", "<script", "http://", "https://")
            assert not [word for word in outside if word in answer.text]
            assert (await client.get("/progress.json")).json()["whole"]["done"] == 1
            planned.write_text("{", encoding="utf-8")
            codes = [(await client.get(path)).status_code for path in ("/", "/progress.json")]
            assert codes == [503, 503]


def test_the_command_serves_the_page(world: World, planned: Path) -> None:
    """A real process, a real socket; SIGTERM ends it."""
    address = f"127.0.0.1:{free_port()}"
    arguments = ["--config", str(world.folder / "collector"), "--plan", str(planned), "--serve", address]
    with subprocess.Popen([sys.executable, "-m", "collector.cli", "progress", *arguments]) as process:
        try:
            await_(lambda: fetched(address) is not None)
            assert "1 / 7" in (fetched(address) or "")
        finally:
            process.terminate()
            process.wait(40)


def fetched(address: str) -> str | None:
    """Return the page, or None when nobody answers."""
    try:
        return httpx.get(f"http://{address}/", timeout=10, trust_env=False).text
    except httpx.TransportError:
        return None

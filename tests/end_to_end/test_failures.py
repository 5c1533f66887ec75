"""What goes wrong at a kiosk, with the right word for it, and nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.console.errors import DaemonUnreachable, RemoteError
from collector.setup import Plan, set_up
from demo.stage import KIOSK
from tests.end_to_end.harness import Kiosk, Told, open_kiosk

NO_FACE = "portrait.no_face"
WAITS = {"card": 6, "camera": 8, "pad": 10}
# So large a record must fit that one segment has room for a few people only.
TIGHT_QUEUE = {"segment_mib": 16, "max_record_mib": 15}
WRONG_CLOCK = Path(__file__).with_name("wrong_clock.c")


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    """Open a kiosk of this module's own, since its tests stop and break things; waits are short."""
    with open_kiosk(tmp_path_factory.mktemp("kiosk"), WAITS) as opened:
        yield opened


def _after(mend: Callable[[], object]) -> Callable[[], str]:
    """Mend what failed, then do the stage again."""

    def answer() -> str:
        mend()
        return "retry"

    return answer


def _durable(told: Told) -> bool:
    return bool(told.events[-1]["state"] == "durable")


class TestCard:
    """The card and its reader."""

    def test_a_card_pulled_in_the_middle_of_reading_is_read_again(self, kiosk: Kiosk) -> None:
        """Named as lost; the same visit goes on once the card is back."""
        one = kiosk.next_person()
        kiosk.arrange(one, "--fault", "vanish-after=9")
        told = kiosk.visit(one.person.number, [_after(lambda: kiosk.lay_card(one))])
        assert told.errors == ["card.lost"]
        assert _durable(told)

    def test_somebody_elses_card_is_a_wrong_can_and_never_tried_again_by_itself(self, kiosk: Kiosk) -> None:
        """One attempt per decision of a person; the CAN of the person before us does not open another's chip."""
        one, other = kiosk.next_person(), kiosk.next_person()
        kiosk.show(one)
        kiosk.lay_card(other)
        told = kiosk.visit(one.person.number, ["cancel"])
        assert told.errors == ["chip.wrong_can"]
        assert len(told.kinds("stage_started")) == 1
        assert told.record_id == ""

    def test_a_forged_card_fails_passive_authentication_and_cannot_be_waved_through(self, kiosk: Kiosk) -> None:
        """The chip stage is failed, and policy offers no way to go on."""
        one = kiosk.next_person()
        kiosk.arrange(one, "--fault", "forged-sod")
        told = kiosk.visit(one.person.number, ["cancel"])
        assert told.verdict("chip") == "failed"
        question = next(event for event in told.kinds("question") if event["code"] == "stage_failed")
        assert "continue" not in [choice["code"] for choice in question["choices"]]

    def test_no_pcscd_and_no_card_have_their_own_words(self, kiosk: Kiosk) -> None:
        """First the service is gone, then it is back but nobody lays a card; then all is well."""
        one = kiosk.next_person()
        kiosk.arrange(one)
        kiosk.stage.reader.stop_pcscd()

        def without_card() -> str:
            kiosk.stage.reader.remove()
            kiosk.stage.reader.start_pcscd()
            return "retry"

        told = kiosk.visit(one.person.number, [without_card, _after(lambda: kiosk.lay_card(one))])
        assert told.errors == ["card.no_pcscd", "card.no_card"]
        assert _durable(told)


class TestCameraAndPad:
    """The other two devices."""

    def test_a_frozen_camera_is_named_and_comes_back(self, kiosk: Kiosk) -> None:
        """Frozen during the portrait; the visit goes on after the thaw."""
        one = kiosk.next_person()
        kiosk.arrange(one)
        kiosk.stage.camera.freeze()
        told = kiosk.visit(one.person.number, [_after(kiosk.stage.camera.thaw)])
        assert told.errors == ["camera.frozen"]
        assert _durable(told)

    def test_nobody_and_two_people_before_the_camera(self, kiosk: Kiosk) -> None:
        """No face is an error with its word; two faces are a failed check of the standard's name."""
        one = kiosk.next_person()
        kiosk.arrange(one)
        kiosk.stage.camera.show("none", one.seed)
        show = kiosk.stage.camera.show
        told = kiosk.visit(
            one.person.number,
            [_after(lambda: show("two-faces", one.seed)), _after(lambda: show("passing", one.seed))],
        )
        checks = [e["checks"] for e in told.kinds("stage_ended") if e["stage"] == "portrait"]
        assert told.errors == ["portrait.no_face"]
        assert [c["verdict"] for c in checks[0] if c["name"] == "single_face_present"] == ["failed"]
        assert _durable(told)

    def test_a_pad_unplugged_while_waiting_for_a_finger_is_named_and_comes_back(self, kiosk: Kiosk) -> None:
        """Unplugged with the interrupt read outstanding: said at once, and the stage goes on once it is back."""
        one = kiosk.next_person()
        kiosk.arrange(one)
        kiosk.stage.pad.fault("unplug-at=waiting")

        def plug_in() -> None:
            kiosk.stage.pad.fault("healthy")
            kiosk.stage.pad.plug()
            kiosk.stage.pad.auto(one.first_finger)

        told = kiosk.visit(one.person.number, on_guidance={"pad.lost": plug_in, "pad.none": plug_in})
        assert {"pad.lost", "pad.none"} & {event["code"] for event in told.kinds("guidance")}
        assert _durable(told)
        assert told.verdict("fingerprints") == "passed"


def test_a_kiosk_killed_in_the_middle_of_a_visit_goes_on_where_it_was(kiosk: Kiosk) -> None:
    """Killed by -9 while it waits for a face: the chip is not read again, nobody else gets in between, one record."""
    one, other = kiosk.next_person(), kiosk.next_person()
    kiosk.arrange(one)
    kiosk.stage.camera.show("none", one.seed)
    with pytest.raises(DaemonUnreachable):
        kiosk.visit(one.person.number, on_guidance={NO_FACE: lambda: kiosk.stage.end_agent(signal.SIGKILL)})
    kiosk.stage.start_agent()
    kiosk.stage.reader.remove()
    kiosk.show(one)
    with pytest.raises(RemoteError) as refused:
        kiosk.visit(other.person.number)
    assert refused.value.code == "intake.unfinished"
    told = kiosk.visit()
    assert _durable(told)
    started = [event["stage"] for event in told.kinds("stage_started")]
    assert started == ["portrait", "liveness", "match", "fingerprints"]
    kiosk.await_receipts()
    assert _rows(kiosk, told) == 1


class TestCollector:
    """The network's other end."""

    def test_a_collector_that_is_down_during_the_intake_gets_the_record_later(self, kiosk: Kiosk) -> None:
        """Done at the screen without it; one row after it is back."""
        kiosk.stage.end_collector()
        one = kiosk.next_person()
        kiosk.arrange(one)
        told = kiosk.visit(one.person.number)
        assert _durable(told)
        assert kiosk.status()["queue"]["pending"] == 1
        kiosk.stage.start_collector()
        kiosk.await_receipts()
        assert _rows(kiosk, told) == 1

    def test_an_agent_killed_after_the_record_is_durable_sends_it_once(self, kiosk: Kiosk) -> None:
        """Killed by -9 with the collector away; restarted, the record arrives once and is acknowledged."""
        kiosk.stage.end_collector()
        one = kiosk.next_person()
        kiosk.arrange(one)
        told = kiosk.visit(one.person.number)
        kiosk.stage.end_agent(signal.SIGKILL)
        kiosk.stage.start_collector()
        kiosk.stage.start_agent()
        kiosk.await_receipts()
        assert _rows(kiosk, told) == 1

    def test_a_collector_that_is_not_trusted_is_told_and_capture_goes_on(self, kiosk: Kiosk, tmp_path: Path) -> None:
        """Another CA on the kiosk: the true cause in the status, the record waits."""
        ca = kiosk.stage.folder / "trust" / KIOSK / "tls" / "ca.pem"
        right = ca.read_bytes()
        ca.write_bytes(_other_ca(tmp_path))
        _restart(kiosk)
        try:
            status = kiosk.await_status(lambda now: bool(now["uplink"]["error"]))
            assert status["uplink"]["error"]["code"] == "uplink.collector_not_trusted"
            one = kiosk.next_person()
            kiosk.arrange(one)
            told = kiosk.visit(one.person.number)
            assert _durable(told)
        finally:
            ca.write_bytes(right)
            _restart(kiosk)
        kiosk.await_receipts()
        assert _rows(kiosk, told) == 1


def test_no_room_on_the_disk_refuses_a_person_before_the_visit_starts(tmp_path: Path) -> None:
    """On a disk with room for one segment people are taken in until its end; then the next is told at once."""
    with _small_disk(tmp_path / "kiosk", "24m"), open_kiosk(tmp_path, WAITS, TIGHT_QUEUE) as kiosk:
        stored: list[Told] = []
        with pytest.raises(RemoteError) as refused:
            _take_in_until_refused(kiosk, stored)
        assert refused.value.code == "queue.no_room"
        assert stored
        assert all(_durable(told) for told in stored)
        kiosk.await_receipts()
        assert [_rows(kiosk, told) for told in stored] == [1] * len(stored)


def test_a_clock_twenty_years_behind_never_stops_capture_and_is_named(kiosk: Kiosk, tmp_path: Path) -> None:
    """The record is durable; the status names the clock, not a bad certificate; all drains once the clock is right."""
    wrong_clock = _build(WRONG_CLOCK, tmp_path)
    kiosk.stage.end_agent()
    kiosk.stage.start_agent({"LD_PRELOAD": str(wrong_clock), "CLOCK_OFFSET_S": str(-20 * 365 * 86400)})
    one = kiosk.next_person()
    kiosk.arrange(one)
    told = kiosk.visit(one.person.number)
    assert _durable(told)
    status = kiosk.await_status(lambda now: bool(now["uplink"]["error"]))
    assert status["uplink"]["error"]["code"] == "uplink.clock"
    _restart(kiosk)
    kiosk.await_receipts()
    assert _rows(kiosk, told) == 1


def _build(source: Path, folder: Path) -> Path:
    library = folder / "wrong_clock.so"
    done = subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(source), "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return library


def _take_in_until_refused(kiosk: Kiosk, stored: list[Told]) -> None:
    for _ in range(4):
        one = kiosk.next_person()
        kiosk.arrange(one)
        stored.append(kiosk.visit(one.person.number))


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _other_ca(folder: Path) -> bytes:
    """Make the TLS CA of another campaign."""
    set_up(Plan(folder / "collector", folder / "trust", "other", "127.0.0.1:1", (KIOSK,), (), b"{}", True))
    return (folder / "trust" / KIOSK / "tls" / "ca.pem").read_bytes()


def _rows(kiosk: Kiosk, told: Told) -> int:
    return sum(row["record_id"] == told.record_id for row in kiosk.at_collector())


def _restart(kiosk: Kiosk) -> None:
    kiosk.stage.end_agent()
    kiosk.stage.start_agent()

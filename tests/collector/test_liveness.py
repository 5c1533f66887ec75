"""The collector decides liveness again: from a stored record, by the command, and against the kiosk's word."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner, Result

from agent.capture.liveness.series import encode
from agent.proto import border
from collector.cli import app
from collector.store import NewRecord
from tests.capture.liveness.doll import Doll, flat, run
from tests.collector.captured import PICTURES, captured
from tests.collector.world import KIOSK, World, as_sent


def verify(world: World, doll: Doll | None, *, said: bool) -> Result:
    """Store a record whose kiosk says `said`, and run `collector verify` on it."""
    parts = list(PICTURES)
    if doll is not None:
        session = run(doll)
        told = [{"no_response": session.reason, "passed": said, "series": encode(session.series())}]
        parts.append(("liveness/series", "application/json", json.dumps(told).encode()))
    verdict = border.Verdict.PASSED if said else border.Verdict.FAILED
    entry = captured(world.chain(), parts, stages=(border.Stage("liveness", verdict, "", (), {}, 4000),))
    with world.store() as store:
        position = store.position(KIOSK)
        assert position is not None
        sent = NewRecord(as_sent(entry), os.urandom(16), entry.prev, entry.payload_sha256, True, bytes(32), "")
        store.append(position, [sent], 10**18)
    arguments = ["verify", "latest", "--config", str(world.folder / "collector"), "--json"]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


def test_a_living_person_is_decided_again(world: World) -> None:
    """The same checks come out, and the kiosk's word follows from them."""
    done = verify(world, Doll(), said=True)
    assert done.exit_code == 0, done.output
    again = json.loads(done.output)
    assert (again["passed"], again["agrees"]) == (True, True)
    assert {check["name"] for check in again["tries"][0]["checks"]} >= {"liveness_head_turn", "liveness_flash_shading"}


@pytest.mark.parametrize(("doll", "said"), [(Doll(shape=flat, relief=False), True), (Doll(), False)])
def test_a_kiosk_s_word_against_its_evidence_fails_the_command(world: World, doll: Doll, said: bool) -> None:
    """A print called alive, and a living person called a print."""
    done = verify(world, doll, said=said)
    assert done.exit_code == 1
    assert json.loads(done.output)["agrees"] is False


def test_a_record_without_evidence_says_so(world: World) -> None:
    """Its policy did not ask for it."""
    done = verify(world, None, said=False)
    assert done.exit_code == 1
    assert json.loads(done.output)["error"]["code"] == "collector.no_liveness_evidence"

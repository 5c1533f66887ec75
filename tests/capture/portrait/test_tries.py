"""Up to three tries: the best is kept, the values of all are."""

from __future__ import annotations

import json

import pytest

from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.capture.portrait import NoTriesLeft, Tries

PASSED, FAILED, OPEN = Verdict.PASSED, Verdict.FAILED, Verdict.NOT_ASSESSED


def _try(name: str, *verdicts: Verdict, sharpness: float = 0.4) -> Evidence:
    gates = tuple(
        Check(f"gate-{number}", verdict, "" if verdict is PASSED else "why") for number, verdict in enumerate(verdicts)
    )
    sharp = Check("kiosk_sharpness", PASSED, native=sharpness, unit="share", scalar=80)
    return Evidence("portrait", (*gates, sharp), (Part("portrait/still", "image/jpeg", name.encode()),), {"name": name})


def _kept(*tries: Evidence) -> Evidence:
    found = Tries(3)
    for one in tries:
        found.add(one)
    return found.evidence()


@pytest.mark.parametrize(
    ("tries", "best"),
    [
        ([_try("a", FAILED), _try("b", PASSED), _try("c", FAILED)], "b"),
        ([_try("a", FAILED, FAILED), _try("b", FAILED, PASSED)], "b"),
        ([_try("a", FAILED, PASSED), _try("b", FAILED, FAILED)], "a"),
        ([_try("a", PASSED, sharpness=0.3), _try("b", PASSED, sharpness=0.5)], "b"),
        ([_try("a", OPEN), _try("b", PASSED, sharpness=0.1)], "b"),
        ([_try("a", PASSED), _try("b", PASSED)], "a"),
    ],
)
def test_the_best_try_is_the_portrait(tries: list[Evidence], best: str) -> None:
    """Passed before the rest, fewer open gates before more, then sharper; the first one of equals."""
    kept = _kept(*tries)
    assert kept.facts["name"] == best
    assert kept.parts[0].data == best.encode()


def test_all_values_are_kept_and_no_other_picture() -> None:
    """The part portrait/tries has every check of every try, and says which one is kept; one still only."""
    kept = _kept(_try("first", FAILED), _try("second", PASSED))
    assert [part.name for part in kept.parts] == ["portrait/still", "portrait/tries"]
    values = json.loads(kept.parts[1].data)
    assert values["kept"] == 2
    assert [one["verdict"] for one in values["tries"]] == ["failed", "passed"]
    assert values["tries"][0]["checks"][0] == {
        "name": "gate-0",
        "verdict": "failed",
        "reason": "why",
        "native": None,
        "unit": "",
        "scalar": None,
        "gate": True,
    }
    assert values["tries"][1]["checks"][1]["native"] == 0.4
    assert kept.facts["tries"] == "2 of 3, number 2 is kept"


def test_there_is_an_end() -> None:
    """After three tries no more; nothing of the fourth gets in."""
    tries = Tries(3)
    assert [tries.add(_try(str(number), FAILED, sharpness=number)) for number in range(3)] == [True, True, True]
    assert tries.left == 0
    with pytest.raises(NoTriesLeft):
        tries.add(_try("4", PASSED))
    assert tries.evidence().facts["name"] == "2"


def test_nothing_tried_is_no_evidence() -> None:
    """There is no evidence of nothing."""
    with pytest.raises(ValueError, match="nothing"):
        Tries(3).evidence()

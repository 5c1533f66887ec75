"""Taking fingers: order, guidance, attempts, what is kept, and what happens when the reader or the person fails."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Sequence
from threading import Event, Timer
from typing import Any

import cv2
import numpy as np
import pytest
from firmware_mocks.fingerprint_pad.desk import PadOnBus
from firmware_mocks.fingerprint_pad.frame import RECORDED, delivered
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.usbip.backend import get_backend

from agent.capture.evidence import Evidence, Guidance, Verdict
from agent.capture.fingerprint import FINGERS, FingerprintPolicy, Judge, take_fingers
from agent.capture.fingerprint.quality import assess, resample, score_model
from agent.capture.fingerprint.taken import evidence as evidence_of
from agent.capture.fingerprint.touch import SOONEST_S
from agent.devices.errors import Cancelled, DeviceError, DeviceTimeout, NoPad, PadBusy, PadFault, PadLost
from agent.devices.fingerprint_pad_hotplug import HotplugPad
from agent.devices.seams import FingerImage, FingerprintPad, Pixels

INDEX = ("right_index", "left_index")
VERSION = score_model().version
GOOD, OTHER = synthetic_finger(1), synthetic_finger(2)
BLANK = np.full((290, 384), 250, np.uint8)
PARTIAL = np.where(np.arange(384) < 150, GOOD, np.uint8(250)).astype(np.uint8)
FAINT = (245 + GOOD // 32).astype(np.uint8)
RIGHT_INDEX_ONLY = ["fingerprints/right_index", "fingerprints/quality", "fingerprints/fir"]
WHITE = np.full((290, 384), 255, np.uint8)
Touch = Sequence[Pixels] | DeviceError


class ScriptedPad:
    """A reader on which these touches happen one after the other; afterwards nobody comes any more.

    A touch is a list of frames, the last of which stays, or what the reader does instead.
    """

    def __init__(self, *touches: Touch, stuck: int = 0, cancel_at_end: Event | None = None) -> None:
        self._touches = list(touches)
        self._frames: list[Pixels] = []
        self._stuck = stuck
        self._cancel_at_end = cancel_at_end

    def wait_for_finger(self, deadline: float, cancelled: Event) -> None:
        """Begin the next touch."""
        if cancelled.is_set():
            raise Cancelled
        if not self._touches:
            cancelled.wait(max(0.0, deadline - time.monotonic()))
            raise DeviceTimeout
        if not isinstance(self._touches[0], DeviceError) and deadline - time.monotonic() < SOONEST_S:
            # The look whether something lay there before: only a finger that sticks.
            if self._stuck:
                return
            raise DeviceTimeout
        touch = self._touches.pop(0)
        if isinstance(touch, DeviceError):
            raise touch
        self._frames = list(touch)

    def next_frame(self, deadline: float, cancelled: Event) -> FingerImage:
        """Show the touch's next frame."""
        pixels = self._frames.pop(0) if len(self._frames) > 1 else self._frames[0]
        return FingerImage(pixels, 512, 500, time.monotonic())

    def wait_for_lift(self, deadline: float, cancelled: Event) -> None:
        """Time out as often as the finger sticks."""
        if self._stuck:
            self._stuck -= 1
            cancelled.wait(min(0.02, max(0.0, deadline - time.monotonic())))
            raise DeviceTimeout


class Person:
    """Notes what was said."""

    def __init__(self) -> None:
        self.heard: list[Guidance] = []

    def __call__(self, guidance: Guidance) -> None:
        """Hear one sentence."""
        self.heard.append(guidance)

    @property
    def codes(self) -> list[str]:
        """What was said, in order."""
        return [guidance.code for guidance in self.heard]


def taken(
    pad: FingerprintPad,
    *,
    fingers: Sequence[str] = INDEX,
    person: Person | None = None,
    wait_s: float = 30,
    policy: FingerprintPolicy | None = None,
) -> Evidence:
    """Take fingers with three attempts each, without NIST's program."""
    rules = policy or FingerprintPolicy(attempts=3, finger_wait_s=wait_s, frames_per_touch=4)
    judge = Judge(rules, nfiq2=None)
    return evidence_of(take_fingers(pad, fingers, rules, person or Person(), cancelled=Event(), judge=judge), rules)


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    """Return the checks by name; each name comes once."""
    assert len({check.name for check in evidence.checks}) == len(evidence.checks)
    return {check.name: check.verdict for check in evidence.checks}


def pixels_of(evidence: Evidence, finger: str) -> Pixels:
    """Decode a finger's master."""
    (part,) = [part for part in evidence.parts if part.name == f"fingerprints/{finger}"]
    assert part.media_type == "image/png"
    return np.asarray(cv2.imdecode(np.frombuffer(part.data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def values_of(evidence: Evidence) -> dict[str, Any]:
    """Decode every attempt's values."""
    (part,) = [part for part in evidence.parts if part.media_type == "application/json"]
    told: dict[str, Any] = json.loads(part.data)
    return told


class TestGoodFingers:
    """What a cooperative person leaves."""

    def test_masters_are_lossless_and_in_order(self) -> None:
        """Each finger's pixels are kept as they came."""
        evidence = taken(ScriptedPad([GOOD], [OTHER]))
        assert evidence.verdict is Verdict.PASSED
        names = ["right_index", "left_index", "quality", "fir"]
        assert [part.name for part in evidence.parts] == [f"fingerprints/{name}" for name in names]
        assert np.array_equal(pixels_of(evidence, "right_index"), GOOD)
        assert np.array_equal(pixels_of(evidence, "left_index"), OTHER)

    def test_masters_tell_their_resolution(self) -> None:
        """PHYs has pixels per metre, x and y apart; the facts say the same."""
        evidence = taken(ScriptedPad([GOOD], [OTHER]))
        at = evidence.parts[0].data.index(b"pHYs")
        assert struct.unpack_from(">IIB", evidence.parts[0].data, at + 4) == (20157, 19685, 1)
        assert evidence.facts["right_index"] == "384x290 px, 512x500 ppi, 8 bit PNG, attempt 1 of at most 3"

    def test_the_person_is_guided(self) -> None:
        """Place, hold, lift, for each finger, in both languages."""
        person = Person()
        taken(ScriptedPad([GOOD], [OTHER]), person=person)
        expected = ["place.right_index", "hold", "place.left_index", "hold", "lift"]
        assert person.codes == [f"fingerprint.{code}" for code in expected]
        assert person.heard[0].words.vi == "Đặt ngón trỏ phải lên đầu đọc."
        assert person.heard[2].words.en == "Place the left index finger on the reader."
        assert [(one.done, one.total) for one in person.heard if "place" in one.code] == [(0, 2), (1, 2)]

    def test_what_is_not_assessed_says_so(self) -> None:
        """NIST's score, minutiae and liveness are named with the reason."""
        reasons = {check.name: check.reason for check in taken(ScriptedPad([GOOD], [OTHER])).checks if check.reason}
        assert reasons["presentation_attack_detection"] == "the reader has none"
        assert reasons["right_index_unified_quality_score"] == "nfiq2 is not installed"
        assert reasons["right_index_minutiae"] == "no detector of minutiae is used"

    def test_values_are_those_of_the_quality_package(self) -> None:
        """One truth: native measures under NIST's names and our score under ours, of the picture at 500 ppi."""
        evidence = taken(ScriptedPad([GOOD]), fingers=["right_index"])
        expected = assess(resample(GOOD, 512, 500))
        attempt = values_of(evidence)["fingers"]["right_index"]["attempts"][0]
        assert attempt["native_measures"] == dict(expected.measures)
        assert attempt["kiosk_fingerprint_score"] == expected.score
        assert {check.name for check in expected.checks} < {check["name"] for check in attempt["checks"]}
        threshold = next(check for check in evidence.checks if check.name == "right_index_quality_threshold")
        assert (threshold.native, threshold.unit) == (expected.score, f"kiosk_fingerprint_score ({VERSION})")
        assert evidence.facts["kiosk_fingerprint_score"] == VERSION == values_of(evidence)["score_model"]

    @pytest.mark.parametrize("finger", FINGERS)
    def test_every_finger_has_words(self, finger: str) -> None:
        """Ten fingers, ten names in each language."""
        person = Person()
        assert taken(ScriptedPad([GOOD]), fingers=[finger], person=person).verdict is Verdict.PASSED
        assert FINGERS[finger].vi in person.heard[0].words.vi
        assert len({words.vi for words in FINGERS.values()}) == len({words.en for words in FINGERS.values()}) == 10


class TestPoorFingers:
    """Attempts: as many as allowed, the best kept, all told."""

    @pytest.mark.parametrize(
        ("poor", "said", "failing"),
        [
            (BLANK, "fingerprint.harder", "empty_image_or_contrast_too_low"),
            (FAINT, "fingerprint.harder", "empty_image_or_contrast_too_low"),
            (WHITE, "fingerprint.harder", "empty_image_or_contrast_too_low"),
            (PARTIAL, "fingerprint.right", "sufficient_fingerprint_foreground"),
        ],
        ids=["blank", "faint", "white", "partial"],
    )
    def test_a_second_attempt_with_the_right_word(self, poor: Pixels, said: str, failing: str) -> None:
        """The person hears what was wrong; the values of both attempts stay, the good picture is kept."""
        person = Person()
        evidence = taken(ScriptedPad([poor], [GOOD]), fingers=["right_index"], person=person)
        assert said in person.codes
        found = verdicts(evidence)
        assert found[f"right_index_attempt_1_{failing}"] is Verdict.FAILED
        assert found[f"right_index_attempt_2_{failing}"] is found[f"right_index_{failing}"] is Verdict.PASSED
        assert evidence.verdict is Verdict.PASSED
        assert np.array_equal(pixels_of(evidence, "right_index"), GOOD)
        told = values_of(evidence)["fingers"]["right_index"]
        assert (told["kept"], len(told["attempts"])) == (2, 2)

    def test_the_best_of_poor_attempts_is_kept_and_fails(self) -> None:
        """After the last attempt the least bad picture is kept with its failed checks."""
        evidence = taken(ScriptedPad([BLANK], [PARTIAL], [FAINT]), fingers=["right_index"])
        assert evidence.verdict is Verdict.FAILED
        assert np.array_equal(pixels_of(evidence, "right_index"), PARTIAL)
        assert "pixels of finger" in evidence.reason
        assert evidence.facts["right_index"].endswith("attempt 2 of at most 3")

    def test_no_more_attempts_than_allowed(self) -> None:
        """A fourth touch belongs to the next finger."""
        evidence = taken(ScriptedPad([BLANK], [BLANK], [BLANK], [GOOD]))
        found = verdicts(evidence)
        assert found["right_index_empty_image_or_contrast_too_low"] is Verdict.FAILED
        assert found["left_index_empty_image_or_contrast_too_low"] is Verdict.PASSED

    def test_half_a_touch_at_first(self) -> None:
        """The first frame of a touch may be poor: the next ones of the same touch count, too."""
        person = Person()
        evidence = taken(ScriptedPad([BLANK, PARTIAL, GOOD]), fingers=["right_index"], person=person)
        assert np.array_equal(pixels_of(evidence, "right_index"), GOOD)
        assert "right_index_attempt_2_captured" not in verdicts(evidence)
        assert person.codes == [f"fingerprint.{code}" for code in ("place.right_index", "hold", "lift")]

    def test_attempts_are_reported_and_decide_nothing(self) -> None:
        """Only the kept picture's checks are gates."""
        evidence = taken(ScriptedPad([BLANK], [GOOD]), fingers=["right_index"])
        assert not [check for check in evidence.checks if check.gate and "attempt" in check.name]


class TestMissingFingers:
    """A finger that does not come is told, and loses nothing else."""

    def test_one_of_two(self) -> None:
        """The failed check names the finger; the other one is there."""
        evidence = taken(ScriptedPad([GOOD]), wait_s=0.5)
        assert evidence.verdict is Verdict.FAILED
        assert evidence.reason == "left index finger: no finger came in time"
        assert [part.name for part in evidence.parts] == RIGHT_INDEX_ONLY

    def test_none_at_all(self) -> None:
        """With a working reader that is evidence, not an error."""
        evidence = taken(ScriptedPad(), wait_s=0.3)
        assert (
            evidence.reason == "right index finger: no finger came in time; left index finger: no finger came in time"
        )
        assert evidence.parts == ()

    def test_a_finger_that_stays_is_asked_to_go(self) -> None:
        """A finger on the glass before it was asked for may be another one."""
        person = Person()
        evidence = taken(ScriptedPad([GOOD], stuck=1), fingers=["right_index"], person=person)
        assert person.codes[:3] == [
            "fingerprint.place.right_index",
            "fingerprint.lift",
            "fingerprint.place.right_index",
        ]
        assert evidence.verdict is Verdict.PASSED

    def test_a_finger_that_never_goes_is_not_taken_for_the_next(self) -> None:
        """Without an empty glass in between there is no picture."""
        assert taken(ScriptedPad([GOOD], [GOOD], stuck=999), wait_s=0.5).parts == ()


class TestTrouble:
    """The reader fails."""

    @pytest.mark.parametrize("error", [NoPad(), PadLost(), PadFault()], ids=lambda error: error.code)
    def test_a_reader_that_comes_back(self, error: DeviceError) -> None:
        """The person is told once, and nothing that was taken is lost."""
        person = Person()
        evidence = taken(ScriptedPad([GOOD], error, error, [OTHER]), person=person)
        assert evidence.verdict is Verdict.PASSED
        assert person.codes.count(error.code) == 1
        assert np.array_equal(pixels_of(evidence, "right_index"), GOOD)

    def test_a_reader_that_never_works_is_an_error(self) -> None:
        """There is nothing to put into a record."""
        with pytest.raises(NoPad):
            taken(ScriptedPad(*[NoPad()] * 50), wait_s=0.05)

    def test_a_reader_that_is_gone_for_good_after_a_finger(self) -> None:
        """What was taken is kept; the check says what happened."""
        evidence = taken(ScriptedPad([GOOD], *[PadLost()] * 50), wait_s=1.2)
        assert evidence.reason == "left index finger: pad.lost"
        assert [part.name for part in evidence.parts] == RIGHT_INDEX_ONLY

    def test_a_reader_held_by_another_program_is_told_at_once(self) -> None:
        """Waiting would not help."""
        with pytest.raises(PadBusy):
            taken(ScriptedPad(PadBusy(), PadBusy()), wait_s=600)

    def test_cancelled(self) -> None:
        """The operator ends it, also while the reader is away."""
        cancelled = Event()
        cancelled.set()
        with pytest.raises(Cancelled):
            take_fingers(ScriptedPad([GOOD]), INDEX, FingerprintPolicy(), Person(), cancelled=cancelled)
        later = Event()
        Timer(0.05, later.set).start()
        with pytest.raises(Cancelled):
            take_fingers(ScriptedPad(*[NoPad()] * 99), INDEX, FingerprintPolicy(), Person(), cancelled=later)


class TestOnTheWire:
    """The whole way down to USB."""

    def test_two_fingers(self) -> None:
        """What the reader was told to show is in the record's parts."""
        with PadOnBus(frame_s=0.02) as bus, HotplugPad(lambda: get_backend(bus.address), 512, 512) as pad:
            bus.obey({"do": "auto", "seed": 11, "put_s": 0.2})
            evidence = taken(pad)
            assert evidence.verdict is Verdict.PASSED
            assert bus.state()["violations"] == []
        for seed, finger in ((11, "right_index"), (12, "left_index")):
            assert np.array_equal(pixels_of(evidence, finger), delivered(synthetic_finger(seed), RECORDED))

    def test_unplugged_while_waiting(self) -> None:
        """The person is told, plugs it in, and goes on with the second finger."""
        with PadOnBus(frame_s=0.02) as bus, HotplugPad(lambda: get_backend(bus.address), 512, 512) as pad:
            bus.obey({"do": "auto", "seed": 11, "put_s": 0.2})
            person = _Replugging(bus)
            evidence = taken(pad, person=person)
        assert evidence.verdict is Verdict.PASSED
        assert "pad.lost" in person.codes
        assert len(evidence.parts) == 4


class _Replugging(Person):
    """Pulls the cable when asked for the left finger, and puts it back when told that it is out."""

    def __init__(self, bus: PadOnBus) -> None:
        super().__init__()
        self._bus = bus

    def __call__(self, guidance: Guidance) -> None:
        """Hear one sentence and act on it."""
        if guidance.code == "fingerprint.place.left_index" and guidance.code not in self.codes:
            self._bus.server.unplug()
        if guidance.code == "pad.lost":
            self._bus.server.plug()
        super().__call__(guidance)


class TestFingersThatWereThere:
    """A finger on the glass from before is never taken for the one that was asked for."""

    def test_on_the_wire(self) -> None:
        """It must go first; then the one that comes is taken."""
        with PadOnBus(frame_s=0.02) as bus, HotplugPad(lambda: get_backend(bus.address), 512, 512) as pad:
            bus.device.put_finger(synthetic_finger(99))
            person = _Lifting(bus)
            evidence = taken(pad, fingers=["right_index"], person=person)
        assert person.codes[:2] == ["fingerprint.place.right_index", "fingerprint.lift"]
        assert np.array_equal(pixels_of(evidence, "right_index"), delivered(synthetic_finger(5), RECORDED))


class _Lifting(Person):
    """Lifts the old finger when told so, and lays the right one down when asked again."""

    def __init__(self, bus: PadOnBus) -> None:
        super().__init__()
        self._bus = bus

    def __call__(self, guidance: Guidance) -> None:
        """Hear one sentence and act on it."""
        if guidance.code == "fingerprint.lift":
            self._bus.device.lift()
        elif "fingerprint.lift" in self.codes:
            self._bus.device.put_finger(synthetic_finger(5))
        super().__call__(guidance)

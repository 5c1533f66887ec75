"""From what became of the fingers to the evidence: checks, lossless masters, all attempts' values, facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.capture.fingerprint.attempt import Attempt
from agent.capture.fingerprint.enrolment import DATA_BLOCK_MEDIA_TYPE, MEDIA_TYPE, Enrolment, enrol
from agent.capture.fingerprint.exceptions import FingerException
from agent.capture.fingerprint.names import FINGERS
from agent.capture.fingerprint.png import png
from agent.capture.fingerprint.policy import FingerprintPolicy
from agent.capture.fingerprint.quality import SCORE_NAME, score_model
from agent.capture.fingerprint.values import values
from agent.devices.errors import DeviceTimeout
from agent.words import KioskError

STAGE = "fingerprints"
# Verdicts that cannot be given, and why.
NOT_ASSESSED = {"presentation_attack_detection": "the reader has none"}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one finger. `error` ended it before an attempt was good; `exception` is the operator's word."""

    name: str
    attempts: tuple[Attempt, ...] = field(repr=False)
    error: KioskError | None = None
    exception: FingerException | None = None

    @property
    def best(self) -> tuple[int, Attempt] | None:
        """Number (from 1) and content of the best attempt; of equals the first."""
        return max(enumerate(self.attempts, 1), key=lambda one: one[1].rank, default=None)


def evidence(taken: Sequence[Taken], policy: FingerprintPolicy) -> Evidence:
    """Put everything together. Only the best attempt's checks are gates, and none of an excepted finger.

    A finger that never came, or that the reader's trouble prevented, is a failed check that names it. An excepted
    finger is "not assessed", with the operator's reason, whether or not it has a picture.
    """
    kept = {one.name: one.best[1] for one in taken if one.best is not None}
    enrolled = enrol(kept, policy.packing) if kept else None
    checks = [check for one in taken for check in _checks(one, policy)]
    checks += [Check(name, Verdict.NOT_ASSESSED, reason, gate=False) for name, reason in NOT_ASSESSED.items()]
    parts, facts = list(_parts(taken, policy)), dict(_facts(taken, policy))
    if enrolled is not None:
        parts += _records(enrolled, taken, policy)
        facts |= {f"{finger}_fir": words for finger, words in enrolled.packed.items()}
    return Evidence(STAGE, tuple(checks), tuple(parts), facts)


def _records(enrolled: Enrolment, taken: Sequence[Taken], policy: FingerprintPolicy) -> Iterator[Part]:
    yield Part(f"{STAGE}/fir", MEDIA_TYPE, enrolled.record_bytes())
    if policy.data_block:
        excepted = {one.name: one.exception.reason for one in taken if one.exception is not None}
        yield Part(f"{STAGE}/iso39794_4", DATA_BLOCK_MEDIA_TYPE, enrolled.data_block(excepted))


def _checks(finger: Taken, policy: FingerprintPolicy) -> Iterator[Check]:
    yield _captured(finger)
    yield from _photo(finger, policy)
    if finger.best is not None:
        yield from finger.best[1].named(finger.name, gate=finger.exception is None)
    for number, attempt in enumerate(finger.attempts, 1):
        yield from attempt.named(f"{finger.name}_attempt_{number}", gate=False)


def _captured(finger: Taken) -> Check:
    name, words = f"{finger.name}_captured", FINGERS[finger.name].en
    if finger.exception is not None:
        return Check(name, Verdict.NOT_ASSESSED, f"{words}: {finger.exception.reason.words.en}")
    if finger.best is not None:
        return Check(name, Verdict.PASSED)
    if finger.error is None or isinstance(finger.error, DeviceTimeout):
        return Check(name, Verdict.FAILED, f"{words}: no finger came in time")
    return Check(name, Verdict.FAILED, f"{words}: {finger.error.code}")


def _photo(finger: Taken, policy: FingerprintPolicy) -> Iterator[Check]:
    """Yield whether an exception has the photo that the policy asks for."""
    if finger.exception is None or finger.exception.reason not in policy.photo_of:
        return
    name = f"{finger.name}_exception_photo"
    if finger.exception.photo:
        yield Check(name, Verdict.PASSED)
    else:
        yield Check(name, Verdict.FAILED, f"{FINGERS[finger.name].en}: the policy asks for a photo, there is none")


def _parts(taken: Sequence[Taken], policy: FingerprintPolicy) -> Iterator[Part]:
    for one in taken:
        if one.best is not None:
            yield Part(f"{STAGE}/{one.name}", "image/png", png(one.best[1].shot.image))
        if one.exception is not None and one.exception.photo:
            yield Part(f"{STAGE}/{one.name}_exception", "image/jpeg", one.exception.photo)
    attempts = {one.name: one.attempts for one in taken if one.attempts}
    if attempts:
        kept = {one.name: one.best[0] for one in taken if one.best}
        yield Part(f"{STAGE}/quality", "application/json", values(attempts, kept, policy))


def _facts(taken: Sequence[Taken], policy: FingerprintPolicy) -> Iterator[tuple[str, str]]:
    yield SCORE_NAME, score_model().version
    for one in taken:
        if one.best is not None:
            yield one.name, _fact(*one.best, policy.attempts)


def _fact(number: int, attempt: Attempt, allowed: int) -> str:
    image = attempt.shot.image
    height, width = image.pixels.shape
    resolution = f"{image.x_ppi:g}x{image.y_ppi:g} ppi"
    return f"{width}x{height} px, {resolution}, 8 bit PNG, attempt {number} of at most {allowed}"

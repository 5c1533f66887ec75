"""What a record proves of its chip without the kiosk's word: passive and active authentication, from its parts alone.

Whoever opens records runs this. The kiosk's own verdicts on PACE and chip authentication stay its word: a holder of its
key could write such a transcript.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.capture.chip import active_authentication
from agent.capture.chip.active_authentication import PART, Transcript
from agent.capture.chip.consistency import check_consistency
from agent.capture.chip.errors import ChipDataError
from agent.capture.chip.faces import parse_faces
from agent.capture.chip.lds import CitizenData, parse_dg1, parse_dg13
from agent.capture.chip.passive_authentication import authenticate
from agent.capture.chip.security_infos import SecurityInfos, parse_dg14
from agent.capture.chip.security_object import parse_sod
from agent.capture.chip.trust import TrustAnchors
from agent.capture.evidence import Check, Verdict

SOD, PORTRAIT = "chip/sod", "chip/portrait"
_GROUPS = {**{f"chip/dg{number}": number for number in (1, 2, 7, 11, 12, 14, 15, 16)}, "chip/dg13_raw": 13}
FRESHNESS = "active_authentication_freshness"


@dataclass(frozen=True, slots=True)
class RecordedChip:
    """The chip's parts by name, with what else the record signs.

    `record_id` and `prev` are the record's: 16 bytes, and the hash of the record before it. `captured_at` is the
    kiosk's clock, `number` the member's 12 digits, `personal_number` whether the document has such a number.
    """

    parts: Mapping[str, bytes] = field(repr=False)
    record_id: bytes
    prev: bytes
    captured_at: datetime
    number: str = field(repr=False)
    personal_number: bool

    @property
    def groups(self) -> dict[int, bytes]:
        """The data groups that are kept as they were signed."""
        return {number: self.parts[name] for name, number in _GROUPS.items() if name in self.parts}


def verify_again(chip: RecordedChip, anchors: TrustAnchors) -> tuple[Check, ...]:
    """Judge a record's chip anew. Parts that are missing or cannot be parsed are failed checks."""
    if SOD not in chip.parts:
        return (Check("sod_signature", Verdict.FAILED, "the record has no EF.SOD"),)
    return (
        *_parsed("passive_authentication", lambda: _passive(chip, anchors)),
        *_parsed(active_authentication.NAME, lambda: _active(chip)),
        *_parsed("data_consistency", lambda: (_consistency(chip),)),
        *_parsed("portrait_is_the_chips", lambda: _portrait(chip)),
    )


def _parsed(name: str, judge: Callable[[], tuple[Check, ...]]) -> tuple[Check, ...]:
    try:
        return judge()
    except ChipDataError as error:
        return (Check(name, Verdict.FAILED, f"cannot be parsed: {error.detail}"),)


def _passive(chip: RecordedChip, anchors: TrustAnchors) -> tuple[Check, ...]:
    return authenticate(parse_sod(chip.parts[SOD]), chip.groups, anchors, chip.captured_at)


def _active(chip: RecordedChip) -> tuple[Check, ...]:
    name, groups = active_authentication.NAME, chip.groups
    if PART not in chip.parts or 15 not in groups:
        return (Check(name, Verdict.NOT_ASSESSED, "the record has no answer of the chip", gate=False),)
    transcript = Transcript.from_json(chip.parts[PART])
    if transcript.binding.record_id != chip.record_id:
        return (Check(name, Verdict.FAILED, "the answer was given for another record: a replay"),)
    infos = parse_dg14(groups[14]) if 14 in groups else SecurityInfos()
    answered = active_authentication.verify(transcript, groups[15], infos.active_algorithm)
    return answered, _freshness(transcript.binding.head, chip.prev)


def _freshness(head: bytes, prev: bytes) -> Check:
    """Say whether the head in the challenge is this record's predecessor, as it is unless something came between.

    A tombstone, or a new epoch that reissued the record, does; and so does an answer that was kept from earlier.
    """
    if head == prev:
        return Check(FRESHNESS, Verdict.PASSED, gate=False)
    reason = "the challenge names another predecessor: a tombstone or new epoch came between, or the answer is older"
    return Check(FRESHNESS, Verdict.NOT_ASSESSED, reason, gate=False)


def _consistency(chip: RecordedChip) -> Check:
    groups = chip.groups
    if 1 not in groups:
        return Check("data_consistency", Verdict.FAILED, "the record has no DG1")
    mrz = parse_dg1(groups[1], chip.captured_at.date())
    citizen = parse_dg13(groups[13]) if 13 in groups else CitizenData({})
    number = chip.number if chip.personal_number else None
    return check_consistency(mrz, citizen, number, personal_number=chip.personal_number)


def _portrait(chip: RecordedChip) -> tuple[Check, ...]:
    """Compare the picture beside DG2 with the one in it, which is signed."""
    if PORTRAIT not in chip.parts:
        return ()
    name = "portrait_is_the_chips"
    if 2 not in chip.groups:
        return (Check(name, Verdict.FAILED, "the record has no DG2 that signs it"),)
    if parse_faces(chip.groups[2])[0].data != chip.parts[PORTRAIT]:
        return (Check(name, Verdict.FAILED, "the chip's portrait is another picture than DG2's"),)
    return (Check(name, Verdict.PASSED),)

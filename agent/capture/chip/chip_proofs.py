"""What only the genuine chip can do: active authentication, chip authentication, chip authentication mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.capture.chip import active_authentication, chip_authentication, pace
from agent.capture.chip.access import AccessRecord
from agent.capture.chip.active_authentication import RecordBinding, Transcript
from agent.capture.chip.chip_authentication import ChipKey
from agent.capture.chip.errors import ChipDataError, SessionBroken, StatusError
from agent.capture.chip.files import DATA_GROUPS, FileReader
from agent.capture.chip.passive_authentication import authenticate_signed
from agent.capture.chip.reading import ChipReading
from agent.capture.chip.security_infos import SecurityInfos
from agent.capture.chip.security_object import parse_card_security
from agent.capture.chip.trust import TrustAnchors
from agent.capture.evidence import Check, Verdict

MAPPING = "chip_authentication_mapping"
PROOF_BYTES = 16
# What fits a short answer under secure messaging with any cipher.
SHORT_ANSWER_BYTES = 223

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class ActiveAnswer:
    """The check of active authentication and, when the chip answered, the transcript."""

    check: Check
    transcript: Transcript | None = None


def answer_actively(
    reading: ChipReading, dg15: bytes | None, infos: SecurityInfos, binding: RecordBinding, random: Random
) -> ActiveAnswer:
    """Let the chip sign a challenge, when it has a key for that; raise what reading raises."""
    name = active_authentication.NAME
    if dg15 is None:
        return ActiveAnswer(Check(name, Verdict.NOT_ASSESSED, "the chip has no DG15", gate=False))
    try:
        expected = active_authentication.answer_bytes(active_authentication.parse_dg15(dg15))
    except ChipDataError as error:
        return ActiveAnswer(Check(name, Verdict.NOT_ASSESSED, f"no key of ours in DG15: {error.detail}"))

    def ask(files: FileReader) -> Transcript:
        fits = expected <= min(SHORT_ANSWER_BYTES, files.longest)
        longer = expected if files.longest > expected else 256
        return active_authentication.run(files.session, binding, random, 256 if fits else longer)

    try:
        transcript = reading.perform(name, ask)
    except StatusError as error:
        return ActiveAnswer(Check(name, Verdict.FAILED, f"the chip refuses to sign: {error.sw:04X}"))
    return ActiveAnswer(active_authentication.verify(transcript, dg15, infos.active_algorithm), transcript)


def agree_anew(reading: ChipReading, dg14: bytes | None, infos: SecurityInfos, random: Random) -> tuple[Check, str]:
    """Run chip authentication when DG14 offers it; return the check and the variant. Raises what reading raises."""
    name = chip_authentication.NAME
    try:
        key = chip_authentication.choose(infos)
    except ChipDataError as error:
        return Check(name, Verdict.NOT_ASSESSED, f"no key of ours in DG14: {error.detail}", attested=True), ""
    if key is None or dg14 is None:
        reason = "the chip offers no chip authentication"
        return Check(name, Verdict.NOT_ASSESSED, reason, gate=False, attested=True), ""
    try:
        proved = reading.perform(name, lambda files: _agree(files, key, dg14, random))
    except StatusError as error:
        reason = f"the chip refuses: {error.sw:04X}"
        return Check(name, Verdict.FAILED, reason, attested=True), str(key)
    if proved:
        return Check(name, Verdict.PASSED, attested=True), str(key)
    reason = "the chip does not know the private key of DG14: a copy"
    return Check(name, Verdict.FAILED, reason, attested=True), str(key)


def _agree(files: FileReader, key: ChipKey, dg14: bytes, random: Random) -> bool:
    """Change to the new keys and say whether the chip answers under them; on yes the reader goes on with them."""
    renewed = chip_authentication.renew(files.session, key, random)
    files.session = renewed
    try:
        return files.starts_with(DATA_GROUPS[14], dg14[:PROOF_BYTES])
    except SessionBroken:
        return False


def judge_mapping(record: AccessRecord, anchors: TrustAnchors) -> Check | None:
    """Judge chip authentication mapping: the mapping key must be made from the key that EF.CardSecurity signs."""
    if record.proof is None:
        return None
    if record.card_security is None:
        return Check(MAPPING, Verdict.FAILED, "the chip has no EF.CardSecurity", attested=True)
    try:
        signed, infos = parse_card_security(record.card_security)
        keys = [chip_authentication.static_key(key) for key in infos.keys if key.elliptic]
    except ChipDataError as error:
        return Check(MAPPING, Verdict.FAILED, f"EF.CardSecurity: {error.detail}", attested=True)
    if not any(pace.proves(record.proof, static) for _, static in keys):
        reason = "the chip does not know the private key of EF.CardSecurity: a copy"
        return Check(MAPPING, Verdict.FAILED, reason, attested=True)
    trust = authenticate_signed(signed, anchors)
    reason = f"EF.CardSecurity: {trust.reason}" if trust.reason else ""
    return Check(MAPPING, trust.verdict, reason, attested=True)

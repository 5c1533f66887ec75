"""What an opened record proves without the kiosk's word: passive and active authentication of its chip."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from agent.capture.chip import TrustAnchors
from agent.capture.chip.trust_store import TrustStore
from agent.capture.chip.verify_again import RecordedChip, verify_again
from agent.capture.evidence import Check as ChipCheck
from agent.proto.border import Check, Manifest, Verdict
from agent.sealing import RecordClaims

CHIP = "chip"
NO_ANCHORS = TrustAnchors(())
_VERDICTS = {verdict.name: verdict for verdict in Verdict}


def anchors_in(folder: Path) -> TrustAnchors:
    """Return the trust anchors of a folder as `kiosk trust` keeps them; none when there is no such folder.

    Raises ChipDataError for a damaged certificate.
    """
    return TrustStore(folder).anchors()


def chip_again(
    claims: RecordClaims, manifest: Manifest, parts: Mapping[str, bytes], anchors: TrustAnchors
) -> tuple[Check, ...]:
    """Judge the record's chip anew, from its parts by name; the reason tells where the kiosk said otherwise.

    Empty only when neither a stage nor a part speaks of a chip: what a kiosk leaves out must not go unseen.
    """
    stage = next((stage for stage in manifest.stages if stage.name == CHIP), None)
    if (stage is None or not stage.checks) and not any(name.startswith(f"{CHIP}/") for name in parts):
        return ()
    recorded = RecordedChip(
        parts,
        manifest.record_id,
        claims.prev,
        datetime.fromtimestamp(claims.core.captured_at_ns / 10**9, UTC),
        manifest.member.number,
        personal_number=stage is None or stage.facts.get("document", "cccd").startswith("cccd"),
    )
    said = {check.name: check.verdict for check in stage.checks} if stage is not None else {}
    return tuple(_told(check, said.get(check.name)) for check in verify_again(recorded, anchors))


def _told(check: ChipCheck, said: Verdict | None) -> Check:
    verdict = _VERDICTS[check.verdict.name]
    differs = "" if said is None or said is verdict else f"the kiosk said {said.name.lower().replace('_', ' ')}"
    reason = "; ".join(filter(None, (check.reason, differs)))
    # What the kiosk claims and the record does not show decides, even where its absence alone would not.
    return Check(check.name, verdict, reason, gate=check.gate or (said is Verdict.PASSED and bool(differs)))

"""Judging a kiosk's new epoch: signed by the new key, and allowed by the old key or a technician's one-time token."""

from __future__ import annotations

import hashlib

from agent.proto.stream import EpochStart, Open, RejectCode
from agent.sealing import EpochClaims, EpochProof, SealingError, public_key_from_point, verify_epoch
from agent.sealing.encoding import encode
from collector.ingest import Refused
from collector.store import KioskPosition, NewEpoch


def judge_epoch(position: KioskPosition, greeting: Open, start: EpochStart) -> NewEpoch:
    """Return the epoch to open after `position`; raise Refused.

    The old key's signature is enough as long as both ends agree on the old chain; after a fork, or without that
    signature, a token is needed, which the store checks and uses up.
    """
    claims, seq = _claims(position, greeting, start), greeting.next_seq
    if claims.epoch != position.epoch + 1:
        raise Refused(RejectCode.EPOCH_NOT_AUTHORISED, f"epoch {position.epoch + 1} comes next", seq)
    forked = _forked(position, claims)
    token = hashlib.sha256(start.token).digest() if start.token else None
    if token != claims.token_sha256:
        raise Refused(RejectCode.EPOCH_NOT_AUTHORISED, "another token than the signed one", seq)
    if token is None and (forked or not start.by_old_key):
        why = "the old chain differs here" if forked else "the old key did not sign"
        raise Refused(RejectCode.EPOCH_NOT_AUTHORISED, f"{why}: a technician's token is needed", seq)
    proof = encode([start.by_new_key, start.by_old_key])
    alarms = _alarms(position, claims, forked)
    return NewEpoch(claims.epoch, claims.key, claims.head, claims.reason, token, proof, alarms)


def same_epoch(position: KioskPosition, greeting: Open, start: EpochStart) -> None:
    """Check that the epoch that is open here is the one that the kiosk opened; raise Refused."""
    try:
        claims = verify_epoch(EpochProof(start.by_new_key, b""), None)
    except SealingError as error:
        raise Refused(RejectCode.INVALID_RECORD, error.code, greeting.next_seq) from error
    if claims.key != position.record_key:
        raise Refused(RejectCode.FORK, f"epoch {position.epoch} belongs to another key", greeting.next_seq)


def _claims(position: KioskPosition, greeting: Open, start: EpochStart) -> EpochClaims:
    try:
        proof = EpochProof(start.by_new_key, start.by_old_key)
        claims = verify_epoch(proof, public_key_from_point(position.record_key))
    except SealingError as error:
        raise Refused(RejectCode.EPOCH_NOT_AUTHORISED, error.code, greeting.next_seq) from error
    if (claims.kiosk, claims.epoch) != (greeting.kiosk, greeting.epoch):
        raise Refused(RejectCode.EPOCH_NOT_AUTHORISED, "signed for another kiosk or epoch", greeting.next_seq)
    return claims


def _forked(position: KioskPosition, claims: EpochClaims) -> bool:
    before = claims.previous
    if before is None or before.epoch != position.epoch:
        return True
    if position.next_seq == before.next_seq:
        return position.head != before.head
    return position.next_seq > before.next_seq


def _alarms(position: KioskPosition, claims: EpochClaims, forked: bool) -> tuple[tuple[str, str], ...]:
    found, before = [], claims.previous
    if before is None:
        found.append(("disk_lost", f"epoch {position.epoch}: what had not arrived, from {position.next_seq} on"))
    elif forked:
        found.append(("fork", f"epoch {position.epoch}: {position.next_seq} records here, {before.next_seq} there"))
    elif position.next_seq < before.acknowledged:
        detail = f"records {position.next_seq} to {before.acknowledged - 1} of epoch {position.epoch}"
        found.append(("lost_at_collector", f"{detail} were receipted; the kiosk's old queue may still have them"))
    if claims.lost:
        seqs = ", ".join(map(str, claims.lost[:50]))
        found.append(("record_lost", f"records {seqs} of epoch {position.epoch} are lost on the kiosk"))
    return tuple(found)

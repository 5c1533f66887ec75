"""`collector open`: which records, with which keys and anchors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from asn1crypto import pem

from agent.capture.chip import ChipDataError, TrustAnchors
from agent.capture.chip.trust import load_certificate
from collector.config import CollectorConfig
from collector.errors import NoSuchRecord, SeveralRecords
from collector.opening.errors import OpeningFailed
from collector.opening.opener import Opener, OpenerFolder, Outcome
from collector.sql_store import SqlStore
from collector.store import StoredRecord
from collector.stores import open_store

ALL = 10**9


def open_stored(config: CollectorConfig, folder: Path, who: str, why: str, wanted: Sequence[str]) -> Iterator[Outcome]:
    """Open records by the beginnings of their ids; without any, all that are not in quarantine, oldest first.

    Raises NoSuchRecord, SeveralRecords, and what Opener raises.
    """
    place = OpenerFolder(folder)
    with open_store(config) as store, Opener(store, place, who, why, _anchors(place.keys)) as opener:
        records = [_only(store, one) for one in wanted] if wanted else _usable(store)
        yield from opener.open_all(records)


def _usable(store: SqlStore) -> list[StoredRecord]:
    return [stored for stored in reversed(store.records(ALL)) if not stored.quarantined]


def _only(store: SqlStore, wanted: str) -> StoredRecord:
    found = store.find(wanted)
    if len(found) != 1:
        raise SeveralRecords(wanted) if found else NoSuchRecord(wanted)
    return found[0]


def _anchors(keys: Path) -> TrustAnchors:
    """Load the CSCA certificates (DER or PEM); without any, chains are "not assessed"."""
    certificates = []
    for path in sorted(keys.glob("csca*")):
        try:
            certificates.append(load_certificate(_der(path.read_bytes())))
        except (OSError, ValueError, ChipDataError) as error:
            raise OpeningFailed(f"{path}: not a certificate that can be read") from error
    return TrustAnchors(tuple(certificates))


def _der(data: bytes) -> bytes:
    return bytes(pem.unarmor(data)[2]) if pem.detect(data) else data

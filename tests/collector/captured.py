"""A record with pictures, sealed as the kiosk seals it, for the tests that open one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.proto import border
from agent.queue import Entry
from tests.collector.world import KIOSK, Chain

SALT = bytes(range(32))

Part = tuple[str, str, bytes]
PICTURES: tuple[Part, ...] = (
    ("portrait", "image/png", b"\x89PNG portrait"),
    ("fingerprints/right_index", "image/png", b"\x89PNG finger"),
    ("chip/sod", "application/cms", b"\x30\x00"),
)


def manifest(parts: Sequence[Part], record_id: bytes) -> border.Manifest:
    """Return the manifest of a visit of a made-up person."""
    check = border.Check("sharpness", border.Verdict.PASSED, native=12.5, unit="1")
    return border.Manifest(
        record_id=record_id,
        salt=SALT,
        parts=tuple(
            border.PartEntry(name, kind, len(data), hashlib.sha256(SALT + data).digest()) for name, kind, data in parts
        ),
        stages=(border.Stage("portrait", border.Verdict.PASSED, "", (check,), {}, 900),),
        operator=border.Operator("tester", "peer uid 0", border.Verdict.NOT_ASSESSED),
        policy=border.Policy("test-1", bytes(32)),
        software=border.Software("0", {}),
        time=border.CaptureTime(1, 2, None),
        notice=border.Notice("n", "1", "vi", bytes(32), 1, border.Answer.ACKNOWLEDGED),
        purpose=border.Purpose("test", "test", "test"),
        member=border.Member("001085000001", "Nguyễn Văn Đức", "1985-02-03", "Chi bộ 1"),
        kiosk=KIOSK,
        station="station",
        visit=border.Visit("v1", False, border.Operator("tester", "peer uid 0", border.Verdict.NOT_ASSESSED)),
    )


def captured(chain: Chain, pictures: Sequence[Part] = PICTURES, **changed: Any) -> Entry:
    """Seal a visit; `changed` are fields of the manifest that do not fit the rest."""
    record_id = os.urandom(16)
    written = replace(manifest(pictures, record_id), **changed).to_bytes()
    content = border.SealedContent(written, tuple(data for _, _, data in pictures)).to_bytes()
    return chain.entry(content, record_id=record_id, manifest_sha256=hashlib.sha256(written).digest())

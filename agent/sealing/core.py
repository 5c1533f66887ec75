"""The signed core of a record: what everyone may know of it without opening it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.sealing.encoding import check_map, decode_map, encode, take, take_bytes, take_count, take_signed
from agent.sealing.errors import Malformed
from agent.sealing.keys import KEY_ID_BYTES

VERSION = 1
RECORD_ID_BYTES = 16
HASH_BYTES = 32

_KEYS = frozenset({"v", "test", "kiosk", "record_id", "recipient", "manifest", "captured_at", "clock"})
_CLOCK_KEYS = frozenset({"monotonic", "offset"})
_WHAT = "record core"
MAX_KIOSK_NAME = 63


@dataclass(frozen=True, slots=True)
class ClockState:
    """CLOCK_MONOTONIC and the last measured collector-minus-kiosk offset, both in nanoseconds."""

    monotonic_ns: int
    collector_offset_ns: int | None


@dataclass(frozen=True, slots=True)
class Core:
    """Identity, recipient, manifest hash and time of one record (version 1)."""

    test: bool
    kiosk: str
    record_id: bytes
    recipient_key_id: bytes
    manifest_sha256: bytes
    captured_at_ns: int
    clock: ClockState

    def to_map(self) -> dict[str, object]:
        """Return the map that is signed."""
        return {
            "v": VERSION,
            "test": self.test,
            "kiosk": self.kiosk,
            "record_id": self.record_id,
            "recipient": self.recipient_key_id,
            "manifest": self.manifest_sha256,
            "captured_at": self.captured_at_ns,
            "clock": {"monotonic": self.clock.monotonic_ns, "offset": self.clock.collector_offset_ns},
        }

    def to_bytes(self) -> bytes:
        """Return the deterministic CBOR of the core."""
        return encode(self.to_map())

    @classmethod
    def from_bytes(cls, data: bytes) -> Core:
        """Parse strictly; raise Malformed."""
        values = decode_map(data, _KEYS, _WHAT)
        if take(values, "v", int, _WHAT) != VERSION:
            raise Malformed(f"{_WHAT}: version")
        kiosk = take(values, "kiosk", str, _WHAT)
        if not 0 < len(kiosk) <= MAX_KIOSK_NAME:
            raise Malformed(f"{_WHAT}: kiosk")
        clock = check_map(values["clock"], _CLOCK_KEYS, _WHAT)
        offset = clock["offset"]
        return cls(
            test=take(values, "test", bool, _WHAT),
            kiosk=kiosk,
            record_id=take_bytes(values, "record_id", RECORD_ID_BYTES, _WHAT),
            recipient_key_id=take_bytes(values, "recipient", KEY_ID_BYTES, _WHAT),
            manifest_sha256=take_bytes(values, "manifest", HASH_BYTES, _WHAT),
            captured_at_ns=take_count(values, "captured_at", _WHAT),
            clock=ClockState(
                take_count(clock, "monotonic", _WHAT), None if offset is None else take_signed(clock, "offset", _WHAT)
            ),
        )

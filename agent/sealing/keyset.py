"""The bodies of the bundles: recipients' keys, receipt keys, trust anchors, the policy document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.bundle import Bundle
from agent.sealing.encoding import check_map, decode, encode, take, take_count
from agent.sealing.errors import Malformed, NoCurrentRecipient
from agent.sealing.keys import key_id, point_of, public_key_from_point
from agent.sealing.recipient import RecipientKey

MAX_ENTRIES = 1000
_RECIPIENT_KEYS = frozenset({"suite", "key", "from", "until"})


@dataclass(frozen=True, slots=True)
class Validity:
    """When a sealing key is to be used: nanoseconds since the Unix epoch, the end not included."""

    from_ns: int
    until_ns: int

    def covers(self, now_ns: int) -> bool:
        """Say whether it is valid now."""
        return self.from_ns <= now_ns < self.until_ns


@dataclass(frozen=True, slots=True)
class RecipientKeys:
    """The collector's public sealing keys and when each is to be used. Two overlap while one replaces the other."""

    keys: tuple[tuple[RecipientKey, Validity], ...]

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> RecipientKeys:
        """Parse the body; raise Malformed, KeyUnusable for a bad key, or NoCurrentRecipient for an empty list."""
        entries = decode(bundle.body, bundle.kind)
        if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
            raise Malformed(f"{bundle.kind}: not a list")
        if not entries:
            raise NoCurrentRecipient
        return cls(tuple(_recipient(entry, bundle.kind) for entry in entries))

    def to_body(self) -> bytes:
        """Return the body to sign."""
        return encode(
            [
                {"suite": int(key.suite), "key": key.raw, "from": validity.from_ns, "until": validity.until_ns}
                for key, validity in self.keys
            ]
        )

    def current(self, now_ns: int) -> RecipientKey:
        """Return the key to seal for: of those valid now the one that began last.

        Capture never depends on a right clock: when none is valid by this one, the key that began last of all stands
        in, which the collector is the least likely to have thrown away.
        """
        usable = [entry for entry in self.keys if entry[1].covers(now_ns)] or list(self.keys)
        return max(usable, key=lambda entry: entry[1].from_ns)[0]

    def covers(self, now_ns: int) -> bool:
        """Say whether any key is valid now; false calls for a new bundle, or a right clock."""
        return any(validity.covers(now_ns) for _, validity in self.keys)


@dataclass(frozen=True, slots=True)
class ReceiptKeys:
    """The public keys that may sign receipts, by key id."""

    by_id: Mapping[bytes, ec.EllipticCurvePublicKey]

    @classmethod
    def of(cls, *keys: ec.EllipticCurvePublicKey) -> ReceiptKeys:
        """Return the set of these keys."""
        return cls({key_id(key): key for key in keys})

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> ReceiptKeys:
        """Parse the body; raise Malformed or KeyUnusable."""
        return cls.of(*(public_key_from_point(point) for point in _byte_strings(bundle)))

    def to_body(self) -> bytes:
        """Return the body to sign."""
        return encode([point_of(key) for key in self.by_id.values()])


@dataclass(frozen=True, slots=True)
class AnchorCertificates:
    """The CSCA certificates (DER) that chips are checked against."""

    certificates: tuple[bytes, ...]

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> AnchorCertificates:
        """Parse the body; raise Malformed."""
        return cls(_byte_strings(bundle))

    def to_body(self) -> bytes:
        """Return the body to sign."""
        return encode(list(self.certificates))


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """The policy as signed (JSON, UTF-8); what it says is the intake's affair."""

    document: bytes = field(repr=False)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> PolicyDocument:
        """Take the body as it is."""
        return cls(bundle.body)

    @property
    def sha256(self) -> bytes:
        """The hash that every record names."""
        return hashlib.sha256(self.document).digest()


def _recipient(entry: object, what: str) -> tuple[RecipientKey, Validity]:
    values = check_map(entry, _RECIPIENT_KEYS, what)
    key = RecipientKey.from_raw(take(values, "key", bytes, what), take_count(values, "suite", what))
    validity = Validity(take_count(values, "from", what), take_count(values, "until", what))
    if validity.from_ns >= validity.until_ns:
        raise Malformed(f"{what}: until")
    return key, validity


def _byte_strings(bundle: Bundle) -> tuple[bytes, ...]:
    value = decode(bundle.body, bundle.kind)
    if not isinstance(value, list) or len(value) > MAX_ENTRIES or not all(type(item) is bytes for item in value):
        raise Malformed(f"{bundle.kind}: not a list of byte strings")
    return tuple(value)

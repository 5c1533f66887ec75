"""The bodies of the bundles: recipients' keys, receipt keys, trust anchors, the policy document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing.bundle import Bundle
from agent.sealing.encoding import decode, encode
from agent.sealing.errors import Malformed, NoCurrentRecipient
from agent.sealing.keys import RecipientKey, key_id, point_of, public_key_from_point

MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class RecipientKeys:
    """The collector's public sealing keys, the preferred one first."""

    keys: tuple[RecipientKey, ...]

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> RecipientKeys:
        """Parse the body; raise Malformed or KeyUnusable."""
        return cls(tuple(RecipientKey.from_raw(raw) for raw in _byte_strings(bundle)))

    def to_body(self) -> bytes:
        """Return the body to sign."""
        return encode([key.raw for key in self.keys])

    def current(self) -> RecipientKey:
        """Return the key to seal for; raise NoCurrentRecipient."""
        if not self.keys:
            raise NoCurrentRecipient
        return self.keys[0]


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


def _byte_strings(bundle: Bundle) -> tuple[bytes, ...]:
    value = decode(bundle.body, bundle.kind)
    if not isinstance(value, list) or len(value) > MAX_ENTRIES or not all(type(item) is bytes for item in value):
        raise Malformed(f"{bundle.kind}: not a list of byte strings")
    return tuple(value)

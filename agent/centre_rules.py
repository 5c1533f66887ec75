"""What the centre's bundles mean for this kiosk: how each kind is read, and the policy in the uplink's units."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.capture.chip import TrustAnchors
from agent.intake.policy import Policy, UplinkPolicy, parse_policy
from agent.sealing import AnchorCertificates, Bundle, PolicyDocument, ReceiptKeys, RecipientKeys
from agent.uplink import Pacing, QuietHours


def _read_policy(bundle: Bundle) -> Policy:
    return parse_policy(PolicyDocument.from_bundle(bundle).document)


def _read_anchors(bundle: Bundle) -> TrustAnchors:
    return TrustAnchors.from_der(list(AnchorCertificates.from_bundle(bundle).certificates))


# How a bundle's body is read, by its kind; each raises KioskError for one that cannot be used.
BODIES: Mapping[str, Callable[[Bundle], object]] = {
    "recipients": RecipientKeys.from_bundle,
    "receipts": ReceiptKeys.from_bundle,
    "anchors": _read_anchors,
    "policy": _read_policy,
}


def pacing_of(policy: UplinkPolicy) -> Pacing:
    """Return what the policy says of the uplink in the uplink's own units."""
    rate = None if policy.max_kib_per_s is None else policy.max_kib_per_s * 1024
    hours = tuple(QuietHours(_minute(quiet.begin), _minute(quiet.end)) for quiet in policy.quiet_hours)
    return Pacing(rate, hours, policy.utc_offset_min)


def _minute(time_of_day: str) -> int:
    hours, minutes = time_of_day.split(":")
    return int(hours) * 60 + int(minutes)

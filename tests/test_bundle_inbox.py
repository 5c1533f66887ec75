from __future__ import annotations

import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.bundle_inbox import BundleInbox, BundleNotKept, BundleUnknown
from agent.bundle_versions import BundleTooOld, BundleVersions
from agent.capture.chip.errors import ChipDataError
from agent.centre_rules import BODIES
from agent.intake.errors import PolicyUnreadable
from agent.provisioning import campaign_key, load_bundles
from agent.sealing import (
    AnchorCertificates,
    Bundle,
    FileSigningKey,
    Malformed,
    SignatureInvalid,
    WrongBundle,
    sign_bundle,
)
from tests.collector.world import KIOSK, World

POLICY = (Path(__file__).parent.parent / "demo" / "policy.json").read_bytes()


class Campaign:
    """A kiosk's trust folder, an inbox, and the key that signs for it."""

    def __init__(self, folder: Path) -> None:
        World.make(folder)
        self.trust = folder / "trust" / KIOSK
        self.folder = folder / "data" / "bundles"
        self.versions = BundleVersions(folder / "data" / "versions.json")
        self.inbox = BundleInbox(self.folder, campaign_key(self.trust), self.versions, BODIES)
        self.key = FileSigningKey.load(folder / "collector" / "campaign" / "campaign.key")

    def signed(self, version: int, body: bytes = POLICY, kind: str = "policy") -> bytes:
        """Return a bundle as the campaign key signs it."""
        return sign_bundle(Bundle(kind, version, 1, time.time_ns() + 10**15, body), self.key)

    def loaded(self) -> int:
        """Return the version of the policy that the kiosk would work with."""
        return load_bundles(self.trust, time.time_ns(), self.versions, self.folder).versions["policy"]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """Set a kiosk up."""
    return Campaign(tmp_path)


def test_a_newer_bundle_is_kept_and_loaded(campaign: Campaign) -> None:
    """The one that came over the network wins when it is newer, and only then."""
    campaign.inbox.take("policy", 2, campaign.signed(2), 1)
    assert campaign.loaded() == 2
    (campaign.trust / "bundles" / "policy.bundle").write_bytes(campaign.signed(3))
    assert campaign.loaded() == 3


def test_an_older_or_equal_one_is_refused(campaign: Campaign) -> None:
    """Whoever signed version 5 withdrew version 4 with it, also after a restart."""
    campaign.inbox.take("policy", 5, campaign.signed(5), 1)
    assert campaign.loaded() == 5
    for version in (4, 5):
        with pytest.raises(BundleTooOld):
            campaign.inbox.take("policy", version, campaign.signed(version), 5)
    with pytest.raises(BundleTooOld):
        campaign.inbox.take("policy", 4, campaign.signed(4), 1)
    assert campaign.loaded() == 5


def test_a_forged_one_is_refused_and_changes_nothing(campaign: Campaign, tmp_path: Path) -> None:
    """Another key's signature, a changed byte, another kind, another version than announced."""
    other = FileSigningKey.create(tmp_path / "other.key")
    forged = sign_bundle(Bundle("policy", 2, 1, 2, POLICY), other)
    with pytest.raises(SignatureInvalid):
        campaign.inbox.take("policy", 2, forged, 1)
    good = campaign.signed(2)
    with pytest.raises(SignatureInvalid):
        campaign.inbox.take("policy", 2, good.replace(b"version", b"versioN", 1), 1)
    with pytest.raises(WrongBundle):
        campaign.inbox.take("receipts", 2, good, 1)
    with pytest.raises(BundleUnknown, match="announced as 3"):
        campaign.inbox.take("policy", 3, good, 1)
    assert campaign.loaded() == 1


def test_a_signed_one_that_cannot_be_used_is_refused(campaign: Campaign) -> None:
    """A signature makes neither policy nor certificates readable; the kiosk must be able to start tomorrow."""
    with pytest.raises(PolicyUnreadable):
        campaign.inbox.take("policy", 2, campaign.signed(2, b"{}"), 1)
    with pytest.raises(Malformed):
        campaign.inbox.take("receipts", 2, campaign.signed(2, b"\x01", "receipts"), 1)
    no_certificates = AnchorCertificates((b"no certificate",)).to_body()
    with pytest.raises(ChipDataError):
        campaign.inbox.take("anchors", 2, campaign.signed(2, no_certificates, "anchors"), 1)
    with pytest.raises(BundleUnknown):
        campaign.inbox.take("firmware", 2, campaign.signed(2, b"", "firmware"), 1)


def test_bytes_cut_anywhere_are_refused(campaign: Campaign) -> None:
    """Truncation at every byte of a short bundle."""
    whole = campaign.signed(2, b"\x80", "anchors")
    for end in range(len(whole)):
        with pytest.raises((Malformed, SignatureInvalid)):
            campaign.inbox.take("anchors", 2, whole[:end], 1)


def test_a_full_disk_is_told_and_the_old_one_stays(campaign: Campaign) -> None:
    """Here: a file where the folder should be."""
    campaign.folder.parent.mkdir(exist_ok=True)
    campaign.folder.write_bytes(b"")
    with pytest.raises(BundleNotKept):
        campaign.inbox.take("policy", 2, campaign.signed(2), 1)


def test_one_that_was_damaged_on_the_disk_is_told_and_the_carried_one_is_used(campaign: Campaign) -> None:
    """The kiosk starts, with the older bundle, as long as nothing newer was used before."""
    campaign.inbox.take("policy", 2, campaign.signed(2), 1)
    (campaign.folder / "policy.bundle").write_bytes(b"damaged")
    with capture_logs() as events:
        assert campaign.loaded() == 1
    assert [event["event"] for event in events] == ["trust.bundle_unusable"]

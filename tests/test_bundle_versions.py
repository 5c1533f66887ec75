"""Bundle versions never go back, across restarts too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.bundle_versions import BundleTooOld, BundleVersions, BundleVersionsUnreadable
from agent.provisioning import load_trust
from agent.sealing import Bundle, FileSigningKey, open_bundle, sign_bundle
from tests.collector.world import KIOSK, World


def test_a_lower_version_is_refused_after_a_restart(tmp_path: Path) -> None:
    """Equal and higher ones are taken; each kind counts for itself."""
    path = tmp_path / "data" / "bundle-versions.json"
    BundleVersions(path).raise_to({"policy": 5, "receipts": 1})
    restarted = BundleVersions(path)
    for version in (5, 6):
        restarted.check("policy", version)
    restarted.check("receipts", 1)
    restarted.check("anchors", 0)
    with pytest.raises(BundleTooOld, match="policy: version 4, 5 was used before"):
        restarted.check("policy", 4)
    restarted.raise_to({"policy": 3})
    with pytest.raises(BundleTooOld):
        BundleVersions(path).check("policy", 4)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"policy": "5"}', b'{"policy": true}', b"\xff"])
def test_a_damaged_file_is_told_and_never_taken_for_no_file(tmp_path: Path, data: bytes) -> None:
    """Whoever could damage it could otherwise bring an old policy back."""
    path = tmp_path / "bundle-versions.json"
    path.write_bytes(data)
    with pytest.raises(BundleVersionsUnreadable):
        BundleVersions(path)


def test_an_old_bundle_in_the_trust_folder_is_refused(tmp_path: Path) -> None:
    """Signed by the campaign key as it is; and a folder that was refused raises no bound."""
    world = World.make(tmp_path)
    folder, versions = tmp_path / "trust" / KIOSK, tmp_path / "versions.json"
    policy = folder / "bundles" / "policy.bundle"
    old = policy.read_bytes()
    campaign = FileSigningKey.load(world.folder / "collector" / "campaign" / "campaign.key")
    bundle = open_bundle(old, campaign.public_key, "policy")
    policy.write_bytes(sign_bundle(Bundle("policy", 7, 0, bundle.expires_at_ns, b"{}"), campaign))
    load_trust(folder, time.time_ns(), versions=BundleVersions(versions))
    policy.write_bytes(old)
    with pytest.raises(BundleTooOld, match="policy: version 1, 7"):
        load_trust(folder, time.time_ns(), versions=BundleVersions(versions))

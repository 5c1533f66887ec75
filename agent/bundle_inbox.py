"""Bundles that came over the network: believed by the campaign key's signature, never older than what was used."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from agent.bundle_versions import BundleTooOld, BundleVersions
from agent.sealing import Bundle, open_bundle
from agent.words import KioskError, Words

log = structlog.get_logger()

MAX_BUNDLE_BYTES = 16 * 2**20

# Reads a body as its user does, and raises KioskError when it cannot be used.
CheckBody = Callable[[Bundle], object]


class BundleRefused(KioskError):
    """Base of what is wrong with a bundle that was offered; `detail` names kind and version."""

    code = "bundle.refused"
    words = Words("Gói tin cậy do trung tâm gửi không dùng được.", "A bundle that the centre sent cannot be used.")
    remedy = Words(
        "Kiosk tiếp tục dùng gói cũ. Báo trung tâm kiểm tra gói đã phát hành.",
        "The kiosk goes on with its own. Have the centre check what it published.",
    )


class BundleUnknown(BundleRefused):
    """A bundle of a kind that this version does not know, too large, or of another version than announced."""

    code = "bundle.unknown"


class BundleNotKept(BundleRefused):
    """The bundle is good and the disk did not take it."""

    code = "bundle.not_kept"
    words = Words("Không lưu được gói tin cậy mới.", "The new bundle could not be stored.")
    remedy = Words("Kiểm tra đĩa của kiosk; gói sẽ được gửi lại.", "Check the kiosk's disk; it is sent again.")


class BundleInbox:
    """A folder with at most one bundle per kind. `take` may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        campaign_key: ec.EllipticCurvePublicKey,
        versions: BundleVersions,
        checks: Mapping[str, CheckBody],
    ) -> None:
        """Use a folder; `checks` has the kinds that this kiosk knows, and how a body of each is read."""
        self._folder, self._campaign_key = folder, campaign_key
        self._versions, self._checks = versions, checks
        self._lock = Lock()

    def take(self, kind: str, version: int, data: bytes, in_use: int) -> Bundle:
        """Check a bundle and keep it; on return it survives a power cut, and is used from the next loading on.

        `in_use` is the version of its kind that the kiosk works with. Raises BundleUnknown, BundleTooOld,
        BundleNotKept, SealingError for a wrong signature or kind, or what reading the body raises.
        """
        check = self._checks.get(kind)
        if check is None or len(data) > MAX_BUNDLE_BYTES:
            raise BundleUnknown(f"{kind}: {len(data)} bytes")
        bundle = open_bundle(data, self._campaign_key, kind)
        if bundle.version != version:
            raise BundleUnknown(f"{kind}: version {bundle.version}, announced as {version}")
        if version <= in_use:
            # An equal number with another content would be two bundles of one name.
            raise BundleTooOld(f"{kind}: version {version}, {in_use} is in use")
        with self._lock:
            self._versions.check(kind, version)
            check(bundle)
            self._keep(kind, data)
        log.info("bundle.taken", kind=kind, version=version)
        return bundle

    def _keep(self, kind: str, data: bytes) -> None:
        path = self._folder / f"{kind}.bundle"
        scratch = path.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
            scratch.replace(path)
            _sync_folder(self._folder)
        except OSError as error:
            raise BundleNotKept(f"{path}: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Bundles to publish: a folder of `*.bundle` files, as the campaign key signed them elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from agent.proto.sync import CODE, MAX_RESPONSE_BYTES, BundleOffer
from agent.sealing import Malformed, peek_bundle

log = structlog.get_logger()

ENDING = ".bundle"
# Room for the message around it.
MAX_BUNDLE_BYTES = MAX_RESPONSE_BYTES - 4096
Stamp = tuple[str, int, int]


class Published:
    """The newest bundle of each kind in the folder. A file that cannot be used is told once and left out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[Stamp, ...] | None = None
        self._newest: dict[str, BundleOffer] = {}

    def newer(self, have: Mapping[str, int]) -> list[BundleOffer]:
        """Return what a kiosk with these versions lacks; a changed folder is read again."""
        self._look()
        return [offer for kind, offer in sorted(self._newest.items()) if offer.version > have.get(kind, 0)]

    def _look(self) -> None:
        try:
            paths = sorted(self._folder.glob(f"*{ENDING}"))
            stamps = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
            if stamps == self._seen:
                return
            offers = [offer for path in paths if (offer := _offer(path)) is not None]
        except OSError as error:
            log.error("publish.unreadable", errno=error.errno)
            return
        self._seen, self._newest = stamps, {}
        for offer in sorted(offers, key=lambda offer: offer.version):
            self._newest[offer.kind] = offer
        log.info("publish.read", versions={kind: offer.version for kind, offer in self._newest.items()})


def _offer(path: Path) -> BundleOffer | None:
    data = path.read_bytes()
    try:
        bundle = peek_bundle(data)
    except Malformed as error:
        log.error("publish.not_a_bundle", file=path.name, detail=error.detail)
        return None
    if len(data) > MAX_BUNDLE_BYTES or not CODE.fullmatch(bundle.kind):
        log.error("publish.not_a_bundle", file=path.name, detail=f"{len(data)} bytes or kind")
        return None
    return BundleOffer(bundle.kind, bundle.version, data)

"""The lowest bundle version that this kiosk still takes: whoever signed version 5 withdrew version 4 with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from agent.words import KioskError, Words


class BundleTooOld(KioskError):
    """A bundle of a lower version than one that this kiosk had before; `detail` names both."""

    code = "trust.bundle_too_old"
    words = Words("Gói tin cậy cũ hơn gói kiosk đã dùng.", "A bundle is older than one this kiosk used before.")
    remedy = Words(
        "Chép lại thư mục bundles mới nhất do trung tâm cấp.", "Copy the newest bundles folder from the centre again."
    )


class BundleVersionsUnreadable(KioskError):
    """The file with the lowest versions cannot be read or written; `detail` names it."""

    code = "trust.bundle_versions"
    words = Words("Không đọc hoặc ghi được tệp phiên bản gói tin cậy.", "The file of bundle versions cannot be used.")
    remedy = Words(
        "Gọi kỹ thuật viên; chỉ xóa tệp này sau khi đã chép gói mới nhất.",
        "Call a technician; delete the file only after the newest bundles were copied.",
    )


class BundleVersions:
    """One small JSON file: kind -> version. It only ever grows; without the file, everything is taken once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lowest = self._read()

    def check(self, kind: str, version: int) -> None:
        """Raise BundleTooOld for a version below the one that was used before."""
        if version < self._lowest.get(kind, 0):
            raise BundleTooOld(f"{kind}: version {version}, {self._lowest[kind]} was used before")

    def raise_to(self, versions: Mapping[str, int]) -> None:
        """Note durably what is used now. Raises BundleVersionsUnreadable."""
        raised = {kind: max(version, self._lowest.get(kind, 0)) for kind, version in versions.items()}
        after = self._lowest | raised
        if after == self._lowest:
            return
        try:
            self._write(after)
        except OSError as error:
            raise BundleVersionsUnreadable(f"{self._path}: {error.strerror}") from error
        self._lowest = after

    def _read(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise BundleVersionsUnreadable(f"{self._path}: {type(error).__name__}") from error
        if not isinstance(found, dict) or not all(type(version) is int for version in found.values()):
            raise BundleVersionsUnreadable(f"{self._path}: not versions by kind")
        return found

    def _write(self, versions: Mapping[str, int]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(versions, file)
            file.flush()
            os.fsync(handle)
        scratch.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""Opens a support bundle that a kiosk sealed to the collector."""

from __future__ import annotations

import os
from pathlib import Path

from agent.sealing.support_bundle import MAX_BYTES, open_sealed_bundle
from agent.words import KioskError, Words
from collector.config import CollectorConfig
from collector.recipients import private_keys


class BundleFile(KioskError):
    """The sealed bundle cannot be read, or the opened one not written; `detail` names the file and why."""

    code = "collector.support_file"
    words = Words("Không đọc hoặc ghi được gói hỗ trợ.", "The support bundle cannot be read or written.")
    remedy = Words("Kiểm tra đường dẫn; chọn tệp chưa có cho --out.", "Check the path; --out must be a new file.")


def open_bundle_file(config: CollectorConfig, file: Path, out: Path) -> int:
    """Write the opened bundle to a new file, 0600; return its size. Raises BundleFile, Malformed or SealBroken."""
    try:
        with file.open("rb") as sealed:
            data = open_sealed_bundle(sealed.read(MAX_BYTES + 1), private_keys(config.keys))
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
    except OSError as error:
        raise BundleFile(f"{error.filename}: {error.strerror}") from error
    return len(data)

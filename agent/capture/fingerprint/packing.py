"""How the pictures in a finger image record are packed."""

from __future__ import annotations

from enum import StrEnum


class Packing(StrEnum):
    """How the record's pictures are packed; a print that WSQ cannot pack is packed lossless."""

    WSQ = "wsq"
    JPEG2000 = "jpeg2000"

"""The ten fingers as people call them."""

from __future__ import annotations

from agent.words import Words

_LEFT, _RIGHT = Words("trái", "left"), Words("phải", "right")
_KINDS = {
    "thumb": Words("ngón cái", "thumb"),
    "index": Words("ngón trỏ", "index finger"),
    "middle": Words("ngón giữa", "middle finger"),
    "ring": Words("ngón áp út", "ring finger"),
    "little": Words("ngón út", "little finger"),
}

# By the names of ISO/IEC 19794-4's finger positions 1 to 10, in that order.
FINGERS = {
    f"{side.en}_{kind}": Words(f"{words.vi} {side.vi}", f"{side.en} {words.en}")
    for side in (_RIGHT, _LEFT)
    for kind, words in _KINDS.items()
}


def kind_of(finger: str) -> str:
    """Return which kind a finger of `FINGERS` is: thumb, index, middle, ring or little."""
    return finger.partition("_")[2]

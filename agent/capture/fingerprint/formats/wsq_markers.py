"""The skeleton of a WSQ file (IAFIS-IC-0110): its segments, walked without unpacking anything."""

from __future__ import annotations

from agent.capture.fingerprint.formats.cursor import Cursor
from agent.capture.fingerprint.formats.errors import BadField, LyingLength, NotAFingerRecord, TruncatedFile
from agent.capture.fingerprint.formats.limits import check_size

START_OF_IMAGE, END_OF_IMAGE = 0xFFA0, 0xFFA1
_FRAME, _BLOCK, _TRANSFORM, _QUANTISATION, _HUFFMAN = 0xFFA2, 0xFFA3, 0xFFA4, 0xFFA5, 0xFFA6
_RESTART, _COMMENT = 0xFFA7, 0xFFA8
_SEGMENTS = {_FRAME, _BLOCK, _TRANSFORM, _QUANTISATION, _HUFFMAN, _RESTART, _COMMENT}
_NEEDED = {
    _FRAME: "frame",
    _BLOCK: "block",
    _TRANSFORM: "transform",
    _QUANTISATION: "quantisation",
    _HUFFMAN: "Huffman",
}
# Black and white levels come before the size.
_FRAME_BYTES = 15


def wsq_size(data: bytes) -> tuple[int, int]:
    """Return width and height after walking every segment up to the end-of-image marker.

    Raises NotAFingerRecord, TruncatedFile, LyingLength, BadField or PictureTooBig.
    """
    walk = Cursor(data)
    if walk.numbers("H", "start of image") != (START_OF_IMAGE,):
        raise NotAFingerRecord(f"WSQ begins with {data[:2].hex()}")
    seen: set[int] = set()
    size = (0, 0)
    while (marker := walk.numbers("H", "marker")[0]) != END_OF_IMAGE:
        content = _segment(walk, marker)
        seen.add(marker)
        if marker == _FRAME:
            size = _frame_size(content)
        if marker == _BLOCK:
            _skip_code(walk, data)
    missing = [name for needed, name in _NEEDED.items() if needed not in seen]
    if missing:
        raise TruncatedFile(f"WSQ without {', '.join(missing)} segment")
    return size


def _segment(walk: Cursor, marker: int) -> bytes:
    if marker not in _SEGMENTS:
        raise BadField(f"WSQ marker {marker:04X} at {walk.at - 2}")
    (length,) = walk.numbers("H", "segment length")
    if length < 2:
        raise LyingLength(f"a WSQ segment of {length} bytes")
    return walk.take(length - 2, f"segment {marker:04X}")


def _frame_size(content: bytes) -> tuple[int, int]:
    if len(content) != _FRAME_BYTES:
        raise LyingLength(f"a WSQ frame header of {len(content)} bytes, {_FRAME_BYTES} are needed")
    height, width = Cursor(content, 2).numbers("HH", "size of picture")
    check_size(width, height)
    return width, height


def _skip_code(walk: Cursor, data: bytes) -> None:
    """Go to the next marker: in the code, FF is always followed by 00."""
    at = data.find(b"\xff", walk.at)
    while at != -1 and data[at + 1 : at + 2] == b"\0":
        at = data.find(b"\xff", at + 2)
    if at == -1:
        raise TruncatedFile("WSQ code without an end")
    walk.at = at

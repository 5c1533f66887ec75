"""How large a picture may claim to be before anything of it is unpacked."""

from __future__ import annotations

from agent.capture.fingerprint.formats.errors import BadField, PictureTooBig

# Four fingers at 1000 ppi are 3200 x 3000 pixels.
MAX_SIDE = 4096
MAX_PIXELS = 3200 * 3000


def check_size(width: int, height: int) -> None:
    """Raise BadField for a picture without pixels, PictureTooBig for one that no reader of fingers makes."""
    if width < 1 or height < 1:
        raise BadField(f"the picture is {width}x{height} pixels")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise PictureTooBig(f"{width}x{height} pixels, at most {MAX_SIDE} a side and {MAX_PIXELS} in all are read")

"""JPEG 2000 within a size limit, and read back."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from agent.capture.portrait.errors import PictureTooLarge, PictureTruncated, SizeLimitTooSmall
from agent.capture.portrait.jpeg2000 import encode_jpeg2000
from agent.capture.portrait.measures import JPEG_2000
from agent.capture.portrait.picture_file import decode_picture
from agent.capture.portrait.settings import JPEG_2000_SHARE, LOWEST_JPEG_2000_SHARE
from agent.devices.seams import Pixels

Picture = Callable[..., Pixels]


@pytest.fixture(name="crop", scope="module")
def crop_fixture(picture: Picture) -> Pixels:
    """Return a part of a rendered subject."""
    return np.ascontiguousarray(picture("passing")[90:630, 430:850])


def test_with_room_enough_it_has_full_quality(crop: Pixels) -> None:
    """A JP2 file that a decoder gives back nearly as it was."""
    encoded = encode_jpeg2000(crop, 10**7)
    assert (encoded.quality, encoded.media_type) == (JPEG_2000_SHARE, JPEG_2000)
    assert encoded.data.startswith(b"\0\0\0\x0cjP  \r\n\x87\n")
    assert cv2.PSNR(decode_picture(encoded.data, "x").pixels, crop) > 40


@pytest.mark.parametrize("most_bytes", [90_000, 40_000, 25_000])
def test_it_fits_and_uses_the_room(crop: Pixels, most_bytes: int) -> None:
    """At most the limit, and not much less."""
    assert 0.9 * most_bytes < len(encode_jpeg2000(crop, most_bytes).data) <= most_bytes


def test_a_limit_that_would_spoil_it_is_refused(crop: Pixels) -> None:
    """Below the lowest share there is no picture."""
    least = crop.nbytes * LOWEST_JPEG_2000_SHARE // 1000
    with pytest.raises(SizeLimitTooSmall):
        encode_jpeg2000(crop, least - 1000)


def test_nothing_of_the_camera_is_in_the_file(crop: Pixels) -> None:
    """No EXIF, XML or UUID box."""
    data = encode_jpeg2000(crop, 10**6).data
    assert not [box for box in (b"Exif", b"xml ", b"uuid") if box in data]


def test_a_file_that_is_cut_off_is_named_as_such(crop: Pixels) -> None:
    """At many places."""
    data = encode_jpeg2000(crop, 50_000).data
    for length in range(20, len(data) - 1, 997):
        with pytest.raises(PictureTruncated):
            decode_picture(data[:length], "x")


def test_a_size_that_lies_is_refused_before_decoding(crop: Pixels) -> None:
    """The code stream claims 60000 x 60000 pixels."""
    data = bytearray(encode_jpeg2000(crop, 50_000).data)
    at = data.index(b"\xff\x4f\xff\x51") + 8
    data[at : at + 8] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(PictureTooLarge):
        decode_picture(bytes(data), "x")

"""DG2: a JPEG portrait in an ISO/IEC 19794-5:2005 facial record in the biometric templates of Doc 9303-10, 4.7.2."""

from __future__ import annotations

import struct

from firmware_mocks.chip_card import tlv

_NO_FRAME = (0xC4, 0xC8, 0xCC)  # DHT, JPG and DAC lie among the start-of-frame markers


class PortraitError(ValueError):
    """The portrait is not a JPEG file."""


def facial_record(jpeg: bytes) -> bytes:
    """One full-frontal image without feature points (ISO/IEC 19794-5:2005, 5.4 to 5.7); raises PortraitError."""
    width, height, components = frame(jpeg)
    colour_space = 3 if components == 1 else 1  # 8-bit greyscale, 24-bit RGB
    image = struct.pack(">BBHHBBHH", 1, 0, width, height, colour_space, 2, 0, 0) + jpeg
    facial = struct.pack(">IHBBB3sH3s3s", 20 + len(image), 0, 0, 0, 0, bytes(3), 0, bytes(3), bytes(3))
    return b"FAC\x00" + b"010\x00" + struct.pack(">IH", 14 + len(facial) + len(image), 1) + facial + image


def extensible_record(image: bytes) -> bytes:
    """One image in a FaceImageDataBlock (ISO/IEC 39794-5:2019, annex A), as DG2 holds it from LDS 1.8 on."""
    version = tlv.encode(0xA0, tlv.encode(0x80, b"\x03") + tlv.encode(0x81, b"\x07\xe3"))
    information = tlv.encode(0xA1, tlv.encode(0xA0, tlv.encode(0x80, b"\x02")))
    flat = tlv.encode(0xA0, tlv.encode(0x80, image) + information)
    representation = tlv.encode(0x80, b"\x00") + tlv.encode(0xA1, tlv.encode(0xA0, flat))
    return tlv.encode(0xA1, tlv.encode(0x65, version + tlv.encode(0xA1, tlv.encode(0x30, representation))))


def dg2(jpeg: bytes, *, extensible: bool = False) -> bytes:
    """EF.DG2 with one facial image; raises PortraitError."""
    header = b"".join(
        (
            tlv.encode(0x80, b"\x01\x01"),  # version of the patron header
            tlv.encode(0x81, b"\x02"),  # facial features
            tlv.encode(0x82, b"\x00"),
            tlv.encode(0x87, b"\x01\x01"),  # format owner: ISO/IEC JTC 1/SC 37
            tlv.encode(0x88, b"\x00\x08"),  # format: facial image
        )
    )
    block = tlv.encode(0x7F2E, extensible_record(jpeg)) if extensible else tlv.encode(0x5F2E, facial_record(jpeg))
    template = tlv.encode(0xA1, header) + block
    group = tlv.encode(0x02, b"\x01") + tlv.encode(0x7F60, template)
    return tlv.encode(0x75, tlv.encode(0x7F61, group))


def frame(jpeg: bytes) -> tuple[int, int, int]:
    """Width and height in pixels and the number of components of a JPEG file; raises PortraitError."""
    if jpeg[:2] != b"\xff\xd8":
        raise PortraitError("the portrait must be a JPEG file")
    position = 2
    while position + 10 <= len(jpeg) and jpeg[position] == 0xFF:
        marker, size = struct.unpack_from(">xBH", jpeg, position)
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width, components = struct.unpack_from(">HHB", jpeg, position + 5)
            return width, height, components
        position += 2 + size
    raise PortraitError("the portrait has no JPEG frame header")


def drawn_portrait(seed: int = 0) -> bytes:
    """Draw a small grey JPEG, 240 x 320: a head and shoulders, which no face detector need believe."""
    import cv2  # noqa: PLC0415 - slow to load, and only cards without a portrait need it
    import numpy as np  # noqa: PLC0415

    noise = np.random.default_rng(seed)
    image = np.full((320, 240), 214, np.uint8)
    cv2.ellipse(image, (120, 330), (105, 95), 0, 180, 360, (92,), -1, cv2.LINE_AA)
    cv2.ellipse(image, (120, 140), (62, 84), 0, 0, 360, (168,), -1, cv2.LINE_AA)
    cv2.ellipse(image, (120, 92), (64, 46), 0, 180, 360, (48,), -1, cv2.LINE_AA)
    for x in (96, 144):
        cv2.ellipse(image, (x, 132), (10, 5), 0, 0, 360, (40,), -1, cv2.LINE_AA)
    cv2.ellipse(image, (120, 186), (20, 6), 0, 0, 360, (104,), -1, cv2.LINE_AA)
    grain = noise.normal(0, 3, image.shape)
    shaded = np.clip(image + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", shaded, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()

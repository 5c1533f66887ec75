"""The code tables of ISO/IEC 19794-4:2011."""

from __future__ import annotations

from enum import IntEnum


class Position(IntEnum):
    """What is on the picture (tables 6, 7 and 8)."""

    UNKNOWN = 0
    RIGHT_THUMB = 1
    RIGHT_INDEX = 2
    RIGHT_MIDDLE = 3
    RIGHT_RING = 4
    RIGHT_LITTLE = 5
    LEFT_THUMB = 6
    LEFT_INDEX = 7
    LEFT_MIDDLE = 8
    LEFT_RING = 9
    LEFT_LITTLE = 10
    PLAIN_RIGHT_FOUR_FINGERS = 13
    PLAIN_LEFT_FOUR_FINGERS = 14
    PLAIN_THUMBS = 15
    UNKNOWN_PALM = 20
    RIGHT_FULL_PALM = 21
    RIGHT_WRITERS_PALM = 22
    LEFT_FULL_PALM = 23
    LEFT_WRITERS_PALM = 24
    RIGHT_LOWER_PALM = 25
    RIGHT_UPPER_PALM = 26
    LEFT_LOWER_PALM = 27
    LEFT_UPPER_PALM = 28
    RIGHT_OTHER = 29
    LEFT_OTHER = 30
    RIGHT_INTERDIGITAL = 31
    RIGHT_THENAR = 32
    RIGHT_HYPOTHENAR = 33
    LEFT_INTERDIGITAL = 34
    LEFT_THENAR = 35
    LEFT_HYPOTHENAR = 36
    RIGHT_INDEX_AND_MIDDLE = 40
    RIGHT_MIDDLE_AND_RING = 41
    RIGHT_RING_AND_LITTLE = 42
    LEFT_INDEX_AND_MIDDLE = 43
    LEFT_MIDDLE_AND_RING = 44
    LEFT_RING_AND_LITTLE = 45
    RIGHT_INDEX_AND_LEFT_INDEX = 46
    RIGHT_INDEX_MIDDLE_AND_RING = 47
    RIGHT_MIDDLE_RING_AND_LITTLE = 48
    LEFT_INDEX_MIDDLE_AND_RING = 49
    LEFT_MIDDLE_RING_AND_LITTLE = 50


class Compression(IntEnum):
    """How the picture is packed (table 9)."""

    RAW = 0
    PACKED = 1
    WSQ = 2
    JPEG = 3
    JPEG2000_LOSSY = 4
    JPEG2000_LOSSLESS = 5
    PNG = 6


class Impression(IntEnum):
    """How the print was made (table 10)."""

    LIVE_PLAIN = 0
    LIVE_ROLLED = 1
    NONLIVE_PLAIN = 2
    NONLIVE_ROLLED = 3
    LATENT_IMPRESSION = 4
    LATENT_TRACING = 5
    LATENT_PHOTO = 6
    LATENT_LIFT = 7
    LIVE_SWIPE = 8
    LIVE_VERTICAL_ROLL = 9
    LIVE_PALM = 10
    NONLIVE_PALM = 11
    LATENT_PALM_IMPRESSION = 12
    LATENT_PALM_TRACING = 13
    LATENT_PALM_PHOTO = 14
    LATENT_PALM_LIFT = 15
    LIVE_OPTICAL_CONTACTLESS_PLAIN = 24
    OTHER = 28
    UNKNOWN = 29


class ScaleUnit(IntEnum):
    """What the sampling rates count (table 2)."""

    PIXELS_PER_INCH = 1
    PIXELS_PER_CM = 2


class DeviceTechnology(IntEnum):
    """How the reader sees the finger (table 4); only values on which independent sources agree have a name here."""

    UNKNOWN = 0
    WHITE_LIGHT_TIR = 1
    WHITE_LIGHT_DIRECT_VIEW = 2
    WHITE_LIGHT_TOUCHLESS = 3
    MONOCHROMATIC_VISIBLE_TIR = 4
    MONOCHROMATIC_VISIBLE_DIRECT_VIEW = 5
    MONOCHROMATIC_VISIBLE_TOUCHLESS = 6
    MONOCHROMATIC_INFRARED_TIR = 7
    MONOCHROMATIC_INFRARED_DIRECT_VIEW = 8
    MONOCHROMATIC_INFRARED_TOUCHLESS = 9
    MULTISPECTRAL_TIR = 10
    MULTISPECTRAL_DIRECT_VIEW = 11


# NFIQ 2's own registration; only ever for a score that the `nfiq2` program gave.
NFIQ2_VENDOR, NFIQ2_ALGORITHM = 0x0101, 0x0039
# Quality was tried and could not be told.
QUALITY_FAILED = 255

"""WSQ, the FBI's compression of fingerprints (IAFIS-IC-0110), through the `wsq` package (NIST's NBIS code).

FBI certification of this encoder is unverified: nobody may call what it makes certified. Its rate is fixed at 0.75
bits per pixel, the nominal 15:1, and cannot be changed: 0.25 to 2.25 give the same bytes. What a print really reaches
is stated with it, and was 11.6:1 to 13:1 on synthetic ones of 384 x 290 pixels, 12.0:1 and 12.2:1 on two of NIST's.
"""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import _wsq
import numpy as np

from agent.capture.fingerprint.formats.errors import DamagedPicture, DecoderTimeout, UnsupportedPicture, WsqUnfit
from agent.capture.fingerprint.formats.limits import check_size
from agent.capture.fingerprint.formats.wsq_markers import wsq_size
from agent.devices.seams import Pixels

# The package takes a rate and ignores it; this is the one it uses.
BITS_PER_PIXEL = 0.75
# The encoder's tables alone outgrow its buffer below this.
MIN_SIDE = 64
# Real prints come back with 20 dB and more; a picture below this is another one.
MIN_PSNR_DB = 10.0
TIMEOUT_S = 10.0
_WORKER = Path(__file__).with_name("_wsq_worker.py")
_HEADER = struct.Struct(">IIi")


@dataclass(frozen=True, slots=True)
class WsqPicture:
    """A packed print: `ratio` is raw bytes per packed byte, `psnr_db` how close the unpacked one comes (inf: equal)."""

    data: bytes = field(repr=False)
    ratio: float
    psnr_db: float


@dataclass(frozen=True, slots=True)
class WsqContent:
    """An unpacked print and the resolution that the file states, None when it does not."""

    pixels: Pixels = field(repr=False)
    ppi: int | None


def pack_wsq(pixels: Pixels) -> WsqPicture:
    """Pack a print (height x width, 8-bit grey, 500 ppi, which the file states), unpack it again and compare.

    Raises UnsupportedPicture, BadField, PictureTooBig or WsqUnfit.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise UnsupportedPicture(f"pixels of shape {pixels.shape}, type {pixels.dtype}")
    height, width = pixels.shape
    check_size(width, height)
    if min(height, width) < MIN_SIDE:
        raise WsqUnfit(f"{width}x{height} pixels, at least {MIN_SIDE} a side are needed")
    try:
        data = bytes(_wsq.compress(pixels.tobytes(), height, width, BITS_PER_PIXEL))
        back, *size, _ = _wsq.decompress(data)
    except Exception as error:  # the package raises bare exceptions
        raise WsqUnfit(str(error)) from error
    if size != [width, height]:
        raise WsqUnfit(f"{width}x{height} pixels came back as {size[0]}x{size[1]}")
    return WsqPicture(data, pixels.size / len(data), _checked_psnr(pixels, back))


def read_wsq(data: bytes, timeout_s: float = TIMEOUT_S) -> WsqContent:
    """Unpack a WSQ file from anywhere, in a process of its own.

    Raises NotAFingerRecord, TruncatedFile, LyingLength, BadField, PictureTooBig, DamagedPicture or DecoderTimeout.
    """
    width, height = wsq_size(data)
    answer = _unpacked(data, timeout_s)
    if len(answer) != _HEADER.size + width * height:
        raise DamagedPicture(f"{len(answer)} bytes from the WSQ decoder for {width}x{height} pixels")
    *size, ppi = _HEADER.unpack_from(answer)
    if size != [width, height]:
        raise DamagedPicture(f"the WSQ decoder sees {size[0]}x{size[1]} pixels, the header says {width}x{height}")
    pixels = np.frombuffer(answer, np.uint8, offset=_HEADER.size).reshape(height, width)
    return WsqContent(pixels, ppi if ppi > 0 else None)


def _unpacked(data: bytes, timeout_s: float) -> bytes:
    try:
        worker = subprocess.run(
            [sys.executable, "-I", str(_WORKER)], input=data, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DecoderTimeout(f"{timeout_s:g} s") from error
    if worker.returncode:
        raise DamagedPicture(f"WSQ decoder ended with {worker.returncode}: {worker.stderr[:200]!r}")
    return worker.stdout


def _checked_psnr(pixels: Pixels, back: bytes) -> float:
    difference = pixels.astype(np.int32) - np.frombuffer(back, np.uint8).reshape(pixels.shape)
    error = float((difference * difference).mean())
    psnr_db = 10 * math.log10(255**2 / error) if error else math.inf
    if psnr_db < MIN_PSNR_DB:
        raise WsqUnfit(f"comes back with {psnr_db:.1f} dB, at least {MIN_PSNR_DB:g} are needed")
    return psnr_db

"""The card's QR code in a picture: a file that was decoded, or a frame of the camera."""

from __future__ import annotations

import time
from threading import Event

import zxingcpp

from agent.capture.chip.errors import QrNotFound, QrUnreadable
from agent.capture.chip.identity import parse_qr
from agent.devices.seams import FrameSource, Pixels

_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def qr_text(pixels: Pixels) -> str:
    """Return the text of the one citizen card's QR code in a picture (height x width [x 3], grey or BGR, 8 bit).

    Raises QrNotFound, or QrUnreadable when there are only other codes, or those of several cards.
    """
    found = zxingcpp.read_barcodes(pixels, formats=_QR)
    texts = {barcode.text for barcode in found if barcode.valid}
    if not texts:
        raise QrNotFound
    cards = {text for text in texts if _is_card(text)}
    if len(cards) != 1:
        # Two cards in one picture: to take either would be a guess about a person.
        raise QrUnreadable(f"{len(texts)} QR codes, {len(cards)} of them citizen cards'")
    return cards.pop()


def scan(camera: FrameSource, deadline: float, cancelled: Event) -> str:
    """Wait for a card's QR code before the camera and return its text; `deadline` is on time.monotonic().

    Raises QrNotFound or QrUnreadable, whichever was true of the last frame; Cancelled or DeviceError.
    """
    number = 0
    while True:
        frame = camera.newest(number, deadline, cancelled)
        number = frame.number
        try:
            return qr_text(frame.pixels)
        except QrUnreadable:
            if time.monotonic() >= deadline:
                raise


def _is_card(text: str) -> bool:
    try:
        parse_qr(text)
    except QrUnreadable:
        return False
    return True

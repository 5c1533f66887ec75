"""The card's QR code in pictures: drawn by another part of the library, bent and spoilt here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Event

import cv2
import numpy as np
import pytest
import zxingcpp

from agent.capture.chip import QrNotFound, QrUnreadable
from agent.capture.chip.qr_picture import qr_text, scan
from agent.devices.errors import Cancelled
from agent.devices.seams import Frame, Pixels

TEXT = "001085000017|123456789|Nguyễn Văn Đức|01011985|Nam|Số 1, Hà Nội|01012022"
OTHER = TEXT.replace("001085000017", "001085000018")
PATIENCE_S = 30.0


def drawn(text: str = TEXT, scale: int = 5) -> Pixels:
    """Draw a QR code, as BGR."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=scale, add_quiet_zones=True)
    return np.ascontiguousarray(np.repeat(np.asarray(code)[:, :, None], 3, axis=2))


def on_a_desk(*codes: Pixels) -> Pixels:
    """Put codes side by side before a camera of 1280 x 720."""
    desk = np.full((720, 1280, 3), 90, np.uint8)
    for place, code in enumerate(codes):
        height, width = code.shape[:2]
        desk[100 : 100 + height, 60 + 600 * place :][:, :width] = code
    return desk


def test_diacritics_come_through() -> None:
    """The text is UTF-8, and its fields are the card's."""
    assert qr_text(drawn()) == TEXT


def test_grey_is_as_good_as_colour() -> None:
    """As a decoded file may be."""
    assert qr_text(np.ascontiguousarray(drawn()[:, :, 0])) == TEXT


@pytest.mark.parametrize("angle", [0, 20, 90, 173])
def test_a_card_that_is_held_anyhow_is_read(angle: int) -> None:
    """Turned, blurred and dim in a camera's frame."""
    code = drawn(scale=6)
    middle = 60 + code.shape[1] / 2, 100 + code.shape[0] / 2
    turn = cv2.getRotationMatrix2D(middle, angle, 1.0)
    turn[:, 2] += (640 - middle[0], 360 - middle[1])
    frame = cv2.warpAffine(on_a_desk(code), turn, (1280, 720), borderValue=(90, 90, 90))
    dim = np.asarray(cv2.GaussianBlur(frame, (5, 5), 0) * 0.5, np.uint8)
    assert qr_text(dim) == TEXT


def test_a_picture_without_code_is_told() -> None:
    """With what to do."""
    with pytest.raises(QrNotFound) as caught:
        qr_text(on_a_desk())
    assert "closer" in caught.value.remedy.en


def test_another_code_is_not_a_cards() -> None:
    """An advertisement, or half a card's text."""
    for text in ("https://example.org", "001085000017|x"):
        with pytest.raises(QrUnreadable, match="0 of them"):
            qr_text(drawn(text))


def test_another_code_beside_the_cards_does_no_harm() -> None:
    """The card's is known by its fields."""
    assert qr_text(on_a_desk(drawn("https://example.org"), drawn(scale=4))) == TEXT


def test_two_cards_are_not_chosen_from() -> None:
    """Either could be somebody else."""
    with pytest.raises(QrUnreadable, match="2 of them"):
        qr_text(on_a_desk(drawn(scale=4), drawn(OTHER, scale=4)))


@dataclass
class Film:
    """A camera that shows these pictures, the last one again and again."""

    pictures: list[Pixels]
    cancelled_at: int = -1
    shown: int = field(default=0)

    def newest(self, after: int, deadline: float, cancelled: Event) -> Frame:
        """Show the next one."""
        assert deadline > 0
        if cancelled.is_set() or after == self.cancelled_at:
            raise Cancelled
        self.shown = after + 1
        return Frame(self.pictures[min(after, len(self.pictures) - 1)], self.shown, time.monotonic())


class TestCamera:
    """Waiting for the card."""

    def test_the_first_frame_that_shows_it_counts(self) -> None:
        """Empty desk, another code, then the card."""
        film = Film([on_a_desk(), on_a_desk(drawn("https://example.org")), on_a_desk(drawn(scale=6))])
        assert scan(film, time.monotonic() + PATIENCE_S, Event()) == TEXT
        assert film.shown == 3

    def test_at_the_deadline_the_last_cause_is_told(self) -> None:
        """Nothing, or something else."""
        with pytest.raises(QrNotFound):
            scan(Film([on_a_desk()]), time.monotonic(), Event())
        with pytest.raises(QrUnreadable, match="0 of them"):
            scan(Film([on_a_desk(drawn("https://example.org"))]), time.monotonic(), Event())

    def test_it_can_be_cancelled(self) -> None:
        """Between any two frames."""
        with pytest.raises(Cancelled):
            scan(Film([on_a_desk()], cancelled_at=2), time.monotonic() + PATIENCE_S, Event())

"""Why a print cannot be measured. A print that is merely bad is measured, and then refused by its gates."""

from __future__ import annotations

from agent.words import KioskError, Words


class PrintQualityError(KioskError):
    """Base of what keeps a fingerprint's quality from being measured."""

    code = "fingerprint.quality"
    words = Words("Không đo được chất lượng dấu vân tay.", "The fingerprint's quality could not be measured.")
    remedy = Words("Lấy lại dấu vân tay.", "Take the fingerprint again.")


class WrongPixels(PrintQualityError):
    """The picture is not 8-bit grey of height x width; `detail` says what it is."""

    code = "fingerprint.wrong_pixels"
    words = Words("Ảnh vân tay không phải ảnh xám 8 bit.", "The fingerprint picture is not 8-bit grey.")
    remedy = Words(
        "Đưa vào ảnh xám 8 bit, một kênh màu.",
        "Give a picture with one channel of 8-bit grey.",
    )


class WrongResolution(PrintQualityError):
    """The stated resolution cannot be true; `detail` has it in pixels per inch."""

    code = "fingerprint.wrong_resolution"
    words = Words("Độ phân giải của ảnh vân tay không hợp lệ.", "The fingerprint picture's resolution cannot be true.")
    remedy = Words("Hiệu chuẩn lại đầu đọc vân tay.", "Calibrate the fingerprint reader again.")


class PrintTooLarge(PrintQualityError):
    """More pixels than one finger can have; `detail` has the size."""

    code = "fingerprint.too_large"
    words = Words("Ảnh vân tay quá lớn so với một ngón tay.", "The picture is too large to be one finger.")
    remedy = Words(
        "Đưa vào ảnh của một ngón tay, tối đa 800x1000 điểm ảnh ở 500 ppi.",
        "Give a picture of one finger, at most 800x1000 pixels at 500 ppi.",
    )


class PrintTooSmall(PrintQualityError):
    """Fewer pixels than one block of the measures needs; `detail` has the size."""

    code = "fingerprint.too_small"
    words = Words("Ảnh vân tay quá nhỏ để đo.", "The fingerprint picture is too small to be measured.")
    remedy = Words("Đặt cả đầu ngón tay lên đầu đọc.", "Place the whole fingertip on the reader.")


class BlankPrint(PrintQualityError):
    """Nothing is on the picture: all white, or one grey all over (NIST's UniformImage and EmptyImage)."""

    code = "fingerprint.blank"
    words = Words("Ảnh vân tay trống.", "The fingerprint picture is blank.")
    remedy = Words("Đặt ngón tay lên đầu đọc và ấn nhẹ.", "Place the finger on the reader and press gently.")


class TooLittlePrint(PrintQualityError):
    """Too few blocks carry a print for the measures to exist (fewer than NIST's own ten); `detail` counts them."""

    code = "fingerprint.too_little_print"
    words = Words("Vùng vân tay quá ít để đo.", "Too little of the picture is fingerprint.")
    remedy = Words("Đặt cả đầu ngón tay vào giữa đầu đọc.", "Place the whole fingertip on the middle of the reader.")


class Nfiq2Failed(PrintQualityError):
    """The installed `nfiq2` program gave no score; `detail` says what it did instead."""

    code = "fingerprint.nfiq2_failed"
    words = Words("Chương trình nfiq2 không cho điểm.", "The nfiq2 program gave no score.")
    remedy = Words(
        "Chạy thử `nfiq2` trên kiosk; cài lại nếu cần. Việc lấy vân tay vẫn tiếp tục được.",
        "Try `nfiq2` on the kiosk and install it again if need be. Taking fingerprints goes on without it.",
    )

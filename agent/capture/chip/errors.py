"""Why a chip cannot be read or believed. What a chip says wrongly about a person is a failed check, not an error."""

from __future__ import annotations

from agent.words import KioskError, Words


class ChipError(KioskError):
    """Base of the chip's errors."""

    code = "chip.error"
    words = Words("Không đọc được chip.", "The chip could not be read.")
    remedy = Words("Đặt lại thẻ và thử lại.", "Place the card again and retry.")


class ChipDataError(ChipError):
    """Bytes from the chip that are not what Doc 9303 demands; `detail` names the place."""

    code = "chip.bad_data"
    words = Words("Dữ liệu trong chip không đúng chuẩn.", "The chip's data are not as Doc 9303 demands.")
    remedy = Words(
        "Thử lại; nếu lặp lại, thẻ có thể hỏng hoặc giả.", "Retry; if it repeats, the card may be broken or false."
    )


class StatusError(ChipError):
    """The chip refused a command; `sw` is its status word."""

    code = "chip.refused"
    words = Words("Chip từ chối một lệnh.", "The chip refused a command.")

    def __init__(self, what: str, sw: int) -> None:
        super().__init__(f"{what}: {sw:04X}")
        self.sw = sw


class WrongCan(ChipError):
    """The chip refused the card access number. It is never tried again by itself."""

    code = "chip.wrong_can"
    words = Words("Chip từ chối sáu số cuối (CAN).", "The chip refused the last six digits (CAN).")
    remedy = Words(
        "Thẻ này không phải của số đã nhập. So lại 12 số trên thẻ trước khi thử lại.",
        "This card does not belong to the number typed. Compare the 12 digits before trying again.",
    )


class AccessDenied(ChipError):
    """PACE failed for another reason than a wrong CAN."""

    code = "chip.access_denied"
    words = Words("Không thiết lập được kênh an toàn với chip.", "No secure channel to the chip could be set up.")


class SessionBroken(ChipError):
    """A protected answer with a wrong MAC or layout: the session is dead."""

    code = "chip.session_broken"
    words = Words("Kênh an toàn với chip bị hỏng.", "The secure channel to the chip broke.")
    remedy = Words(
        "Đặt lại thẻ. Nếu lặp lại, có thể có thiết bị chen giữa: gọi kỹ thuật viên.",
        "Place the card again. If it repeats, something may sit in between: call a technician.",
    )


class NotANumber(ChipError):
    """What was given is not a 12-digit personal number."""

    code = "chip.not_a_number"
    words = Words("Số định danh phải gồm đúng 12 chữ số.", "The personal number must have exactly 12 digits.")
    remedy = Words("Nhập lại số in trên thẻ.", "Type the number printed on the card again.")


class QrUnreadable(ChipError):
    """The QR text is not a citizen card's."""

    code = "chip.qr_unreadable"
    words = Words("Mã QR không phải của thẻ căn cước.", "The QR code is not a citizen card's.")
    remedy = Words("Quét lại mã QR trên thẻ.", "Scan the card's QR code again.")

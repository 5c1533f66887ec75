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
        self.what, self.sw = what, sw


class WrongPassword(ChipError):
    """The chip refused a password. It is never tried again by itself.

    `sw` is its status word, `tries_left` what a chip that counts has left (63Cx; 0 when it is blocked, 6983).
    """

    code = "chip.wrong_password"
    words = Words("Chip từ chối mật mã.", "The chip refused the password.")

    def __init__(self, sw: int) -> None:
        self.sw = sw
        self.tries_left = 0 if sw == 0x6983 else sw & 0x0F if sw & 0xFFF0 == 0x63C0 else None
        super().__init__(f"{sw:04X}" if self.tries_left is None else f"{sw:04X}, {self.tries_left} tries left")


class WrongCan(WrongPassword):
    """The chip refused the card access number."""

    code = "chip.wrong_can"
    words = Words("Chip từ chối sáu số cuối (CAN).", "The chip refused the last six digits (CAN).")
    remedy = Words(
        "Thẻ này không phải của số đã nhập. So lại 12 số trên thẻ trước khi thử lại.",
        "This card does not belong to the number typed. Compare the 12 digits before trying again.",
    )


class WrongMrz(WrongPassword):
    """The chip refused the key from the machine-readable zone."""

    code = "chip.wrong_mrz"
    words = Words("Chip từ chối khóa từ dòng MRZ.", "The chip refused the key from the machine-readable zone.")
    remedy = Words(
        "So lại số giấy tờ, ngày sinh và ngày hết hạn với giấy tờ trước khi thử lại.",
        "Compare document number, birth date and expiry date with the document before trying again.",
    )


class WrongPin(WrongPassword):
    """The chip refused PIN or PUK."""

    code = "chip.wrong_pin"
    words = Words("Chip từ chối mã PIN/PUK.", "The chip refused the PIN or PUK.")
    remedy = Words(
        "Không thử đoán: chip sẽ khóa. Hỏi chủ thẻ.", "Do not guess, the chip would lock itself. Ask the holder."
    )


class AccessDenied(ChipError):
    """No secure channel, for another reason than a wrong password."""

    code = "chip.access_denied"
    words = Words("Không thiết lập được kênh an toàn với chip.", "No secure channel to the chip could be set up.")


class SessionBroken(ChipError):
    """An answer without protection, with a wrong MAC or a wrong layout: the session is dead.

    `sw` is the status word of an answer without protection, else None.
    """

    code = "chip.session_broken"
    words = Words("Kênh an toàn với chip bị hỏng.", "The secure channel to the chip broke.")
    remedy = Words(
        "Đặt lại thẻ. Nếu lặp lại, có thể có thiết bị chen giữa: gọi kỹ thuật viên.",
        "Place the card again. If it repeats, something may sit in between: call a technician.",
    )

    def __init__(self, detail: str, sw: int | None = None) -> None:
        super().__init__(detail)
        self.sw = sw


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


class QrNotFound(QrUnreadable):
    """A picture shows no QR code that can be read."""

    code = "chip.qr_not_found"
    words = Words("Không thấy mã QR trong ảnh.", "The picture shows no QR code that can be read.")
    remedy = Words(
        "Chụp lại gần hơn, đủ sáng, không lóa, hoặc nhập 12 số trên thẻ.",
        "Take it again, closer, bright and without glare, or type the card's 12 digits.",
    )


class NotAnMrz(ChipError):
    """What was given is not a machine-readable zone, or not its key fields with right check digits."""

    code = "chip.not_an_mrz"
    words = Words("Dòng MRZ không đúng.", "The machine-readable zone is not right.")
    remedy = Words("Quét hoặc nhập lại các dòng MRZ.", "Scan or type the lines again.")


class NotAPin(ChipError):
    """What was given is no PIN or PUK."""

    code = "chip.not_a_pin"
    words = Words("Mã PIN/PUK phải là 5 đến 16 chữ số.", "A PIN or PUK has 5 to 16 digits.")
    remedy = Words("Nhập lại.", "Type it again.")


class NotTrusted(ChipError):
    """A certificate, master list or revocation list that leads to nothing trusted; `detail` says why."""

    code = "trust.not_trusted"
    words = Words("Không thể tin tệp này.", "This file cannot be trusted.")
    remedy = Words(
        "Lấy tệp từ nguồn chính thức; nhập chứng thư CSCA đã ký nó trước.",
        "Get it from the official source; import the CSCA certificate that signed it first.",
    )


class NoSuchAnchor(ChipError):
    """No entry of the trust store, or several, begin with the fingerprint given."""

    code = "trust.no_such_anchor"
    words = Words("Không tìm thấy đúng một mục có vân tay này.", "Not exactly one entry has this fingerprint.")
    remedy = Words(
        "Xem `kiosk trust list` và nhập ít nhất sáu ký tự.", "See `kiosk trust list` and type six characters or more."
    )

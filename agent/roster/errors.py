"""Why a person cannot be found on the roster, or the roster not be read."""

from __future__ import annotations

from agent.words import KioskError, Words


class RosterError(KioskError):
    """Base of the roster's errors."""

    code = "roster.error"


class RosterUnreadable(RosterError):
    """The roster file is missing or a row of it is wrong; `detail` names file, line and column."""

    code = "roster.unreadable"
    words = Words("Không đọc được danh sách.", "The roster cannot be read.")
    remedy = Words("Chép lại tệp danh sách đúng mẫu vào kiosk.", "Copy a roster file in the right form onto the kiosk.")


class NotOnRoster(RosterError):
    """Nobody with this number is on the station's roster."""

    code = "roster.not_found"
    words = Words(
        "Người này không có trong danh sách của điểm thu nhận.",
        "This person is not on this station's roster.",
    )
    remedy = Words(
        "Kiểm tra lại 12 số; nếu đúng, hướng dẫn người dân liên hệ chi bộ hoặc điểm thu nhận của mình.",
        "Check the 12 digits; if they are right, send the person to their branch or their own station.",
    )


class NotEligible(RosterError):
    """The person is on the roster but marked as not eligible."""

    code = "roster.not_eligible"
    words = Words(
        "Người này có trong danh sách nhưng chưa đủ điều kiện.",
        "This person is on the roster but not eligible.",
    )
    remedy = Words("Hướng dẫn người dân liên hệ chi bộ.", "Send the person to their branch.")


class AmbiguousName(RosterError):
    """Several people on the roster match the name."""

    code = "roster.ambiguous_name"
    words = Words("Có nhiều người trùng tên.", "Several people match this name.")
    remedy = Words("Nhập 12 số hoặc quét mã QR trên thẻ.", "Type the 12 digits or scan the card's QR code.")

"""What goes wrong around fingers but is neither the reader's fault nor the print's."""

from __future__ import annotations

from agent.words import KioskError, Words


class NotAFinger(KioskError):
    """There is no finger of this name; `detail` lists those that there are."""

    code = "fingerprint.not_a_finger"
    words = Words("Không có ngón tay tên như vậy.", "There is no finger of this name.")
    remedy = Words("Dùng một trong các tên được liệt kê.", "Use one of the listed names.")


class FingersSettled(KioskError):
    """The fingers of this visit are over: nothing can be declared of them any more."""

    code = "fingerprint.settled"
    words = Words("Bước vân tay của lượt này đã xong.", "The fingers of this visit are over.")
    remedy = Words(
        "Nếu khai báo còn thiếu, hủy lượt và thu nhận lại.",
        "If something was left out, cancel and take the person in again.",
    )


class TargetNotSeen(KioskError):
    """The calibration target is not on the picture as it should be; `detail` says what is wrong."""

    code = "fingerprint.target_not_seen"
    words = Words("Không thấy mẫu hiệu chuẩn trên đầu đọc.", "The calibration target is not seen on the reader.")
    remedy = Words(
        "Ép phẳng mẫu kẻ ô vuông lên mặt kính và ghi đúng bước kẻ; hoặc nhập --x-ppi và --y-ppi.",
        "Press the target of crossed lines flat on the glass and give its true pitch; or type --x-ppi and --y-ppi.",
    )

"""Why a new epoch cannot be opened."""

from __future__ import annotations

from agent.words import KioskError, Words


class EpochError(KioskError):
    """Base of the errors around epochs."""

    code = "epoch.error"


class EpochUnreadable(EpochError):
    """The file of an epoch is missing, damaged, or not signed by this kiosk's key; `detail` names it."""

    code = "epoch.unreadable"
    words = Words("Không đọc được tệp kỳ khóa của kiosk.", "The file of the kiosk's epoch cannot be read.")
    remedy = Words("Gọi kỹ thuật viên; không xóa thư mục nào.", "Call a technician; delete no folder.")


class EpochsNotReadable(EpochError):
    """The folder of the epochs may not be read by this user, or its disk fails; `detail` has the system's word."""

    code = "epoch.folder_unreadable"
    words = Words("Không đọc được thư mục kỳ khóa của kiosk.", "The folder of the kiosk's epochs cannot be read.")
    remedy = Words(
        "Chạy lệnh bằng người dùng của kiosk (sudo -u kiosk), và kiểm tra đĩa.",
        "Run it as the kiosk's user (sudo -u kiosk), and check the disk.",
    )


class TokenMalformed(EpochError):
    """What was typed is not a one-time token, or one for another epoch."""

    code = "epoch.token"
    words = Words("Mã một lần không đúng.", "The one-time token is not right.")
    remedy = Words(
        "Xin mã mới: `collector token KIOSK` ở trung tâm.", "Ask for a new one: `collector token KIOSK` at the centre."
    )


class TokenNeeded(EpochError):
    """The old key cannot sign, so a technician's one-time token must stand for it; `detail` says why."""

    code = "epoch.token_needed"
    words = Words("Không dùng được khóa cũ: cần mã một lần.", "The old key cannot be used: a one-time token is needed.")
    remedy = Words(
        "Xin mã: `collector token KIOSK` ở trung tâm, rồi chạy lại với --token.",
        "Get one by `collector token KIOSK` at the centre, then run this again with --token.",
    )


class RotatedBefore(EpochError):
    """The epoch that is open now was not accepted by the collector yet: epochs are opened one at a time."""

    code = "epoch.not_accepted_yet"
    words = Words("Trung tâm chưa nhận khóa hiện tại.", "The collector has not taken the present key yet.")
    remedy = Words(
        "Để kiosk kết nối trung tâm một lần rồi đổi khóa.", "Let the kiosk reach the collector once, then rotate."
    )

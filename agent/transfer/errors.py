"""What goes wrong with records on a disk that is carried."""

from __future__ import annotations

from agent.words import KioskError, Words


class TransferError(KioskError):
    """Base of this package's errors."""

    code = "transfer.error"


class ExportIncomplete(TransferError):
    """The folder holds no finished export: its index, which is written last, is missing."""

    code = "transfer.incomplete"
    words = Words("Thư mục không chứa bản xuất hoàn chỉnh.", "The folder holds no finished export.")
    remedy = Words(
        "Cắm lại ổ vào kiosk và chạy tiếp `kiosk queue export`.",
        "Plug the disk into the kiosk again and go on with `kiosk queue export`.",
    )


class ExportDamaged(TransferError):
    """A file of the export is not the one that the kiosk signed; `detail` names it."""

    code = "transfer.damaged"
    words = Words("Bản xuất trên ổ bị hỏng hoặc bị thay đổi.", "The export on the disk is damaged or was changed.")
    remedy = Words(
        "Không xóa gì ở kiosk. Xuất lại, tốt nhất bằng ổ khác: hồ sơ vẫn còn ở kiosk.",
        "Delete nothing at the kiosk. Export again, best to another disk: the records are still there.",
    )


class ExportUnreadable(TransferError):
    """The disk does not give the export's files back; `detail` says which and why."""

    code = "transfer.unreadable"
    words = Words("Không đọc được ổ chứa bản xuất.", "The disk with the export cannot be read.")
    remedy = Words("Kiểm tra ổ và quyền đọc; xuất lại nếu ổ hỏng.", "Check disk and rights; export again if it is bad.")

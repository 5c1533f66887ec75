"""What goes wrong when records are looked after."""

from __future__ import annotations

from agent.words import KioskError, Words


class CustodyError(KioskError):
    """Base of this package's errors."""

    code = "custody.error"


class ExportDiskFull(CustodyError):
    """The disk has no room for the export; what is on it already stays and is not written again."""

    code = "custody.disk_full"
    words = Words("Ổ đích không đủ chỗ cho bản xuất.", "The disk has no room for the export.")
    remedy = Words(
        "Giải phóng chỗ rồi chạy lại: lệnh làm tiếp từ chỗ đã dừng; hoặc dùng ổ lớn hơn.",
        "Free space and run it again: it goes on where it stopped; or use a larger disk.",
    )


class ExportDiskFailing(CustodyError):
    """The disk refuses to be written; the records are still in the queue."""

    code = "custody.disk_failing"
    words = Words("Không ghi được ổ đích.", "The disk cannot be written.")
    remedy = Words(
        "Kiểm tra ổ, quyền ghi và khóa chống ghi. Hồ sơ vẫn còn nguyên ở kiosk.",
        "Check the disk, your rights and its write protection. The records are still on the kiosk.",
    )


class ExportBusy(CustodyError):
    """Another export writes into the folder; `detail` names its pid."""

    code = "custody.export_busy"
    words = Words("Một lần xuất khác đang ghi vào thư mục này.", "Another export is writing into this folder.")
    remedy = Words("Đợi lần kia xong.", "Wait until it is done.")


class NotOurExport(CustodyError):
    """What is to be signed or believed is not about this kiosk's own records."""

    code = "custody.not_ours"
    words = Words("Bản xuất không phải của kiosk này.", "The export is not this kiosk's own.")
    remedy = Words("Kiểm tra ổ và thư mục.", "Check disk and folder.")


class NotLost(CustodyError):
    """A record that looked lost can be read after all: nothing may be said in its place."""

    code = "custody.not_lost"
    words = Words("Hồ sơ vẫn đọc được, không bị mất.", "The record can be read after all; it is not lost.")
    remedy = Words("Chạy lại `kiosk queue export`.", "Run `kiosk queue export` again.")


class NoDisk(CustodyError):
    """The folder to read from is not there; `detail` names it."""

    code = "custody.no_disk"
    words = Words("Không thấy thư mục hoặc ổ này.", "There is no such folder or disk.")
    remedy = Words("Cắm ổ, kiểm tra đường dẫn.", "Plug the disk in and check the path.")


class NoReceipt(CustodyError):
    """The folder holds no receipt: the collector has not imported it, or could not write to the disk."""

    code = "custody.no_receipt"
    words = Words("Trên ổ chưa có biên nhận của trung tâm.", "There is no receipt of the collector on the disk.")
    remedy = Words("Chạy `collector import` tại trung tâm trước.", "Run `collector import` at the centre first.")

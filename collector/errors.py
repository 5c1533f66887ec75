"""What goes wrong at the collector, in words its operators can act on."""

from __future__ import annotations

from agent.words import KioskError, Words


class CollectorError(KioskError):
    """Base of the collector's errors."""

    code = "collector.error"


class ConfigInvalid(CollectorError):
    """The collector's configuration file is missing or wrong; `detail` names file and key."""

    code = "collector.config"
    words = Words("Cấu hình trung tâm không hợp lệ.", "The collector's configuration is not valid.")
    remedy = Words(
        "Sửa mục được nêu, hoặc tạo lại bằng `collector init`.", "Correct the key named, or use `collector init`."
    )


class AlreadyExists(CollectorError):
    """A file that would be overwritten; keys are never overwritten."""

    code = "collector.already_exists"
    words = Words("Tệp đã tồn tại; khóa không bao giờ bị ghi đè.", "The file exists; keys are never overwritten.")
    remedy = Words("Chọn thư mục mới.", "Choose a new folder.")


class NoSuchRecord(CollectorError):
    """No stored record matches."""

    code = "collector.no_such_record"
    words = Words("Không có hồ sơ này.", "There is no such record.")
    remedy = Words("Xem danh sách bằng `collector list`.", "See `collector list`.")


class RecordDamaged(CollectorError):
    """A stored record does not verify, or a part does not match its hash in the manifest."""

    code = "collector.record_damaged"
    words = Words("Hồ sơ không khớp chữ ký hoặc mã băm.", "The record does not match its signature or hashes.")
    remedy = Words("Giữ nguyên tệp và báo quản trị.", "Leave the file as it is and tell the administrator.")


class StoreFailed(CollectorError):
    """The store cannot be read or written; nothing was acknowledged."""

    code = "collector.store_failed"
    words = Words("Không ghi được kho hồ sơ.", "The store cannot be read or written.")
    remedy = Words("Kiểm tra đĩa và quyền của thư mục kho.", "Check the disk and the rights of the store's folder.")


class AddressInUse(CollectorError):
    """The collector cannot listen at its address."""

    code = "collector.address"
    words = Words("Không mở được địa chỉ lắng nghe.", "The collector cannot listen at its address.")
    remedy = Words(
        "Đổi `address` hoặc dừng chương trình đang dùng cổng đó.", "Change `address` or stop what uses the port."
    )

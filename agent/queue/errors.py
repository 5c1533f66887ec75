"""What goes wrong with the local queue."""

from __future__ import annotations

from agent.words import KioskError, Words


class QueueError(KioskError):
    """Base of the queue's errors."""

    code = "queue.error"
    words = Words("Lỗi hàng đợi hồ sơ.", "The record queue met an error.")


class NoRoom(QueueError):
    """The disk has no room for another record; told before a visit starts, never after."""

    code = "queue.no_room"
    words = Words("Ổ đĩa không còn chỗ cho hồ sơ mới.", "There is no room on the disk for another record.")
    remedy = Words(
        "Chưa thu nhận thêm. Kiểm tra mạng để hồ sơ được gửi đi, hoặc giải phóng ổ đĩa.",
        "Take nobody in. Check the network so that records can leave, or free disk space.",
    )


class NotInSequence(QueueError):
    """A record that does not continue the chain: wrong epoch, seq or previous hash."""

    code = "queue.not_in_sequence"
    words = Words("Hồ sơ không nối tiếp chuỗi.", "The record does not continue the chain.")


class TooLarge(QueueError):
    """A record larger than `max_record_bytes`."""

    code = "queue.too_large"
    words = Words("Hồ sơ lớn hơn mức cho phép.", "The record is larger than allowed.")
    remedy = Words("Chụp lại; nếu lặp lại, gọi kỹ thuật viên.", "Capture again; if it repeats, call a technician.")


class HeadMismatch(QueueError):
    """A receipt names another hash than ours for that record; nothing is acknowledged."""

    code = "queue.head_mismatch"
    words = Words("Biên nhận không khớp hồ sơ tại kiosk.", "The receipt does not match the record kept here.")


class NoSuchRecord(QueueError):
    """A seq that was never appended, or whose segment is gone."""

    code = "queue.no_such_record"
    words = Words("Không có hồ sơ số này trong hàng đợi.", "The queue has no record of this number.")


class CorruptFrame(QueueError):
    """Stored bytes that do not match their checksums where they must; `detail` names file and place."""

    code = "queue.corrupt"
    words = Words("Dữ liệu hàng đợi trên đĩa bị hỏng.", "The queue's data on the disk is damaged.")
    remedy = Words(
        "Dừng thu nhận, giữ nguyên ổ đĩa và gọi kỹ thuật viên.",
        "Stop taking people in, leave the disk as it is and call a technician.",
    )


class RecordLost(CorruptFrame):
    """A stored record can no longer be read; its bytes are kept in `quarantine` and the records behind it go on.

    `payload_sha256` continues the chain: the record's own payload hash when `known`, otherwise its place-holder.
    """

    code = "queue.record_lost"
    words = Words("Một hồ sơ trên đĩa đã hỏng và được cách ly.", "A stored record is damaged and was set aside.")
    remedy = Words(
        "Báo trung tâm số hồ sơ; người này cần được thu nhận lại. Giữ thư mục quarantine.",
        "Tell the centre the record's number; the person must be taken in again. Keep the quarantine folder.",
    )

    def __init__(self, seq: int, payload_sha256: bytes, *, known: bool) -> None:
        super().__init__(f"seq {seq}")
        self.seq, self.payload_sha256, self.known = seq, payload_sha256, known


class OtherVersion(QueueError):
    """The folder was written by another version of the software; nothing in it was touched."""

    code = "queue.other_version"
    words = Words(
        "Hàng đợi do một phiên bản phần mềm khác ghi.", "The queue was written by another version of the software."
    )
    remedy = Words(
        "Cài lại phiên bản trước, gửi hết hồ sơ, rồi mới nâng cấp.",
        "Install the earlier version again, let all records leave, then upgrade.",
    )


class QueueLocked(QueueError):
    """Another process holds the queue's folder; `detail` names its pid."""

    code = "queue.locked"
    words = Words("Một chương trình khác đang dùng hàng đợi này.", "Another program is using this queue.")
    remedy = Words("Dừng chương trình kia trước.", "Stop the other program first.")


class OtherEpoch(QueueError):
    """The folder holds another epoch than the one that is to be opened."""

    code = "queue.other_epoch"
    words = Words("Hàng đợi thuộc về một khóa khác.", "The queue belongs to another record key.")
    remedy = Words("Gọi kỹ thuật viên; không xóa thư mục.", "Call a technician; do not delete the folder.")


class StorageFailed(QueueError):
    """The disk refused a write or a sync, twice; the record is not stored."""

    code = "queue.storage_failed"
    words = Words("Không ghi được hồ sơ xuống đĩa.", "The record could not be written to the disk.")
    remedy = Words(
        "Hồ sơ CHƯA được lưu. Kiểm tra ổ đĩa và làm lại lượt này.",
        "The record is NOT stored. Check the disk and repeat the visit.",
    )


class DiskFailing(QueueError):
    """The disk did not take a write and a sync when a visit was about to start: read-only, or I/O errors."""

    code = "queue.disk_failing"
    words = Words("Ổ đĩa không nhận dữ liệu.", "The disk takes no data.")
    remedy = Words(
        "Dừng thu nhận và gọi kỹ thuật viên. Hồ sơ đã lưu vẫn được giữ.",
        "Take nobody in and call a technician. The records already stored are kept.",
    )


class FolderNotPrivate(QueueError):
    """The queue's folder belongs to somebody else or is open to others."""

    code = "queue.folder_not_private"
    words = Words("Thư mục hàng đợi không riêng tư.", "The queue's folder is not private.")
    remedy = Words("Đặt đúng chủ và quyền 0700 (chown, chmod).", "Set its owner and mode 0700 (chown, chmod).")


class SegmentTooSmall(QueueError):
    """By the settings, a segment cannot hold the largest record."""

    code = "queue.segment_too_small"
    words = Words("Cấu hình hàng đợi không hợp lệ.", "The queue's settings do not fit together.")
    remedy = Words(
        "Tăng queue.segment_mib hoặc giảm queue.max_record_mib.",
        "Raise queue.segment_mib or lower queue.max_record_mib.",
    )


class NoQueue(QueueError):
    """There is no queue in the folder: it is missing, or no record was ever stored in it."""

    code = "queue.not_there"
    words = Words("Không có hàng đợi trong thư mục này.", "There is no queue in this folder.")
    remedy = Words(
        "Hàng đợi được tạo khi kiosk khởi động lần đầu, hoặc lần đầu sau khi đổi khóa. Nếu đã khởi động rồi: kiểm tra "
        "kiosk.data_folder trong cấu hình.",
        "It is made when the kiosk starts for the first time, or after a new key. If it did: check kiosk.data_folder.",
    )


class QueueUnreadable(QueueError):
    """The user who asks may not read the queue's folder."""

    code = "queue.not_readable"
    words = Words("Không có quyền đọc thư mục hàng đợi.", "You may not read the queue's folder.")
    remedy = Words(
        "Chạy lệnh bằng người dùng của kiosk (sudo -u kiosk).", "Run it as the kiosk's user (sudo -u kiosk)."
    )


class NotRepairable(CorruptFrame):
    """What repair cannot mend without guessing the next record's number; nothing was changed."""

    code = "queue.not_repairable"
    words = Words("Không thể tự sửa hàng đợi mà không đoán.", "The queue cannot be repaired without guessing.")
    remedy = Words(
        "Giữ nguyên ổ đĩa, sao chép thư mục hàng đợi và gọi trung tâm: cần mở chuỗi mới.",
        "Leave the disk as it is, copy the queue's folder and call the centre: a new epoch is needed.",
    )

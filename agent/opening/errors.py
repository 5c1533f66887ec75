"""Why a record cannot be verified, opened or written out."""

from __future__ import annotations

from agent.words import KioskError, Words


class OpeningError(KioskError):
    """Base of the errors of verifying and opening."""

    code = "record.error"


class NotARecordFile(OpeningError):
    """A file that cannot be read as one record; `detail` names it."""

    code = "record.not_a_record"
    words = Words("Tệp này không phải là hồ sơ.", "The file is not a record.")
    remedy = Words("Chọn tệp .record do trung tâm lưu.", "Choose a .record file as the collector keeps it.")


class RecordDamaged(OpeningError):
    """A record does not verify, or a part does not match its hash in the manifest."""

    code = "record.damaged"
    words = Words("Hồ sơ không khớp chữ ký hoặc mã băm.", "The record does not match its signature or hashes.")
    remedy = Words("Giữ nguyên tệp và báo quản trị.", "Leave the file as it is and tell the administrator.")


class FolderInUse(OpeningError):
    """The folder to write to holds something; opened records are never written over anything."""

    code = "record.folder_in_use"
    words = Words("Thư mục đã có dữ liệu; không ghi đè.", "The folder is in use; nothing is written over.")
    remedy = Words("Chọn thư mục mới hoặc thư mục trống.", "Choose a new or empty folder.")


class NotWritten(OpeningError):
    """The opened record could not be written out; what was written before it is plain personal data."""

    code = "record.not_written"
    words = Words("Không ghi được hồ sơ đã mở.", "The opened record could not be written.")
    remedy = Words(
        "Kiểm tra đĩa và quyền, xóa thư mục dở dang.", "Check disk and rights, and remove the unfinished folder."
    )

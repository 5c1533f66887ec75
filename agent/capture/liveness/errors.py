"""What can go wrong with a challenge itself; a wrong or missing answer is a failed check, not an error."""

from __future__ import annotations

from agent.words import KioskError, Words


class LivenessError(KioskError):
    """Base of the errors of liveness."""

    code = "liveness.error"


class FlashReportWrong(LivenessError):
    """A screen told when it showed the colours in a way that cannot be; `detail` says how."""

    code = "liveness.flash_report_wrong"
    words = Words("Màn hình báo thời điểm nháy màu không hợp lệ.", "The screen's times of the flash cannot be right.")
    remedy = Words("Tải lại trang màn hình rồi làm lại.", "Reload the screen's page and do it again.")


class SeriesUnreadable(LivenessError):
    """A file that is no recorded liveness evidence."""

    code = "liveness.series_unreadable"
    words = Words("Tệp này không phải bằng chứng người thật.", "This file is no recorded liveness evidence.")
    remedy = Words("Chọn phần liveness/series của hồ sơ.", "Give the part liveness/series of a record.")

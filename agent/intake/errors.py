"""Why a visit cannot start, go on or be answered."""

from __future__ import annotations

from agent.words import KioskError, Words


class IntakeError(KioskError):
    """Base of the intake's errors."""

    code = "intake.error"


class VisitRunning(IntakeError):
    """Another person's visit is still open on this kiosk."""

    code = "intake.busy"
    words = Words("Kiosk đang phục vụ một người khác.", "Another person's visit is still open on this kiosk.")
    remedy = Words("Hoàn tất hoặc hủy lượt đang mở trước.", "Finish or cancel the open visit first.")


class NoSuchVisit(IntakeError):
    """The visit is unknown; the daemon may have been restarted since."""

    code = "intake.no_such_visit"
    words = Words("Không tìm thấy lượt thu nhận này.", "This visit is not known.")
    remedy = Words("Bắt đầu lượt mới.", "Start a new visit.")


class NoSuchQuestion(IntakeError):
    """The answer does not fit the question that is open now."""

    code = "intake.no_such_question"
    words = Words("Câu trả lời không khớp với câu hỏi đang chờ.", "The answer does not fit the open question.")
    remedy = Words("Đọc lại câu hỏi trên màn hình.", "Read the question on the screen again.")


class WrongNumber(IntakeError):
    """What was typed is not a 12-digit personal number."""

    code = "intake.wrong_number"
    words = Words("Số định danh phải gồm đúng 12 chữ số.", "The personal number must have exactly 12 digits.")
    remedy = Words("Nhập lại số in trên thẻ căn cước.", "Type the number printed on the citizen card again.")


class VisitCancelled(IntakeError):
    """The operator cancelled; nothing was kept."""

    code = "intake.cancelled"
    words = Words("Đã hủy lượt; không lưu dữ liệu nào.", "The visit was cancelled; nothing was kept.")
    remedy = Words("Bắt đầu lượt mới khi sẵn sàng.", "Start a new visit when ready.")


class NoticeRefused(IntakeError):
    """The person did not agree to the notice; nothing was captured."""

    code = "intake.notice_refused"
    words = Words(
        "Người dân không đồng ý với thông báo; không thu nhận dữ liệu.",
        "The person did not accept the notice; nothing was captured.",
    )
    remedy = Words("Giải thích thông báo hoặc kết thúc.", "Explain the notice, or end here.")


class NotAnswered(IntakeError):
    """Nobody answered the question on the screen in time; silence is not consent."""

    code = "intake.not_answered"
    words = Words("Không có ai trả lời câu hỏi trong thời gian chờ.", "Nobody answered the question in time.")
    remedy = Words("Bắt đầu lại lượt này.", "Start this visit again.")


class StageFailed(IntakeError):
    """A stage failed a gate and the policy does not let the visit go on with it."""

    code = "intake.stage_failed"
    words = Words("Một bước không đạt yêu cầu.", "A stage did not pass.")
    remedy = Words("Làm lại bước đó hoặc gọi cán bộ phụ trách.", "Repeat the stage or call the supervisor.")


class PolicyUnreadable(IntakeError):
    """The policy document of the signed bundle is not in the expected form."""

    code = "intake.policy"
    words = Words("Không đọc được chính sách thu nhận.", "The intake policy cannot be read.")
    remedy = Words("Yêu cầu trung tâm gửi lại gói chính sách.", "Ask the centre for a new policy bundle.")


class RecordTooLarge(IntakeError):
    """The record is larger than the policy allows."""

    code = "intake.record_too_large"
    words = Words("Hồ sơ lớn hơn mức cho phép.", "The record is larger than allowed.")
    remedy = Words(
        "Chụp lại ảnh; nếu lặp lại, gọi kỹ thuật viên.",
        "Take the pictures again; if it repeats, call a technician.",
    )

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


class FingerNotAsked(IntakeError):
    """The policy does not ask for this finger; `detail` lists those that it asks for."""

    code = "intake.finger_not_asked"
    words = Words("Quy định không yêu cầu lấy ngón này.", "The policy does not ask for this finger.")
    remedy = Words("Chọn một trong các ngón được liệt kê.", "Choose one of the listed fingers.")


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


class VisitInterrupted(IntakeError):
    """The daemon stopped during the visit; the finished stages are in the journal."""

    code = "intake.interrupted"
    words = Words(
        "Kiosk dừng giữa chừng; các bước đã xong vẫn còn.", "The kiosk stopped; the finished stages are kept."
    )
    remedy = Words(
        "Khởi động lại rồi chạy `kiosk intake --resume`.", "Start it again, then run `kiosk intake --resume`."
    )


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


class TooManyWaiting(IntakeError):
    """As many records wait for the collector as the policy allows; `detail` has both numbers."""

    code = "intake.too_many_waiting"
    words = Words(
        "Quá nhiều hồ sơ chờ gửi về trung tâm; tạm dừng thu nhận.",
        "Too many records wait for the collector; nobody is taken in for now.",
    )
    remedy = Words(
        "Nối lại mạng, hoặc chuyển hồ sơ bằng ổ rời: `kiosk queue export`.",
        "Bring the network back, or carry the records on a disk: `kiosk queue export`.",
    )


class JournalUnreadable(IntakeError):
    """The journal of an unfinished visit cannot be opened; `detail` says where."""

    code = "intake.journal_unreadable"
    words = Words("Không mở được nhật ký của lượt dang dở.", "The journal of the unfinished visit cannot be opened.")
    remedy = Words(
        "Bỏ lượt dang dở bằng `kiosk intake --discard` và mời người dân làm lại.",
        "Discard it with `kiosk intake --discard` and take the person in again.",
    )


class JournalKeyTooOpen(IntakeError):
    """The journal's key file can be read by others."""

    code = "intake.journal_key_mode"
    words = Words("Tệp khóa nhật ký để quyền quá rộng.", "The journal's key file is readable by others.")
    remedy = Words("Chạy `chmod 600` cho tệp đó.", "Run `chmod 600` on that file.")


class VisitUnfinished(IntakeError):
    """A visit was cut off (power, crash) and must be gone on with or discarded first."""

    code = "intake.unfinished"
    words = Words("Có một lượt dang dở do bị ngắt.", "A visit was cut off and is not finished.")
    remedy = Words(
        "Làm tiếp bằng `kiosk intake --resume`, hoặc bỏ bằng `kiosk intake --discard`.",
        "Go on with `kiosk intake --resume`, or drop it with `kiosk intake --discard`.",
    )


class NothingUnfinished(IntakeError):
    """There is no visit to go on with."""

    code = "intake.nothing_unfinished"
    words = Words("Không có lượt dang dở.", "There is no unfinished visit.")
    remedy = Words("Bắt đầu lượt mới.", "Start a new visit.")


class PolicyChanged(IntakeError):
    """The unfinished visit was judged by another policy than the one in force."""

    code = "intake.policy_changed"
    words = Words("Chính sách đã đổi sau khi lượt bị ngắt.", "The policy changed since the visit was cut off.")
    remedy = Words("Bỏ lượt dang dở và làm lại từ đầu.", "Discard the unfinished visit and start again.")


class PortraitOrderNotAllowed(IntakeError):
    """The policy does not let operators choose this for a portrait; `detail` names it."""

    code = "intake.portrait_order"
    words = Words("Chính sách không cho phép lựa chọn này.", "The policy does not allow this choice.")
    remedy = Words("Chọn một mục trong danh sách trên màn hình.", "Choose one from the list on the screen.")


class SupervisorMissing(IntakeError):
    """A special case without the name of whoever allows it."""

    code = "intake.supervisor_missing"
    words = Words(
        "Trường hợp đặc biệt cần tên cán bộ phụ trách cho phép (1 đến 100 ký tự).",
        "A special case needs the name of the supervisor who allows it (1 to 100 characters).",
    )
    remedy = Words("Nhập tên cán bộ phụ trách.", "Type the supervisor's name.")


class PortraitOver(IntakeError):
    """The visit's portrait is settled, or the visit is over."""

    code = "intake.portrait_over"
    words = Words("Bước chụp ảnh của lượt này đã xong.", "The portrait of this visit is settled.")
    remedy = Words("Chỉ ra lệnh chụp khi đang ở bước chân dung.", "Give orders before the portrait is settled.")

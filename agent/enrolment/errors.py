"""Why a kiosk does not get its certificate, or the time."""

from __future__ import annotations

from agent.words import KioskError, Words

ASK_FOR_TOKEN = Words(
    "Xin mã ở trung tâm (`collector kiosk token KIOSK`), rồi chạy `kiosk enrol --token MÃ`.",
    "Get a token at the centre (`collector kiosk token KIOSK`), then run `kiosk enrol --token TOKEN`.",
)


class EnrolmentError(KioskError):
    """Base of the errors around the kiosk's certificate."""

    code = "enrolment.error"


class EnrolmentRefused(EnrolmentError):
    """The collector refused for a reason that this version does not know; `detail` is the reason."""

    code = "enrolment.refused"
    words = Words("Trung tâm từ chối cấp chứng thư.", "The collector refuses the certificate.")
    remedy = Words("Báo trung tâm kèm chi tiết.", "Tell the centre the detail.")


class TokenMalformed(EnrolmentError):
    """What was given is not an enrolment token: mistyped, cut, or a token for a record key."""

    code = "enrolment.token_malformed"
    words = Words("Mã ghi danh gõ sai hoặc thiếu.", "The enrolment token is mistyped or cut.")
    remedy = Words(
        "Chép lại đủ 14 nhóm 4 ký tự; mã của `collector token` là mã khác.",
        "Copy all 14 groups of four characters again; a token of `collector token` is another kind.",
    )


class TokenRefused(EnrolmentError):
    """The collector does not take the token: unknown, used, expired, or for another kiosk."""

    code = "enrolment.token_refused"
    words = Words("Trung tâm không nhận mã ghi danh.", "The collector does not take the enrolment token.")
    remedy = ASK_FOR_TOKEN


class TooManyAttempts(EnrolmentError):
    """Too many wrong tokens came from this network."""

    code = "enrolment.too_many_attempts"
    words = Words("Nhập sai mã quá nhiều lần.", "Too many wrong tokens were tried.")
    remedy = Words("Chờ một phút rồi thử lại với mã mới.", "Wait a minute, then try again with a new token.")


class Revoked(EnrolmentError):
    """The centre revoked this kiosk; `detail` is why."""

    code = "enrolment.revoked"
    words = Words("Kiosk đã bị trung tâm thu hồi.", "The centre revoked this kiosk.")
    remedy = Words(
        "Hồ sơ an toàn tại kiosk. Gọi trung tâm; nếu được dùng lại: `collector kiosk add`, rồi `kiosk enrol`.",
        "Records are safe here. Call the centre; if it is to work again: `collector kiosk add`, then `kiosk enrol`.",
    )


class TokenNeeded(EnrolmentError):
    """The present certificate cannot be renewed any more; `detail` says why."""

    code = "enrolment.token_needed"
    words = Words(
        "Không tự gia hạn được chứng thư: cần mã một lần.", "The certificate cannot be renewed: a token is needed."
    )
    remedy = ASK_FOR_TOKEN


class NotEnrolled(EnrolmentError):
    """There is no certificate here that could be renewed; `detail` names the file."""

    code = "enrolment.not_enrolled"
    words = Words("Kiosk chưa ghi danh.", "The kiosk is not enrolled.")
    remedy = ASK_FOR_TOKEN


class NoCampaignKey(EnrolmentError):
    """campaign.pem is missing or unusable: without it no bundle could be believed."""

    code = "enrolment.no_campaign_key"
    words = Words("Thiếu khóa công khai của chiến dịch.", "The campaign's public key is missing.")
    remedy = Words(
        "Chép campaign.pem do trung tâm cấp vào thư mục tin cậy, rồi chạy lại.",
        "Copy campaign.pem from the centre into the trust folder, then run this again.",
    )


class NoAddress(EnrolmentError):
    """It is not known where the collector's second port is."""

    code = "enrolment.no_address"
    words = Words("Chưa biết cổng ghi danh của trung tâm.", "The collector's second port is not known.")
    remedy = Words(
        "Đặt collector.enrolment_address, hoặc dùng --collector HOST:PORT.",
        "Set collector.enrolment_address, or give --collector HOST:PORT.",
    )


class CollectorNotReached(EnrolmentError):
    """Nobody answers at the collector's second port while a technician waits; `detail` is the address and why."""

    code = "enrolment.not_reached"
    words = Words("Trung tâm chưa trả lời ở cổng ghi danh.", "The collector does not answer at its second port.")
    remedy = Words(
        "Kiểm tra mạng, địa chỉ và cổng, rồi chạy lại với cùng mã.",
        "Check network, address and port, then run it again with the same token.",
    )


class AnswerNotBelieved(EnrolmentError):
    """The collector answered with something that does not fit the question; nothing of it was kept."""

    code = "enrolment.answer_not_believed"
    words = Words("Câu trả lời của trung tâm không đáng tin.", "The collector's answer is not believed.")
    remedy = Words("Báo ngay cho trung tâm kèm chi tiết.", "Tell the centre the detail at once.")


class NotStored(EnrolmentError):
    """A file could not be read or written; the old certificate is still in place. `detail` names it."""

    code = "enrolment.not_stored"
    words = Words("Không ghi được chứng thư mới.", "The new certificate could not be stored.")
    remedy = Words(
        "Kiểm tra đĩa và quyền của thư mục tin cậy (docs/enrolment.md).",
        "Check the disk and the rights of the trust folder (docs/enrolment.md).",
    )


# The collector's codes; a code that is not here is EnrolmentRefused.
BY_CODE: dict[str, type[EnrolmentError]] = {
    "token_unknown": TokenRefused,
    "token_used": TokenRefused,
    "token_expired": TokenRefused,
    "too_many_attempts": TooManyAttempts,
    "revoked": Revoked,
    "superseded": TokenNeeded,
    "grace_over": TokenNeeded,
    "unknown_kiosk": TokenNeeded,
}

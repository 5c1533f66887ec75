"""Why records cannot be opened here, or not with a log that can be believed."""

from __future__ import annotations

from agent.words import Words
from collector.errors import CollectorError


class OpeningLogBroken(CollectorError):
    """The log of openings was changed, cut inside, or cannot be written; nothing is opened. `detail` names the line."""

    code = "opening.log_broken"
    words = Words("Nhật ký mở hồ sơ không còn nguyên vẹn.", "The log of openings is not whole.")
    remedy = Words(
        "Không mở thêm hồ sơ. Giữ nguyên tệp, báo người phụ trách bảo vệ dữ liệu.",
        "Open no more records. Leave the file as it is and tell whoever answers for data protection.",
    )


class OpeningInUse(CollectorError):
    """Another process opens records with this folder."""

    code = "opening.in_use"
    words = Words("Đang có tiến trình khác mở hồ sơ.", "Another process is opening records.")
    remedy = Words("Chờ tiến trình đó xong.", "Wait until it is done.")


class OpeningFailed(CollectorError):
    """The opener's folder cannot be used; `detail` names the file."""

    code = "opening.failed"
    words = Words("Không dùng được thư mục mở hồ sơ.", "The opener's folder cannot be used.")
    remedy = Words("Kiểm tra đĩa, quyền và tệp được nêu.", "Check disk, rights and the file named.")

"""What can go wrong with the match itself; two faces that differ are a failed check, not an error."""

from __future__ import annotations

from agent.words import KioskError, Words


class MatchFailed(KioskError):
    """The comparison did not come to an end; `detail` says why."""

    code = "match.failed"
    words = Words("Không so sánh được khuôn mặt.", "The faces could not be compared.")
    remedy = Words("Thử lại; nếu lặp lại, gọi kỹ thuật viên.", "Retry; if it repeats, call a technician.")

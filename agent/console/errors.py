"""Why the local API cannot be used."""

from __future__ import annotations

from agent.words import KioskError, Words


class DaemonUnreachable(KioskError):
    """Nobody answers on the kiosk's socket."""

    code = "daemon.unreachable"
    words = Words("Không kết nối được với chương trình kiosk.", "The kiosk daemon cannot be reached.")
    remedy = Words(
        "Khởi động bằng `systemctl start kiosk` hoặc `kiosk run`, và kiểm tra quyền trên socket.",
        "Start it with `systemctl start kiosk` or `kiosk run`, and check your rights on the socket.",
    )


class BadRequest(KioskError):
    """A request to the local API is not in the expected form."""

    code = "api.bad_request"
    words = Words("Yêu cầu không hợp lệ.", "The request is not valid.")
    remedy = Words("Cập nhật chương trình gửi yêu cầu.", "Update the program that sent it.")


class NotFound(KioskError):
    """The local API has no such thing."""

    code = "api.not_found"
    words = Words("Không tìm thấy.", "Not found.")
    remedy = Words("Kiểm tra lại lệnh.", "Check the command.")


class RemoteError(KioskError):
    """An error that the daemon told a client; it keeps the daemon's own code and words."""

    def __init__(self, code: str, words: Words, remedy: Words, detail: str) -> None:
        super().__init__(detail)
        self.code = code  # type: ignore[misc]  # an instance of this class stands for any class over there
        self.words = words  # type: ignore[misc]  # see above
        self.remedy = remedy  # type: ignore[misc]  # see above

    def __str__(self) -> str:
        return f"{self.words.en} ({self.detail})" if self.detail else self.words.en


class DaemonRunning(KioskError):
    """Another daemon answers on the socket."""

    code = "daemon.running"
    words = Words("Chương trình kiosk đang chạy rồi.", "A kiosk daemon is already running.")
    remedy = Words(
        "Dùng chương trình đang chạy, hoặc dừng nó bằng `systemctl stop kiosk`.",
        "Use the running one, or stop it with `systemctl stop kiosk`.",
    )


class SocketUnusable(KioskError):
    """The local API's socket cannot be opened; `detail` names the path and why."""

    code = "daemon.socket"
    words = Words("Không mở được socket của kiosk.", "The kiosk's socket cannot be opened.")
    remedy = Words(
        "Kiểm tra kiosk.socket trong cấu hình, thư mục và quyền.",
        "Check kiosk.socket in the file, its folder and rights.",
    )


class NoVisitOpen(KioskError):
    """An order for the open visit, and none is open."""

    code = "console.no_visit"
    words = Words("Không có lượt nào đang mở.", "No visit is open.")
    remedy = Words("Bắt đầu lượt bằng `kiosk intake`.", "Start one with `kiosk intake`.")

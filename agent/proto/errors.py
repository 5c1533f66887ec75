"""Why bytes are not one of our messages."""

from __future__ import annotations

from agent.words import KioskError, Words


class MessageInvalid(KioskError):
    """Bytes that do not parse as the expected message, or break its limits; `detail` names message and field."""

    code = "proto.invalid"
    words = Words("Thông điệp không đúng định dạng.", "A message is not in the expected form.")
    remedy = Words("Cập nhật phần mềm ở cả hai đầu.", "Update the software on both ends.")

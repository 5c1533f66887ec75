"""What people read: every sentence in Vietnamese (first) and English, and the errors that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence for people, in both languages."""

    vi: str
    en: str


class KioskError(Exception):
    """Something a person must be told: a stable code, the true cause and the remedy.

    Subclasses set the class attributes; `detail` adds technical evidence and never holds personal data,
    since it goes to logs.
    """

    code: ClassVar[str] = "kiosk.error"
    words: ClassVar[Words] = Words("Kiosk gặp lỗi.", "The kiosk met an error.")
    remedy: ClassVar[Words] = Words("Gọi kỹ thuật viên.", "Call a technician.")

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{self.words.en} ({detail})" if detail else self.words.en)
        self.detail = detail

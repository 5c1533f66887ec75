"""What the person is told to do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.capture.evidence import Guidance
from agent.capture.liveness.challenge import Turn
from agent.capture.liveness.session import Session, Step
from agent.words import Words

LOOK = Words("Nhìn thẳng vào camera.", "Look straight into the camera.")
WATCH = Words("Giữ yên và nhìn màn hình đổi màu.", "Keep still and watch the screen change its colours.")
DONE = Words("Đã xong, cảm ơn.", "Done, thank you.")
AGAIN = Words("Chưa được, xin làm lại theo hướng dẫn.", "That did not work; please do as told once more.")
NO_ANSWER = Words("Chưa thấy quay đầu; xin làm lại.", "No movement was seen; please do it once more.")
TURNS: Mapping[Turn, Words] = MappingProxyType(
    {
        Turn.LEFT: Words("Quay đầu sang TRÁI của mình.", "Turn your head to your LEFT."),
        Turn.RIGHT: Words("Quay đầu sang PHẢI của mình.", "Turn your head to your RIGHT."),
        Turn.UP: Words("Ngẩng đầu LÊN.", "Lift your head UP."),
    }
)


def prompt(session: Session) -> Guidance:
    """Return what to do now, with how much is done of how much for the ring on the screen."""
    code, words = _now(session)
    return Guidance(f"liveness.{code}", words, session.done, session.total)


def _now(session: Session) -> tuple[str, Words]:
    match session.step:
        case Step.FACE:
            return "look", LOOK
        case Step.FLASH:
            return "flash", WATCH
        case Step.TURN if session.asked is not None:
            return f"turn_{session.asked}", TURNS[session.asked]
        case Step.NO_RESPONSE:
            return "no_answer", NO_ANSWER
    return "answered", DONE

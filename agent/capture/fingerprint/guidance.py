"""What to tell the person at the reader, and when: nothing twice in a row, nothing for a single frame."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.capture.evidence import Guidance, Guide
from agent.capture.fingerprint.advice import Advice
from agent.capture.fingerprint.names import FINGERS
from agent.devices.errors import DeviceError
from agent.words import Words

LIFT = Guidance("fingerprint.lift", Words("Nhấc ngón tay lên.", "Lift the finger."))
HOLD = Guidance("fingerprint.hold", Words("Giữ yên ngón tay.", "Hold the finger still."))
_WORDS = {
    Advice.HARDER: Words("Ấn mạnh hơn một chút.", "Press a little harder."),
    Advice.LIGHTER: Words("Ấn nhẹ hơn.", "Press more lightly."),
    Advice.LEFT: Words("Dịch ngón tay sang trái.", "Move the finger to the left."),
    Advice.RIGHT: Words("Dịch ngón tay sang phải.", "Move the finger to the right."),
    Advice.UP: Words("Đẩy ngón tay lên phía trước.", "Move the finger forward."),
    Advice.DOWN: Words("Kéo ngón tay lùi lại.", "Move the finger back."),
    Advice.FLAT: Words("Đặt phẳng cả đầu ngón tay vào giữa.", "Place the whole fingertip flat in the middle."),
    Advice.WIPE: Words("Vân tay không rõ: lau ngón tay và đầu đọc.", "The ridges are unclear: wipe finger and reader."),
    Advice.STILL: Words("Giữ yên, đừng xê dịch ngón tay.", "Keep still, do not move the finger."),
    Advice.WET: Words("Ngón tay ướt: lau khô rồi đặt lại.", "The finger is wet: dry it and place it again."),
    Advice.DRY: Words(
        "Ngón tay khô: hà hơi hoặc làm ẩm nhẹ rồi đặt lại.", "The finger is dry: breathe on it or moisten it slightly."
    ),
    Advice.AGAIN: Words("Chưa đủ rõ, đặt lại ngón tay.", "Not clear enough: place the finger again."),
}
# What the trouble must be when the first advice did not help.
_DEEPER = {Advice.LIGHTER: Advice.WET, Advice.HARDER: Advice.DRY}
# So many frames in a row must ask for it.
STEADY_FRAMES = 2


def place(finger: str, done: int, total: int) -> Guidance:
    """Ask for a finger; `done` of `total` fingers are taken."""
    name = FINGERS[finger]
    words = Words(f"Đặt {name.vi} lên đầu đọc.", f"Place the {name.en} on the reader.")
    return Guidance(f"fingerprint.place.{finger}", words, done, total)


def same_finger(wanted: str, earlier: str) -> Guidance:
    """Say that this finger was taken before, under the name `earlier`."""
    asked, was = FINGERS[wanted], FINGERS[earlier]
    words = Words(
        f"Đây là ngón đã lấy làm {was.vi}. Hãy đặt {asked.vi}.",
        f"This finger was taken before as the {was.en}. Place the {asked.en}.",
    )
    return Guidance("fingerprint.same_finger", words)


def trouble(error: DeviceError) -> Guidance:
    """Say what is wrong with the reader and what to do."""
    words = Words(f"{error.words.vi} {error.remedy.vi}", f"{error.words.en} {error.remedy.en}")
    return Guidance(error.code, words)


@dataclass(slots=True)
class Coach:
    """Speaks to one person about one finger, from attempt to attempt."""

    guide: Guide
    _earlier: set[Advice] = field(default_factory=set)
    _now: set[Advice] = field(default_factory=set)
    _told: Advice | None = None
    _wanted: Advice | None = None
    _frames: int = 0

    def new_touch(self) -> None:
        """Begin an attempt: what was said in the ones before did not help."""
        self._earlier |= self._now
        self._now.clear()
        self._told = self._wanted = None

    def frame(self, advice: Advice | None) -> None:
        """Hear what one frame asks for; say it once it is steady."""
        self._frames = self._frames + 1 if advice is self._wanted else 1
        self._wanted = advice
        if advice is not None and self._frames >= STEADY_FRAMES:
            self.say(advice)

    def say(self, advice: Advice) -> None:
        """Say it, unless it was the last thing said."""
        if advice is self._told:
            return
        self._told = advice
        self._now.add(advice)
        told = _DEEPER.get(advice, advice) if advice in self._earlier else advice
        self.guide(Guidance(f"fingerprint.{told}", _WORDS[told]))

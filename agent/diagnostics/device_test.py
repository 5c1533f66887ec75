"""The full test of one device: steps that a technician prepares, each a few checks, and what must be seen in it.

A camera that is covered must turn dark, a finger must be seen on the glass: so the picture is live, and this device's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event

from agent.diagnostics.catalogue import CHECKS
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Fault, Finding, Verdict, error
from agent.diagnostics.run import Tell, run_checks, select
from agent.words import Words

NOT_SEEN: Mapping[str, Fault] = {
    "camera": error(
        "device_test.camera.cover_not_seen",
        "Che ống kính mà hình không tối đi: có thể là máy ảnh khác, hoặc hình đứng.",
        "The lens was covered and the picture did not turn dark: another camera, or a picture that stands still.",
        "Kiểm tra camera.source trong cấu hình; cắm lại máy ảnh rồi thử lại.",
        "Check camera.source in the configuration; plug the camera in again and repeat the test.",
    ),
    "pad": error(
        "device_test.pad.finger_not_seen",
        "Đặt ngón tay mà đầu đọc không thấy.",
        "A finger was laid on the glass, and the reader does not see it.",
        "Lau kính, ấn cả đốt ngón tay; nếu lặp lại, thay đầu đọc.",
        "Clean the glass, press the whole pad of the finger; if it repeats, replace the reader.",
    ),
    "card": error(
        "device_test.card.card_not_seen",
        "Đặt thẻ mà đầu đọc không thấy.",
        "A card was laid down, and the reader does not see it.",
        "Đặt thẻ sát giữa đầu đọc; thử thẻ khác; nếu lặp lại, thay đầu đọc.",
        "Lay it flat in the middle; try another card; if it repeats, replace the reader.",
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """What the technician does, which checks run then, and, where `seen` is given, what one of them must tell."""

    title: Words
    checks: tuple[str, ...]
    seen_by: str = ""
    seen: Callable[[Finding], bool] = lambda _: True


def _dark(found: Finding) -> bool:
    return found.code in ("camera.light.dark", "camera.light.covered")


def _covered(found: Finding) -> bool:
    # An empty glass is judged; one with a finger on it cannot be.
    return found.verdict is Verdict.NOT_ASSESSED


def _assessed(found: Finding) -> bool:
    return found.verdict is Verdict.OK


TESTS: Mapping[str, tuple[Step, ...]] = {
    "card": (
        Step(
            Words("Bỏ hết thẻ khỏi đầu đọc.", "Take every card off the reader."),
            ("card.service", "card.version", "card.reader", "card.driver"),
        ),
        Step(
            Words("Đặt thẻ thử lên giữa đầu đọc.", "Lay the test card on the middle of the reader."),
            ("card.atr", "card.latency", "card.extended", "card.bit_rate", "card.selftest"),
            "card.atr",
            _assessed,
        ),
    ),
    "camera": (
        Step(
            Words(
                "Bật đèn như khi làm việc; một người đứng vào chỗ chụp.",
                "Light as at work; somebody stands in the place of the person.",
            ),
            ("camera",),
        ),
        Step(
            Words("Lấy tay che kín ống kính.", "Cover the lens with the hand."),
            ("camera.light",),
            "camera.light",
            _dark,
        ),
    ),
    "pad": (
        Step(Words("Lau sạch mặt kính và để trống.", "Wipe the glass and leave it empty."), ("pad",)),
        Step(
            Words("Đặt một ngón tay lên kính và giữ yên.", "Lay a finger on the glass and hold it."),
            ("pad.glass",),
            "pad.glass",
            _covered,
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Done:
    """A step and what was found in it."""

    title: Words
    findings: tuple[Finding, ...]


def run_step(device: str, step: Step, context: Context, tell: Tell, cancelled: Event) -> Done:
    """Run the checks of a step that is prepared; `context` is fresh, for it remembers measurements."""
    found = run_checks(select(CHECKS, step.checks), context, tell, cancelled)
    return Done(step.title, tuple(_judged(device, step, one) for one in found))


def _judged(device: str, step: Step, found: Finding) -> Finding:
    """Return a finding as it counts in this step: what had to be seen is fine, whatever the check says of it."""
    if found.check != step.seen_by:
        return found
    if step.seen(found):
        return replace(found, verdict=Verdict.OK, code=found.check, cause=Words("", ""), remedy=Words("", ""))
    if found.verdict is Verdict.ERROR:
        return found
    fault = NOT_SEEN[device]
    evidence = f"{found.code}: {found.evidence}"
    return replace(
        found, verdict=fault.verdict, code=fault.code, cause=fault.cause, remedy=fault.remedy, evidence=evidence
    )


def all_findings(steps: Sequence[Done]) -> list[Finding]:
    """Return the findings of all steps."""
    return [finding for step in steps for finding in step.findings]

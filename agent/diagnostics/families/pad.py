"""The fingerprint reader: found, permitted, free, awake in time, and what it sees on an empty glass."""

from __future__ import annotations

from pathlib import Path

from agent.devices.errors import (
    DeviceTimeout,
    NoLibusb,
    NoPad,
    PadBusy,
    PadFault,
    PadLost,
    PadNotPermitted,
    PadPictureDamaged,
    UsbBackendMissing,
)
from agent.devices.fingerprint_pad_drivers import LIBFPRINT, PadChoice, list_readers_of, open_pad
from agent.devices.fingerprint_pad_errors import NoLibfprint
from agent.devices.fingerprint_pad_libfprint import LibfprintPad
from agent.devices.fingerprint_pad_registers import MODELS
from agent.devices.seams import DeviceInfo
from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.devices import pad_choice
from agent.diagnostics.distribution import Distribution
from agent.diagnostics.finding import Outcome, error, not_assessed, of_error, ok, skipped, warn
from agent.diagnostics.holders import holders
from agent.diagnostics.limits import Found, Limits, NotAssessed, SeeOther
from agent.diagnostics.pad_sample import GlassLook, PadSample, take_pad_sample
from agent.diagnostics.picture import png, save
from agent.diagnostics.system import as_number, read_text

FAMILY = Family("pad", "Đầu đọc vân tay", "Fingerprint reader")

LIST_S, WITHIN_S = 8.0, 24.0
SLOW_WAKE_S, SLOW_ANSWER_S, SLOW_PICTURE_S = 1.0, 0.02, 0.3
NOISY, COVERED_SHARE, DIRTY_SHARE, DEAD_PIXELS = 6.0, 0.15, 0.02, 20

UNSUPPORTED = error(
    "pad.found.unsupported",
    "Loại đầu đọc vân tay này chưa dùng được.",
    "This model of fingerprint reader is not supported.",
    'Dùng U.are.U 4500, hoặc đặt pad.backend = "libfprint" nếu libfprint biết loại này.',
    'Use a U.are.U 4500, or set pad.backend = "libfprint" where libfprint has a driver.',
)
SLEEPS = warn(
    "pad.power.autosuspend",
    "USB tự ngắt nguồn đầu đọc vân tay: có thể mất sự kiện ngón tay.",
    "USB puts the reader to sleep: finger events can be lost.",
    "Cài deploy/60-kiosk.rules vào /etc/udev/rules.d rồi cắm lại đầu đọc.",
    "Install deploy/60-kiosk.rules in /etc/udev/rules.d, then plug the reader in again.",
)
SLOW_WAKE = warn(
    "pad.wake.slow",
    "Đầu đọc vân tay khởi động chậm.",
    "The reader wakes slowly.",
    "Cắm thẳng vào máy, đổi cáp; nếu lặp lại, thay đầu đọc.",
    "Plug it into the machine itself, change the cable; if it repeats, replace it.",
)
SLOW_ANSWER = warn(
    "pad.latency.slow",
    "Đầu đọc vân tay trả lời chậm.",
    "The reader answers slowly.",
    "Bỏ hub, đổi cổng USB; xem `kiosk doctor --only machine.usb`.",
    "Without a hub, at another port; see `kiosk doctor --only machine.usb`.",
)
NO_PICTURE = warn(
    "pad.picture.none",
    "Đầu đọc không cho hình khi kính trống.",
    "The reader gives no picture of its empty glass.",
    "Đặt một ngón tay và chạy lại; nếu vẫn không có, rút ra 5 giây rồi cắm lại, hoặc thay đầu đọc.",
    "Lay a finger on it and run again; if there is still none, unplug it for 5 seconds, or replace it.",
)
NOISE = warn(
    "pad.noise.high",
    "Hình của đầu đọc vân tay nhiễu.",
    "The reader's picture is noisy.",
    "Đổi cổng USB và cáp, tránh xa nguồn nhiễu; nếu vẫn nhiễu, thay đầu đọc.",
    "Another port and cable, away from sources of noise; if it stays, replace it.",
)
DEAD_LINES = error(
    "pad.lines.dead",
    "Cảm biến vân tay có đường chết.",
    "The sensor has dead lines.",
    "Thay đầu đọc vân tay.",
    "Replace the reader.",
)
DEAD = warn(
    "pad.lines.dead_pixels",
    "Cảm biến vân tay có điểm chết, hoặc kính bị xước.",
    "The sensor has dead pixels, or the glass is scratched.",
    "Lau kính; nếu vẫn còn, lên lịch thay đầu đọc.",
    "Clean the glass; if they stay, plan to replace it.",
)
DIRTY = warn(
    "pad.glass.dirty",
    "Kính của đầu đọc vân tay bẩn.",
    "The reader's glass is dirty.",
    "Lau bằng khăn mềm hơi ẩm, để khô.",
    "Clean it with a soft, slightly damp cloth and let it dry.",
)
OPEN_ERRORS = (
    NoPad,
    PadBusy,
    PadNotPermitted,
    PadLost,
    PadFault,
    NoLibusb,
    NoLibfprint,
    UsbBackendMissing,
    DeviceTimeout,
)


@FAMILY.check("found", "Đầu đọc được cắm", "Plugged in", NoPad, UNSUPPORTED, NoLibusb, NoLibfprint, UsbBackendMissing)
def _found(context: Context, limits: Limits) -> Outcome:
    found = _listed(context, limits)
    if not found:
        return of_error(NoPad("none of the models that are known"))
    evidence = ", ".join(f"{pad.name} at {pad.address}, {pad.state}, {pad.driver or 'no driver'}" for pad in found)
    by_libfprint = _choice(context, limits).by_libfprint
    served = [pad for pad in found if pad.driver and pad.driver.startswith(LIBFPRINT) == by_libfprint]
    return ok(evidence) if served else UNSUPPORTED.seen(evidence)


@FAMILY.check("permission", "Quyền dùng đầu đọc", "Permission", PadNotPermitted)
def _permission(context: Context, limits: Limits) -> Outcome:
    node, _ = _device(context, limits)
    if context.system.may_use(context.system.at(node.lstrip("/"))):
        return ok(f"{node} may be used by this user")
    return of_error(PadNotPermitted(node))


@FAMILY.check("holder", "Ai đang giữ đầu đọc", "Who holds it", PadBusy)
def _holder(context: Context, limits: Limits) -> Outcome:
    node, _ = _device(context, limits)
    found = holders(context.system, node)
    strangers = [str(holder) for holder in found if not holder.ours]
    if strangers:
        return of_error(PadBusy(f"{node} is held by {', '.join(strangers)}"))
    return ok("the kiosk" if found else "nobody that this user can see")


@FAMILY.check("power", "Ngắt nguồn USB", "USB autosuspend", SLEEPS)
def _power(context: Context, limits: Limits) -> Outcome:
    _, folder = _device(context, limits)
    control = read_text(folder / "power" / "control") or "not told"
    return SLEEPS.seen(f"{folder.name}: power/control is {control}") if control == "auto" else ok(control)


@FAMILY.check("open", "Mở đầu đọc", "Opening", *OPEN_ERRORS, within_s=WITHIN_S)
def _open(context: Context, limits: Limits) -> Outcome:
    if _choice(context, limits).by_libfprint:
        return _opened_by_libfprint(context, limits)
    sample = _sample(context, limits)
    return ok(f"{sample.name}, versions {sample.versions}")


def _opened_by_libfprint(context: Context, limits: Limits) -> Outcome:
    if context.visit_open(limits):
        return skipped("Đang thu nhận một người.", "A visit is open.")
    choice = _choice(context, limits)
    with open_pad(choice) as pad:
        if not isinstance(pad, LibfprintPad):
            raise TypeError(type(pad).__name__)
        return ok(f"libfprint {pad.open(limits.deadline, limits.cancelled)}")


@FAMILY.check("wake", "Thời gian khởi động", "Waking", SLOW_WAKE, within_s=WITHIN_S)
def _wake(context: Context, limits: Limits) -> Outcome:
    return judge_wake(_sample(context, limits).wake_s)


def judge_wake(wake_s: float) -> Outcome:
    """Judge against a healthy reader's 20 ms; each lost wake-up interrupt costs 300 ms."""
    evidence = f"{wake_s * 1000:.0f} ms"
    return SLOW_WAKE.seen(evidence) if wake_s > SLOW_WAKE_S else ok(evidence)


@FAMILY.check("latency", "Thời gian trả lời", "Answer times", SLOW_ANSWER, within_s=WITHIN_S)
def _latency(context: Context, limits: Limits) -> Outcome:
    sample = _sample(context, limits)
    return judge_latency(Distribution.of(sample.round_trips_s), sample.intervals_s)


def judge_latency(answers: Distribution, intervals_s: tuple[float, ...]) -> Outcome:
    """Judge register reads (0.3 to 0.9 ms) and pictures (one each 128 ms) against a recorded reader's."""
    evidence = f"registers {answers.told('ms', 1000)}"
    if not intervals_s:
        return SLOW_ANSWER.seen(evidence) if answers.p95 > SLOW_ANSWER_S else ok(evidence)
    pictures = Distribution.of(intervals_s)
    evidence += f"; a picture each {pictures.median * 1000:.0f} ms"
    slow = answers.p95 > SLOW_ANSWER_S or pictures.median > SLOW_PICTURE_S
    return SLOW_ANSWER.seen(evidence) if slow else ok(evidence)


@FAMILY.check(
    "picture", "Hình của kính trống", "Picture of the glass", NO_PICTURE, PadPictureDamaged, within_s=WITHIN_S
)
def _picture(context: Context, limits: Limits) -> Outcome:
    sample = _sample(context, limits)
    if isinstance(sample.why_no_picture, PadPictureDamaged):
        return of_error(sample.why_no_picture)
    if sample.why_no_picture is not None or sample.picture is None:
        return NO_PICTURE.seen(str(sample.why_no_picture))
    out = context.wishes.out
    if out is None:
        return ok("pictures come; one is kept only with --out")
    try:
        return ok(str(save(out, "pad.png", png(sample.picture))))
    except OSError as failure:
        raise NotAssessed("Không ghi được hình.", "It cannot be written.", f"{out}: {failure.strerror}") from failure


@FAMILY.check("noise", "Nhiễu", "Noise", NOISE, within_s=WITHIN_S)
def _noise(context: Context, limits: Limits) -> Outcome:
    return judge_noise(_glass(context, limits))


def judge_noise(glass: GlassLook) -> Outcome:
    """Judge the flicker of an empty glass."""
    if glass.covered > COVERED_SHARE:
        return _covered(glass)
    evidence = f"{glass.noise:.1f} of 255 (noisy above {NOISY:.0f})"
    return NOISE.seen(evidence) if glass.noise > NOISY else ok(evidence)


@FAMILY.check("lines", "Đường chết, điểm chết", "Dead lines and pixels", DEAD_LINES, DEAD, within_s=WITHIN_S)
def _lines(context: Context, limits: Limits) -> Outcome:
    return judge_lines(_glass(context, limits))


def judge_lines(glass: GlassLook) -> Outcome:
    """Judge what never changes and stands out."""
    if glass.covered > COVERED_SHARE:
        return _covered(glass)
    if glass.dead_lines:
        return DEAD_LINES.seen(", ".join(glass.dead_lines[:8]))
    evidence = f"{glass.dead_pixels} single pixels"
    return DEAD.seen(evidence) if glass.dead_pixels > DEAD_PIXELS else ok(evidence)


@FAMILY.check("glass", "Độ sạch của kính", "Clean glass", DIRTY, within_s=WITHIN_S)
def _clean(context: Context, limits: Limits) -> Outcome:
    return judge_glass(_glass(context, limits))


def judge_glass(glass: GlassLook) -> Outcome:
    """Judge how much of an empty glass is dark."""
    if glass.covered > COVERED_SHARE:
        return _covered(glass)
    evidence = f"{glass.covered:.1%} dark"
    return DIRTY.seen(evidence) if glass.covered > DIRTY_SHARE else ok(evidence)


def _covered(glass: GlassLook) -> Outcome:
    return not_assessed(
        "Có vật (hoặc ngón tay) trên kính: lau sạch rồi chạy lại.",
        "Something (or a finger) lies on the glass: clear it and run again.",
        f"{glass.covered:.0%} dark",
    )


def _choice(context: Context, limits: Limits) -> PadChoice:
    return pad_choice(context.config(limits))


def _listed(context: Context, limits: Limits) -> list[DeviceInfo]:
    choice = _choice(context, limits)
    return context.measured("pad.found", lambda _: list_readers_of(choice), LIST_S).get(limits)


def _device(context: Context, limits: Limits) -> tuple[str, Path]:
    """Return the reader's file below /dev and its folder in sysfs."""
    if _choice(context, limits).by_libfprint:
        raise NotAssessed("Không rõ libfprint dùng cổng USB nào.", "Which USB device libfprint uses is not told.")
    if context.config(limits).pad.backend != "libusb":
        raise NotAssessed("Đầu đọc giả lập không nằm trên USB của máy.", "A mock reader is not on the machine's USB.")
    for folder in context.system.each("sys/bus/usb/devices", "*"):
        ids = tuple(int(text, 16) if (text := read_text(folder / name)) else -1 for name in ("idVendor", "idProduct"))
        if ids in MODELS:
            bus, device = (as_number(_decimal(read_text(folder / name))) for name in ("busnum", "devnum"))
            return f"/dev/bus/usb/{bus or 0:03d}/{device or 0:03d}", folder
    raise SeeOther("pad.found")


def _decimal(text: str | None) -> str:
    # Leading zeros are no number to int(text, 0).
    return (text or "").lstrip("0") or "0"


def _sample(context: Context, limits: Limits) -> PadSample:
    if context.visit_open(limits):
        raise Found(skipped("Đang thu nhận một người.", "A visit is open."))
    choice = _choice(context, limits)
    if choice.by_libfprint:
        raise NotAssessed("libfprint không cho xem trước hình.", "libfprint gives no pictures without a finger.")

    def measure(own: Limits) -> PadSample:
        # Listing claims each reader for an instant, so it comes first and not side by side.
        _listed(context, own)
        try:
            return take_pad_sample(choice.usb, (choice.x_ppi, choice.y_ppi), own.cancelled)
        except (NoPad, NoLibusb, UsbBackendMissing):
            if "pad.found" in own.selected:
                raise SeeOther("pad.found") from None
            raise

    return context.measured("pad.open", measure, WITHIN_S - 1).get(limits)


def _glass(context: Context, limits: Limits) -> GlassLook:
    glass = _sample(context, limits).glass
    if glass is None:
        raise SeeOther("pad.picture")
    return glass

"""The camera: found, permitted, free, and what it gives: rate, gaps, light, sharpness, controls."""

from __future__ import annotations

import os
import time
from pathlib import Path

from agent.config import Config
from agent.devices.camera import Camera
from agent.devices.camera_address import CameraAddress
from agent.devices.errors import CameraBusy, CameraFrozen, CameraNotAllowed, CameraNotPermitted, NoCamera
from agent.diagnostics.camera_sample import CameraSample, take_sample
from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.distribution import Distribution
from agent.diagnostics.finding import Outcome, error, not_assessed, of_error, ok, skipped, warn
from agent.diagnostics.holders import holders
from agent.diagnostics.limits import Limits, NotAssessed, SeeOther, Shared
from agent.diagnostics.picture import png, save
from agent.diagnostics.system import read_text

FAMILY = Family("camera", "Máy ảnh", "Camera")

OPEN_S, WITHIN_S, LOCK_S = 15.0, 20.0, 2.0
LOW_RATE_SHARE, LEAST_RATE = 0.7, 5.0
LATE_S, GAP = 0.2, 1.8
DARK, BRIGHT, MOST_BLACK, MOST_WHITE, FLAT = 50, 210, 0.6, 0.3, 2.5
UNEVEN = 1.8
SOFT = 0.2
FLICKER = 0.03

OTHER_MODE = warn(
    "camera.mode.other",
    "Máy ảnh không cho độ phân giải đã cấu hình.",
    "The camera does not give the configured resolution.",
    "Xem `v4l2-ctl --list-formats-ext`; sửa camera.width và camera.height, hoặc dùng cổng USB 3.",
    "See `v4l2-ctl --list-formats-ext`; change camera.width and camera.height, or use a USB 3 port.",
)
SLOW = warn(
    "camera.rate.low",
    "Máy ảnh cho ít hình hơn cấu hình.",
    "The camera gives fewer pictures than configured.",
    "Thêm ánh sáng (phơi sáng lâu làm chậm), cắm thẳng vào máy thay vì qua hub.",
    "More light (long exposures slow it down); plug it into the machine, not a hub.",
)
TOO_SLOW = error(
    "camera.rate.too_low",
    "Máy ảnh gần như không cho hình.",
    "The camera gives hardly any pictures.",
    "Đổi cổng USB, thay cáp; nếu vẫn vậy, thay máy ảnh.",
    "Another USB port, another cable; if it stays so, another camera.",
)
LATE = warn(
    "camera.latency.late",
    "Hình đến muộn.",
    "Pictures arrive late.",
    "Xem tải của máy (top); đóng chương trình khác.",
    "See what loads the machine (top); close other programs.",
)
DROPPED = warn(
    "camera.drops.gaps",
    "Máy ảnh bỏ hình.",
    "The camera drops pictures.",
    "Đổi cổng USB hoặc cáp; xem `kiosk doctor --only machine.usb`.",
    "Another USB port or cable; see `kiosk doctor --only machine.usb`.",
)
TOO_DARK = warn(
    "camera.light.dark",
    "Chỗ khuôn mặt quá tối.",
    "The place of the face is too dark.",
    "Bật đèn phía trước mặt; kiểm tra nắp ống kính.",
    "Put light in front of the face; look for a lens cover.",
)
TOO_BRIGHT = warn(
    "camera.light.bright",
    "Chỗ khuôn mặt quá sáng.",
    "The place of the face is too bright.",
    "Giảm đèn, tránh cửa sổ sau lưng hoặc nắng chiếu vào.",
    "Less light, no window behind, no direct sun.",
)
COVERED = error(
    "camera.light.covered",
    "Hình không có gì: ống kính bị che.",
    "There is nothing in the picture: the lens is covered.",
    "Mở nắp hoặc bóc màng bảo vệ ống kính.",
    "Take the cover or the protective film off.",
)
ONE_SIDED = warn(
    "camera.light.one_sided",
    "Ánh sáng lệch một bên.",
    "The light comes from one side.",
    "Đặt đèn cân hai bên, hoặc xoay bàn.",
    "Light from both sides, or turn the desk.",
)
BLURRED = warn(
    "camera.sharpness.soft",
    "Hình mờ: ống kính bẩn hoặc lệch nét.",
    "The picture is soft: the lens is dirty or out of focus.",
    "Lau ống kính bằng khăn mềm; chỉnh nét ở khoảng 60–100 cm.",
    "Clean the lens with a soft cloth; focus at 60-100 cm.",
)
FLICKERS = warn(
    "camera.flicker.seen",
    "Ánh sáng nhấp nháy từ hình này sang hình khác.",
    "The light flickers from picture to picture.",
    "Đổi đèn LED rẻ hoặc đèn ống; đặt `v4l2-ctl --set-ctrl power_line_frequency=1` (50 Hz).",
    "Change cheap LED lamps or tubes; set `v4l2-ctl --set-ctrl power_line_frequency=1` (50 Hz).",
)
NO_CONTROLS = warn(
    "camera.controls.refused",
    "Máy ảnh không cho khóa phơi sáng, cân bằng trắng hoặc nét.",
    "The camera does not let exposure, white balance or focus be locked.",
    "Vẫn dùng được; chân dung có thể đổi màu giữa các hình. Nên dùng máy ảnh khác.",
    "It works; portraits may change colour between pictures. Another camera is better.",
)


@FAMILY.check("found", "Máy ảnh được cắm", "Camera plugged in", NoCamera, CameraNotAllowed)
def _found(context: Context, limits: Limits) -> Outcome:
    address = _address(context, limits)
    if not address.is_device:
        return ok(f"network camera {address.source}, development only")
    node = _node(context, address)
    if node.exists():
        return ok(f"{address.source}: {_product(context, node.name)}")
    others = [f"/dev/{entry.name} {_product(context, entry.name)}" for entry in _listed(context)]
    return of_error(NoCamera(f"{address.source} is not there; there are: {', '.join(others) or 'none'}"))


@FAMILY.check("permission", "Quyền mở máy ảnh", "Permission", CameraNotPermitted)
def _permission(context: Context, limits: Limits) -> Outcome:
    node = _device(context, limits)
    if context.system.may_use(node):
        return ok(f"{node.name} may be opened by this user")
    return of_error(CameraNotPermitted(f"{node.name}, owned by group {node.stat().st_gid}"))


@FAMILY.check("holder", "Ai đang giữ máy ảnh", "Who holds it", CameraBusy)
def _holder(context: Context, limits: Limits) -> Outcome:
    node = _device(context, limits)
    found = holders(context.system, f"/dev/{node.name}")
    strangers = [str(holder) for holder in found if not holder.ours]
    if strangers:
        return of_error(CameraBusy(f"{node.name} is held by {', '.join(strangers)}"))
    return ok("the kiosk" if found else "nobody that this user can see")


@FAMILY.check(
    "open", "Mở máy ảnh", "Opening", NoCamera, CameraNotPermitted, CameraBusy, CameraFrozen, within_s=WITHIN_S
)
def _open(context: Context, limits: Limits) -> Outcome:
    sample = _sample(context, limits)
    by = "held by the daemon" if context.daemon is not None else f"first picture after {sample.first_s:.1f} s"
    return ok(f"{len(sample.intervals_s) + 1} pictures; {by}")


@FAMILY.check("mode", "Độ phân giải", "Resolution", OTHER_MODE, within_s=WITHIN_S)
def _mode(context: Context, limits: Limits) -> Outcome:
    sample, camera = _sample(context, limits), context.config(limits).camera
    evidence = f"{sample.width}x{sample.height}, configured {camera.width}x{camera.height}"
    same = (sample.width, sample.height) == (camera.width, camera.height)
    return ok(evidence) if same else OTHER_MODE.seen(evidence)


@FAMILY.check("rate", "Tốc độ hình", "Frame rate", SLOW, TOO_SLOW, within_s=WITHIN_S)
def _rate(context: Context, limits: Limits) -> Outcome:
    return judge_rate(_sample(context, limits), context.config(limits).camera.fps)


def judge_rate(sample: CameraSample, configured: int) -> Outcome:
    """Judge the frames a second that came."""
    evidence = f"{sample.rate:.1f} of {configured} frames a second"
    if sample.rate < LEAST_RATE:
        return TOO_SLOW.seen(evidence)
    return SLOW.seen(evidence) if sample.rate < LOW_RATE_SHARE * configured else ok(evidence)


@FAMILY.check("latency", "Độ trễ", "Latency", LATE, within_s=WITHIN_S)
def _latency(context: Context, limits: Limits) -> Outcome:
    return judge_latency(_sample(context, limits))


def judge_latency(sample: CameraSample) -> Outcome:
    """Judge the way from the driver to the reader; cameras do not tell when they exposed."""
    handed = Distribution.of(sample.handed_s)
    evidence = f"driver to reader: {handed.told('ms', 1000)}; before that is not told by the camera"
    return LATE.seen(evidence) if handed.p95 > LATE_S else ok(evidence)


@FAMILY.check("drops", "Hình bị bỏ", "Dropped pictures", DROPPED, within_s=WITHIN_S)
def _drops(context: Context, limits: Limits) -> Outcome:
    return judge_drops(_sample(context, limits))


def judge_drops(sample: CameraSample) -> Outcome:
    """Judge the gaps against the usual interval; frames that only we missed are no gaps of the camera."""
    took = Distribution.of(sample.intervals_s)
    gaps = sum(value > GAP * took.median for value in sample.intervals_s) - sample.missed
    evidence = f"intervals {took.told('ms', 1000)}, {max(0, gaps)} gaps"
    return DROPPED.seen(evidence) if gaps > max(1, 0.1 * len(sample.intervals_s)) else ok(evidence)


@FAMILY.check("light", "Ánh sáng chỗ khuôn mặt", "Light", TOO_DARK, TOO_BRIGHT, COVERED, ONE_SIDED, within_s=WITHIN_S)
def _light(context: Context, limits: Limits) -> Outcome:
    return judge_light(_sample(context, limits))


def judge_light(sample: CameraSample) -> Outcome:
    """Judge brightness, clipping and evenness of the place where the face will be."""
    evidence = (
        f"mean {sample.brightness:.0f}, black {sample.black:.0%}, white {sample.white:.0%}, "
        f"contrast {sample.contrast:.0f}, left/right {sample.sides:.2f}"
    )
    if sample.contrast < FLAT and not DARK < sample.brightness < BRIGHT:
        return COVERED.seen(evidence)
    if sample.brightness < DARK or sample.black > MOST_BLACK:
        return TOO_DARK.seen(evidence)
    if sample.brightness > BRIGHT or sample.white > MOST_WHITE:
        return TOO_BRIGHT.seen(evidence)
    return ok(evidence) if 1 / UNEVEN < sample.sides < UNEVEN else ONE_SIDED.seen(evidence)


@FAMILY.check("sharpness", "Độ nét", "Sharpness", BLURRED, within_s=WITHIN_S)
def _sharpness(context: Context, limits: Limits) -> Outcome:
    return judge_sharpness(_sample(context, limits))


def judge_sharpness(sample: CameraSample) -> Outcome:
    """Judge an estimate: an empty wall has no edges to be sharp, and says nothing."""
    evidence = f"{sample.sharpness:.2f} (soft below {SOFT}), contrast {sample.contrast:.0f}"
    if sample.contrast < 12 or sample.brightness < DARK:
        return not_assessed("Hình không đủ chi tiết để đánh giá.", "There is too little in the picture.", evidence)
    return BLURRED.seen(evidence) if sample.sharpness < SOFT else ok(evidence)


@FAMILY.check("flicker", "Ánh sáng nhấp nháy", "Flicker", FLICKERS, within_s=WITHIN_S)
def _flicker(context: Context, limits: Limits) -> Outcome:
    return judge_flicker(_sample(context, limits))


def judge_flicker(sample: CameraSample) -> Outcome:
    """Judge how much the brightness jumps between pictures."""
    evidence = f"{sample.flicker:.1%} from picture to picture (seen above {FLICKER:.0%})"
    return FLICKERS.seen(evidence) if sample.flicker > FLICKER else ok(evidence)


@FAMILY.check("controls", "Khóa phơi sáng, màu, nét", "Exposure, colour, focus", NO_CONTROLS, within_s=WITHIN_S)
def _controls(context: Context, limits: Limits) -> Outcome:
    if context.daemon is not None:
        return skipped("Chương trình kiosk đang giữ máy ảnh.", "The daemon holds the camera; it is not disturbed.")
    told = _measurement(context, limits).get(limits)[1]
    if not told:
        return not_assessed("Máy ảnh không trả lời.", "The camera does not answer.")
    return NO_CONTROLS.seen(told) if "refused" in told else ok(told)


@FAMILY.check("picture", "Hình thử", "Test picture", within_s=WITHIN_S)
def _picture(context: Context, limits: Limits) -> Outcome:
    out = context.wishes.out
    if out is None:
        return skipped("Chỉ chụp khi có --out.", "Taken only with --out.")
    if context.visit_open(limits):
        return _visit_open()
    data = context.daemon.camera_picture() if context.daemon else _measurement(context, limits).get(limits)[2]
    return _saved(out, "camera.png", data)


def _saved(out: Path, name: str, data: bytes) -> Outcome:
    try:
        return ok(str(save(out, name, data)))
    except OSError as failure:
        raise NotAssessed("Không ghi được hình.", "It cannot be written.", f"{out}: {failure.strerror}") from failure


def _visit_open() -> Outcome:
    return skipped("Đang thu nhận một người.", "A visit is open.")


def _address(context: Context, limits: Limits) -> CameraAddress:
    config = context.config(limits)
    return CameraAddress.parse(config.camera.source, development=config.kiosk.development)


def _device(context: Context, limits: Limits) -> Path:
    """Return the device's file; raise NotAssessed for a URL, SeeOther when it is not there."""
    address = _address(context, limits)
    if not address.is_device:
        raise NotAssessed("Máy ảnh mạng không phải thiết bị của máy.", "A network camera is no device of the machine.")
    node = _node(context, address)
    if not node.exists():
        raise SeeOther("camera.found")
    return node


def _node(context: Context, address: CameraAddress) -> Path:
    source = f"/dev/video{address.source}" if address.source.isdecimal() else address.source
    return Path(os.path.realpath(context.system.at(source.lstrip("/"))))


def _listed(context: Context) -> list[Path]:
    return context.system.each("sys/class/video4linux", "video*")


def _product(context: Context, name: str) -> str:
    return read_text(context.system.at(f"sys/class/video4linux/{name}/name")) or "name not told"


def _sample(context: Context, limits: Limits) -> CameraSample:
    return _measurement(context, limits).get(limits)[0]


def _measurement(context: Context, limits: Limits) -> Shared[tuple[CameraSample, str, bytes]]:
    """Return figures, what could be locked, and a picture if one is wanted (empty with a daemon)."""
    config = context.config(limits)

    def measure(own: Limits) -> tuple[CameraSample, str, bytes]:
        if context.daemon is not None:
            return CameraSample(**context.daemon.camera()), "", b""
        return measure_camera(config, own, picture=context.wishes.out is not None)

    return context.measured("camera.open", measure, OPEN_S + 3)


def measure_camera(config: Config, limits: Limits, *, picture: bool) -> tuple[CameraSample, str, bytes]:
    """Open the camera and follow it for a moment. Raises DeviceError."""
    camera = config.camera
    opened = Camera(camera.source, camera.width, camera.height, camera.fps, development=config.kiosk.development)
    with opened:
        sample, last = take_sample(opened, limits.cancelled)
        opened.lock(on=True)
        until_s = time.monotonic() + LOCK_S
        while opened.locked() == "not locked" and time.monotonic() < until_s and not limits.over:
            time.sleep(0.02)
        told = opened.locked()
        opened.lock(on=False)
        return sample, "" if told == "not locked" else told, png(last.pixels) if picture else b""

"""The machine: memory, clock, entropy, language, fonts, swap. Disk, heat and log have their own modules."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import agent
from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Outcome, error, not_assessed, ok, warn
from agent.diagnostics.limits import Limits
from agent.diagnostics.system import as_number, read_text

FAMILY = Family("machine", "Máy", "Machine")

LITTLE_MIB, VERY_LITTLE_MIB = 400, 150
# adjtimex(2): the return value when the kernel's clock is not synchronized.
TIME_ERROR = 5
CLOCKS_APART_S = 300.0

LITTLE_MEMORY = warn(
    "machine.memory.little",
    "Bộ nhớ còn ít.",
    "Little memory is left.",
    "Đóng chương trình khác trên máy, hoặc khởi động lại.",
    "Close other programs on the machine, or restart it.",
)
NO_MEMORY = error(
    "machine.memory.none",
    "Gần hết bộ nhớ: hệ thống có thể dừng chương trình kiosk.",
    "Memory is nearly gone: the system may kill the daemon.",
    "Khởi động lại máy; nếu lặp lại, thêm bộ nhớ.",
    "Restart the machine; if it repeats, add memory.",
)
KILLED = warn(
    "machine.memory.killed",
    "Hệ thống đã phải dừng chương trình vì hết bộ nhớ.",
    "The system had to kill programs for lack of memory.",
    "Xem `journalctl -k -g 'Out of memory'` để biết chương trình nào.",
    "See `journalctl -k -g 'Out of memory'` for which ones.",
)
NOT_SYNCED = warn(
    "machine.clock.not_synchronized",
    "Đồng hồ không được đồng bộ.",
    "The clock is not synchronized.",
    "Chạy `timedatectl set-ntp true`; mạng không có NTP thì chỉnh tay bằng `timedatectl set-time`.",
    "Run `timedatectl set-ntp true`; without NTP in the network set it by `timedatectl set-time`.",
)
CLOCK_WRONG = error(
    "machine.clock.before_installation",
    "Đồng hồ chạy trước cả ngày cài đặt phần mềm.",
    "The clock stands before the day the software was installed.",
    "Chỉnh lại ngày giờ: `timedatectl set-time`.",
    "Set date and time: `timedatectl set-time`.",
)
NO_RTC = warn(
    "machine.rtc.absent",
    "Máy không có đồng hồ chạy pin: mất điện là mất giờ.",
    "The machine has no battery clock: a power cut loses the time.",
    "Bảo đảm có NTP khi khởi động, hoặc lắp mô-đun RTC.",
    "Make sure of NTP at every start, or fit an RTC module.",
)
RTC_APART = warn(
    "machine.rtc.apart",
    "Đồng hồ chạy pin lệch với hệ thống: pin có thể đã hết.",
    "The battery clock differs from the system's: its battery may be empty.",
    "Chạy `hwclock --systohc`; nếu lại lệch, thay pin trên bo mạch.",
    "Run `hwclock --systohc`; if it happens again, change the mainboard's battery.",
)
NO_ENTROPY = error(
    "machine.entropy.not_ready",
    "Bộ sinh số ngẫu nhiên chưa sẵn sàng: không ký được.",
    "The random generator is not ready: nothing can be signed.",
    "Đợi một phút; nếu kéo dài, cài `rng-tools5` hoặc bật TPM.",
    "Wait a minute; if it lasts, install `rng-tools5` or switch the TPM on.",
)
NOT_UTF8 = warn(
    "machine.locale.not_utf8",
    "Ngôn ngữ hệ thống không dùng UTF-8: tên tiếng Việt hiện sai.",
    "The locale is not UTF-8: Vietnamese names are shown wrongly.",
    "Đặt LANG=vi_VN.UTF-8 hoặc C.UTF-8 trong /etc/default/locale.",
    "Set LANG=vi_VN.UTF-8 or C.UTF-8 in /etc/default/locale.",
)
NO_FONT = warn(
    "machine.fonts.none_for_vietnamese",
    "Không có phông chữ hiện được tiếng Việt.",
    "No font can show Vietnamese.",
    "Chạy `apt-get install fonts-dejavu-core`.",
    "Run `apt-get install fonts-dejavu-core`.",
)
PLAIN_SWAP = error(
    "machine.swap.not_encrypted",
    "Vùng hoán đổi không mã hóa: dữ liệu cá nhân có thể xuống đĩa.",
    "Swap is not encrypted: personal data may get onto the disk.",
    "Tắt bằng `swapoff -a` và xóa khỏi /etc/fstab, hoặc mã hóa bằng dm-crypt.",
    "Switch it off with `swapoff -a` and remove it from /etc/fstab, or encrypt it with dm-crypt.",
)


@FAMILY.check("memory", "Bộ nhớ", "Memory", LITTLE_MEMORY, NO_MEMORY, KILLED)
def _memory(context: Context, _limits: Limits) -> Outcome:
    lines = (context.system.text("proc/meminfo") or "").splitlines()
    told = {name: as_number(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if rest}
    left, total = told.get("MemAvailable"), told.get("MemTotal")
    if left is None or total is None:
        return not_assessed("Máy không cho biết.", "The kernel does not tell.", "proc/meminfo")
    evidence = f"{left // 1024} of {total // 1024} MiB available"
    if left // 1024 < VERY_LITTLE_MIB:
        return NO_MEMORY.seen(evidence)
    if left // 1024 < LITTLE_MIB:
        return LITTLE_MEMORY.seen(evidence)
    counters = (context.system.text("proc/vmstat") or "").splitlines()
    killed = next((int(line.split()[1]) for line in counters if line.startswith("oom_kill ")), 0)
    return KILLED.seen(f"{killed} since the start; {evidence}") if killed else ok(evidence)


@FAMILY.check("clock", "Đồng hồ", "Clock", NOT_SYNCED, CLOCK_WRONG)
def _clock(context: Context, _limits: Limits) -> Outcome:
    return judge_clock(context.system.clock(), clock_state, Path(agent.__file__).stat().st_mtime)


def judge_clock(now_s: float, state: Callable[[], int], installed_s: float) -> Outcome:
    """Judge the time by the day of installation and by what adjtimex(2) says."""
    now = f"{datetime.fromtimestamp(now_s, UTC):%Y-%m-%d %H:%M} UTC"
    if now_s < installed_s - 86400:
        return CLOCK_WRONG.seen(f"{now}; installed {datetime.fromtimestamp(installed_s, UTC):%Y-%m-%d}")
    return NOT_SYNCED.seen(now) if state() == TIME_ERROR else ok(f"{now}, synchronized")


def clock_state() -> int:
    """Return adjtimex(2)'s answer without changing anything; TIME_ERROR stands for a clock that nobody sets."""
    # struct timex is 208 bytes on 64 bit; `modes` 0 only reads.
    return int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512)))


@FAMILY.check("rtc", "Đồng hồ chạy pin", "Battery clock", NO_RTC, RTC_APART)
def _rtc(context: Context, _limits: Limits) -> Outcome:
    if not context.system.each("sys/class/rtc", "rtc*"):
        return NO_RTC.seen("sys/class/rtc is empty")
    told = context.system.number("sys/class/rtc/rtc0/since_epoch")
    if told is None:
        return not_assessed("Đồng hồ chạy pin không trả lời.", "The battery clock does not answer.")
    apart_s = told - context.system.clock()
    evidence = f"{apart_s:+.0f} s against the system's clock"
    # Some machines keep local time there: up to 14 whole hours are no fault.
    whole_hours = abs(apart_s) < 15 * 3600 and abs(apart_s - round(apart_s / 1800) * 1800) < CLOCKS_APART_S
    return ok(evidence) if whole_hours else RTC_APART.seen(evidence)


@FAMILY.check("entropy", "Số ngẫu nhiên", "Random numbers", NO_ENTROPY)
def _entropy(context: Context, _limits: Limits) -> Outcome:
    bits = context.system.number("proc/sys/kernel/random/entropy_avail")
    evidence = "entropy not told" if bits is None else f"{bits} bits"
    return _random(evidence, lambda: os.getrandom(32, os.GRND_NONBLOCK))


def _random(evidence: str, draw: Callable[[], bytes]) -> Outcome:
    try:
        draw()
    except BlockingIOError:
        return NO_ENTROPY.seen(evidence)
    return ok(evidence)


@FAMILY.check("locale", "Ngôn ngữ hệ thống", "Locale", NOT_UTF8)
def _locale(context: Context, _limits: Limits) -> Outcome:
    text = context.system.text("etc/locale.conf") or context.system.text("etc/default/locale")
    if text is None:
        return not_assessed("Máy không đặt ngôn ngữ.", "No locale is configured.", "etc/default/locale")
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    lang = values.get("LC_ALL") or values.get("LANG") or ""
    lang = lang.strip("\"' ")
    return ok(lang) if lang.casefold().replace("-", "").endswith("utf8") else NOT_UTF8.seen(lang or "LANG is empty")


@FAMILY.check("fonts", "Phông chữ", "Fonts", NO_FONT)
def _fonts(context: Context, limits: Limits) -> Outcome:
    families = context.system.ask(["fc-list", ":lang=vi", "family"], limits).splitlines()
    return ok(f"{len(families)}, such as {sorted(families)[0]}") if families else NO_FONT.seen("fc-list :lang=vi")


@FAMILY.check("swap", "Vùng hoán đổi", "Swap", PLAIN_SWAP)
def _swap(context: Context, _limits: Limits) -> Outcome:
    text = context.system.text("proc/swaps")
    if text is None:
        return not_assessed("Máy không cho biết.", "The kernel does not tell.", "proc/swaps")
    names = [line.split()[0] for line in text.splitlines()[1:] if line.strip()]
    plain = [name for name in names if not _kept_secret(context, name)]
    if plain:
        return PLAIN_SWAP.seen(", ".join(plain))
    return ok(", ".join(names) or "none")


def _kept_secret(context: Context, name: str) -> bool:
    """Say whether a swap device is encrypted, or compressed memory. A file's disk is not known here: not secret."""
    node = Path(os.path.realpath(context.system.at(name.lstrip("/")))).name
    if node.startswith("zram"):
        return context.system.text(f"sys/block/{node}/backing_dev") in (None, "", "none")
    return encrypted(context, node)


def encrypted(context: Context, node: str) -> bool:
    """Say whether a block device (dm-0, sda2) lies on dm-crypt, itself or through what is under it."""
    folder = context.system.at(f"sys/class/block/{node}")
    if (read_text(folder / "dm" / "uuid") or "").startswith("CRYPT-"):
        return True
    under = sorted(entry.name for entry in (folder / "slaves").glob("*"))
    return bool(under) and all(encrypted(context, one) for one in under)

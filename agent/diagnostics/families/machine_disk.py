"""The disk under the data folder: room, wear, errors, encryption, and how long a durable write takes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.diagnostics.context import Context
from agent.diagnostics.distribution import Distribution
from agent.diagnostics.families.machine import FAMILY, encrypted
from agent.diagnostics.finding import Outcome, error, not_assessed, ok, warn
from agent.diagnostics.limits import Limits
from agent.diagnostics.system import as_number, read_text

FULL_SHARE, NEARLY_FULL_SHARE = 0.02, 0.10
WRITES, WRITE_BYTES = 60, 4096
# From the last capture to a durable record at most 0.5 s are allowed, in which one fdatasync lies.
SLOW_S, TOO_SLOW_S = 0.1, 0.5
VOLATILE = {"tmpfs", "ramfs"}

NEARLY_FULL = warn(
    "machine.disk_space.little",
    "Ổ đĩa gần đầy.",
    "A disk is nearly full.",
    "Xem gì chiếm chỗ (du -x -d2 /); dọn nhật ký bằng `journalctl --vacuum-size=200M`.",
    "See what takes the room (du -x -d2 /); shrink the journal with `journalctl --vacuum-size=200M`.",
)
FULL = error(
    "machine.disk_space.none",
    "Ổ đĩa đã đầy.",
    "A disk is full.",
    "Giải phóng chỗ ngay; không xóa gì trong thư mục hàng đợi.",
    "Free space now; delete nothing in the queue's folder.",
)
WORN = warn(
    "machine.disk_health.worn",
    "Ổ đĩa đã mòn hơn 80 % tuổi thọ.",
    "The disk has used more than 80 % of its life.",
    "Lên lịch thay ổ đĩa.",
    "Plan to replace the disk.",
)
WORN_OUT = error(
    "machine.disk_health.worn_out",
    "Ổ đĩa đã hết tuổi thọ.",
    "The disk is at the end of its life.",
    "Gửi hết hồ sơ rồi thay ổ đĩa ngay.",
    "Let all records leave, then replace the disk at once.",
)
READ_ONLY = error(
    "machine.filesystem.read_only",
    "Hệ thống tệp bị chuyển sang chỉ đọc.",
    "The file system has become read-only.",
    "Không thu nhận; xem `journalctl -k`, gọi kỹ thuật viên. Thường là ổ đĩa hỏng.",
    "Take nobody in; see `journalctl -k`, call a technician. Mostly the disk is failing.",
)
ERRORS = error(
    "machine.filesystem.errors",
    "Hệ thống tệp đã ghi nhận lỗi.",
    "The file system has recorded errors.",
    "Gửi hết hồ sơ, kiểm tra bằng fsck khi khởi động, rồi thay ổ đĩa nếu lặp lại.",
    "Let all records leave, run fsck at start, and replace the disk if it repeats.",
)
IN_MEMORY = error(
    "machine.filesystem.volatile",
    "Thư mục dữ liệu nằm trong bộ nhớ: mất điện là mất hồ sơ.",
    "The data folder lies in memory: a power cut loses the records.",
    "Đặt kiosk.data_folder trên ổ đĩa thật.",
    "Put kiosk.data_folder on a real disk.",
)
NOT_ENCRYPTED = warn(
    "machine.encryption.none",
    "Ổ đĩa không được mã hóa.",
    "The disk is not encrypted.",
    "Cài lại máy với LUKS (docs/install.md): danh sách và khóa nằm trên ổ đĩa này.",
    "Install the machine with LUKS (docs/install.md): roster and keys lie on this disk.",
)
SLOW = warn(
    "machine.fsync.slow",
    "Ghi bền vững xuống đĩa chậm.",
    "Durable writes are slow.",
    "Xem chương trình nào đang ghi (iotop); nếu luôn chậm, thay ổ đĩa (SSD thay cho thẻ nhớ).",
    "See who else writes (iotop); if it is always so, use an SSD instead of a memory card.",
)
TOO_SLOW = error(
    "machine.fsync.too_slow",
    "Ghi bền vững chậm hơn mức cho phép của một lượt thu nhận.",
    "Durable writes are slower than a visit allows.",
    "Thay ổ đĩa; kiểm tra `kiosk doctor --only machine.disk_health`.",
    "Replace the disk; see `kiosk doctor --only machine.disk_health`.",
)


@FAMILY.check("disk_space", "Chỗ trống trên đĩa", "Disk space", NEARLY_FULL, FULL)
def _disk_space(context: Context, limits: Limits) -> Outcome:
    folders = {"data": existing(context.config(limits).kiosk.data_folder), "/": context.system.root}
    told, least = [], 1.0
    for name, folder in folders.items():
        status = os.statvfs(folder)
        shares = [status.f_bavail / max(1, status.f_blocks)]
        if status.f_files:
            shares.append(status.f_favail / status.f_files)
        least = min(least, *shares)
        told.append(f"{name}: {status.f_bavail * status.f_frsize / 1e9:.1f} GB ({min(shares):.0%})")
    return judge_space(least, ", ".join(told))


def judge_space(share: float, evidence: str) -> Outcome:
    """Judge by the smallest free share, of blocks and of inodes."""
    if share < FULL_SHARE:
        return FULL.seen(evidence)
    return NEARLY_FULL.seen(evidence) if share < NEARLY_FULL_SHARE else ok(evidence)


@FAMILY.check("disk_health", "Tuổi thọ ổ đĩa", "Disk wear", WORN, WORN_OUT)
def _disk_health(context: Context, limits: Limits) -> Outcome:
    disk = _disk(context, limits)
    if disk is None:
        return not_assessed("Không biết thư mục dữ liệu nằm trên đĩa nào.", "The data folder's disk is not known.")
    # eMMC (JESD84-B51, EXT_CSD): life time in tenths, 0x0B is over; pre-EOL 1 normal, 2 warning, 3 urgent.
    tenths = [as_number(part) or 0 for part in (read_text(disk / "device" / "life_time") or "").split()]
    pre_eol = as_number(read_text(disk / "device" / "pre_eol_info")) or 0
    if tenths or pre_eol:
        evidence = f"{disk.name}: life used {max(tenths, default=0) * 10} %, pre-EOL {pre_eol}"
        if max(tenths, default=0) >= 0x0B or pre_eol == 3:
            return WORN_OUT.seen(evidence)
        return WORN.seen(evidence) if max(tenths, default=0) > 8 or pre_eol == 2 else ok(evidence)
    return not_assessed(
        "Ổ đĩa không cho kernel biết độ mòn; dùng `smartctl -a`.",
        "The disk does not tell the kernel its wear; use `smartctl -a`.",
        disk.name,
    )


@FAMILY.check("filesystem", "Hệ thống tệp", "File system", READ_ONLY, ERRORS, IN_MEMORY)
def _filesystem(context: Context, limits: Limits) -> Outcome:
    folder = existing(context.config(limits).kiosk.data_folder)
    mount = mount_of(context, folder)
    if mount is None:
        return not_assessed("Không đọc được bảng gắn kết.", "The mount table tells nothing.", "proc/self/mountinfo")
    source, kind, options = mount
    evidence = f"{folder}: {kind} on {source}"
    if kind in VOLATILE:
        return IN_MEMORY.seen(evidence)
    if "ro" in options.split(","):
        return READ_ONLY.seen(evidence)
    count = context.system.number(f"sys/fs/{kind}/{Path(os.path.realpath(source)).name}/errors_count")
    return ERRORS.seen(f"{evidence}: {count} errors") if count else ok(evidence)


@FAMILY.check("encryption", "Mã hóa ổ đĩa", "Disk encryption", NOT_ENCRYPTED)
def _encryption(context: Context, limits: Limits) -> Outcome:
    mount = mount_of(context, existing(context.config(limits).kiosk.data_folder))
    node = Path(os.path.realpath(mount[0])).name if mount else ""
    if not node or not context.system.at(f"sys/class/block/{node}").exists():
        return not_assessed("Không biết thư mục dữ liệu nằm trên đĩa nào.", "The data folder's disk is not known.")
    return ok(f"{node} on dm-crypt") if encrypted(context, node) else NOT_ENCRYPTED.seen(node)


@FAMILY.check("fsync", "Tốc độ ghi bền vững", "Durable writes", SLOW, TOO_SLOW, within_s=20)
def _fsync(context: Context, limits: Limits) -> Outcome:
    folder = existing(context.config(limits).kiosk.data_folder)
    if not os.access(folder, os.W_OK):
        return not_assessed("Không có quyền ghi; chạy lại bằng sudo.", "Not permitted to write; run it with sudo.")
    return judge_fsync(measure_fsync(folder, lambda: limits.over, os.fdatasync))


def measure_fsync(folder: Path, over: Callable[[], bool], sync: Callable[[int], None]) -> Distribution:
    """Time writes of 4 KiB into space that is already allocated, each with one sync, as the queue does. Seconds."""
    took = list[float]()
    with tempfile.TemporaryFile(dir=folder) as file:
        handle = file.fileno()
        os.pwrite(handle, bytes(WRITES * WRITE_BYTES), 0)
        os.fsync(handle)
        for place in range(WRITES):
            if over() and took:
                break
            begun_s = time.perf_counter()
            os.pwrite(handle, b"\xa5" * WRITE_BYTES, place * WRITE_BYTES)
            sync(handle)
            took.append(time.perf_counter() - begun_s)
    return Distribution.of(took)


def judge_fsync(took: Distribution) -> Outcome:
    """Judge by the 95th percentile, which one slow neighbour does not move."""
    if took.p95 > TOO_SLOW_S:
        return TOO_SLOW.seen(took.told("ms", 1000))
    return SLOW.seen(took.told("ms", 1000)) if took.p95 > SLOW_S else ok(took.told("ms", 1000))


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def mount_of(context: Context, folder: Path) -> tuple[str, str, str] | None:
    """Return source, kind and options of the mount that a folder lies on (proc(5), mountinfo)."""
    best: tuple[int, tuple[str, str, str]] | None = None
    for line in (context.system.text("proc/self/mountinfo") or "").splitlines():
        left, _, right = line.partition(" - ")
        fields, more = left.split(), right.split()
        if len(fields) < 6 or len(more) < 3:
            continue
        point = Path(fields[4].encode().decode("unicode_escape"))
        if folder.resolve().is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), (more[1], more[0], f"{fields[5]},{more[2]}")
    return best[1] if best else None


def _disk(context: Context, limits: Limits) -> Path | None:
    """Return the whole disk's folder in sysfs, under partitions and mappings."""
    mount = mount_of(context, existing(context.config(limits).kiosk.data_folder))
    node = Path(os.path.realpath(mount[0])).name if mount else ""
    for _ in range(8):
        folder = context.system.at(f"sys/class/block/{node}")
        if not node or not folder.exists():
            return None
        under = sorted(entry.name for entry in (folder / "slaves").glob("*"))
        if under:
            node = under[0]
        elif (folder / "partition").exists():
            node = folder.resolve().parent.name
        else:
            return folder
    return None

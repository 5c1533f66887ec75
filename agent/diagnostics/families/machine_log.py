"""What the kernel's log says of USB and disk."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from agent.diagnostics.context import Context
from agent.diagnostics.families.machine import FAMILY
from agent.diagnostics.finding import Outcome, error, not_assessed, ok, warn
from agent.diagnostics.limits import Limits
from agent.diagnostics.system import not_permitted

MAX_RECORDS = 200_000
RECORD_BYTES = 8192
FEW = 3
# Words of the kernel's USB core and hub driver; a normal unplug says only "USB disconnect".
_USB = re.compile(
    r"usb \S+: (?:.*error -\d+|device not (?:accepting address|responding)|reset \S+-speed|.*unable to enumerate)"
    r"|over-?current|usb \S+ port\d+: (?:disabled by hub|unable to enumerate|cannot)"
)
_PORT = re.compile(r"usb (\S+?):")
_DISK = re.compile(
    r"I/O error|(?:EXT4|BTRFS|XFS)[ -].*(?:error|corrupt)|critical medium error|remounting filesystem read-only", re.I
)

USB = warn(
    "machine.usb.errors",
    "Kernel ghi nhận lỗi USB.",
    "The kernel has logged USB errors.",
    "Thay cáp hoặc đổi cổng của thiết bị ở cổng này; dùng hub có nguồn riêng; xem `journalctl -k -g usb`.",
    "Change cable or port of the device at this place; use a powered hub; see `journalctl -k -g usb`.",
)
OVER_CURRENT = error(
    "machine.usb.over_current",
    "Cổng USB bị quá dòng.",
    "A USB port has had over-current.",
    "Rút thiết bị ở cổng đó; dùng hub có nguồn riêng; có thể thiết bị hoặc cáp bị chập.",
    "Unplug what is there; use a powered hub; device or cable may have a short circuit.",
)
DISK = error(
    "machine.disk_log.errors",
    "Kernel ghi nhận lỗi đọc ghi ổ đĩa.",
    "The kernel has logged disk errors.",
    "Gửi hết hồ sơ và thay ổ đĩa; xem `journalctl -k -p err`.",
    "Let all records leave and replace the disk; see `journalctl -k -p err`.",
)


@FAMILY.check("usb", "Lỗi USB trong nhật ký kernel", "USB errors in the kernel's log", USB, OVER_CURRENT)
def _usb(context: Context, _limits: Limits) -> Outcome:
    lines = kernel_log(context.system.at("dev/kmsg"))
    if lines is None:
        return _no_log()
    found = [line for line in lines if _USB.search(line)]
    over = [line for line in found if re.search("over-?current", line)]
    if over:
        return OVER_CURRENT.seen(f"{len(over)} times: {over[-1][:150]}")
    # A camera is reset once or twice when it is opened; that is no fault.
    if len(found) >= FEW:
        places = Counter(match[1] if (match := _PORT.search(line)) else "?" for line in found)
        port, count = places.most_common(1)[0]
        return USB.seen(f"{len(found)} lines, {count} at usb {port}: {found[-1][:150]}")
    return ok(f"{len(found)} in {len(lines)} lines since the start")


@FAMILY.check("disk_log", "Lỗi ổ đĩa trong nhật ký kernel", "Disk errors in the kernel's log", DISK)
def _disk(context: Context, _limits: Limits) -> Outcome:
    lines = kernel_log(context.system.at("dev/kmsg"))
    if lines is None:
        return _no_log()
    found = [line for line in lines if _DISK.search(line)]
    return DISK.seen(f"{len(found)} lines: {found[-1][:150]}") if found else ok(f"none in {len(lines)} lines")


def kernel_log(path: Path) -> list[str] | None:
    """Return the messages of /dev/kmsg, or of a file in its form; None when there is none. Raises NotAssessed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as refusal:
        raise not_permitted(path) from refusal
    except OSError:
        return None
    try:
        device = stat.S_ISCHR(os.fstat(handle).st_mode)
        return _messages(_records(handle) if device else [os.read(handle, MAX_RECORDS * 100)])
    finally:
        os.close(handle)


def _records(handle: int) -> Iterable[bytes]:
    """Read record by record until the newest; a record that was overwritten meanwhile (EPIPE) is passed over."""
    for _ in range(MAX_RECORDS):
        try:
            record = os.read(handle, RECORD_BYTES)
        except BlockingIOError:
            return
        except BrokenPipeError:
            continue
        except PermissionError as refusal:
            raise not_permitted(Path("/dev/kmsg")) from refusal
        except OSError:
            return
        if not record:
            return
        yield record


def _messages(records: Iterable[bytes]) -> list[str]:
    """Take the text behind "priority,sequence,time,flags;"; lines that begin with a blank are a record's tags."""
    lines = (line for record in records for line in record.decode(errors="replace").splitlines())
    return [line.partition(";")[2] for line in lines if ";" in line and not line.startswith(" ")]


def _no_log() -> Outcome:
    return not_assessed("Máy không cho đọc nhật ký kernel.", "The kernel's log cannot be read here.", "dev/kmsg")

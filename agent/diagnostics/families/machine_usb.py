"""The USB devices that are plugged in, against the list of those that are let in."""

from __future__ import annotations

from collections.abc import Sequence

from agent.diagnostics.context import Context
from agent.diagnostics.families.machine import FAMILY
from agent.diagnostics.finding import Outcome, error, not_assessed, of_error, ok, skipped, warn
from agent.diagnostics.limits import Limits
from agent.usb_allow_list import LIST, SYSFS, Plugged, UsbDevice, UsbListInvalid, parse_list, plugged_in

NO_LIST = warn(
    "machine.usb_allowed.no_list",
    "Chưa có danh sách USB: mọi thiết bị cắm vào đều được nhận.",
    "There is no USB list: whatever is plugged in is let in.",
    "Rút thiết bị lạ và bàn phím rồi chạy `sudo kiosk usb allow`.",
    "Unplug strangers and keyboards, then run `sudo kiosk usb allow`.",
)
SERIAL = error(
    "machine.usb_allowed.serial_changed",
    "Thiết bị cùng loại nhưng khác số sê-ri ở cổng đã cho phép.",
    "Another device of the same kind, with another serial, is in an allowed port.",
    "Hỏi ai đã thay thiết bị; nếu đúng, chạy lại `sudo kiosk usb allow` và báo trung tâm.",
    "Ask who changed it; if it is right, run `sudo kiosk usb allow` again and tell the centre.",
)
LET_IN = error(
    "machine.usb_allowed.stranger_let_in",
    "Thiết bị USB ngoài danh sách đang hoạt động.",
    "A USB device that is not on the list is working.",
    "Rút nó ra; nạp lại luật: `sudo udevadm control --reload`, rồi chạy lại `kiosk doctor`.",
    "Unplug it; load the rules again: `sudo udevadm control --reload`, then run `kiosk doctor` again.",
)
STRANGER = warn(
    "machine.usb_allowed.stranger",
    "Có thiết bị USB ngoài danh sách; nó đang bị chặn.",
    "A USB device that is not on the list is plugged in; it is kept out.",
    "Rút nó ra. Nếu cần nó, chạy lại `sudo kiosk usb allow`.",
    "Unplug it. If it is needed, run `sudo kiosk usb allow` again.",
)


@FAMILY.check(
    "usb_allowed",
    "Thiết bị USB được phép",
    "USB devices that are let in",
    NO_LIST,
    SERIAL,
    LET_IN,
    STRANGER,
    UsbListInvalid,
)
def _usb_allowed(context: Context, limits: Limits) -> Outcome:
    sysfs = context.system.at(str(SYSFS).lstrip("/"))
    if not sysfs.is_dir():
        return not_assessed("Máy không cho biết về USB.", "The machine does not tell about USB.", str(SYSFS))
    listed = context.system.at(str(LIST).lstrip("/"))
    if not listed.exists():
        if context.config(limits).kiosk.development:
            return skipped("Kiosk đang ở chế độ thử nghiệm.", "The kiosk is in development.")
        return NO_LIST.seen(str(LIST))
    try:
        return _judge(plugged_in(sysfs), parse_list(listed.read_bytes()))
    except UsbListInvalid as failure:
        return of_error(failure)


def _judge(found: Sequence[Plugged], allowed: Sequence[UsbDevice]) -> Outcome:
    known = [(one, [entry for entry in allowed if entry.same_kind(one.device)]) for one in found]
    changed = [one for one, entries in known if entries and all(e.serial != one.device.serial for e in entries)]
    strangers = [one for one, entries in known if not entries]
    for fault, seen in (
        (SERIAL, changed),
        (LET_IN, [one for one in strangers if one.authorised]),
        (STRANGER, strangers),
    ):
        if seen:
            return fault.seen("; ".join(str(one.device) for one in seen)[:300])
    return ok(f"{len(found)} plugged in, {len(allowed)} on the list")

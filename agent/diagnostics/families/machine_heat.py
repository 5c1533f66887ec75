"""Heat and power: temperatures against their limits, throttling, undervoltage, mains and battery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.diagnostics.context import Context
from agent.diagnostics.families.machine import FAMILY
from agent.diagnostics.finding import Outcome, error, not_assessed, ok, warn
from agent.diagnostics.limits import Limits
from agent.diagnostics.system import as_number, read_text

NEAR_C = 10.0
# What is assumed of a sensor that names no limit.
USUAL_LIMIT_C = 95.0
LOW_BATTERY = 20
RASPBERRY = "sys/devices/platform/soc/soc:firmware/get_throttled"

WARM = warn(
    "machine.temperature.near_limit",
    "Máy nóng, gần đến giới hạn.",
    "The machine is hot, near its limit.",
    "Kiểm tra quạt và khe thoáng; tránh nắng chiếu thẳng.",
    "Check fan and vents; keep it out of direct sun.",
)
HOT = error(
    "machine.temperature.over_limit",
    "Máy quá nóng.",
    "The machine is too hot.",
    "Tắt máy để nguội, làm sạch quạt; kiểm tra nơi đặt máy.",
    "Switch it off to cool, clean the fan; look at where it stands.",
)
THROTTLED = warn(
    "machine.throttling.seen",
    "Máy đã phải tự giảm tốc vì nóng.",
    "The machine had to slow down because of heat.",
    "Làm mát máy: mỗi lượt thu nhận sẽ lâu hơn.",
    "Cool the machine: every visit takes longer.",
)
THROTTLING = error(
    "machine.throttling.now",
    "Máy đang tự giảm tốc vì nóng.",
    "The machine is slowed down by heat right now.",
    "Làm mát máy ngay: quạt, khe thoáng, nắng.",
    "Cool the machine now: fan, vents, sun.",
)
WAS_LOW = warn(
    "machine.undervoltage.seen",
    "Điện áp đã từng quá thấp.",
    "The supply voltage has been too low.",
    "Dùng bộ nguồn chính hãng và cáp ngắn; bớt thiết bị USB trên cùng cổng.",
    "Use the maker's power supply and a short cable; fewer USB devices on one port.",
)
IS_LOW = error(
    "machine.undervoltage.now",
    "Điện áp đang quá thấp: thiết bị USB có thể mất kết nối.",
    "The supply voltage is too low now: USB devices may drop out.",
    "Thay bộ nguồn hoặc cáp nguồn.",
    "Change the power supply or its cable.",
)
ON_BATTERY = warn(
    "machine.power.on_battery",
    "Máy đang chạy bằng pin.",
    "The machine runs on battery.",
    "Cắm điện; kiểm tra ổ cắm và UPS.",
    "Plug it in; check socket and UPS.",
)
BATTERY_LOW = error(
    "machine.power.battery_low",
    "Pin sắp hết và không có điện lưới.",
    "The battery is nearly empty and there is no mains power.",
    "Không bắt đầu lượt mới trước khi cắm điện.",
    "Start no visit before it is plugged in.",
)


@dataclass(frozen=True, slots=True)
class Sensor:
    """A temperature and its limit, degrees Celsius."""

    name: str
    value: float
    limit: float

    def __str__(self) -> str:
        return f"{self.name} {self.value:.0f} of {self.limit:.0f} °C"


@FAMILY.check("temperature", "Nhiệt độ", "Temperature", WARM, HOT)
def _temperature(context: Context, _limits: Limits) -> Outcome:
    sensors = [*_zones(context), *_hwmon(context)]
    if not sensors:
        return not_assessed("Máy không có cảm biến nhiệt.", "The machine shows no temperature sensor.")
    hottest = min(sensors, key=lambda sensor: sensor.limit - sensor.value)
    if hottest.value >= hottest.limit:
        return HOT.seen(str(hottest))
    return (WARM.seen if hottest.value > hottest.limit - NEAR_C else ok)(f"{hottest}; {len(sensors)} sensors")


@FAMILY.check("throttling", "Giảm tốc vì nóng", "Throttling", THROTTLED, THROTTLING)
def _throttling(context: Context, _limits: Limits) -> Outcome:
    board = _board(context)
    if board is not None:
        # Raspberry Pi: bits 1-3 now (capped, throttled, soft limit), the same from bit 17 on since the start.
        if board & 0x0E:
            return THROTTLING.seen(f"throttled=0x{board:x}")
        return THROTTLED.seen(f"throttled=0x{board:x}") if board & 0x0E0000 else ok(f"throttled=0x{board:x}")
    files = context.system.each("sys/devices/system/cpu", "cpu[0-9]*/thermal_throttle/*_throttle_count")
    counts = [as_number(read_text(path)) for path in files]
    known = [count for count in counts if count is not None]
    if not known:
        return not_assessed("Bộ xử lý không cho biết.", "The processor does not tell.")
    return THROTTLED.seen(f"{max(known)} times since the start") if max(known) else ok("never since the start")


@FAMILY.check("undervoltage", "Điện áp", "Supply voltage", WAS_LOW, IS_LOW)
def _undervoltage(context: Context, _limits: Limits) -> Outcome:
    board = _board(context)
    if board is not None:
        if board & 0x01:
            return IS_LOW.seen(f"throttled=0x{board:x}")
        return WAS_LOW.seen(f"throttled=0x{board:x}") if board & 0x010000 else ok(f"throttled=0x{board:x}")
    alarms = context.system.each("sys/class/hwmon", "hwmon*/in*_lcrit_alarm")
    told = {path: as_number(read_text(path)) for path in alarms}
    raised = [f"{read_text(path.parent / 'name')} {path.name}" for path, value in told.items() if value]
    if not told:
        return not_assessed("Máy không đo điện áp nguồn.", "The machine does not measure its supply.")
    return IS_LOW.seen(", ".join(raised)) if raised else ok(f"{len(told)} alarms, none raised")


@FAMILY.check("power", "Nguồn điện", "Power supply", ON_BATTERY, BATTERY_LOW)
def _power(context: Context, _limits: Limits) -> Outcome:
    mains, batteries = list[int](), list[int]()
    for supply in context.system.each("sys/class/power_supply", "*"):
        kind = read_text(supply / "type")
        online, capacity = as_number(read_text(supply / "online")), as_number(read_text(supply / "capacity"))
        # Batteries of mice and pens are no supply of the machine.
        if kind == "Battery" and read_text(supply / "scope") != "Device" and capacity is not None:
            batteries.append(capacity)
        elif kind in ("Mains", "UPS", "USB") and online is not None:
            mains.append(online)
    if not mains and not batteries:
        return not_assessed("Máy không cho biết nguồn điện.", "The machine does not tell how it is powered.")
    evidence = f"mains {'on' if any(mains) else 'off'}" if mains else "no mains told"
    evidence += f", battery {min(batteries)} %" if batteries else ""
    if mains and not any(mains):
        low = bool(batteries) and min(batteries) < LOW_BATTERY
        return (BATTERY_LOW if low else ON_BATTERY).seen(evidence)
    return ok(evidence)


def _board(context: Context) -> int | None:
    text = context.system.text(RASPBERRY)
    return as_number(f"0x{text.removeprefix('0x')}") if text else None


def _zones(context: Context) -> Iterator[Sensor]:
    for zone in context.system.each("sys/class/thermal", "thermal_zone*"):
        value = as_number(read_text(zone / "temp"))
        if value is None:
            continue
        limits = [
            as_number(read_text(path.with_name(path.name.replace("_type", "_temp"))))
            for path in sorted(zone.glob("trip_point_*_type"))
            if read_text(path) in ("critical", "hot")
        ]
        yield _sensor(read_text(zone / "type") or zone.name, value, [one for one in limits if one and one > 0])


def _hwmon(context: Context) -> Iterator[Sensor]:
    for path in context.system.each("sys/class/hwmon", "hwmon*/temp*_input"):
        value = as_number(read_text(path))
        if value is not None:
            limit = as_number(read_text(path.with_name(path.name.replace("_input", "_crit"))))
            yield _sensor(_name(path), value, [limit] if limit and limit > 0 else [])


def _sensor(name: str, value: int, limits: list[int]) -> Sensor:
    return Sensor(name, value / 1000, min(limits) / 1000 if limits else USUAL_LIMIT_C)


def _name(path: Path) -> str:
    label = read_text(path.with_name(path.name.replace("_input", "_label"))) or path.name.removesuffix("_input")
    return f"{read_text(path.parent / 'name') or path.parent.name} {label}"

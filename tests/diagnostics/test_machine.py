"""The machine's checks on file trees as the kernel makes them, and on the real disk where it can be measured."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from agent.diagnostics.distribution import Distribution
from agent.diagnostics.families import machine, machine_disk, machine_log
from agent.diagnostics.finding import Verdict
from tests.diagnostics.conftest import Kiosk, assert_fault
from tests.diagnostics.machine import Machine

MEMINFO = "MemTotal:       8000000 kB\nMemFree:         100000 kB\nMemAvailable:   {} kB\n"
THERMAL = "sys/class/thermal/thermal_zone0"
PI = "sys/devices/platform/soc/soc:firmware/get_throttled"
USB_LINES = [
    "usb 1-2: new full-speed USB device number 7 using xhci_hcd",
    "usb 1-2: device descriptor read/64, error -71",
    "usb 1-2: device not accepting address 8, error -71",
    "usb 1-2: reset full-speed USB device number 9 using xhci_hcd",
    "usb 1-2: USB disconnect, device number 9",
]


def kmsg(lines: list[str]) -> str:
    """Return lines in the form of /dev/kmsg, each with a tag line as the driver core adds them."""
    return "".join(f"6,{n},{n * 1000},-;{line}\n SUBSYSTEM=usb\n" for n, line in enumerate(lines))


class TestMemory:
    """proc/meminfo and the count of killed programs."""

    @pytest.mark.parametrize(
        ("available", "killed", "code"),
        [
            (4_000_000, 0, "machine.memory"),
            (300_000, 0, "machine.memory.little"),
            (90_000, 0, "machine.memory.none"),
            (4_000_000, 3, "machine.memory.killed"),
        ],
    )
    def test_levels(self, kiosk: Kiosk, available: int, killed: int, code: str) -> None:
        """The figures are evidence."""
        kiosk.machine.put("proc/meminfo", MEMINFO.format(available))
        kiosk.machine.put("proc/vmstat", f"nr_free_pages 1\noom_kill {killed}\n")
        found = kiosk.finding("machine.memory")
        assert found.code == code
        assert f"{available // 1024} of 7812 MiB" in found.evidence

    def test_not_told(self, kiosk: Kiosk) -> None:
        """Not assessed."""
        assert kiosk.finding("machine.memory").verdict is Verdict.NOT_ASSESSED


class TestClock:
    """The time, its keeper and its battery."""

    NOW = 1_800_000_000.0

    @pytest.mark.parametrize(
        ("now", "state", "code"),
        [
            (NOW, 0, ""),
            (NOW, machine.TIME_ERROR, "machine.clock.not_synchronized"),
            (0, 0, "machine.clock.before_installation"),
        ],
    )
    def test_states(self, now: float, state: int, code: str) -> None:
        """By adjtimex(2) and by the day of installation."""
        assert machine.judge_clock(now, lambda: state, self.NOW - 86400).code == code

    def test_the_kernel_is_asked_and_not_changed(self) -> None:
        """One of the five clock states, or the error that stands for not synchronized."""
        assert machine.clock_state() in range(6)

    @pytest.mark.parametrize(
        ("apart_s", "code"),
        [(3, "machine.rtc"), (7 * 3600, "machine.rtc"), (900, "machine.rtc.apart"), (-(10**9), "machine.rtc.apart")],
        ids=["same", "local-time", "off", "1990"],
    )
    def test_battery_clock(self, kiosk: Kiosk, apart_s: int, code: str) -> None:
        """Local time is no fault, a quarter of an hour is."""
        kiosk.machine.put("sys/class/rtc/rtc0/since_epoch", f"{round(kiosk.machine.now_s) + apart_s}\n")
        assert kiosk.finding("machine.rtc").code == code

    def test_no_battery_clock(self, kiosk: Kiosk) -> None:
        """A warning."""
        assert_fault(kiosk.finding("machine.rtc"), "machine.rtc.absent")


def test_entropy(kiosk: Kiosk) -> None:
    """The real generator is ready; one that would block is an error."""

    def blocks() -> bytes:
        raise BlockingIOError(errno.EAGAIN, "not ready")

    assert kiosk.finding("machine.entropy").verdict is Verdict.OK
    assert machine._random("7 bits", blocks).code == "machine.entropy.not_ready"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("LANG=vi_VN.UTF-8\n", "machine.locale"),
        ('LANG="C.utf8"\n', "machine.locale"),
        ("LANG=vi_VN.TCVN\n", "machine.locale.not_utf8"),
        ("#LANG=en_US.UTF-8\n", "machine.locale.not_utf8"),
        ("LANG=en_US.UTF-8\nLC_ALL=C\n", "machine.locale.not_utf8"),
    ],
)
def test_locale(kiosk: Kiosk, text: str, code: str) -> None:
    """LC_ALL beats LANG, a comment is nothing."""
    kiosk.machine.put("etc/default/locale", text)
    assert kiosk.finding("machine.locale").code == code


def test_fonts(kiosk: Kiosk) -> None:
    """By fontconfig, which may be missing."""
    assert kiosk.finding("machine.fonts").verdict is Verdict.NOT_ASSESSED
    kiosk.machine.program("fc-list", "DejaVu Sans\nNoto Sans\n")
    assert kiosk.finding("machine.fonts").evidence == "2, such as DejaVu Sans"
    kiosk.machine.program("fc-list", "")
    assert_fault(kiosk.finding("machine.fonts"), "machine.fonts.none_for_vietnamese")


class TestSwap:
    """Where personal data could get onto the disk."""

    HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

    def put(self, machine_: Machine, name: str) -> None:
        """Have one swap device in use."""
        machine_.put("proc/swaps", f"{self.HEAD}{name}  partition  1000  0  -2\n")

    def test_none(self, kiosk: Kiosk) -> None:
        """Fine."""
        kiosk.machine.put("proc/swaps", self.HEAD)
        assert kiosk.finding("machine.swap").evidence == "none"

    @pytest.mark.parametrize("name", ["/dev/sda2", "/swapfile", "/dev/dm-1"], ids=["disk", "file", "lvm"])
    def test_plain(self, kiosk: Kiosk, name: str) -> None:
        """An error that names it."""
        self.put(kiosk.machine, name)
        kiosk.machine.put("sys/class/block/dm-1/dm/uuid", "LVM-abc\n")
        (kiosk.machine.root / "sys/class/block/dm-1/slaves/sda3").mkdir(parents=True)
        found = kiosk.finding("machine.swap")
        assert_fault(found, "machine.swap.not_encrypted")
        assert found.evidence == name

    def test_encrypted(self, kiosk: Kiosk) -> None:
        """dm-crypt itself, a logical volume on it, or compressed memory."""
        kiosk.machine.put("sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-abc\n")
        kiosk.machine.put("sys/class/block/dm-1/dm/uuid", "LVM-abc\n")
        (kiosk.machine.root / "sys/class/block/dm-1/slaves/dm-0").mkdir(parents=True)
        for name in ("/dev/dm-0", "/dev/dm-1", "/dev/zram0"):
            self.put(kiosk.machine, name)
            assert kiosk.finding("machine.swap").verdict is Verdict.OK, name

    def test_compressed_memory_that_spills(self, kiosk: Kiosk) -> None:
        """A zram with a disk behind it."""
        self.put(kiosk.machine, "/dev/zram0")
        kiosk.machine.put("sys/block/zram0/backing_dev", "/dev/sda4\n")
        assert_fault(kiosk.finding("machine.swap"), "machine.swap.not_encrypted")


class TestDisk:
    """Room, wear, errors, encryption, speed."""

    def mount(self, kiosk: Kiosk, kind: str = "ext4", source: str = "/dev/mmcblk0p2", options: str = "rw") -> None:
        """Say that everything lies on this file system."""
        line = f"29 1 179:2 / / {options},noatime shared:1 - {kind} {source} {options},errors=remount-ro\n"
        kiosk.machine.put("proc/self/mountinfo", "garbage\n" + line)

    def emmc(self, kiosk: Kiosk, life: str, pre_eol: str) -> None:
        """Have the disk be an eMMC with a partition, as sysfs shows it."""
        disk = kiosk.machine.root / "sys/devices/mmc0/block/mmcblk0"
        (disk / "mmcblk0p2").mkdir(parents=True)
        (disk / "mmcblk0p2" / "partition").write_text("2\n")
        kiosk.machine.link("sys/class/block/mmcblk0p2", str(disk / "mmcblk0p2"))
        kiosk.machine.link("sys/class/block/mmcblk0", str(disk))
        (disk / "device").mkdir()
        (disk / "device" / "life_time").write_text(f"{life}\n")
        (disk / "device" / "pre_eol_info").write_text(f"{pre_eol}\n")

    @pytest.mark.parametrize(
        ("life", "pre_eol", "code"),
        [
            ("0x02 0x01", "0x01", "machine.disk_health"),
            ("0x09 0x01", "0x01", "machine.disk_health.worn"),
            ("0x01 0x01", "0x02", "machine.disk_health.worn"),
            ("0x0b 0x01", "0x01", "machine.disk_health.worn_out"),
            ("0x01 0x01", "0x03", "machine.disk_health.worn_out"),
        ],
    )
    def test_wear(self, kiosk: Kiosk, life: str, pre_eol: str, code: str) -> None:
        """An eMMC tells it."""
        self.mount(kiosk)
        self.emmc(kiosk, life, pre_eol)
        assert kiosk.finding("machine.disk_health").code == code

    def test_wear_that_is_not_told(self, kiosk: Kiosk) -> None:
        """Not assessed, with the program that could."""
        self.mount(kiosk, source="/dev/sda1")
        kiosk.machine.put("sys/class/block/sda1/size", "1")
        found = kiosk.finding("machine.disk_health")
        assert found.verdict is Verdict.NOT_ASSESSED
        assert "smartctl" in found.cause.en

    @pytest.mark.parametrize(
        ("kind", "options", "errors", "code"),
        [
            ("ext4", "rw", "0", "machine.filesystem"),
            ("ext4", "ro", "0", "machine.filesystem.read_only"),
            ("ext4", "rw", "3", "machine.filesystem.errors"),
            ("tmpfs", "rw", "0", "machine.filesystem.volatile"),
        ],
    )
    def test_file_system(self, kiosk: Kiosk, kind: str, options: str, errors: str, code: str) -> None:
        """By the mount table and the file system's own counter."""
        self.mount(kiosk, kind=kind, options=options)
        kiosk.machine.put("sys/fs/ext4/mmcblk0p2/errors_count", errors)
        assert kiosk.finding("machine.filesystem").code == code

    def test_encryption(self, kiosk: Kiosk) -> None:
        """A plain disk is a warning, dm-crypt is fine, an unknown one is not assessed."""
        assert kiosk.finding("machine.encryption").verdict is Verdict.NOT_ASSESSED
        self.mount(kiosk, source="/dev/sda1")
        kiosk.machine.put("sys/class/block/sda1/size", "1")
        assert_fault(kiosk.finding("machine.encryption"), "machine.encryption.none")
        kiosk.machine.put("sys/class/block/sda1/dm/uuid", "CRYPT-LUKS2-x")
        assert kiosk.finding("machine.encryption").verdict is Verdict.OK

    def test_the_real_disk_is_measured(self, kiosk: Kiosk) -> None:
        """Every write has its sync, and nothing stays behind."""
        syncs: list[int] = []
        took = machine_disk.measure_fsync(kiosk.data, lambda: False, syncs.append)
        assert len(took.values) == len(syncs) == machine_disk.WRITES
        assert list(kiosk.data.iterdir()) == []
        assert kiosk.finding("machine.fsync").evidence.startswith(f"n {machine_disk.WRITES}")

    @pytest.mark.parametrize(
        ("p95", "code"), [(0.01, ""), (0.2, "machine.fsync.slow"), (0.7, "machine.fsync.too_slow")]
    )
    def test_slow_disks(self, p95: float, code: str) -> None:
        """One slow write in twenty decides, one in sixty does not."""
        assert machine_disk.judge_fsync(Distribution.of([0.001] * 18 + [p95, p95])).code == code
        assert machine_disk.judge_fsync(Distribution.of([0.001] * 59 + [p95])).code == ""

    def test_a_disk_that_hangs_is_left_after_its_time(self, kiosk: Kiosk) -> None:
        """What was measured until then counts."""
        took = machine_disk.measure_fsync(kiosk.data, lambda: True, os.fdatasync)
        assert len(took.values) == 1

    @pytest.mark.parametrize(
        ("share", "code"), [(0.5, ""), (0.05, "machine.disk_space.little"), (0.01, "machine.disk_space.none")]
    )
    def test_room(self, share: float, code: str) -> None:
        """By the smallest share."""
        assert machine_disk.judge_space(share, "").code == code

    def test_the_real_room(self, kiosk: Kiosk) -> None:
        """Both places are told."""
        assert "data: " in kiosk.finding("machine.disk_space").evidence

    def test_disk_errors_in_the_log(self, kiosk: Kiosk) -> None:
        """Told with the newest line."""
        kiosk.machine.put("dev/kmsg", kmsg(["sda: fine", "I/O error, dev sda, sector 1234 op 0x0:(READ)"]))
        assert_fault(kiosk.finding("machine.disk_log"), "machine.disk_log.errors")


class TestHeat:
    """Sensors in sysfs."""

    @pytest.mark.parametrize(
        ("milli", "code"),
        [
            (50000, "machine.temperature"),
            (98000, "machine.temperature.near_limit"),
            (106000, "machine.temperature.over_limit"),
        ],
    )
    def test_against_the_trip_point(self, kiosk: Kiosk, milli: int, code: str) -> None:
        """The zone's own critical trip point counts, a passive one does not."""
        for name, text in {"temp": milli, "type": "x86_pkg_temp", "trip_point_0_type": "passive"}.items():
            kiosk.machine.put(f"{THERMAL}/{name}", f"{text}\n")
        for name, text in {"0_temp": "40000", "1_type": "critical", "1_temp": "105000"}.items():
            kiosk.machine.put(f"{THERMAL}/trip_point_{name}", text)
        found = kiosk.finding("machine.temperature")
        assert found.code == code
        assert "of 105 °C" in found.evidence

    def test_the_nearest_to_its_limit_counts(self, kiosk: Kiosk) -> None:
        """A disk at 68 of 70 degrees is worse than a processor at 80 of 105."""
        for name, text in {"temp1_input": "68000", "temp1_crit": "70000", "temp1_label": "Composite"}.items():
            kiosk.machine.put(f"sys/class/hwmon/hwmon1/{name}", text)
        kiosk.machine.put("sys/class/hwmon/hwmon1/name", "nvme")
        kiosk.machine.put(f"{THERMAL}/temp", "80000")
        found = kiosk.finding("machine.temperature")
        assert found.code == "machine.temperature.near_limit"
        assert found.evidence.startswith("nvme Composite 68 of 70 °C")

    @pytest.mark.parametrize(
        ("bits", "throttling", "voltage"),
        [
            ("0", "machine.throttling", "machine.undervoltage"),
            ("50000", "machine.throttling.seen", "machine.undervoltage.seen"),
            ("50005", "machine.throttling.now", "machine.undervoltage.now"),
            ("e0000", "machine.throttling.seen", "machine.undervoltage"),
        ],
    )
    def test_a_raspberrys_bits(self, kiosk: Kiosk, bits: str, throttling: str, voltage: str) -> None:
        """Now and since the start, heat and voltage apart."""
        kiosk.machine.put(PI, f"{bits}\n")
        assert kiosk.finding("machine.throttling").code == throttling
        assert kiosk.finding("machine.undervoltage").code == voltage

    def test_a_pcs_counters(self, kiosk: Kiosk) -> None:
        """The largest of all cores."""
        path = "sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count"
        kiosk.machine.put(path.format(0), "0\n")
        assert kiosk.finding("machine.throttling").verdict is Verdict.OK
        kiosk.machine.put(path.format(1), "42\n")
        assert_fault(kiosk.finding("machine.throttling"), "machine.throttling.seen")

    def test_a_voltage_alarm(self, kiosk: Kiosk) -> None:
        """By hwmon."""
        kiosk.machine.put("sys/class/hwmon/hwmon0/name", "rpi_volt")
        kiosk.machine.put("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1")
        assert_fault(kiosk.finding("machine.undervoltage"), "machine.undervoltage.now")

    @pytest.mark.parametrize("code", ["temperature", "throttling", "undervoltage", "power", "usb", "disk_log"])
    def test_what_the_machine_does_not_tell(self, kiosk: Kiosk, code: str) -> None:
        """Not assessed, in words."""
        found = kiosk.finding(f"machine.{code}")
        assert found.verdict is Verdict.NOT_ASSESSED
        assert found.cause.vi


class TestPower:
    """Mains and battery."""

    @pytest.mark.parametrize(
        ("online", "capacity", "code"),
        [
            ("1", "100", "machine.power"),
            ("0", "80", "machine.power.on_battery"),
            ("0", "12", "machine.power.battery_low"),
        ],
    )
    def test_states(self, kiosk: Kiosk, online: str, capacity: str, code: str) -> None:
        """A mouse's empty battery is no supply of the machine."""
        folder = "sys/class/power_supply"
        for place, text in {
            "AC/type": "Mains",
            "AC/online": online,
            "BAT0/type": "Battery",
            "BAT0/capacity": capacity,
            "mouse/type": "Battery",
            "mouse/scope": "Device",
            "mouse/capacity": "1",
        }.items():
            kiosk.machine.put(f"{folder}/{place}", f"{text}\n")
        assert kiosk.finding("machine.power").code == code


class TestKernelLog:
    """USB faults as the kernel words them."""

    def test_several_errors_at_one_port(self, kiosk: Kiosk) -> None:
        """The port is named; plugging in and out is no error."""
        kiosk.machine.put("dev/kmsg", kmsg(USB_LINES))
        found = kiosk.finding("machine.usb")
        assert_fault(found, "machine.usb.errors")
        assert found.evidence.startswith("3 lines, 3 at usb 1-2")

    def test_a_single_reset_is_no_fault(self, kiosk: Kiosk) -> None:
        """Cameras are reset when they are opened."""
        kiosk.machine.put("dev/kmsg", kmsg(USB_LINES[3:]))
        assert kiosk.finding("machine.usb").verdict is Verdict.OK

    def test_over_current(self, kiosk: Kiosk) -> None:
        """An error at once."""
        kiosk.machine.put("dev/kmsg", kmsg(["hub 1-1:1.0: over-current condition on port 3"]))
        assert_fault(kiosk.finding("machine.usb"), "machine.usb.over_current")

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        """Nothing in the log may break the check."""
        path = tmp_path / "kmsg"
        path.write_bytes(bytes(range(256)) * 10 + b"\n6,1,1,-;last\n")
        assert (machine_log.kernel_log(path) or [""])[-1] == "last"

    def test_the_real_log_ends(self) -> None:
        """Read until the newest record, without waiting for more; where this user may."""
        if not os.access("/dev/kmsg", os.R_OK):
            pytest.skip("/dev/kmsg is not readable here")
        begun = time.monotonic()
        lines = machine_log.kernel_log(Path("/dev/kmsg"))
        assert lines is None or all(isinstance(line, str) for line in lines)
        assert time.monotonic() > begun

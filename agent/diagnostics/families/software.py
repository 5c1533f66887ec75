"""The software: configuration, files as installed, models, unit, versions."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import re
from importlib import metadata
from pathlib import Path

from agent import __version__
from agent.capture.portrait import models
from agent.config import ConfigError
from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Outcome, error, not_assessed, ok, warn
from agent.diagnostics.limits import Limits, NotAssessed, TimedOut
from agent.roster import Roster
from agent.roster.errors import RosterUnreadable

FAMILY = Family("software", "Phần mềm và cấu hình", "Software and configuration")

DISTRIBUTION = "intake-kiosk-agent"
UNIT = "kiosk.service"
RESTARTS = 3
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?")

NO_DAEMON = warn(
    "software.daemon.not_running",
    "Chương trình kiosk không trả lời; các thiết bị được hỏi trực tiếp.",
    "The daemon does not answer; the devices were asked directly.",
    "Khởi động bằng `systemctl start kiosk`; nếu không được, xem `journalctl -u kiosk -n 50`.",
    "Start it with `systemctl start kiosk`; if it fails, see `journalctl -u kiosk -n 50`.",
)
OTHER_VERSION = warn(
    "software.daemon.other_version",
    "Chương trình đang chạy không phải bản đã cài.",
    "The running daemon is not the installed version.",
    "Chạy `systemctl restart kiosk` khi không có ai đang thu nhận.",
    "Run `systemctl restart kiosk` while nobody is being taken in.",
)
TARGETS = error(
    "software.targets.missing",
    "Tệp mà cấu hình trỏ đến bị thiếu hoặc không đọc được.",
    "Files that the configuration points to are missing or not readable.",
    "Chép lại tệp còn thiếu, sửa chủ và quyền; kiểm tra bằng `kiosk config check`.",
    "Copy what is missing, put owner and mode right; check with `kiosk config check`.",
)
DEVELOPMENT = warn(
    "software.development.on",
    "Kiosk đang ở chế độ thử nghiệm: mọi hồ sơ đều mang dấu thử nghiệm.",
    "The kiosk is in development: every record is marked as a test.",
    "Trên kiosk thật, đặt kiosk.development = false.",
    "On a real kiosk set kiosk.development = false.",
)
MOCKS = error(
    "software.mocks.installed",
    "Thiết bị giả lập được cài trên kiosk thật.",
    "Mock devices are installed on a real kiosk.",
    "Chạy `/opt/kiosk/bin/pip uninstall firmware-mocks`.",
    "Run `/opt/kiosk/bin/pip uninstall firmware-mocks`.",
)
TOO_OLD = error(
    "software.versions.too_old",
    "Thư viện bị thiếu hoặc cũ hơn yêu cầu.",
    "A library is missing or older than required.",
    "Cài lại theo requirements/kiosk.lock (docs/install.md).",
    "Install again by requirements/kiosk.lock (docs/install.md).",
)
CHANGED = error(
    "software.files.changed",
    "Tệp đã cài bị thay đổi hoặc bị mất.",
    "Installed files were changed or are gone.",
    "Ngừng dùng kiosk, cài lại phần mềm; nếu không ai sửa, kiểm tra ổ đĩa và báo trung tâm.",
    "Stop using the kiosk and install again; if nobody changed them, check the disk and tell the centre.",
)
MODEL_WRONG = error(
    "software.models.wrong_hash",
    "Tệp mô hình không đúng mã băm.",
    "A model file is not the one we know.",
    "Chạy `kiosk models install`.",
    "Run `kiosk models install`.",
)
MODEL_MISSING = error(
    "software.models.missing",
    "Thiếu tệp mô hình: chưa chụp được chân dung.",
    "Model files are missing: no portrait can be taken.",
    "Chạy `kiosk models install`.",
    "Run `kiosk models install`.",
)
UNIT_FAILED = error(
    "software.unit.failed",
    "Dịch vụ kiosk bị lỗi và đã dừng.",
    "The service failed and has stopped.",
    "Xem `journalctl -u kiosk -n 50`, sửa nguyên nhân, rồi `systemctl restart kiosk`.",
    "See `journalctl -u kiosk -n 50`, mend the cause, then `systemctl restart kiosk`.",
)
UNIT_OFF = warn(
    "software.unit.not_active",
    "Dịch vụ kiosk không chạy.",
    "The service is not active.",
    "Chạy `systemctl enable --now kiosk`.",
    "Run `systemctl enable --now kiosk`.",
)
UNIT_RESTARTS = warn(
    "software.unit.restarts",
    "Dịch vụ kiosk tự khởi động lại nhiều lần.",
    "The service has restarted by itself several times.",
    "Xem `journalctl -u kiosk -p err` và gửi gói hỗ trợ.",
    "See `journalctl -u kiosk -p err` and send a support bundle.",
)
CORES = warn(
    "software.cores.found",
    "Có tệp core của kiosk; trong đó có thể có dữ liệu cá nhân.",
    "There are core files of the kiosk; they may hold personal data.",
    "Xóa chúng (`coredumpctl`, rồi xóa trong /var/lib/systemd/coredump); giữ LimitCORE=0 trong dịch vụ.",
    "Delete them (`coredumpctl`, then /var/lib/systemd/coredump); keep LimitCORE=0 in the unit.",
)
REBOOT = warn(
    "software.update.reboot_required",
    "Bản cập nhật hệ thống chờ khởi động lại.",
    "A system update waits for a restart.",
    "Khởi động lại máy khi hết giờ làm việc.",
    "Restart the machine after hours.",
)


@FAMILY.check("daemon", "Chương trình kiosk", "Daemon", NO_DAEMON, OTHER_VERSION)
def _daemon(context: Context, limits: Limits) -> Outcome:
    why = context.why_no_daemon
    if why is not None:
        return NO_DAEMON.seen(why.detail)
    status = context.status(limits) or {}
    version = status.get("version", __version__)
    if version != __version__:
        return OTHER_VERSION.seen(f"running {version}, installed {__version__}")
    return ok(f"{status.get('kiosk')} answers, version {version}")


@FAMILY.check("config", "Tệp cấu hình", "Configuration file", ConfigError)
def _config(context: Context, limits: Limits) -> Outcome:
    context.config(limits)
    return ok(str(context.config_path))


@FAMILY.check("targets", "Tệp được cấu hình trỏ đến", "Files that it points to", TARGETS)
def _targets(context: Context, limits: Limits) -> Outcome:
    config = context.config(limits)
    targets = [config.roster.file, config.trust.folder, config.models.folder, config.kiosk.data_folder]
    bad = [str(target) for target in targets if not os.access(target, os.R_OK)]
    return TARGETS.seen(", ".join(bad)) if bad else ok(f"{len(targets)} there and readable")


@FAMILY.check("roster", "Danh sách", "Roster", RosterUnreadable)
def _roster(context: Context, limits: Limits) -> Outcome:
    # A wrong line's text is personal; the error names only its number.
    return ok(f"{len(Roster.load(context.config(limits).roster.file))} members")


@FAMILY.check("development", "Chế độ thử nghiệm", "Development mode", DEVELOPMENT)
def _development(context: Context, limits: Limits) -> Outcome:
    on = context.config(limits).kiosk.development
    return DEVELOPMENT.seen("kiosk.development = true") if on else ok("off")


@FAMILY.check("mocks", "Thiết bị giả lập", "Mock devices", MOCKS)
def _mocks(context: Context, limits: Limits) -> Outcome:
    try:
        version = metadata.version("firmware-mocks")
    except metadata.PackageNotFoundError:
        return ok("not installed")
    if context.config(limits).kiosk.development:
        return ok(f"firmware-mocks {version}, allowed in development")
    return MOCKS.seen(f"firmware-mocks {version}")


@FAMILY.check("versions", "Phiên bản", "Versions", TOO_OLD)
def _versions(_context: Context, _limits: Limits) -> Outcome:
    bad, shown = [], []
    for name, least in requirements():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            bad.append(f"{name} is missing")
            continue
        shown.append(f"{name} {found}")
        if _numbers(found) < _numbers(least):
            bad.append(f"{name} {found} < {least}")
    if bad:
        return TOO_OLD.seen(", ".join(bad))
    return ok(f"{__version__}; Python {platform.python_version()}; {', '.join(shown)}")


@FAMILY.check("files", "Tệp đã cài", "Installed files", CHANGED, within_s=20)
def _files(_context: Context, limits: Limits) -> Outcome:
    checked, bad = 0, list[str]()
    for name in (DISTRIBUTION, *(name for name, _ in requirements())):
        try:
            listed = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            continue
        hashed = [file for file in listed if file.hash is not None and file.hash.mode == "sha256"]
        if name == DISTRIBUTION and not any(str(file).startswith("agent/") for file in hashed):
            return not_assessed(
                "Phần mềm chạy từ thư mục nguồn, không có danh sách mã băm.",
                "It runs from a source folder, which has no list of hashes.",
            )
        for file in hashed:
            if limits.over:
                raise TimedOut
            checked += 1
            if not _as_installed(Path(str(file.locate())), file.hash.value if file.hash else ""):
                bad.append(str(file))
    return CHANGED.seen(", ".join(bad[:5])) if bad else ok(f"{checked} files as installed")


@FAMILY.check("models", "Tệp mô hình", "Model files", MODEL_WRONG, MODEL_MISSING)
def _models(context: Context, limits: Limits) -> Outcome:
    states = {model.name: state for model, state in models.inspect(context.config(limits).models.folder)}
    for state, fault in (("wrong hash", MODEL_WRONG), ("missing", MODEL_MISSING)):
        names = [name for name, found in states.items() if found == state]
        if names:
            return fault.seen(", ".join(names))
    return ok(f"{len(states)} files, hashes right")


@FAMILY.check("unit", "Dịch vụ systemd", "systemd unit", UNIT_FAILED, UNIT_OFF, UNIT_RESTARTS)
def _unit(context: Context, limits: Limits) -> Outcome:
    properties = "LoadState,ActiveState,SubState,Result,NRestarts"
    told = context.system.ask(["systemctl", "show", UNIT, "-p", properties], limits)
    unit = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    evidence = ", ".join(f"{key}={value}" for key, value in unit.items())
    if unit.get("LoadState") != "loaded":
        return not_assessed("Máy không có dịch vụ kiosk.", "This machine has no unit of the kiosk.", evidence)
    if unit.get("ActiveState") == "failed":
        return UNIT_FAILED.seen(evidence)
    if unit.get("ActiveState") != "active":
        return UNIT_OFF.seen(evidence)
    return UNIT_RESTARTS.seen(evidence) if int(unit.get("NRestarts") or 0) >= RESTARTS else ok(evidence)


@FAMILY.check("cores", "Tệp core", "Core files", CORES)
def _cores(context: Context, _limits: Limits) -> Outcome:
    folder = context.system.at("var/lib/systemd/coredump")
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return ok("none kept by systemd-coredump")
    except PermissionError:
        return not_assessed("Không có quyền xem; chạy lại bằng sudo.", "Not permitted; run it with sudo.", str(folder))
    ours = [name for name in names if name.startswith(("core.kiosk.", "core.python"))]
    return CORES.seen(f"{len(ours)} in {folder}") if ours else ok("none")


@FAMILY.check("update", "Cập nhật hệ thống", "System update", REBOOT)
def _update(context: Context, _limits: Limits) -> Outcome:
    if context.system.at("var/run/reboot-required").exists() or context.system.at("run/reboot-required").exists():
        return REBOOT.seen((context.system.text("run/reboot-required.pkgs") or "").replace("\n", ", ")[:200])
    return ok("no restart is waiting")


def requirements() -> list[tuple[str, str]]:
    """Return name and least version of the libraries that the product needs; raise NotAssessed without its metadata."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        raise NotAssessed("Phần mềm chưa được cài bằng pip.", "The product was not installed with pip.") from None
    found = [_REQUIREMENT.match(line) for line in lines if "extra ==" not in line]
    return [(match[1], match[2] or "0") for match in found if match]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])


def _as_installed(path: Path, expected: str) -> bool:
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == expected


__all__ = ["FAMILY", "requirements"]

"""`kiosk enrol`: a technician's one-time token becomes this kiosk's certificate. The daemon may run."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import load_config
from agent.enrolment import enrol as enrol_at
from agent.enrolment.errors import NoAddress


def enrol(screen: Screen, path: Path, token: str, collector: str) -> ExitCode:
    """Enrol and print until when the certificate is good. Raises EnrolmentError or UplinkError."""
    config = load_config(path)
    address = collector or config.collector.enrolment_address
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise NoAddress(address)
    done = enrol_at(config.trust.folder, config.kiosk.name, address, token, Event())
    if screen.as_json:
        screen.json({"kiosk": config.kiosk.name, "certificate_until": done.certificate_until, "bundles": done.bundles})
        return ExitCode.OK
    screen.line(
        f"✓ {config.kiosk.name} đã ghi danh; chứng thư đến {done.certificate_until}, kiosk tự gia hạn.",
        f"{config.kiosk.name} is enrolled; its certificate ends {done.certificate_until}, the kiosk renews it itself.",
        "green",
    )
    for kind, version in done.bundles.items():
        screen.line(f"  {kind}: phiên bản · version {version}", "")
    screen.line("  Chứng thực TPM: chưa đánh giá.", "TPM attestation: not assessed.")
    return ExitCode.OK

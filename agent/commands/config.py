"""`kiosk config`: check the configuration file and what it points to."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen
from agent.config import Config, ConfigError, load_config


def check(screen: Screen, path: Path) -> ExitCode:
    """Check the file in full and what it points to; print every fault."""
    try:
        config = load_config(path)
    except ConfigError as error:
        if screen.as_json:
            screen.json({"file": str(path), "ok": False, "problems": [asdict(p) for p in error.problems]})
            return ExitCode.CONFIG
        raise
    missing = [str(target) for target in _targets(config) if not _is_there(target)]
    if screen.as_json:
        screen.json({"file": str(path), "ok": not missing, "missing": missing})
    elif missing:
        for target in missing:
            screen.line(f"✗ Thiếu hoặc không đọc được: {target}", f"Missing, or not readable: {target}", "red")
    else:
        screen.line(f"✓ {path}: cấu hình hợp lệ.", "The configuration is valid.", "green")
    return ExitCode.CONFIG if missing else ExitCode.OK


def _targets(config: Config) -> list[Path]:
    trust = config.trust.folder
    key = f"{config.keys.name}.key" if config.keys.kind == "file" else f"{config.keys.name}.pub.pem"
    names = ("campaign.pem", key, "bundles", "tls/ca.pem", "tls/client.pem", "tls/client.key")
    return [config.roster.file, config.models.folder, *(trust / name for name in names)]


def _is_there(path: Path) -> bool:
    """Say whether a file is there for whoever asks: what may not be read is as good as missing."""
    return os.access(path, os.R_OK)

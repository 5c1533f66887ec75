"""`make demo`: one person (or twenty) through the whole kiosk. Exits 0 only with the collector's receipt for each."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

from firmware_mocks.card_reader import ReaderError
from firmware_mocks.chip_card.issuer import kept_csca

from demo.people import make_people, write_roster
from demo.programs import ProgramFailed
from demo.run import DemoFailed, Visit, console, open_at_collector, pending, print_visit, take_in
from demo.stage import Stage, set_stage

# Only a folder with this file is ever deleted.
MARK = ".made-by-the-demo"


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--persons", type=int, default=1, help="how many different people (default: 1)")
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="where everything lies afterwards")
    parser.add_argument("--picture", type=Path, help="keep what was printed as an SVG picture")
    arguments = parser.parse_args()
    os.umask(0o077)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = _demo(arguments.folder.resolve(), arguments.persons)
        if arguments.picture is not None:
            console.save_svg(str(arguments.picture), title="make demo")
        return code
    except KeyboardInterrupt:
        console.print("Đã dừng; mọi chương trình của bản demo đã tắt. · Stopped; all that was started has ended.")
        return 130
    except (DemoFailed, ProgramFailed, ReaderError) as error:
        console.print(f"[bold red]✗[/] {error}", markup=True)
        return 1


def _demo(folder: Path, persons: int) -> int:
    _make_empty(folder)
    people = make_people(persons, folder / "people")
    write_roster(people, folder / "roster.csv")
    kept_csca(folder / "csca")
    console.print("Khởi động trung tâm, thiết bị mô phỏng và kiosk… · Starting collector, mock devices and agent…")
    with set_stage(folder, folder / "roster.csv", folder / "csca" / "csca.pem") as stage:
        visits: list[Visit] = []
        for one in people:
            console.print(f"\n[bold]Người thứ {one.seed} · Person {one.seed}: {one.person.full_name}[/]")
            visit = take_in(stage, one)
            visits.append(visit)
            print_visit(visit)
            _tell_record(stage, visit, one.seed)
        return _verdict(stage, visits)


def _make_empty(folder: Path) -> None:
    """Remove what an earlier demo left; raise DemoFailed for a folder that is somebody else's."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise DemoFailed(f"{folder} is not empty and not the demo's; choose another --folder")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def _tell_record(stage: Stage, visit: Visit, number: int) -> None:
    if not visit.record_id:
        console.print("[bold red]✗ Không có hồ sơ · No record.[/]")
        return
    receipt = "[green]đã ký nhận · receipted[/]" if visit.acknowledged else "[red]chưa ký nhận · no receipt[/]"
    out = stage.folder / "opened" / f"{number:02d}-{visit.record_id[:8]}"
    files = open_at_collector(stage, visit.record_id, out)
    console.print(f"✓ Hồ sơ · Record {visit.record_id}: {receipt}, {visit.took_s:.1f} s")
    console.print(f"  Trung tâm mở được · Opened by the collector: {_from_here(out)}")
    console.print("  " + ", ".join(file.name for file in files))


def _verdict(stage: Stage, visits: list[Visit]) -> int:
    waiting = pending(stage)
    received = sum(visit.acknowledged and visit.exit_code == 0 for visit in visits)
    of = f"{received}/{len(visits)}"
    console.print(f"\nĐã ký nhận {of}, còn chờ {waiting} · Receipted {of}, waiting {waiting}")
    console.print(f"Nhật ký · Logs: {_from_here(stage.folder / 'logs')}")
    return 0 if received == len(visits) and waiting == 0 else 1


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

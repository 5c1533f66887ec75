"""A machine made of files: sysfs, procfs and a folder of programs, each a real tree that a check reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from agent.diagnostics.system import System


class Machine:
    """`root` stands for /; programs are shell scripts in `programs`, the only folder on the search path."""

    def __init__(self, root: Path) -> None:
        self.root, self.programs = root, root / "programs"
        self.programs.mkdir(parents=True)
        self.now_s = time.time()
        self.may_use: Callable[[Path], bool] = lambda _: True

    def system(self) -> System:
        """Return it as the checks see it."""
        return System(self.root, str(self.programs), lambda: self.now_s, self.may_use)

    def put(self, place: str, text: str) -> Path:
        """Write a file, with the folders above it."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def link(self, place: str, target: str) -> None:
        """Make a symbolic link, as sysfs is full of."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def program(self, name: str, output: str = "", status: int = 0, *, hangs: bool = False) -> None:
        """Put a program on the path that prints something and ends so."""
        path = self.programs / name
        text = self.programs / f"{name}.txt"
        text.write_text(output, encoding="utf-8")
        action = "exec /bin/sleep 60" if hangs else f"/bin/cat '{text}'\nexit {status}"
        path.write_text(f"#!/bin/sh\n{action}\n", encoding="utf-8")
        path.chmod(0o755)

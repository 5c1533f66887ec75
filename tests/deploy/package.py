"""Packages with a small software in them, and a machine to install them on that is gone afterwards.

The machine is this one under an overlay in a mount namespace of its own: the real dpkg runs the real scripts.
"""

from __future__ import annotations

import functools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "tools" / "deb.sh"
WITHIN_S = 100.0
# Overlays cannot lie on the file system that they cover.
IN_OVERLAY = """
set -e
mkdir -p "$0/mount" && mount -t tmpfs none "$0/mount"
mkdir "$0/mount/upper" "$0/mount/work" "$0/mount/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/mount/upper,workdir=$0/mount/work" "$0/mount/root"
mount --bind "$0" "$0/mount/root/mnt"
mount -t proc proc "$0/mount/root/proc"
mount --bind /dev "$0/mount/root/dev"
mount -t tmpfs none "$0/mount/root/run"
exec chroot "$0/mount/root" /bin/sh -e /mnt/script
"""
# What the package depends on is not on this machine, and does not matter to its scripts.
SETUP = """
printf '%s\\n' force-depends force-unsafe-io 'path-exclude=/usr/share/man/*' >/etc/dpkg/dpkg.cfg.d/test
rm -rf /etc/kiosk /var/lib/kiosk
exec 2>&1
"""
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script on the machine printed, and its exit code."""

    code: int
    text: str

    def value(self, name: str) -> str:
        """Return the rest of the line that begins with `name=`."""
        (found,) = [line.partition("=")[2] for line in self.text.splitlines() if line.startswith(f"{name}=")]
        return found


@functools.cache
def why_not() -> str:
    """Return why no such machine can be made here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root for a mount namespace"
    check = "mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay o -o"
    check += " lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r"
    done = subprocess.run([*UNSHARE, "sh", "-c", check], capture_output=True, text=True, check=False, timeout=WITHIN_S)
    return f"no overlay here: {done.stderr.strip()}" if done.returncode else ""


def run(folder: Path, script: str) -> Answer:
    """Run a script on a fresh machine; `folder` is its /mnt."""
    (folder / "script").write_text(SETUP + script, encoding="utf-8")
    command = [*UNSHARE, "sh", "-c", IN_OVERLAY, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    return Answer(done.returncode, done.stdout + done.stderr)


def build(folder: Path, version: str, kiosk: str) -> Path:
    """Make a package whose `kiosk` is this shell script."""
    software = folder / f"software-{version}"
    (software / "bin").mkdir(parents=True)
    program = software / "bin" / "kiosk"
    program.write_text(f"#!/bin/sh\n{kiosk}\n", encoding="utf-8")
    program.chmod(0o755)
    environment = {**os.environ, "DEB_SOFTWARE": str(software), "DEB_VERSION": version}
    command = [str(BUILD), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=WITHIN_S)
    built = folder / "kiosk.deb"
    return Path(done.stdout.strip()).rename(built.with_name(f"kiosk-{version}.deb"))

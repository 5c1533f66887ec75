"""Keeps the namespaces of one mock reader and runs pcscd in them; a program that only `CardReader` starts.

It is started by `unshare` and obeys the lines "start" and "stop" on standard input, each answered by one JSON
line. The end of standard input means that the owner is gone, however it went: then pcscd ends too.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from firmware_mocks.card_reader.requirements import PORT, READER_NAME, driver, program

CONTEXT = Path("/run/pcscd")  # compiled into pcscd
_START_S, _STOP_S, _POLL_S = 10.0, 3.0, 0.005
_LISTENING = "0A"


class _NotStarted(Exception):
    """pcscd did not come up; the text says why."""


def main() -> int:
    """Set the namespaces up, then obey; arguments are the reader's folder and the folder for its socket."""
    folder, sockets = (Path(argument).resolve() for argument in sys.argv[1:3])
    _prepare(folder, sockets)
    _tell({"ready": "card-reader"})
    pcscd: subprocess.Popen[bytes] | None = None
    owner = os.getppid()
    try:
        while (line := _next_line(owner)) is not None:
            if pcscd:
                _end(pcscd)
            pcscd = None
            if line == "start":
                pcscd = _start(folder, sockets)
            _tell({"done": line})
    except _NotStarted as error:
        _tell({"error": str(error)})
        return 1
    finally:
        if pcscd:
            _end(pcscd)
    return 0


def _prepare(folder: Path, sockets: Path) -> None:
    _run("ip", "link", "set", "lo", "up")
    configuration = folder / "reader.conf.d"
    configuration.mkdir(exist_ok=True)
    lines = (
        f'FRIENDLYNAME "{READER_NAME}"',
        f"DEVICENAME /dev/null:{PORT}",
        f"LIBPATH {driver()}",
        f"CHANNELID {PORT}",
    )
    (configuration / "vpcd").write_text("\n".join(lines) + "\n", "utf-8")
    os.chdir(sockets)  # a folder below /run stays reachable as "." when /run is covered
    _run("mount", "-n", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    CONTEXT.mkdir()
    _run("mount", "-n", "-c", "--bind", ".", str(CONTEXT))


def _run(name: str, *arguments: str) -> None:
    subprocess.run([program(name) or name, *arguments], check=True, stdin=subprocess.DEVNULL)


def _next_line(owner: int) -> str | None:
    """Return the owner's next line, None when there is no owner any more."""
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([0], [], [], 1.0)
        if readable:
            piece = os.read(0, 1)
            if not piece:
                return None
            line += piece
        elif os.getppid() != owner:
            return None
    return line.decode("ascii").strip()


def _start(folder: Path, sockets: Path) -> subprocess.Popen[bytes]:
    for stale in CONTEXT.iterdir():
        stale.unlink()
    with (folder / "pcscd.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(program("setpriv") or "setpriv", "--pdeathsig", "KILL"),
                *(program("pcscd") or "pcscd", "--foreground", *_disable_polkit()),
                *("--config", str(folder / "reader.conf.d")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + _START_S
    while not _is_up():
        if process.poll() is not None or time.monotonic() > deadline:
            _end(process)
            raise _NotStarted(f"pcscd did not come up, see {folder / 'pcscd.log'}")
        time.sleep(_POLL_S)
    return process


def _disable_polkit() -> tuple[str, ...]:
    """Tell pcscd 2, which asks polkit about clients, not to: no polkit is in reach of the namespace."""
    arguments = [program("pcscd") or "pcscd", "--help"]
    text = subprocess.run(arguments, capture_output=True, check=False, stdin=subprocess.DEVNULL).stdout
    return ("--disable-polkit",) if b"--disable-polkit" in text else ()


def _is_up() -> bool:
    """Clients can connect and vpcd listens; connecting to vpcd would count as a card, so ask the kernel."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(CONTEXT / "pcscd.comm"))
        except OSError:
            return False
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return any(row[1].endswith(f":{PORT:04X}") and row[3] == _LISTENING for row in rows)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tell(message: dict[str, str]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main())

"""A PostgreSQL server of the tests' own, from the system's package, on a socket in its own folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
import pytest

PROGRAMS = Path("/usr/lib/postgresql")
USER = "kiosk"
STARTED_WITHIN_S = 60


def programs() -> Path:
    """Return the folder of the newest installed version's programs; skip the test when there is none."""
    found = sorted(PROGRAMS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    return found[-1].parent


@dataclass
class Server:
    """One server; it ends with `stop`. `options` are settings by name."""

    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, options: dict[str, str] | None = None) -> Server:
        """Make a new cluster and start it."""
        folder = new_folder()
        server = cls(folder, options or {})
        server.initialise()
        server.start()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        """Stop and leave nothing behind."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def initialise(self) -> None:
        """Make an empty cluster."""
        run(
            "initdb",
            "-D",
            self.folder / "data",
            "-U",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )

    def start(self) -> None:
        """Start and wait until it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder)} | self.options
        command = [*as_its_user(), str(programs() / "postgres"), "-D", str(self.folder / "data")]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        ends = time.monotonic() + STARTED_WITHIN_S
        while time.monotonic() < ends:
            assert self.process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        pytest.fail((self.folder / "log").read_text(encoding="utf-8"))

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT is its quick and clean end, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(STARTED_WITHIN_S)
            self.process = None

    def kill(self) -> None:
        """End it as a power cut would, all its processes at once."""
        assert self.process is not None
        # Stopped it makes no new ones.
        self.process.send_signal(signal.SIGSTOP)
        children = self._children()
        self._signal_all(signal.SIGKILL)
        self.process.wait(STARTED_WITHIN_S)
        self.process = None
        ends = time.monotonic() + STARTED_WITHIN_S
        while any(map(_alive, children)):
            assert time.monotonic() < ends, "killed processes stay"
            time.sleep(0.01)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it answer nothing for a while."""
        self._signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self.process is not None
        for each in (self.process.pid, *self._children()):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def _children(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]

    def standby(self) -> Server:
        """Return a running copy of this server that follows it; this server must be running."""
        copy = Server(new_folder())
        run("pg_basebackup", "-h", self.folder, "-U", USER, "-D", copy.folder / "data", "-R", "-c", "fast", "--no-sync")
        copy.start()
        return copy

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement and return its rows, if it has any."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def reload(self) -> None:
        """Read the settings again, and return when they hold."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            query = "SELECT pg_conf_load_time()"
            before = connection.execute(query).fetchone()
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute(query).fetchone() == before:
                time.sleep(0.01)

    def new_data_base(self, name: str) -> str:
        """Make an empty data base and return its address."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address(name)

    def address(self, data_base: str) -> str:
        """Return the connection string of one of its data bases."""
        return f"host={self.folder} dbname={data_base} user={USER}"


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def new_folder() -> Path:
    """Return a new folder that the server's user may enter; the tests' own folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="kiosk-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    return folder


def run(program: str, *arguments: object) -> None:
    """Run one of the server's programs to its end."""
    command: Sequence[str] = [*as_its_user(), str(programs() / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd="/")
    assert done.returncode == 0, done.stderr


def as_its_user() -> tuple[str, ...]:
    """Return what stands before a command so that it does not run as root, which PostgreSQL refuses.

    Popen's own `user` forks this process, and a child of it with gRPC's threads in it may crash before it is another
    program.
    """
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if os.geteuid() == 0 else ()

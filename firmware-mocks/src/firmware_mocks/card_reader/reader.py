"""A private pcscd with a virtual contactless reader, and cards put into its field."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from firmware_mocks.card_reader import requirements
from firmware_mocks.card_reader.errors import ReaderError
from firmware_mocks.card_reader.requirements import PORT

_READY_S, _END_S = 20.0, 5.0
_SOCKET = "pcscd.comm"
_SOCKET_PATH_BYTES = 100  # sockaddr_un takes 107, and clients copy the path into it unasked


class _Child:
    """A process of ours in its own session, which ends when its standard input does."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                bufsize=0,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """The process has not ended."""
        return self._process.poll() is None

    def tell(self, line: str) -> None:
        """Send one line; raises ReaderError when the process is gone."""
        try:
            self._pipe(self._process.stdin).write(line.encode("ascii") + b"\n")
        except OSError as error:
            raise ReaderError(f"the process is gone{self._why()}") from error

    def answer(self, timeout_s: float = _READY_S) -> dict[str, object]:
        """Return the next JSON line; raises ReaderError when none comes in time."""
        deadline = time.monotonic() + timeout_s
        output = self._pipe(self._process.stdout)
        line = b""
        while not line.endswith(b"\n"):
            remaining = max(0.0, deadline - time.monotonic())
            if not select.select([output], [], [], remaining)[0]:
                raise ReaderError(f"no answer within {timeout_s:.0f} s{self._why()}")
            piece = output.read(4096)
            if not piece:
                raise ReaderError(f"ended instead of getting ready{self._why()}")
            line += piece
        message: dict[str, object] = json.loads(line)
        if "error" in message:
            raise ReaderError(str(message["error"]))
        return message

    def wait(self, timeout_s: float) -> int:
        """Return the exit status; raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)

    def end(self) -> None:
        """End the process, by force if it does not go by itself."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe and not pipe.closed:
                pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None or pipe.closed:
            raise ReaderError("already ended")
        return pipe

    def _why(self) -> str:
        lines = self._log.read_text("utf-8", errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""


class CardProcess:
    """A card in the field; `ready` is what its program said, among others `number`, `can` and `csca`."""

    def __init__(self, child: _Child, ready: dict[str, object]) -> None:
        self._child = child
        self.ready = ready

    @property
    def pid(self) -> int:
        """The card program's process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """False once the card has vanished for good."""
        return self._child.running

    @property
    def number(self) -> str:
        """The holder's 12-digit number."""
        return str(self.ready["number"])

    @property
    def can(self) -> str:
        """The card access number, six digits."""
        return str(self.ready["can"])

    @property
    def csca(self) -> Path:
        """The trust anchor in PEM; its DER form and its key lie beside it."""
        return Path(str(self.ready["csca"]))

    def leave(self) -> None:
        """Lift the card off the reader; its program stays and `come_back` returns it."""
        self._child.tell("remove")

    def come_back(self) -> None:
        """Put the same card on the reader again."""
        self._child.tell("insert")

    def fault(self, *words: str) -> None:
        """Give the card these faults instead of those it has, at once; no word makes it sound. Raises ReaderError."""
        self._child.tell(" ".join(("fault", *words)))
        self._child.answer()

    def report(self) -> dict[str, float]:
        """Return what the card saw: apdus, command_bytes, answer_bytes, chip_s, link_s."""
        self._child.tell("report")
        told = self._child.answer()["report"]
        return {str(key): float(value) for key, value in told.items()} if isinstance(told, dict) else {}

    def wait(self, timeout_s: float) -> int:
        """Wait for the program to end by itself (vanish-after); raises subprocess.TimeoutExpired."""
        return self._child.wait(timeout_s)

    def end(self) -> None:
        """Take the card away and end its program."""
        self._child.end()


class CardReader:
    """A reader of its own in namespaces of its own: any number run side by side, none listens on the host.

    Clients reach it by setting PCSCLITE_CSOCK_NAME to `socket`. Everything it started ends with the block, and
    also when the process that holds it is killed.

    libpcsclite reads that variable once in the life of a process. One client process that meets several readers,
    one after the other, needs them all to have the same `socket_folder`; the default is `run` in `folder`.
    """

    def __init__(self, folder: Path, socket_folder: Path | None = None) -> None:
        self._folder = folder
        self._sockets = socket_folder or folder / "run"
        self._stack = ExitStack()
        self._keeper: _Child | None = None
        self._card: CardProcess | None = None
        self.socket = self._sockets / _SOCKET

    def __enter__(self) -> Self:
        """Start pcscd and wait for it; raises NotInstalled or ReaderError."""
        requirements.check()
        with ExitStack() as stack:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.socket = self._socket_folder(stack) / _SOCKET
            keeper = _Child(self._keeper_arguments(), self._folder / "keeper.log")
            stack.callback(keeper.end)
            keeper.answer()
            self._keeper = keeper
            stack.callback(self.remove)
            self.start_pcscd()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._keeper = None

    @property
    def folder(self) -> Path:
        """Where logs, the default CSCA folder `csca` and mostly the socket lie."""
        return self._folder

    @property
    def card(self) -> CardProcess | None:
        """The card put in last and not taken away."""
        return self._card

    def insert(self, profile: Path | None = None, *options: str) -> CardProcess:
        """Put a card into the field and wait until the reader has powered it.

        `profile` is a person's JSON, `options` are those of `python -m firmware_mocks.chip_card`, such as
        "--portrait", "face.jpg", "--fault", "forged-sod". Raises ReaderError, also when a card lies there.
        """
        if self._card and self._card.running:
            raise ReaderError("there is a card on the reader; remove it first")
        arguments = [*self._enter_arguments(), sys.executable, "-m", "firmware_mocks.chip_card"]
        arguments += ["--port", str(PORT), "--control", *options]
        if "--csca-folder" not in options:
            arguments += ["--csca-folder", str(self._folder / "csca")]
        if profile:
            arguments += ["--profile", str(profile)]
        child = _Child(arguments, self._folder / "card.log")
        try:
            card = CardProcess(child, child.answer())
        except BaseException:
            child.end()
            raise
        self._card = card
        return card

    def remove(self) -> None:
        """Take the card away and end its program; nothing happens without a card."""
        if self._card:
            self._card.end()
        self._card = None

    def stop_pcscd(self) -> None:
        """Stop the PC/SC daemon; a card stays where it is and the socket's path stays the same."""
        self._order("stop")

    def start_pcscd(self) -> None:
        """Start the daemon again and wait until clients can connect; raises ReaderError."""
        self._order("start")

    def _order(self, line: str) -> None:
        if not self._keeper:
            raise ReaderError("the reader is not open")
        self._keeper.tell(line)
        self._keeper.answer()

    def _socket_folder(self, stack: ExitStack) -> Path:
        folder = self._sockets.resolve()
        if len(os.fsencode(folder / _SOCKET)) > _SOCKET_PATH_BYTES:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mock-reader-")))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _keeper_arguments(self) -> list[str]:
        rootless = [] if requirements.may_unshare() else ["--map-root-user"]
        unshare = [requirements.program("unshare") or "unshare", *rootless, "--mount", "--net"]
        keeper = [sys.executable, "-m", "firmware_mocks.card_reader.keeper"]
        return [*unshare, "--propagation", "private", *keeper, str(self._folder), str(self.socket.parent)]

    def _enter_arguments(self) -> list[str]:
        if not self._keeper:
            raise ReaderError("the reader is not open")
        rootless = [] if requirements.may_unshare() else ["--user", "--preserve-credentials"]
        nsenter = requirements.program("nsenter") or "nsenter"
        return [nsenter, "--target", str(self._keeper.pid), *rootless, "--net"]

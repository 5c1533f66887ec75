"""Calls into a library that may block for ever and may not be entered twice: one thread, callers with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any, TypeVar

from agent.sealing.key_errors import KeyTimeout

Result = TypeVar("Result")


class SerialThread:
    """Runs calls one after the other in a thread of its own.

    A call that hangs keeps its thread; every later call then ends at its own deadline. The thread is a daemon, so that
    a hung library cannot keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._name = name
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def call(self, work: Callable[[], Result], deadline: float) -> Result:
        """Run `work` and return its result, or raise what it raised; KeyTimeout at `deadline` (time.monotonic())."""
        future: Future[Result] = Future()
        self._calls.put((future, work))
        wait([future], timeout=max(0.0, deadline - time.monotonic()))
        if not future.done():
            future.cancel()
            raise KeyTimeout(self._name)
        return future.result()

    def post(self, work: Callable[[], object]) -> None:
        """Run `work` some time later; what it raises is dropped."""
        self._calls.put((Future(), work))

    def _run(self) -> None:
        while True:
            future, work = self._calls.get()
            if future.set_running_or_notify_cancel():
                _fulfil(future, work)
            del future, work


def _fulfil(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)

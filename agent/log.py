"""Log events, one per fact: JSON lines under systemd, readable lines on a terminal. Never personal data."""

from __future__ import annotations

import logging
import os
import sys
from typing import Literal, TextIO

import structlog

LogFormat = Literal["auto", "json", "pretty"]


def set_up_logging(log_format: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Send every event to standard output, or `stream`, in the chosen form; `auto` looks for systemd and a terminal."""
    pretty = log_format == "pretty" or (log_format == "auto" and _is_terminal())
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Tracebacks without local variables: locals hold people's data and keys.
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[LibraryLog()], level=logging.WARNING, force=True)


def log_to_standard_error() -> None:
    """Send events to standard error, for commands: their standard output belongs to the answer."""
    # Asked for anew at each event: a test or a caller may have exchanged it.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr), cache_logger_on_first_use=False)


class LibraryLog(logging.Handler):
    """Turns what libraries log into events: who, how bad, where; never the message, which may quote people's data."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell that a library logged something."""
        kind = record.exc_info[0] if record.exc_info else None
        structlog.get_logger().warning(
            "library.logged",
            library=record.name,
            severity=record.levelname.lower(),
            kind=kind.__name__ if kind else "",
            where=f"{record.module}:{record.lineno}",
        )


def _is_terminal() -> bool:
    return "INVOCATION_ID" not in os.environ and sys.stdout.isatty()

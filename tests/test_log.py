from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

PERSON = "Nguyễn Văn Đức"
PROGRAM = """
import logging, sys
import structlog
from agent.log import set_up_logging
set_up_logging(sys.argv[1])
log = structlog.get_logger()
log.info("capture.stored", record="ab", size_bytes=3)
log.debug("not.shown")
def work(name):
    raise ValueError("broken")
try:
    work(sys.argv[2])
except ValueError:
    log.error("visit.bug", exc_info=True)
    logging.getLogger("uvicorn.error").exception("failed for %s", sys.argv[2])
logging.getLogger("some.library").info("not shown")
logging.getLogger("some.library").warning("about " + sys.argv[2])
"""


def _events(log_format: str, environment: dict[str, str] | None = None) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format, PERSON],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | (environment or {}),
    )
    return done.stdout, done.stderr


def test_events_are_json_lines_with_level_and_time() -> None:
    """One event a line on standard output, nothing on standard error."""
    out, err = _events("json")
    events = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    first = events[0]
    assert (first["event"], first["record"], first["size_bytes"], first["level"]) == ("capture.stored", "ab", 3, "info")
    assert first["timestamp"].endswith("Z")
    assert [event["event"] for event in events] == ["capture.stored", "visit.bug", *["library.logged"] * 2]


def test_a_traceback_shows_no_local_variable() -> None:
    """Locals hold people's data and keys."""
    out, _ = _events("json")
    assert "ValueError" in out
    assert PERSON not in out


def test_what_libraries_log_is_told_without_its_message() -> None:
    """Its place and kind are enough to find it; its text may quote anything."""
    out, err = _events("json")
    told = [event for event in map(json.loads, out.splitlines()) if event["event"] == "library.logged"]
    assert [(event["library"], event["severity"], event["kind"]) for event in told] == [
        ("uvicorn.error", "error", "ValueError"),
        ("some.library", "warning", ""),
    ]
    assert PERSON not in out + err


def test_under_systemd_and_in_a_pipe_events_are_json() -> None:
    """`auto` needs no setting in the unit."""
    for environment in ({"INVOCATION_ID": "1"}, {}):
        assert json.loads(_events("auto", environment)[0].splitlines()[0])["event"] == "capture.stored"


def test_on_a_terminal_events_are_for_people() -> None:
    """`auto` looks at standard output."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "INVOCATION_ID"}
    command = [sys.executable, "-c", PROGRAM, "auto", PERSON]
    done = subprocess.run(command, check=False, stdout=theirs, stderr=subprocess.DEVNULL, timeout=60, env=environment)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "capture.stored" in shown
    assert not shown.startswith("{")
    assert "size_bytes" in shown


def test_pretty_can_be_asked_for() -> None:
    """Even in a pipe."""
    assert not _events("pretty")[0].startswith("{")


def test_a_command_keeps_its_standard_output_for_the_answer() -> None:
    """Events go to standard error, whatever it is at that moment."""
    program = (
        "import io, sys, structlog\nfrom agent.log import log_to_standard_error\nlog_to_standard_error()\n"
        "log = structlog.get_logger()\nlog.info('first')\nsys.stderr = io.StringIO()\nlog.info('second')\n"
        "assert 'second' in sys.stderr.getvalue()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    assert "first" in done.stderr

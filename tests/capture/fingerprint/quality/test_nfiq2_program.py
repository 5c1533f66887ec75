"""The adapter to an installed nfiq2, against a stand-in program that speaks and checks like NIST's."""

import os
import sys
import threading
import time
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from agent.capture.evidence import Verdict
from agent.capture.fingerprint.quality.errors import Nfiq2Failed, PrintTooSmall, WrongPixels
from agent.capture.fingerprint.quality.nfiq2_program import (
    NOT_INSTALLED,
    find_nfiq2,
    nfiq2_check,
    nfiq2_score,
    nfiq2_version,
)
from agent.devices.errors import Cancelled
from tests.capture.fingerprint.quality.prints import ridge_pattern

# What NIST's program does without arguments and with -F -a -v -i FILE; anything else is an error, as is a picture that
# is not an 8-bit grey PNG at 500 ppi of the expected size. `ANSWER` and `BEHAVIOUR` are put in by the tests.
STAND_IN = """#!{python}
import struct, sys, time, zlib
if len(sys.argv) == 1:
    print("\\n                               Welcome to NFIQ2\\n")
    print("Version Info\\n------------\\nBiometric Evaluation: 10.0\\nFingerJet: 5.2.4\\nOpenCV: 4.5.4")
    print("{version}")
    sys.exit(0)
{behaviour}
flags, path = sys.argv[1:-1], sys.argv[-1]
if flags != ["-F", "-a", "-v", "-i"]:
    sys.exit("Undefined Flag Used")
data = open(path, "rb").read()
assert data[:8] == b"\\x89PNG\\r\\n\\x1a\\n"
chunks, at = {{}}, 8
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at : at + 8])
    content = data[at + 8 : at + 8 + size]
    assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + content)
    chunks[kind] = chunks.get(kind, b"") + content
    at += 12 + size
width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
assert (depth, colour) == (8, 0)
assert struct.unpack(">IIB", chunks[b"pHYs"]) == (19685, 19685, 1)
assert len(zlib.decompress(chunks[b"IDAT"])) == height * (width + 1)
print('"Filename",FingerCode,QualityScore,"OptionalError",Quantized,Resampled,UniformImage,Mu,LCS_Bin10_Mean')
print(f'"{{path}}",{answer}')
"""
VERSION = "NFIQ 2: 2.3.0 (Date: 2024-12-01, Commit: e7fa3c1)"
GOOD_ANSWER = "0,54,NA,0,0,70.74696,183.97538,0.77056"


def installed(
    folder: Path, answer: str = GOOD_ANSWER, version: str = VERSION, behaviour: str = "", name: str = "nfiq2"
) -> Path:
    """Write the stand-in program."""
    program = folder / name
    text = STAND_IN.format(python=sys.executable, answer=answer, version=version, behaviour=behaviour)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return program


def soon() -> float:
    """Return a deadline that a loaded machine keeps."""
    return time.monotonic() + 60


def test_score_version_and_measures_are_the_programs(tmp_path: Path) -> None:
    """The print reaches it as it expects it, and all it says comes back."""
    found = nfiq2_score(installed(tmp_path), ridge_pattern(), soon(), Event())
    assert (found.score, found.version) == (54, "2.3.0")
    assert found.measures == {"UniformImage": 70.74696, "Mu": 183.97538, "LCS_Bin10_Mean": 0.77056}


def test_the_check_records_score_and_version(tmp_path: Path) -> None:
    """It decides nothing by itself."""
    check = nfiq2_check(installed(tmp_path), ridge_pattern(), soon(), Event())
    assert (check.verdict, check.scalar, check.unit, check.gate) == (Verdict.PASSED, 54, "NFIQ 2.3.0", False)


def test_no_file_is_left_and_no_handle_stays_open(tmp_path: Path) -> None:
    """The print is in memory only."""
    program = installed(tmp_path)
    before = set(os.listdir("/proc/self/fd"))
    nfiq2_score(program, ridge_pattern(), soon(), Event())
    assert len(os.listdir("/proc/self/fd")) <= len(before)
    assert list(tmp_path.iterdir()) == [program]


def test_an_absent_program_is_not_assessed() -> None:
    """Its absence is said, and is no error."""
    check = nfiq2_check(None, ridge_pattern(), soon(), Event())
    assert (check.verdict, check.reason) == (Verdict.NOT_ASSESSED, NOT_INSTALLED)


def test_it_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a shell would find it, and only if it can be run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_nfiq2() is None
    program = installed(tmp_path)
    assert find_nfiq2() == program
    program.chmod(0o644)
    assert find_nfiq2() is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('0,NA,"Error: Fingerprint area is too small.",0,0,NA,NA,NA', "too small"),
        ("0,101,NA,0,0,1,1,1", "its score is 101"),
        ("0,-1,NA,0,0,1,1,1", "its score is -1"),
        ("0,good,NA,0,0,1,1,1", "no number"),
        ("0,54,NA,0,0,1,x,1", "no number"),
        ("0,54,NA,0,0,1", "no number"),
        ("0,54,NA,0,0,1,1,1,9,9", "no number"),
        ("0,54,NA,1,0,1,1,1", "changed the picture"),
        ("0,54,NA,0,1,1,1,1", "changed the picture"),
        ("0,54,NA,0,0,1,1,1\\nx,0,54,NA,0,0,1,1,1", "2 rows"),
    ],
)
def test_a_strange_answer_is_not_believed(tmp_path: Path, answer: str, reason: str) -> None:
    """Errors, wild scores, missing, foreign and surplus values: no score, and the reason is told."""
    check = nfiq2_check(installed(tmp_path, answer), ridge_pattern(), soon(), Event())
    assert check.verdict is Verdict.NOT_ASSESSED
    assert reason in check.reason


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("sys.exit(3)", "status 3"),
        ("sys.exit(0)", "0 rows"),
        ("sys.stdout.buffer.write(bytes(range(256)) * 50); sys.exit(0)", "rows"),
        ("import os; os.abort()", "status -6"),
    ],
)
def test_a_program_that_breaks_is_not_assessed(tmp_path: Path, behaviour: str, reason: str) -> None:
    """Failing, silent, babbling, crashing: the kiosk goes on."""
    check = nfiq2_check(installed(tmp_path, behaviour=behaviour), ridge_pattern(), soon(), Event())
    assert check.verdict is Verdict.NOT_ASSESSED
    assert reason in check.reason


def test_a_program_that_states_no_version_is_not_used(tmp_path: Path) -> None:
    """A score whose origin is not known is not recorded."""
    with pytest.raises(Nfiq2Failed, match="version"):
        nfiq2_version(installed(tmp_path, version="NFIQ2 forever"), soon(), Event())


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    """What cannot be started is named."""
    with pytest.raises(Nfiq2Failed, match="does not start"):
        nfiq2_version(tmp_path / "absent", soon(), Event())


def test_a_program_that_hangs_is_ended_at_the_deadline(tmp_path: Path) -> None:
    """It is killed, and the check says so."""
    program = installed(tmp_path, behaviour="time.sleep(600)")
    nfiq2_version(program, soon(), Event())
    check = nfiq2_check(program, ridge_pattern(), time.monotonic() + 1, Event())
    assert check.verdict is Verdict.NOT_ASSESSED
    assert "deadline" in check.reason


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    """The operator need not wait for it."""
    started = tmp_path / "started"
    program = installed(tmp_path, behaviour=f"open({str(started)!r}, 'w').close(); time.sleep(600)")
    cancelled = Event()

    def cancel_when_started() -> None:
        while not started.exists():
            time.sleep(0.01)
        cancelled.set()

    watcher = threading.Thread(target=cancel_when_started, daemon=True)
    watcher.start()
    with pytest.raises(Cancelled):
        nfiq2_score(program, ridge_pattern(), soon(), cancelled)
    watcher.join(10)


def test_wrong_pictures_never_reach_it(tmp_path: Path) -> None:
    """The same checks as for the measures."""
    with pytest.raises(WrongPixels):
        nfiq2_score(installed(tmp_path), np.zeros((100, 100, 3), np.uint8), soon(), Event())
    with pytest.raises(PrintTooSmall):
        nfiq2_score(installed(tmp_path), np.zeros((1, 1), np.uint8), soon(), Event())

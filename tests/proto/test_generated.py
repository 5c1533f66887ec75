"""The committed generated code is what the .proto files give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("agent/proto/v1")
OUTPUTS = ("--python_out", "--mypy_out", "--grpc_python_out", "--mypy_grpc_out")


def test_the_generated_code_is_up_to_date(tmp_path: Path) -> None:
    """`make proto` into another folder gives the same bytes, and no file more or less."""
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / FOLDER).glob("*.proto"))
    outputs = [f"{option}={tmp_path}" for option in OUTPUTS]
    # The plugins lie beside the interpreter.
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *outputs, *protos]
    subprocess.run(command, cwd=ROOT, env={"PATH": path}, check=True, capture_output=True)
    generated = {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()}
    committed = {path.name: path.read_bytes() for path in (ROOT / FOLDER).glob("*_pb2*")}
    assert generated == committed

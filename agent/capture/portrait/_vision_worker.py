"""The vision worker: judgement in a process of its own, so that a crash in native code ends nothing else."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import cv2

from agent.capture.liveness.glimpse_wire import encode_glimpse
from agent.capture.portrait import vision_wire as wire
from agent.capture.portrait.analyser import Analyser
from agent.capture.portrait.errors import SizeLimitTooSmall
from agent.capture.portrait.measures import SizeLimits

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4


def main() -> int:
    """Run with: parent's pid, the socket's and the memory's file descriptors, the models' folder."""
    parent, link_handle, memory_handle, models = sys.argv[1:5]
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return 0
    cv2.setNumThreads(1)
    analyser = Analyser(Path(models))
    # No core file and no debugger of the same user: people's faces are in here.
    libc.prctl(PR_SET_DUMPABLE, 0)
    with socket.socket(fileno=int(link_handle)) as link:
        _serve(link, wire.VisionMemory(int(memory_handle)), analyser)
    return 0


def _serve(link: socket.socket, memory: wire.VisionMemory, analyser: Analyser) -> None:
    """Answer requests until the other end is gone; between them the process sleeps."""
    try:
        wire.send(link, {"ready": True})
        while True:
            request = wire.receive(link)
            wire.send(link, {"id": request["id"], **_answer(request, memory, analyser)})
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(request: wire.Message, memory: wire.VisionMemory, analyser: Analyser) -> dict[str, Any]:
    pixels = memory.frame(request["height"], request["width"])
    try:
        if request["do"] == wire.PREVIEW:
            return wire.encode_analysis(analyser.preview(pixels))
        if request["do"] == wire.GLIMPSE:
            seen = analyser.glimpse(pixels)
            memory.put_jpegs(seen.picture)
            return encode_glimpse(seen) | {"jpeg": len(seen.picture)}
        return wire.encode_still(analyser.still(pixels, SizeLimits(*request["limits"])), memory)
    except (cv2.error, ValueError, SizeLimitTooSmall) as error:
        # The text of an error may quote what was seen; its kind does not.
        return {"error": type(error).__name__}


if __name__ == "__main__":
    sys.exit(main())

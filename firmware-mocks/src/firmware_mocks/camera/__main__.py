"""A network camera as a program: MJPEG over HTTP on 127.0.0.1.

Prints one JSON line with `ready` and the URLs when it can be opened; runs until SIGTERM or until its starter is gone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time

from firmware_mocks.camera.server import FAULTS, CameraServer
from firmware_mocks.camera.subjects import SUBJECTS

LOOK_EVERY_S = 0.5
EPILOG = f"""at run time, on the same address:
  POST /subject/NAME?seed=N   another subject, or a picture file (its path URL-quoted)
  POST /fault/FAULT           {", ".join(FAULTS)}
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the camera; the exit status is 2 for unusable arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server = CameraServer(options.port, options.subject, options.seed, options.size, options.fps)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    # A camera without its starter would go on filming for ever.
    threading.Thread(target=_leave_with, args=(os.getppid(), server), daemon=True).start()
    with server:
        control = server.url.removesuffix("/video")
        print(json.dumps({"ready": "camera", "url": server.url, "control": control}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def _leave_with(parent: int, server: CameraServer) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    server.shutdown()


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    size = (int(width), int(height))
    if not all(16 <= side <= 8192 for side in size):
        raise ValueError
    return size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mock-camera", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port; default: any free one")
    parser.add_argument(
        "--subject",
        default="passing",
        help=f"a picture file, a rendered head (head,yaw=20,skin=dark ...), or one of: {', '.join(SUBJECTS)}",
    )
    parser.add_argument("--seed", type=int, default=1, help="varies the subject a little")
    parser.add_argument("--size", type=_size, default=(1280, 720), help="WIDTHxHEIGHT in pixels")
    parser.add_argument("--fps", type=float, default=30.0, help="pictures a second")
    return parser


if __name__ == "__main__":
    sys.exit(main())

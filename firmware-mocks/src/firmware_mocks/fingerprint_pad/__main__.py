"""A fingerprint reader as a program: `python -m firmware_mocks.fingerprint_pad`."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
import threading
from pathlib import Path

from firmware_mocks.fingerprint_pad.desk import OrderError, PadOnBus
from firmware_mocks.fingerprint_pad.device import FRAME_S
from firmware_mocks.fingerprint_pad.faults import NAMES, FaultError, Faults

PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    """Be on the bus until SIGTERM, the end of the orders, or the starter's death; exit status 2: bad arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    starter = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    try:
        faults = Faults.parse(options.fault)
    except FaultError as error:
        parser.error(str(error))
    with PadOnBus(faults, options.frame_ms / 1000, options.port) as pad:
        try:
            _lay(pad, options)
        except OrderError as error:
            parser.error(str(error))
        _tell({"ready": "fingerprint-pad", "address": pad.address})
        if options.control:
            threading.Thread(target=_obey, args=(pad, ended), daemon=True).start()
        while os.getppid() == starter and not ended.wait(1.0):
            pass
    return 0


def _lay(pad: PadOnBus, options: argparse.Namespace) -> None:
    if options.picture is not None:
        pad.obey({"do": "put_finger", "file": str(options.picture)})
    elif options.finger is not None:
        pad.obey({"do": "put_finger", "seed": options.finger})
    if options.auto is not None:
        pad.obey({"do": "auto", "seed": options.auto})


def _obey(pad: PadOnBus, ended: threading.Event) -> None:
    """Each line on standard input is an order; the end of the input means that whoever started us is gone."""
    for line in sys.stdin:
        try:
            order = json.loads(line)
            if not isinstance(order, dict):
                raise OrderError("an order is a JSON object")
            _tell({"done": order.get("do"), **pad.obey(order)})
        except (OrderError, ValueError) as error:
            _tell({"error": str(error)})
    ended.set()


def _tell(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mock-fingerprint-pad", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--frame-ms", type=float, default=FRAME_S * 1000, help="time of one frame")
    parser.add_argument(
        "--finger", type=int, metavar="SEED", help="a synthetic finger lies on the glass from the start"
    )
    parser.add_argument("--picture", type=Path, help="a picture file as the finger")
    parser.add_argument(
        "--auto", type=int, metavar="SEED", help="put and lift fingers when the host asks, from SEED on"
    )
    parser.add_argument("--fault", action="append", default=[], help="one of: " + ", ".join(NAMES))
    parser.add_argument("--control", action="store_true", help="obey JSON lines on standard input, leave at its end")
    return parser


if __name__ == "__main__":
    sys.exit(main())

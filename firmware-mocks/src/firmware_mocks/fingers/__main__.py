"""Look at the synthetic fingers: `python -m firmware_mocks.fingers --sheet fingers.png`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2

from firmware_mocks.fingers.sheet import sheet


def main(arguments: list[str] | None = None) -> int:
    """Write the contact sheet; exit status 1 when the file cannot be written, 2 for bad arguments."""
    options = _parser().parse_args(arguments)
    done, encoded = cv2.imencode(".png", sheet(options.seed))
    if not done:
        raise RuntimeError("the sheet could not be encoded as PNG")
    try:
        options.sheet.write_bytes(encoded.tobytes())
    except OSError as error:
        print(f"{options.sheet}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m firmware_mocks.fingers", description=__doc__)
    parser.add_argument("--sheet", type=Path, required=True, help="the PNG file to write")
    parser.add_argument("--seed", type=int, default=1, help="the first finger's seed")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Unpack one WSQ picture in a process of its own: standard input to standard output.

The C library was seen to free memory twice on a file that was cut short, so files from elsewhere never meet it inside
the daemon. Run by path, so that nothing of the product is loaded here.
"""

import resource
import struct
import sys

import _wsq

_MEMORY_BYTES = 1 << 30
_CPU_S = 10


def main() -> int:
    """Exit status 0 with width, height, ppi (32 bits each) and the pixels; 3 when the library refuses."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pixels, width, height, ppi = _wsq.decompress(sys.stdin.buffer.read())
    except Exception as error:
        sys.stderr.write(str(error))
        return 3
    sys.stdout.buffer.write(struct.pack(">IIi", width, height, ppi) + pixels)
    return 0


if __name__ == "__main__":
    sys.exit(main())

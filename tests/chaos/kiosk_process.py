"""A kiosk that seals records up to a number and sends them, until it is killed: folder, name, address, count."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event, Thread

from collector.config import load_config
from tests.collector.world import World
from tests.uplink.kiosk import Kiosk

SIZE = 20_000
# So that sealing and sending go on side by side through many kills.
PAUSE_S = 0.02


def main() -> None:
    """Run until killed; a line on standard output tells that all records are receipted."""
    folder, name, address, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    world, ended = World(folder, load_config(folder / "collector")), Event()
    with Kiosk(world, f"queue-{name}", name) as kiosk:
        uplink = kiosk.new_uplink(addresses=(address,))
        Thread(target=uplink.run, args=(ended,), name="uplink", daemon=True).start()
        while kiosk.queue.position.next_seq < count:
            kiosk.enqueue(1, SIZE)
            ended.wait(PAUSE_S)
        while kiosk.queue.acknowledged < count:
            ended.wait(PAUSE_S)
        print("done", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()

"""A person at a kiosk whose reader libfprint drives: its virtual device is shown pictures on its socket."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from firmware_mocks.fingers import Impression, master, press

from agent.devices.fingerprint_pad_errors import NoLibfprint
from agent.devices.fingerprint_pad_libfprint import list_libfprint_pads
from tests.end_to_end.harness import Kiosk, open_kiosk

FINGERS = [press(master(seed), Impression()) for seed in (31, 32)]


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the virtual device's socket, which the agent hears of by its environment."""
    try:
        list_libfprint_pads()
    except NoLibfprint as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("libfprint") / "image"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FP_VIRTUAL_IMAGE", str(path))
        yield path


@pytest.fixture(scope="module")
def kiosk(device: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    """Open a kiosk with that reader."""
    pad = {"backend": "libfprint", "driver": "virtual_image", "address": ""}
    with open_kiosk(tmp_path_factory.mktemp("kiosk"), pad=pad) as opened:
        yield opened


def touch(device: Path, finger: np.ndarray[tuple[int, int], np.dtype[np.uint8]], ended: Event) -> None:
    """Lay the finger down as soon as the reader is open."""
    while not ended.is_set():
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(device))
                connection.sendall(struct.pack("ii", finger.shape[1], finger.shape[0]) + finger.tobytes())
                return
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)


def test_the_device_list_names_the_driver(kiosk: Kiosk) -> None:
    """Which driver serves which reader, asked through the daemon."""
    found = kiosk.run("agent.cli", "devices", "--socket", str(kiosk.stage.socket), "--json")
    assert [one["driver"] for one in found if one["kind"] == "fingerprint_pad"] == ["libfprint virtual_image"]


def test_both_fingers_are_taken(kiosk: Kiosk, device: Path) -> None:
    """One picture a touch, judged as ever; each finger is shown when it is asked for."""
    one, ended = kiosk.next_person(), Event()
    kiosk.arrange(one)
    threads: list[Thread] = []

    def show(number: int) -> None:
        threads.append(Thread(target=touch, args=(device, FINGERS[number], ended)))
        threads[-1].start()

    asked = {
        "fingerprint.place.right_index": lambda: show(0),
        "fingerprint.place.left_index": lambda: show(1),
    }
    told = kiosk.visit(one.person.number, on_guidance=asked)
    ended.set()
    for thread in threads:
        thread.join()
    assert told.events[-1]["state"] == "durable", told.errors
    assert told.verdict("fingerprints") == "passed"
    assert told.check("fingerprints", "right_index_minutiae")["verdict"] == "passed"

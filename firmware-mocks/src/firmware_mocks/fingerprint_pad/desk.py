"""The reader on its cable: device and bus together, moved by orders in JSON."""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from firmware_mocks.fingerprint_pad import picture
from firmware_mocks.fingerprint_pad.device import FRAME_S, PadDevice
from firmware_mocks.fingerprint_pad.faults import Faults
from firmware_mocks.fingerprint_pad.registers import Interrupt
from firmware_mocks.fingerprint_pad.ridges import synthetic_finger
from firmware_mocks.fingerprint_pad.scrambling import Pixels
from firmware_mocks.usbip.server import UsbipServer

Order = Mapping[str, Any]  # Any: each order has its own keys


class OrderError(ValueError):
    """There is no such order, or its values make no sense."""


class PadOnBus:
    """A reader that hosts reach at `address` by USB/IP. A context manager; `obey` moves it."""

    def __init__(self, faults: Faults | None = None, frame_s: float = FRAME_S, port: int = 0) -> None:
        self.device = PadDevice(faults, frame_s)
        self.server = UsbipServer(self.device, port)
        self.device.unplug = self.server.unplug

    @property
    def address(self) -> str:
        """Where hosts find it: host:port."""
        return self.server.address

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, trace)
        self.device.end()

    def obey(self, order: Order) -> dict[str, object]:
        """Do one order (key "do") and return the reader's state; raises OrderError."""
        actions: dict[str, Callable[[Order], None]] = {
            "put_finger": lambda told: self.device.put_finger(_picture(told)),
            "lift": lambda _: self.device.lift(),
            "auto": self._auto,
            "unplug": lambda _: self.server.unplug(),
            "plug": lambda _: self.server.plug(),
            "hold": lambda told: self.server.hold(bool(told.get("busy", True))),
            "fault": self._fault,
            "interrupt": lambda told: self.device.interrupt(Interrupt(int(told["kind"]))),
            "state": lambda _: None,
        }
        name = order.get("do")
        if name not in actions:
            raise OrderError(f"no order {name!r}; there are: {', '.join(actions)}")
        try:
            actions[name](order)
        except (KeyError, TypeError, ValueError, OSError, binascii.Error) as error:
            raise OrderError(f"{name}: {error}") from error
        return self.state()

    def state(self) -> dict[str, object]:
        """Return mode, counters and what hosts did wrong, JSON-ready."""
        with self.device.changed:
            interrupts, bulks = self.device.waiting
            return {
                "mode": self.device.mode,
                "interrupts_waiting": interrupts,
                "bulks_waiting": bulks,
                "frames_sent": self.device.frames_sent,
                "controls": self.device.controls,
                "violations": list(self.device.violations),
            }

    def _fault(self, order: Order) -> None:
        with self.device.changed:
            self.device.faults.set(str(order["word"]))

    def _auto(self, order: Order) -> None:
        if order.get("seed") is None:
            self.device.obey_by_itself(None)
            return
        seeds = itertools.count(int(order["seed"]))
        put_s, lift_s = float(order.get("put_s", 0)), float(order.get("lift_s", 0))
        self.device.obey_by_itself(lambda: synthetic_finger(next(seeds)), put_s, lift_s)


def _picture(order: Order) -> Pixels:
    if "seed" in order:
        return synthetic_finger(int(order["seed"]))
    if "file" in order:
        return picture.from_file(Path(str(order["file"])).read_bytes())
    return picture.from_file(base64.b64decode(str(order["data"]), validate=True))

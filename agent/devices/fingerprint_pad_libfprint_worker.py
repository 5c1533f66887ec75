"""libfprint for programs that cannot import it: a script for the system's Python, which has PyGObject.

Run as `/usr/bin/python3 -I <this file>`; imports nothing but the standard library and gi. Requests come on standard
input: one JSON line, then `size` bytes. Each is answered on standard output in the same form. The end of the input is
the end of the program. With FP_VIRTUAL_IMAGE (a socket's path) libfprint adds a device that shows the pictures it is
given: tests use it, and its minutiae detector (NBIS mindtct) comes that way to any picture.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import struct
import sys
import threading
from typing import Any, Final

MISSING_STATUS: Final = 3
VIRTUAL_SOCKET: Final = "FP_VIRTUAL_IMAGE"

Library = Any  # Any: PyGObject has no types
Message = dict[str, Any]  # Any: JSON


class Worker:
    """One device at a time. All methods run in GLib's main loop."""

    def __init__(self, fprint: Library, glib: Library, gio: Library) -> None:
        self._fprint, self._glib, self._gio = fprint, glib, gio
        self._context = fprint.Context()
        self._device: Any = None
        self._cancel = gio.Cancellable()
        self.loop = glib.MainLoop()

    def obey(self, request: Message, data: bytes) -> bool:
        """Do one request; GLib is told not to repeat it."""
        actions = {"list": self._list, "open": self._open, "capture": self._capture, "cancel": self._stop}
        try:
            if request.get("do") == "minutiae":
                self._minutiae(request, data)
            else:
                actions[str(request.get("do"))](request)
        except self._glib.Error as error:
            tell(self._wrong(error))
        except KeyError:
            tell({"error": "failed", "detail": "no such request"})
        return False

    def end(self) -> bool:
        """Leave the main loop."""
        self._cancel.cancel()
        self.loop.quit()
        return False

    def _list(self, _: Message) -> None:
        found = [
            {"driver": one.get_driver(), "name": one.get_name(), "id": one.get_device_id()}
            for one in self._context.get_devices()
            if one.has_feature(self._fprint.DeviceFeature.CAPTURE)
        ]
        tell({"devices": found})

    def _open(self, request: Message) -> None:
        wanted = request.get("driver", "")
        devices = [one for one in self._context.get_devices() if wanted in ("", one.get_driver())]
        able = [one for one in devices if one.has_feature(self._fprint.DeviceFeature.CAPTURE)]
        if not able:
            tell({"error": "none", "detail": "no device that gives pictures"})
            return
        able[0].open_sync(None)
        self._device = able[0]
        tell({"driver": self._device.get_driver(), "name": self._device.get_name()})

    def _capture(self, _: Message) -> None:
        self._cancel = self._gio.Cancellable()
        self._device.capture(True, self._cancel, self._captured)

    def _stop(self, _: Message) -> None:
        self._cancel.cancel()

    def _captured(self, device: Any, result: Any, *_: Any) -> None:
        try:
            image = device.capture_finish(result)
        except self._glib.Error as error:
            tell(self._wrong(error))
            return
        head = {"width": image.get_width(), "height": image.get_height(), "ppmm": image.get_ppmm()}
        tell(head, bytes(image.get_data()))

    def _minutiae(self, request: Message, data: bytes) -> None:
        size = struct.pack("ii", int(request["width"]), int(request["height"]))
        feeder = threading.Thread(target=feed, args=(os.environ[VIRTUAL_SOCKET], size + data), daemon=True)
        feeder.start()
        self._device.capture(True, None, self._detect)

    def _detect(self, device: Any, result: Any, *_: Any) -> None:
        try:
            device.capture_finish(result).detect_minutiae(None, self._detected)
        except self._glib.Error as error:
            tell(self._wrong(error))

    def _detected(self, image: Any, result: Any, *_: Any) -> None:
        try:
            image.detect_minutiae_finish(result)
        except self._glib.Error as error:
            tell(self._wrong(error))
            return
        tell({"minutiae": len(image.get_minutiae())})

    def _wrong(self, error: Any) -> Message:
        """Say what went wrong in one word that the other side knows."""
        kinds = self._fprint.DeviceError
        known = {
            "busy": [(self._fprint.device_error_quark(), kinds.BUSY)],
            "lost": [(self._fprint.device_error_quark(), kinds.REMOVED)],
            "cancelled": [(self._gio.io_error_quark(), self._gio.IOErrorEnum.CANCELLED)],
            "not_permitted": [(self._gio.io_error_quark(), self._gio.IOErrorEnum.PERMISSION_DENIED)],
        }
        word = next((w for w, ones in known.items() if any(error.matches(*one) for one in ones)), "failed")
        if error.domain == self._glib.quark_to_string(self._fprint.device_retry_quark()):
            word = "retry"
        return {"error": word, "detail": str(error.message)}


def feed(path: str, data: bytes) -> None:
    """Show the virtual device a picture."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(data)


def tell(message: Message, data: bytes = b"") -> None:
    """Answer."""
    sys.stdout.buffer.write(json.dumps(message | {"size": len(data)}).encode() + b"\n" + data)
    sys.stdout.buffer.flush()


def listen(worker: Worker, glib: Library) -> None:
    """Hand each request to the main loop."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        data = sys.stdin.buffer.read(int(request.get("size", 0)))
        glib.idle_add(worker.obey, request, data)
    glib.idle_add(worker.end)


def main() -> int:
    """Serve until the input ends; status 3 when libfprint is not installed."""
    try:
        importlib.import_module("gi").require_version("FPrint", "2.0")
        fprint, glib, gio = (importlib.import_module(f"gi.repository.{name}") for name in ("FPrint", "GLib", "Gio"))
    except (ImportError, ValueError) as error:
        tell({"error": "missing", "detail": str(error)})
        return MISSING_STATUS
    worker = Worker(fprint, glib, gio)
    tell({"ready": True})
    threading.Thread(target=listen, args=(worker, glib), daemon=True).start()
    worker.loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The camera worker: a process of its own, because cameras hang. VideoCapture only; no judgement.

It reads as fast as the camera gives and keeps only the newest frame in shared memory, so nobody ever sees a picture
that waited in a buffer. It ends when its parent does.

An unplugged V4L2 camera may "succeed" with its last buffer for ever. A sensor's noise makes two exposures differ in
some pixel, so a frame with exactly the pixels of the one before is not a new frame and is not published; the
supervisor then sees a camera without new frames. A picture without any contrast (a covered lens, black or burnt out)
can truly repeat, is of no use to anybody, and is let through.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

import cv2
import numpy as np

from agent.devices.camera_controls import ControlLock
from agent.devices.camera_memory import CHANNELS, FrameMemory
from agent.devices.camera_modes import LargestMode
from agent.devices.seams import Pixels

CANNOT_OPEN, STREAM_ENDED = 3, 4
OPEN_MS, READ_MS = 5000, 2000
# Less than this between the darkest and the brightest value is a picture without contrast.
FLAT = 8
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4


def main() -> int:
    """Run with: parent's pid, memory's file descriptor, pixels of frame and still, source, width, height, fps."""
    parent, handle, capacity, still, source, width, height, fps = sys.argv[1:9]
    _bind_to(int(parent))
    cv2.setNumThreads(1)
    memory = FrameMemory(int(handle), int(capacity), int(still))
    camera = _open(source, int(width), int(height), int(fps))
    if camera is None:
        return CANNOT_OPEN
    controls = ControlLock(camera)
    largest = LargestMode(camera, int(width), int(height), switches=source.isdecimal())
    memory.tell_locked(None)
    while os.getppid() == int(parent):
        follow(memory, controls)
        if wish := memory.still_wanted:
            memory.answer_still(wish, largest.take(), time.monotonic())
        ok, picture = camera.read()
        if not ok:
            # After a read error the stream stays dead although isOpened() says otherwise: start again.
            return STREAM_ENDED
        taken_s = time.monotonic()
        pixels = fitted(np.asarray(picture, np.uint8), memory.capacity)
        if not memory.shows(pixels) or is_flat(pixels):
            memory.write(pixels, taken_s)
    return 0


def follow(memory: FrameMemory, controls: ControlLock) -> None:
    """Lock the camera's controls, or let go, when the reader's wish has changed."""
    if memory.lock_wanted == (memory.locked is not None):
        return
    if memory.lock_wanted:
        memory.tell_locked(controls.lock())
    else:
        controls.release()
        memory.tell_locked(None)


def fitted(picture: Pixels, capacity: int) -> Pixels:
    """Return three channels in at most `capacity` pixels; a larger picture is shrunk, the shape of things kept."""
    if picture.ndim == 2 or picture.shape[2] == 1:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)
    height, width = picture.shape[:2]
    if height * width <= capacity:
        return picture[..., :CHANNELS]
    scale = (capacity / (height * width)) ** 0.5
    across = min(capacity, max(1, int(width * scale)))
    down = min(capacity // across, max(1, int(height * scale)))
    return np.asarray(cv2.resize(picture[..., :CHANNELS], (across, down), interpolation=cv2.INTER_AREA), np.uint8)


def is_flat(pixels: Pixels) -> bool:
    """Say whether a picture has no contrast."""
    return int(pixels.max()) - int(pixels.min()) < FLAT


def _bind_to(parent: int) -> None:
    libc = ctypes.CDLL(None)
    # A read that hangs in the kernel never gets to look for its parent.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # No core file and no debugger of the same user: people's faces are in here.
    libc.prctl(PR_SET_DUMPABLE, 0)
    if os.getppid() != parent:
        sys.exit(0)


def _open(source: str, width: int, height: int, fps: int) -> cv2.VideoCapture | None:
    camera = cv2.VideoCapture()
    if source.isdecimal():
        camera.open(int(source), cv2.CAP_V4L2)
        # Compressed, or USB 2 has no room for 30 frames a second.
        camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        camera.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        camera.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        camera.set(cv2.CAP_PROP_FPS, fps)
    else:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
        # A decoder with several threads keeps as many frames back.
        camera.open(source, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
    return camera if camera.isOpened() else None


if __name__ == "__main__":
    sys.exit(main())

"""Between the daemon and the vision worker: small JSON messages, and shared memory for everything large.

Never a pickle: a worker that a hostile picture took over must gain nothing in the daemon. Each message is one packet
of at most MESSAGE_BYTES on a sequenced-packet socket, so none is ever half there.

Request: {id, do: preview | still | glimpse, height, width, limits}, the frame at FRAME_AT. Answer: {id, faces, face,
beyond, measures, jpegs}, jpegs being [size, quality, media type] of still and crop at JPEG_AT; for a glimpse what
liveness measures (`liveness/glimpse_wire.py`) and jpeg, its picture's size; or {id, error}. First of all the worker
says {ready}.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from agent.capture.portrait.measures import JPEG, JPEG_2000, Analysis, Encoded, Measure, Still
from agent.devices.seams import Pixels

Message = Mapping[str, Any]  # Any: JSON

MESSAGE_BYTES = 65_536
PREVIEW, STILL, GLIMPSE = "preview", "still", "glimpse"
# The largest mode that the configuration allows, and room for two JPEGs of it. Only what is used takes memory.
LONGEST_SIDE = 8192
FRAME_BYTES = 4096 * 3072 * 3
FRAME_AT, JPEG_AT = 0, FRAME_BYTES
SIZE = FRAME_BYTES * 2


class VisionMemory:
    """The nameless memory that frames go through one way and JPEGs the other."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._map = mmap.mmap(handle, SIZE)

    @classmethod
    def create(cls) -> Self:
        """Return new memory; its `handle` is a file descriptor to hand to the worker."""
        handle = os.memfd_create("vision")
        os.ftruncate(handle, SIZE)
        return cls(handle)

    def close(self) -> None:
        """Give the memory back."""
        self._map.close()
        os.close(self.handle)

    def put_frame(self, pixels: Pixels) -> None:
        """Copy a frame in; it has been checked by `fits`."""
        self._map[FRAME_AT : FRAME_AT + pixels.nbytes] = np.ascontiguousarray(pixels).data.cast("B")

    def frame(self, height: int, width: int) -> Pixels:
        """Return the frame as it lies there: it stays until the next request."""
        return np.frombuffer(self._map, np.uint8, height * width * 3, FRAME_AT).reshape(height, width, 3)

    def put_jpegs(self, *files: bytes) -> None:
        """Copy JPEGs in, one after the other; raise ValueError when there is no room."""
        data = b"".join(files)
        if len(data) > SIZE - JPEG_AT:
            raise ValueError("the pictures are too large")
        self._map[JPEG_AT : JPEG_AT + len(data)] = data

    def jpegs(self, *sizes: int) -> list[bytes]:
        """Return the JPEGs of these sizes; raise ValueError for sizes that cannot be."""
        if any(size < 0 for size in sizes) or sum(sizes) > SIZE - JPEG_AT:
            raise ValueError(f"the worker claims pictures of {sizes} bytes")
        files, at = [], JPEG_AT
        for size in sizes:
            files.append(self._map[at : at + size])
            at += size
        return files


def fits(pixels: Pixels) -> bool:
    """Say whether a frame is one that the worker takes: 8 bit, three channels, not empty, not too large."""
    return (
        pixels.dtype == np.uint8
        and pixels.ndim == 3
        and pixels.shape[2] == 3
        and 0 < pixels.nbytes <= FRAME_BYTES
        and max(pixels.shape) <= LONGEST_SIDE
    )


def send(link: socket.socket, message: Message) -> None:
    """Send one message; raises OSError when the other end is gone."""
    link.send(json.dumps(message, separators=(",", ":")).encode("ascii"))


def receive(link: socket.socket) -> Message:
    """Return the next message; raises EOFError when the other end is gone, ValueError for what is no message."""
    data = link.recv(MESSAGE_BYTES)
    if not data:
        raise EOFError
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def encode_analysis(analysis: Analysis) -> dict[str, Any]:
    """Return an analysis for JSON."""
    rows = [[one.name, one.native, one.unit, one.scalar, one.reason] for one in analysis.measures.values()]
    return {"faces": analysis.faces, "face": analysis.face, "beyond": analysis.beyond, "measures": rows}


def decode_analysis(message: Message) -> Analysis:
    """Return the analysis in an answer; raise ValueError for anything that is none."""
    try:
        measures = [_measure(*row) for row in message["measures"]]
        face = message["face"]
        return Analysis(
            int(message["faces"]),
            {one.name: one for one in measures},
            None if face is None else _four(face),
            _four(message["beyond"]),
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("not an analysis") from error


def encode_still(still: Still, memory: VisionMemory) -> dict[str, Any]:
    """Put a still's JPEGs into the memory and return the rest for JSON; raise ValueError when there is no room."""
    both = (still.picture, still.crop)
    memory.put_jpegs(*(one.data for one in both))
    return {**encode_analysis(still.analysis), "jpegs": [[len(one.data), one.quality, one.media_type] for one in both]}


def decode_still(message: Message, memory: VisionMemory) -> Still:
    """Return the still in an answer; raise ValueError for anything that is none."""
    try:
        (picture, first, _), (crop, second, kind) = message["jpegs"]
        picture, first, crop, second = (int(value) for value in (picture, first, crop, second))
        if kind not in {JPEG, JPEG_2000}:
            raise ValueError("an encoding that was not ordered")
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("not a still") from error
    files = memory.jpegs(picture, crop)
    return Still(decode_analysis(message), Encoded(files[0], first), Encoded(files[1], second, kind))


def _measure(name: str, native: float | None, unit: str, scalar: int | None, reason: str) -> Measure:
    number = None if native is None else float(native)
    return Measure(str(name), number, str(unit), None if scalar is None else int(scalar), str(reason))


def _four(values: list[float]) -> tuple[float, float, float, float]:
    a, b, c, d = (float(value) for value in values)
    return (a, b, c, d)

"""Installing an optional model from a path or a URL: only the very bytes whose hash we know get into the folder."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from agent.capture.portrait.errors import ModelNotFetched
from agent.capture.portrait.models import OPTIONAL, Model, install

FETCH_WITHIN_S = 600.0
# Without any byte for so long a transfer is given up.
SILENT_S = 30.0
MOST_REDIRECTS = 5


def optional_model(name: str) -> Model:
    """Return an optional model by its file's name or a part of it; raise ModelNotFetched when no single one fits."""
    fitting = [model for model in OPTIONAL if name and name.lower() in model.name]
    if len(fitting) != 1:
        raise ModelNotFetched(f"{name!r} is none of: {', '.join(model.name for model in OPTIONAL)}")
    return fitting[0]


def install_optional(model: Model, source: str, folder: Path, within_s: float = FETCH_WITHIN_S) -> None:
    """Install a model from a path or an http(s) URL.

    Raises ModelNotFetched when it cannot be had within `within_s`, ModelWrong when it is not the file we know.
    """
    remote = source.lower().startswith(("http://", "https://"))
    fetched = _download(source, model, within_s) if remote else _read(source, model)
    try:
        install(model, fetched, folder)
    except OSError as error:
        raise ModelNotFetched(f"{folder}: {error.strerror}") from error


def _read(source: str, model: Model) -> bytes:
    try:
        with Path(source).open("rb") as file:
            # One byte more shows that it is too long, however large it is.
            return _of_size(file.read(model.size_bytes + 1), model)
    except (OSError, ValueError) as error:
        raise ModelNotFetched(f"{source}: {getattr(error, 'strerror', None) or error}") from error


def _download(url: str, model: Model, within_s: float) -> bytes:
    deadline, found = time.monotonic() + within_s, bytearray()
    try:
        with (
            httpx.Client(
                follow_redirects=True, max_redirects=MOST_REDIRECTS, timeout=min(SILENT_S, within_s)
            ) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > model.size_bytes:
                    break
                if time.monotonic() > deadline:
                    raise ModelNotFetched(f"{url}: not complete after {within_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ModelNotFetched(f"{url}: {error or type(error).__name__}") from error
    return _of_size(bytes(found), model)


def _of_size(data: bytes, model: Model) -> bytes:
    if len(data) != model.size_bytes:
        raise ModelNotFetched(f"{model.name} has {model.size_bytes} bytes, this has {_told(data, model)}")
    return data


def _told(data: bytes, model: Model) -> str:
    return "more" if len(data) > model.size_bytes else str(len(data))

"""Reading a request: bounded, and refused in words."""

from __future__ import annotations

from starlette.requests import Request

from agent.console.errors import BadRequest

MAX_BODY_BYTES = 64 * 1024
MAX_DIGITS = 18


async def body_of(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """Return the body; raise BadRequest when it is longer than `most` bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BadRequest(f"more than {most} bytes")
    return body


def number_of(text: str, name: str) -> int:
    """Return a number that is not negative; raise BadRequest."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise BadRequest(f"{name} must be a number")
    return int(text)

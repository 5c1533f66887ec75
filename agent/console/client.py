"""The client of the local API, used by the command line."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from agent.console.errors import DaemonUnreachable, RemoteError
from agent.words import Words

# JSON from the daemon nests freely; the commands pick out what they print.
Json = Mapping[str, Any]

ANSWER_WITHIN_S = 15.0
# The daemon sends at least an empty line every 5 s while a visit is open.
SILENCE_S = 20.0


class KioskClient:
    """Talks to the daemon on its Unix socket. Raises DaemonUnreachable, or RemoteError with the daemon's words."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)),
            base_url="http://kiosk",
            timeout=ANSWER_WITHIN_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Ask whether anybody is there. Raises DaemonUnreachable."""
        # The HTTP library forgets to close a socket that it could not connect.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(ANSWER_WITHIN_S)
            try:
                probe.connect(str(self._path))
            except OSError as error:
                raise DaemonUnreachable(f"{self._path}: {error.strerror or error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def status(self) -> Json:
        """Return kiosk, queue and uplink."""
        return cast(Json, self._call("GET", "/v0/status"))

    def devices(self) -> list[Json]:
        """Return the devices as found now."""
        return cast(list[Json], self._call("GET", "/v0/devices"))

    def device_use(self) -> Json:
        """Return whether a visit is open and which devices the daemon holds."""
        return cast(Json, self._call("GET", "/v0/doctor/devices"))

    def camera_sample(self) -> Json:
        """Return what the daemon's camera gives, measured over a second or two."""
        return cast(Json, self._call("GET", "/v0/doctor/camera"))

    def camera_picture(self) -> bytes:
        """Return one picture of the daemon's camera, PNG; refused while a visit is open."""
        told = cast(Json, self._call("POST", "/v0/doctor/camera/picture", {}))
        return base64.b64decode(told["png"])

    def scan_card(self) -> str:
        """Wait for a card's QR code before the daemon's camera and return its text; refused while a visit is open."""
        return str(cast(Json, self._call("POST", "/v0/scan", {}))["qr"])

    def open_intake(
        self, *, number: str = "", qr: str = "", name: str = "", mrz: str = "", language: str = "vi"
    ) -> str:
        """Open a visit and return its id."""
        body = {"number": number, "qr": qr, "name": name, "mrz": mrz, "language": language}
        return str(cast(Json, self._call("POST", "/v0/intakes", body))["id"])

    def resume_intake(self) -> str:
        """Go on with the visit that was cut off and return its id."""
        return str(cast(Json, self._call("POST", "/v0/intakes/resume", {}))["id"])

    def discard_intake(self) -> None:
        """Destroy what a cut-off visit left."""
        self._call("POST", "/v0/intakes/discard", {})

    def events(self, visit_id: str, after: int = 0) -> Iterator[Json]:
        """Yield the visit's events above number `after` until it ends."""
        timeout = httpx.Timeout(ANSWER_WITHIN_S, read=SILENCE_S)
        try:
            path = f"/v0/intakes/{visit_id}/events?after={after}"
            with self._http.stream("GET", path, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _remote(response)
                for line in response.iter_lines():
                    if line:
                        yield json.loads(line)
        except httpx.HTTPError as error:
            raise DaemonUnreachable(f"{self._path}: {error}") from error

    def answer(self, visit_id: str, number: int, choice: str) -> None:
        """Answer the visit's open question."""
        self._call("POST", f"/v0/intakes/{visit_id}/answer", {"number": number, "choice": choice})

    def cancel(self, visit_id: str) -> None:
        """Cancel the visit."""
        self._call("POST", f"/v0/intakes/{visit_id}/cancel", {})

    def fingers(self, visit_id: str) -> Json:
        """Return the visit's fingers, the reasons why one may not be taken, and what was declared."""
        return cast(Json, self._call("GET", f"/v0/intakes/{visit_id}/fingers"))

    def except_finger(self, visit_id: str, finger: str, reason: str, *, photo: bool = False) -> bool:
        """Say that a finger cannot be taken; return whether a photo was taken of it."""
        path = f"/v0/intakes/{visit_id}/fingers/{quote(finger, safe='')}/exception"
        return bool(cast(Json, self._call("POST", path, {"reason": reason, "photo": photo}))["photo"])

    def withdraw_exception(self, visit_id: str, finger: str) -> None:
        """Say that the finger is taken after all."""
        self._call("DELETE", f"/v0/intakes/{visit_id}/fingers/{quote(finger, safe='')}/exception")

    def portrait_choices(self, visit_id: str) -> Json:
        """Return what may be ordered about the visit's portrait."""
        return cast(Json, self._call("GET", f"/v0/intakes/{visit_id}/portrait"))

    def take_by_hand(self, visit_id: str, reason: str) -> None:
        """Have the next frame with a face taken as it is."""
        self._call("POST", f"/v0/intakes/{visit_id}/portrait/by-hand", {"reason": reason})

    def relax_portrait(self, visit_id: str, case: str, supervisor: str) -> None:
        """Relax the gates of a special case on a supervisor's word."""
        body = {"case": case, "supervisor": supervisor}
        self._call("POST", f"/v0/intakes/{visit_id}/portrait/special-case", body)

    def announce_screen(self, visit_id: str) -> None:
        """Say that this client can show the flash."""
        self._call("POST", f"/v0/intakes/{visit_id}/screen", {})

    def report_flash(self, visit_id: str, flash: int, shown_ms: list[float], sent_ms: float) -> None:
        """Tell when the colours of a flash were shown, on a clock of our own, in ms."""
        self._call("POST", f"/v0/intakes/{visit_id}/flash", {"flash": flash, "shown_ms": shown_ms, "sent_ms": sent_ms})

    def record_state(self, epoch: int, seq: int) -> str:
        """Return durable, sent, acknowledged or unknown."""
        return str(cast(Json, self._call("GET", f"/v0/records/{epoch}/{seq}"))["state"])

    def queue_records(self, from_seq: int, limit: int) -> list[Json]:
        """Return what is known of up to `limit` records from `from_seq` on."""
        return cast(list[Json], self._call("GET", f"/v0/queue/records?from={from_seq}&limit={limit}"))

    def sign_export(self, payload: bytes) -> bytes:
        """Have the index of an export signed with the record key."""
        return self._send("POST", "/v0/queue/exports", content=payload).content

    def sign_lost(self, seq: int) -> bytes:
        """Have the tombstone of a record that the queue cannot read signed with the record key."""
        return self._send("POST", f"/v0/queue/tombstones?seq={seq}").content

    def take_receipt(self, receipt: bytes) -> int:
        """Hand in a receipt that was carried here; return its through_seq."""
        return int(self._send("POST", "/v0/queue/receipts", content=receipt).json()["through_seq"])

    def _call(self, method: str, path: str, body: Json | None = None) -> object:
        return self._send(method, path, json=body).json()

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            raise DaemonUnreachable(f"{self._path}: {error}") from error
        if response.is_error:
            raise _remote(response)
        return response


def _remote(response: httpx.Response) -> RemoteError:
    try:
        told = response.json()
        return RemoteError(told["code"], Words(**told["words"]), Words(**told["remedy"]), told["detail"])
    except (ValueError, KeyError, TypeError):
        return RemoteError("daemon.error", RemoteError.words, RemoteError.remedy, f"HTTP {response.status_code}")

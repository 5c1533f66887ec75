"""The kiosk renews its certificate by itself, even one that has expired, and asks the collector for the time."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event, Lock

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.enrolment.errors import EnrolmentError, NotStored
from agent.enrolment.second_port import SecondPort, ask_time, second_port
from agent.enrolment.time_floor import TimeFloor
from agent.enrolment.tls_folder import NewKey, TlsFolder
from agent.enrolment.tunnel import ByRoots
from agent.proto.enrolment import RenewRequest
from agent.sealing import ReceiptKeys, RenewalClaims, sign_renewal
from agent.words import KioskError

log = structlog.get_logger()

# At two thirds of its life, and up to a tenth of it later: kiosks that enrolled on one day must not come at once.
DUE_AT, JITTER = 2 / 3, 1 / 10
LOOK_EVERY_S = 60.0
TIME_EVERY_S = 6 * 3600.0
FIRST_RETRY_S, LAST_RETRY_S = 30.0, 3600.0


@dataclass(frozen=True, slots=True)
class RenewalState:
    """When the certificate began, is due and ends (nanoseconds since the Unix epoch; 0: not known); the last failure.

    `clock_offset_ns` is the collector's signed time minus the kiosk's clock; None when it was never asked.
    """

    begins_at_ns: int = 0
    expires_at_ns: int = 0
    due_at_ns: int = 0
    last_error: KioskError | None = None
    clock_offset_ns: int | None = None


class Renewal:
    """`run` blocks until cancelled; `state` may be read from any thread."""

    def __init__(
        self,
        *,
        kiosk: str,
        address: str,
        folder: TlsFolder,
        receipt_keys: ReceiptKeys,
        floor: TimeFloor,
        jitter: Callable[[], float] = random.random,
        wall_ns: Callable[[], int] = time.time_ns,
        look_every_s: float = LOOK_EVERY_S,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        """`jitter` returns a number from 0 to 1."""
        self._kiosk, self._address, self._folder, self._receipt_keys = kiosk, address, folder, receipt_keys
        self._floor, self._jitter, self._wall_ns = floor, jitter, wall_ns
        self._look_every_s, self._first_retry_s = look_every_s, first_retry_s
        self._share = DUE_AT + JITTER * jitter()
        self._lock = Lock()
        self._state = RenewalState()
        # The collector's signed time, and what the monotonic clock said then.
        self._signed: tuple[int, int] | None = None

    @property
    def state(self) -> RenewalState:
        """What is known now."""
        return self._state

    def change(self, receipt_keys: ReceiptKeys) -> None:
        """Believe the time signed by other receipt keys from now on."""
        self._receipt_keys = receipt_keys

    def run(self, cancelled: Event) -> None:
        """Look at certificate and time again and again until `cancelled`."""
        failures, time_asked_at = 0, -TIME_EVERY_S
        while not cancelled.is_set():
            time_due = time.monotonic() >= time_asked_at + TIME_EVERY_S
            error = self._attempt(cancelled, time_due=time_due)
            self._update(last_error=error)
            if error is None:
                time_asked_at, failures = time.monotonic() if time_due else time_asked_at, 0
                cancelled.wait(self._look_every_s)
            elif not cancelled.is_set():
                failures += 1
                log.warning("enrolment.not_renewed", code=error.code, detail=error.detail)
                longest_s = min(LAST_RETRY_S, self._first_retry_s * 2.0 ** min(failures, 16))
                cancelled.wait((0.5 + self._jitter() / 2) * longest_s)

    def _attempt(self, cancelled: Event, *, time_due: bool) -> KioskError | None:
        """Do what is due; return why it failed."""
        try:
            if self._due() or time_due:
                self.step(cancelled)
        except KioskError as error:
            return error
        except Exception as bug:
            # Without this thread the certificate runs out days later, and nobody would know why. Its message may hold
            # anything.
            log.error("enrolment.bug", kind=type(bug).__name__)
            return EnrolmentError(type(bug).__name__)
        return None

    def step(self, cancelled: Event) -> None:
        """Ask for the time, and for the next certificate if it is due. Raises EnrolmentError or UplinkError."""
        with second_port(self._address, ByRoots(self._folder.roots, self._floor.lowest_ns), cancelled) as port:
            self._ask_time(port)
            if self._due():
                self._renew(port)

    def _ask_time(self, port: SecondPort) -> None:
        time_ns = ask_time(port, self._receipt_keys)
        offset_ns = time_ns - self._wall_ns()
        self._signed = (time_ns, time.monotonic_ns())
        self._update(clock_offset_ns=offset_ns)
        try:
            self._floor.raise_to(time_ns)
        except OSError as error:
            raise NotStored(f"{error.filename}: {error.strerror}") from error
        log.info("enrolment.time_asked", collector_offset_ms=offset_ns // 10**6)

    def _renew(self, port: SecondPort) -> None:
        old, new = self._folder.certificate(), NewKey.make(self._kiosk)
        claims = RenewalClaims(self._kiosk, f"{old.serial_number:x}", hashlib.sha256(new.csr).digest())
        proof = sign_renewal(claims, self._folder.key())
        response = port.client.renew(RenewRequest(old.public_bytes(Encoding.DER), new.csr, proof))
        self._folder.take(new, response.certificates, self._kiosk)
        self._share = DUE_AT + JITTER * self._jitter()
        self._due()
        log.info("enrolment.renewed", until=self._folder.certificate().not_valid_after_utc.isoformat())

    def _due(self) -> bool:
        """Say whether the certificate is to be renewed now."""
        begins_ns, ends_ns = _dates(self._folder.certificate())
        due_at_ns = begins_ns + round((ends_ns - begins_ns) * self._share)
        self._update(begins_at_ns=begins_ns, expires_at_ns=ends_ns, due_at_ns=due_at_ns)
        return self._now_ns() >= due_at_ns

    def _now_ns(self) -> int:
        """Return the collector's time where it is known: a clock ahead would renew again and again."""
        if self._signed is None:
            return self._floor.at_least(self._wall_ns())
        signed_ns, at_ns = self._signed
        return signed_ns + time.monotonic_ns() - at_ns

    def _update(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type] # field names are the keywords


def _dates(certificate: x509.Certificate) -> tuple[int, int]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return round(begins.timestamp()) * 10**9, round(ends.timestamp()) * 10**9

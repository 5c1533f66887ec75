"""The second port: one-time tokens and old certificates are traded for new ones; the time is signed."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from agent.proto.enrolment import (
    BROKEN,
    NONCE_BYTES,
    TOKEN_BYTES,
    TOO_MANY,
    EnrolmentServicer,
    EnrolRequest,
    EnrolResponse,
    GetTimeRequest,
    GetTimeResponse,
    Refusal,
    RenewRequest,
    RenewResponse,
)
from agent.sealing import RenewalClaims, SealingError, SigningKey, TimeAnswer, sign_time, verify_renewal
from collector.attempts import Attempts, address_of
from collector.errors import StoreFailed
from collector.issuing import Issuer, KioskCertificate, RequestInvalid
from collector.registry import AuditEntry, KioskRegistry, NotAdmitted

log = structlog.get_logger()

DAY_NS = 86_400 * 10**9
MAX_NAME = 63
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Terms:
    """The collector's name in signed times, how long after its end a certificate still renews, and the bundles."""

    name: str
    grace_days: float
    bundles: Callable[[], Sequence[bytes]]


class EnrolmentService(EnrolmentServicer):
    """Serves the second port; the registry's blocking calls run in one thread of their own."""

    def __init__(
        self,
        terms: Terms,
        registry: KioskRegistry,
        issuer: Issuer,
        receipt_key: SigningKey,
        attempts: Attempts | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._terms, self._registry, self._issuer, self._receipt_key = terms, registry, issuer, receipt_key
        self._attempts, self._clock_ns = attempts or Attempts(), clock_ns
        self._thread = ThreadPoolExecutor(1, "registry")

    def close(self) -> None:
        """Wait for the registry's thread; call it before the registry is closed."""
        self._thread.shutdown(wait=True)

    async def enrol(self, request: EnrolRequest, peer: str) -> EnrolResponse:
        """Trade a one-time token for a certificate."""
        wait_s = self._attempts.wait_s(peer)
        if wait_s:
            raise Refusal("too_many_attempts", f"try again in {wait_s:.0f} s", TOO_MANY)
        if len(request.token) != TOKEN_BYTES or not 0 < len(request.kiosk) <= MAX_NAME:
            raise Refusal("token_unknown", "not a token of ours")
        # Counted at once: many attempts at the same time are many attempts.
        self._attempts.failed(peer)
        try:
            response = await self._in_thread(self._enrol, request, address_of(peer))
        except Refusal as refusal:
            if not refusal.code.startswith("token_"):
                self._attempts.succeeded(peer)
            raise
        self._attempts.succeeded(peer)
        return response

    async def renew(self, request: RenewRequest, peer: str) -> RenewResponse:
        """Trade a certificate for the next one."""
        return await self._in_thread(self._renew, request, address_of(peer))

    async def get_time(self, request: GetTimeRequest, peer: str) -> GetTimeResponse:
        """Sign the time for a nonce."""
        if len(request.nonce) != NONCE_BYTES:
            raise Refusal("nonce_invalid", f"{NONCE_BYTES} bytes")
        answer = TimeAnswer(self._terms.name, request.nonce, self._clock_ns())
        return GetTimeResponse(sign_time(answer, self._receipt_key))

    def _enrol(self, request: EnrolRequest, actor: str) -> EnrolResponse:
        now_ns = self._clock_ns()
        try:
            # Signed before the token is looked at, and given away only after it was used up.
            issued = self._issuer.issue(request.kiosk, request.csr, _moment(now_ns))
            self._registry.enrol(hashlib.sha256(request.token).digest(), issued.shown, actor, now_ns)
            bundles = tuple(self._terms.bundles())
        except (NotAdmitted, RequestInvalid) as error:
            raise self._refused("enrol_refused", request.kiosk, actor, error) from error
        log.info("collector.kiosk_enrolled", kiosk=request.kiosk, serial=issued.shown.serial)
        roots = tuple(root.public_bytes(Encoding.DER) for root in self._issuer.roots)
        return EnrolResponse(self._issuer.with_chain(issued.der), roots, bundles)

    def _renew(self, request: RenewRequest, actor: str) -> RenewResponse:
        now_ns, kiosk = self._clock_ns(), ""
        try:
            old = self._issuer.recognise(request.certificate)
            kiosk = old.shown.kiosk
            self._check(old, request, now_ns)
            issued = self._issuer.issue(kiosk, request.csr, _moment(now_ns))
            self._registry.renew(old.shown, issued.shown, actor, now_ns)
        except (NotAdmitted, RequestInvalid) as error:
            raise self._refused("renew_refused", kiosk, actor, error) from error
        log.info("collector.kiosk_renewed", kiosk=kiosk, serial=issued.shown.serial)
        return RenewResponse(self._issuer.with_chain(issued.der))

    def _check(self, old: KioskCertificate, request: RenewRequest, now_ns: int) -> None:
        if now_ns > old.shown.expires_at_ns + self._terms.grace_days * DAY_NS:
            raise NotAdmitted("grace_over", "the certificate expired too long ago; a new token is needed")
        try:
            claims = verify_renewal(request.proof, old.public)
        except SealingError as error:
            raise NotAdmitted("proof_invalid", error.code) from error
        expected = RenewalClaims(old.shown.kiosk, old.shown.serial, hashlib.sha256(request.csr).digest())
        if claims != expected:
            raise NotAdmitted("proof_invalid", "the proof is for another request")

    def _refused(self, action: str, kiosk: str, actor: str, error: NotAdmitted | RequestInvalid) -> Refusal:
        refusal = Refusal("request_invalid", str(error))
        if isinstance(error, NotAdmitted):
            refusal = Refusal(error.code, error.detail)
        log.warning(f"collector.{action}", kiosk=kiosk, code=refusal.code)
        self._registry.note_refusal(AuditEntry(self._clock_ns(), actor, action, kiosk, str(refusal)))
        return refusal

    async def _in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        except StoreFailed as error:
            log.error("collector.registry_failed", detail=error.detail)
            raise Refusal("collector_failed", "the collector's registry failed", BROKEN) from error


def _moment(now_ns: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now_ns // 10**9, datetime.UTC)

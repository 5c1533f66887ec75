"""TLS to the collector's second port for gRPC, with the server judged by us.

gRPC holds certificates against the system's clock and knows nothing but roots. A kiosk whose clock is dead must
reach this port to learn the time, and one that knows no root yet has only the pin in its token. So TLS ends here, and
gRPC talks to it through a socket in a folder of our own.
"""

from __future__ import annotations

import asyncio
import datetime
import hmac
import ssl
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from cryptography import x509

from agent.proto.enrolment_token import pin_of
from agent.uplink.diagnosis import resolve
from agent.uplink.errors import CollectorDown, CollectorNotTrusted, CollectorSilent, TlsFilesUnusable, UplinkError

HANDSHAKE_S = 10.0
POLL_S = 0.1
CHUNK = 64 * 1024
# X509_V_FLAG_NO_CHECK_TIME of OpenSSL; the dates are looked at afterwards.
NO_CHECK_TIME = 0x200000
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class ByPin:
    """Believe the one certificate that the token names."""

    pin: bytes


@dataclass(frozen=True, slots=True)
class ByRoots:
    """Believe whom a root in `ca` (PEM) vouches for, if the certificate was still valid at `lowest_ns`.

    The time is known to be at least that (nanoseconds since the Unix epoch), whatever the clock says.
    """

    ca: Path
    lowest_ns: int


Trusted = ByPin | ByRoots


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Where gRPC finds the other end, and whose certificate it showed."""

    target: str
    certificate: x509.Certificate


@contextmanager
def open_tunnel(address: str, trusted: Trusted, cancelled: Event) -> Iterator[Tunnel]:
    """Connect to host:port and pass bytes until the end of the `with`.

    Raises CollectorDown, CollectorSilent, CollectorNotTrusted, NameNotResolved or TlsFilesUnusable.
    """
    host, _, port = address.rpartition(":")
    context = _context(trusted)
    target = resolve(host, int(port), cancelled)
    with tempfile.TemporaryDirectory(prefix="kiosk-") as folder:
        passing = _Passing(target, host, context, f"{folder}/collector")
        try:
            certificate = _check(passing.wait_open(cancelled), trusted)
            yield Tunnel(f"unix:{folder}/collector", certificate)
        finally:
            passing.end()


def _context(trusted: Trusted) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if isinstance(trusted, ByPin):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(trusted.ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsFilesUnusable(f"{trusted.ca}: {error.strerror or 'not a certificate in PEM'}") from error
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    return context


class _Passing:
    """A thread with one connection to the collector, and a socket at `path` where gRPC connects once."""

    def __init__(self, target: tuple[str, int], host: str, context: ssl.SSLContext, path: str) -> None:
        self._target, self._host, self._tls, self._path = target, host, context, path
        self._loop = asyncio.new_event_loop()
        self._opened: Future[bytes] = Future()
        self._serving = self._loop.create_task(self._serve())
        self._thread = Thread(target=self._run, name="enrolment-tls", daemon=True)
        self._thread.start()

    def wait_open(self, cancelled: Event) -> bytes:
        """Return the certificate that the collector showed (DER); raise UplinkError."""
        deadline = time.monotonic() + HANDSHAKE_S
        while not cancelled.is_set() and time.monotonic() < deadline:
            try:
                return self._opened.result(POLL_S)
            except TimeoutError:
                continue
            except ssl.SSLCertVerificationError as error:
                raise CollectorNotTrusted(error.verify_message) from error
            except ssl.SSLError as error:
                raise CollectorNotTrusted(f"no TLS at this address: {error.reason or 'TLS'}") from error
            except OSError as error:
                raise CollectorDown(str(error.strerror or error)) from error
        raise UplinkError("cancelled") if cancelled.is_set() else CollectorSilent("no answer during the TLS handshake")

    def end(self) -> None:
        """Close everything."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join()

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._serving)
        except Exception as error:  # whoever waits for the opening raises it
            if not self._opened.done():
                self._opened.set_exception(error)
        finally:
            self._loop.run_until_complete(_end_all())
            self._loop.close()

    async def _serve(self) -> None:
        theirs, ours = await asyncio.open_connection(*self._target, ssl=self._tls, server_hostname=self._host)
        taken = asyncio.Event()

        async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                # One connection there is one connection here; another would mix the two up.
                if not taken.is_set():
                    taken.set()
                    await asyncio.gather(_pass(reader, ours), _pass(theirs, writer))
            except asyncio.CancelledError:
                # asyncio takes a cancelled callback for an error.
                pass
            finally:
                writer.transport.abort()

        try:
            async with await asyncio.start_unix_server(joined, self._path):
                self._opened.set_result(ours.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"")
                await asyncio.Event().wait()
        finally:
            ours.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _end_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # What was aborted is closed in the next rounds of the loop.
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


def _check(der: bytes, trusted: Trusted) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise CollectorNotTrusted("no certificate was shown") from error
    if isinstance(trusted, ByPin):
        if not hmac.compare_digest(pin_of(der), trusted.pin):
            raise CollectorNotTrusted("the certificate is not the one that the token names")
        return certificate
    lowest = datetime.datetime.fromtimestamp(trusted.lowest_ns / 10**9, datetime.UTC)
    if certificate.not_valid_after_utc < lowest:
        raise CollectorNotTrusted(f"the certificate ended {certificate.not_valid_after_utc:%Y-%m-%d}")
    return certificate

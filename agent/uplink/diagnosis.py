"""Why a connection failed: gRPC says "unavailable" for everything, so ask DNS, TCP and TLS one by one."""

from __future__ import annotations

import datetime
import socket
import ssl
import time
from queue import Empty, SimpleQueue
from threading import Event, Thread

from cryptography import x509

from agent.uplink.channel import TlsFiles
from agent.uplink.errors import (
    ClockOrCertificate,
    ClockWrong,
    CollectorDown,
    CollectorNotTrusted,
    CollectorSilent,
    KioskRefused,
    NameNotResolved,
    ProxyDown,
    TlsFilesUnusable,
    UplinkError,
)
from agent.uplink.proxy import ask_for_tunnel, host_and_port

STEP_S = 3.0
POLL_S = 0.1
NOT_YET_VALID, EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED

Target = tuple[str, int]


def diagnose(
    address: str, tls: TlsFiles, cancelled: Event, now: datetime.datetime | None = None, proxy: str = ""
) -> UplinkError | None:
    """Return the true cause of a failed connection to host:port; None when DNS, TCP and TLS all work.

    Takes at most a few seconds, and ends early when `cancelled`. `now` is the kiosk's clock, `proxy` http://host:port.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    try:
        own = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
        context = _context(tls)
        host = address.rpartition(":")[0]
        with _connected(address, proxy, cancelled) as plain:
            return _shake_hands(plain, host, context, own, now)
    except UplinkError as error:
        return error
    except ValueError:
        return TlsFilesUnusable(f"{tls.certificate}: not a certificate in PEM")
    except OSError as error:
        if error.filename is not None:
            return TlsFilesUnusable(f"{error.filename}: {error.strerror}")
        return CollectorDown(f"{address}: {error.strerror or error}")


def _connected(address: str, proxy: str, cancelled: Event) -> socket.socket:
    if not proxy:
        host, _, port = address.rpartition(":")
        return socket.create_connection(resolve(host, int(port), cancelled), STEP_S)
    try:
        plain = socket.create_connection(resolve(*host_and_port(proxy), cancelled), STEP_S)
    except OSError as error:
        raise ProxyDown(f"{proxy}: {error.strerror or error}") from error
    try:
        ask_for_tunnel(plain, address)
    except BaseException:
        plain.close()
        raise
    return plain


def _context(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    for path in (tls.ca, tls.key):
        # OpenSSL names neither file in its own messages.
        path.read_bytes()
    try:
        context.load_verify_locations(tls.ca)
    except ssl.SSLError as error:
        raise TlsFilesUnusable(f"{tls.ca}: {error.reason or 'not a certificate in PEM'}") from error
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=lambda: b"")
    except ssl.SSLError as error:
        raise TlsFilesUnusable(f"{tls.key}: {error.reason or 'not the key of the certificate'}") from error
    return context


def resolve(host: str, port: int, cancelled: Event) -> Target:
    """Return the first address of a name; raise NameNotResolved.

    DNS is asked in a thread of its own: the call has no deadline and cannot be cancelled.
    """
    answers: SimpleQueue[Target | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            (_, _, _, _, target), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put((str(target[0]), port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    Thread(target=ask, name="uplink-dns", daemon=True).start()
    deadline = time.monotonic() + STEP_S
    while time.monotonic() < deadline and not cancelled.is_set():
        try:
            answer = answers.get(timeout=POLL_S)
        except Empty:
            continue
        if isinstance(answer, Exception):
            raise NameNotResolved(f"{host}: {getattr(answer, 'strerror', None) or answer}")
        return answer
    raise NameNotResolved(f"{host}: no answer within {STEP_S:.0f} s")


def _shake_hands(
    plain: socket.socket, host: str, context: ssl.SSLContext, own: x509.Certificate, now: datetime.datetime
) -> UplinkError | None:
    try:
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return _first_byte(secured, own, now)
    except ssl.SSLCertVerificationError as error:
        return _not_verified(error, own, now)
    except ssl.SSLEOFError:
        return CollectorDown("the connection was closed during the TLS handshake")
    except ssl.SSLError as error:
        return _refused(error.reason or "TLS", own, now)
    except TimeoutError:
        return CollectorSilent("no answer during the TLS handshake")


def _first_byte(secured: ssl.SSLSocket, own: x509.Certificate, now: datetime.datetime) -> UplinkError | None:
    """With TLS 1.3 the server judges our certificate after the handshake; one that accepts it speaks first (HTTP/2)."""
    secured.settimeout(STEP_S)
    try:
        heard = secured.recv(1)
    except ConnectionError:
        heard = b""
    # Some servers send an alert, gRPC's just hangs up.
    return None if heard else _refused("ALERT: closed after the kiosk's certificate was shown", own, now)


def _not_verified(error: ssl.SSLCertVerificationError, own: x509.Certificate, now: datetime.datetime) -> UplinkError:
    if error.verify_code == NOT_YET_VALID:
        return ClockWrong(f"the collector's certificate is not valid yet; {_dates(own, now)}")
    if error.verify_code == EXPIRED:
        return _outside(own, now) or ClockOrCertificate(f"the collector's certificate has expired; {_dates(own, now)}")
    return CollectorNotTrusted(error.verify_message)


def _refused(reason: str, own: x509.Certificate, now: datetime.datetime) -> UplinkError:
    """Explain what the collector said of our certificate; its alert names dates only sometimes, so look at them."""
    outside = _outside(own, now)
    if outside is not None:
        return outside
    if "ALERT" not in reason:
        return CollectorNotTrusted(f"no TLS at this address: {reason}")
    if "EXPIRED" in reason:
        return ClockOrCertificate(f"the collector says that the kiosk's certificate has expired; {_dates(own, now)}")
    return KioskRefused(reason)


def _outside(own: x509.Certificate, now: datetime.datetime) -> UplinkError | None:
    if now < own.not_valid_before_utc:
        return ClockWrong(f"the kiosk's own certificate is not valid yet; {_dates(own, now)}")
    if now > own.not_valid_after_utc:
        return ClockOrCertificate(f"the kiosk's own certificate has expired; {_dates(own, now)}")
    return None


def _dates(own: x509.Certificate, now: datetime.datetime) -> str:
    begins, ends = own.not_valid_before_utc, own.not_valid_after_utc
    return f"kiosk's clock {now:%Y-%m-%d %H:%M} UTC, kiosk's certificate {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"

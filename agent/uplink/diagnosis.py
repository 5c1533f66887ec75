"""Why a connection failed: gRPC says "unavailable" for everything, so ask DNS, TCP and TLS one by one."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from agent.uplink.errors import (
    ClockOrCertificate,
    CollectorDown,
    CollectorNotTrusted,
    KioskRefused,
    NameNotResolved,
    UplinkError,
)

STEP_S = 3.0
# X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
OUTSIDE_DATES = {9, 10}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The kiosk's TLS files, PEM: the CA that collectors are checked against, its own certificate and key."""

    ca: Path
    certificate: Path
    key: Path


def diagnose(address: str, tls: TlsFiles, said: str) -> UplinkError:
    """Return the true cause of a failed connection to host:port; `said` is what gRPC said, for the evidence."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), STEP_S) as plain:
            return _shake_hands(plain, host, tls, said)
    except socket.gaierror as error:
        return NameNotResolved(f"{host}: {error.strerror}")
    except OSError as error:
        return CollectorDown(f"{address}: {error.strerror or type(error).__name__}")


def _shake_hands(plain: socket.socket, host: str, tls: TlsFiles, said: str) -> UplinkError:
    context = ssl.create_default_context(cafile=str(tls.ca))
    context.set_alpn_protocols(["h2"])
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        with context.wrap_socket(plain, server_hostname=host) as secured:
            # With TLS 1.3 the server judges our certificate after the handshake: its alert comes with the first read.
            secured.settimeout(STEP_S)
            secured.recv(1)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in OUTSIDE_DATES:
            return ClockOrCertificate(f"collector's certificate: {error.verify_message}")
        return CollectorNotTrusted(error.verify_message)
    except ssl.SSLError as error:
        reason = error.reason or "TLS"
        return ClockOrCertificate(f"kiosk's certificate: {reason}") if "EXPIRED" in reason else KioskRefused(reason)
    except OSError:
        return CollectorDown(said)
    return CollectorDown(said)

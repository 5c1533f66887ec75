"""The way to the collector, step by step: cable, route, name, TCP, TLS, certificates, gRPC, time."""

from __future__ import annotations

import os
import socket
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Outcome, Verdict, error, not_assessed, of_error, ok, skipped, warn
from agent.diagnostics.limits import Found, Limits, SeeOther, TimedOut
from agent.diagnostics.system import as_number, read_text
from agent.uplink import errors as uplink
from agent.uplink.channel import TlsFiles, open_channel
from agent.uplink.diagnosis import diagnose
from agent.words import Words

FAMILY = Family("network", "Mạng và trung tâm", "Network and collector")

STEP_S, DNS_S, TLS_S = 3.0, 4.0, 12.0
SOON_S = 14 * 86400.0
SKEW_S, BIG_SKEW_S = 30.0, 3600.0
PROXIES = ("https_proxy", "http_proxy", "all_proxy")
# grpc.health.v1: HealthCheckResponse has the status as field 1; 1 is SERVING.
HEALTH, SERVING = "/grpc.health.v1.Health/Check", b"\x08\x01"
TLS_ERRORS = (
    uplink.TlsFilesUnusable,
    uplink.ClockWrong,
    uplink.ClockOrCertificate,
    uplink.CollectorNotTrusted,
    uplink.KioskRefused,
    uplink.CollectorSilent,
    uplink.CollectorDown,
    uplink.ProxyDown,
    uplink.ProxyRefused,
    uplink.NameNotResolved,
)
UPLINK_ERRORS = (
    *TLS_ERRORS,
    uplink.CollectorBusy,
    uplink.CollectorFailed,
    uplink.KioskNotRegistered,
    uplink.TestRecordsRefused,
    uplink.ReceiptNotBelieved,
    uplink.Rejected,
    uplink.Forked,
    uplink.PositionUnknown,
    uplink.OwnRecordBroken,
)

NO_ADAPTER = error(
    "network.interface.none",
    "Máy không có card mạng.",
    "The machine has no network adapter.",
    "Kiểm tra card mạng hoặc USB 4G; xem `ip link`.",
    "Check the adapter or the mobile modem; see `ip link`.",
)
LINK_DOWN = error(
    "network.interface.down",
    "Không có kết nối mạng nào: cáp rút hoặc Wi-Fi tắt.",
    "No network link is up: cable unplugged or Wi-Fi off.",
    "Cắm cáp mạng hoặc nối Wi-Fi. Thu nhận vẫn tiếp tục được.",
    "Plug the cable in or join the Wi-Fi. Intake goes on without it.",
)
NO_ROUTE = error(
    "network.route.none",
    "Không có đường đi đến trung tâm.",
    "There is no route to the collector.",
    "Kiểm tra DHCP và gateway: `ip route`.",
    "Check DHCP and gateway: `ip route`.",
)
REFUSED = error(
    "network.tcp.refused",
    "Máy trung tâm từ chối kết nối ở cổng này.",
    "The collector's machine refuses connections at this port.",
    "Kiểm tra collector.address; nếu đúng, báo trung tâm: chương trình ở đó không chạy.",
    "Check collector.address; if it is right, tell the centre: its program does not run.",
)
NO_ANSWER = error(
    "network.tcp.no_answer",
    "Máy trung tâm không trả lời; thường là tường lửa.",
    "The collector's machine does not answer; mostly a firewall.",
    "Hỏi quản trị mạng mở cổng đến collector.address.",
    "Ask the network's administrator to open the port to collector.address.",
)
UNREACHABLE = error(
    "network.tcp.unreachable",
    "Không đến được máy trung tâm.",
    "The collector's machine cannot be reached.",
    "Kiểm tra mạng; xem chi tiết.",
    "Check the network; see the evidence.",
)
SERVER_EXPIRES = warn(
    "network.certificate.expires_soon",
    "Chứng thư của trung tâm sắp hết hạn.",
    "The collector's certificate expires soon.",
    "Báo trung tâm gia hạn.",
    "Tell the centre to renew it.",
)
SERVER_OUTSIDE = error(
    "network.certificate.outside_its_dates",
    "Chứng thư của trung tâm ngoài thời hạn theo đồng hồ của kiosk.",
    "By the kiosk's clock the collector's certificate is outside its dates.",
    "Xem ngày giờ của kiosk trước; nếu đúng, báo trung tâm.",
    "Look at the kiosk's clock first; if it is right, tell the centre.",
)
SERVER_OTHER_CA = error(
    "network.certificate.other_issuer",
    "Chứng thư ở địa chỉ trung tâm không do CA của ta cấp.",
    "The certificate at the collector's address is not issued by our CA.",
    "Không gửi gì cả. Kiểm tra collector.address; có thể có thiết bị chặn TLS hoặc ai đó giả mạo.",
    "Nothing was sent. Check collector.address; a TLS-inspecting box or an impostor may be in between.",
)
SKEW = warn(
    "network.clock.skewed",
    "Đồng hồ của kiosk lệch so với trung tâm.",
    "The kiosk's clock differs from the collector's.",
    "Chạy `timedatectl set-ntp true`.",
    "Run `timedatectl set-ntp true`.",
)
BIG_SKEW = error(
    "network.clock.far_off",
    "Đồng hồ của kiosk lệch xa so với trung tâm.",
    "The kiosk's clock is far off the collector's.",
    "Chỉnh lại ngày giờ (timedatectl set-time) trước khi TLS từ chối.",
    "Set date and time (timedatectl set-time) before TLS refuses.",
)
NOT_SERVING = error(
    "network.grpc.not_serving",
    "Trung tâm trả lời rằng nó chưa phục vụ.",
    "The collector answers that it is not serving.",
    "Không cần làm gì tại kiosk; báo trung tâm.",
    "Nothing to do here; tell the centre.",
)
PROXY = warn(
    "network.proxy.set",
    "Có proxy trong môi trường; kiosk không dùng proxy.",
    "A proxy is set in the environment; the kiosk does not use it.",
    "Nếu mạng chỉ cho ra ngoài qua proxy, xin mở đường trực tiếp đến collector.address.",
    "If the network lets traffic out only by proxy, have a direct way to collector.address opened.",
)


@FAMILY.check("interface", "Kết nối vật lý", "Link", NO_ADAPTER, LINK_DOWN)
def _interface(context: Context, _limits: Limits) -> Outcome:
    cards = [path for path in context.system.each("sys/class/net", "*") if path.name != "lo"]
    if not cards:
        return NO_ADAPTER.seen("sys/class/net")
    states = {card.name: read_text(card / "operstate") or "unknown" for card in cards}
    up = [
        card.name
        for card in cards
        if states[card.name] == "up" or (states[card.name] == "unknown" and as_number(read_text(card / "carrier")) == 1)
    ]
    evidence = ", ".join(f"{name} {state}" for name, state in states.items())
    return ok(evidence) if up else LINK_DOWN.seen(evidence)


@FAMILY.check("dns", "Tên của trung tâm", "Collector's name", uplink.NameNotResolved)
def _dns(context: Context, limits: Limits) -> Outcome:
    begun_s = time.monotonic()
    addresses = _resolved(context, limits)
    return ok(f"{_host(context, limits)[0]}: {', '.join(addresses)}, {(time.monotonic() - begun_s) * 1000:.0f} ms")


@FAMILY.check("route", "Đường đi", "Route", NO_ROUTE)
def _route(context: Context, limits: Limits) -> Outcome:
    address, port = _resolved(context, limits)[0], _host(context, limits)[1]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the kernel only looks the route up.
            probe.connect((address, port))
        except OSError as failure:
            return NO_ROUTE.seen(f"{address}: {failure.strerror}")
        return ok(f"{address} from {probe.getsockname()[0]}")


@FAMILY.check("tcp", "Kết nối TCP", "TCP", REFUSED, NO_ANSWER, UNREACHABLE)
def _tcp(context: Context, limits: Limits) -> Outcome:
    return ok(f"{context.config(limits).collector.address}, {_connected(context, limits) * 1000:.0f} ms")


@FAMILY.check("tls", "Bắt tay TLS", "TLS handshake", *TLS_ERRORS, within_s=TLS_S + 1)
def _tls(context: Context, limits: Limits) -> Outcome:
    return ok(f"both certificates accepted, {_shaken(context, limits) * 1000:.0f} ms")


@FAMILY.check(
    "certificate", "Chứng thư của trung tâm", "Collector's certificate",
    SERVER_EXPIRES, SERVER_OUTSIDE, SERVER_OTHER_CA,
)  # fmt: skip
def _certificate(context: Context, limits: Limits) -> Outcome:
    shown = _shown(context, limits)
    now = datetime.fromtimestamp(context.system.clock(), UTC)
    begins, ends = shown.not_valid_before_utc, shown.not_valid_after_utc
    dates = f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}; the kiosk's clock {now:%Y-%m-%d %H:%M} UTC"
    evidence = f"{shown.subject.rfc4514_string()} by {shown.issuer.rfc4514_string()}, {dates}"
    if not _issued_by(shown, _tls_files(context, limits)):
        return SERVER_OTHER_CA.seen(evidence)
    if not begins <= now <= ends:
        return SERVER_OUTSIDE.seen(evidence)
    return SERVER_EXPIRES.seen(evidence) if (ends - now).total_seconds() < SOON_S else ok(evidence)


@FAMILY.check("clock", "Giờ so với trung tâm", "Clock against the collector", SKEW, BIG_SKEW)
def _clock(context: Context, limits: Limits) -> Outcome:
    status = context.status(limits)
    offset_ns = status["uplink"].get("collector_offset_ns") if status else None
    if offset_ns is not None:
        return judge_skew(offset_ns / 1e9)
    behind_s = _shown(context, limits).not_valid_before_utc.timestamp() - context.system.clock()
    if behind_s > 0:
        # It was issued before now, so the kiosk's clock is behind by at least that.
        return judge_skew(behind_s)
    return not_assessed(
        "Trung tâm chỉ cho biết giờ trong luồng gửi hồ sơ, mà chưa có luồng nào.",
        "The collector tells its time only in the stream of records, and there was none.",
    )


def judge_skew(offset_s: float) -> Outcome:
    """Judge collector's time minus kiosk's time, seconds."""
    evidence = f"collector minus kiosk {offset_s:+.1f} s"
    if abs(offset_s) > BIG_SKEW_S:
        return BIG_SKEW.seen(evidence)
    return SKEW.seen(evidence) if abs(offset_s) > SKEW_S else ok(evidence)


@FAMILY.check(
    "grpc", "Dịch vụ gRPC", "gRPC", NOT_SERVING, uplink.CollectorSilent, uplink.CollectorFailed, within_s=TLS_S + 8
)  # fmt: skip
def _grpc(context: Context, limits: Limits) -> Outcome:
    _shaken(context, limits)
    begun_s = time.monotonic()
    collector = context.config(limits).collector
    with open_channel(collector.address, _tls_files(context, limits), collector.proxy) as channel:
        call = channel.unary_unary(HEALTH, request_serializer=bytes, response_deserializer=bytes)
        try:
            answer = call(b"", timeout=min(5.0, limits.left_s))
        except grpc.RpcError as failure:
            return _judge_rpc(failure.code(), time.monotonic() - begun_s)
    told = f"{(time.monotonic() - begun_s) * 1000:.0f} ms"
    return ok(f"serving, {told}") if answer == SERVING else NOT_SERVING.seen(f"health {answer[:8].hex()}")


def _judge_rpc(code: grpc.StatusCode, took_s: float) -> Outcome:
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return ok(f"it answers in {took_s * 1000:.0f} ms; it has no health service")
    if code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE):
        return of_error(uplink.CollectorSilent(code.name))
    return of_error(uplink.CollectorFailed(code.name))


@FAMILY.check("proxy", "Proxy", "Proxy", PROXY)
def _proxy(_context: Context, _limits: Limits) -> Outcome:
    names = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.upper())]
    return PROXY.seen(", ".join(names)) if names else ok("none set")


@FAMILY.check("uplink", "Luồng gửi hồ sơ", "Stream of records", *UPLINK_ERRORS)
def _uplink(context: Context, limits: Limits) -> Outcome:
    status = context.status(limits)
    if status is None:
        return skipped("Chương trình kiosk không chạy, nên không gửi.", "The daemon does not run: nothing is sent.")
    told = status["uplink"].get("error")
    if status["uplink"].get("connected"):
        return ok("connected")
    if not told:
        return not_assessed("Đang kết nối.", "It is connecting.")
    return Outcome(Verdict.ERROR, told.get("detail", ""), told["code"], Words(**told["words"]), Words(**told["remedy"]))


def _host(context: Context, limits: Limits) -> tuple[str, int]:
    host, _, port = context.config(limits).collector.address.rpartition(":")
    return host, int(port)


def _tls_files(context: Context, limits: Limits) -> TlsFiles:
    tls = context.config(limits).trust.folder / "tls"
    return TlsFiles(tls / "ca.pem", tls / "client.pem", tls / "client.key")


def _resolved(context: Context, limits: Limits) -> list[str]:
    """Return the collector's addresses; a resolver that hangs is told as a name that is not resolved."""

    def ask(own: Limits) -> list[str]:
        host, port = _host(context, own)
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as failure:
            raise uplink.NameNotResolved(f"{host}: {getattr(failure, 'strerror', None) or failure}") from failure
        return list(dict.fromkeys(str(target[0]) for *_, target in answers))

    patience = replace(limits, deadline=min(limits.deadline, time.monotonic() + DNS_S))
    try:
        return context.measured("network.dns", ask, DNS_S).get(patience)
    except TimedOut:
        if limits.check != "network.dns" and "network.dns" in limits.selected:
            raise SeeOther("network.dns") from None
        raise uplink.NameNotResolved(f"{_host(context, limits)[0]}: no answer within {DNS_S:.0f} s") from None


def _connected(context: Context, limits: Limits) -> float:
    """Return how long TCP's handshake takes, seconds."""

    def connect(own: Limits) -> float:
        address, port = _resolved(context, own)[0], _host(context, own)[1]
        begun_s = time.monotonic()
        try:
            socket.create_connection((address, port), STEP_S).close()
        except ConnectionRefusedError:
            raise Found(REFUSED.seen(f"{address} port {port}")) from None
        except TimeoutError:
            raise Found(NO_ANSWER.seen(f"{address} port {port}: nothing within {STEP_S:.0f} s")) from None
        except OSError as failure:
            raise Found(UNREACHABLE.seen(f"{address} port {port}: {failure.strerror}")) from failure
        return time.monotonic() - begun_s

    return context.measured("network.tcp", connect, DNS_S + STEP_S + 1).get(limits)


def _shaken(context: Context, limits: Limits) -> float:
    """Return how long the handshake with both certificates takes, seconds; raise the true cause when it fails."""

    def shake(own: Limits) -> float:
        _connected(context, own)
        begun_s = time.monotonic()
        now = datetime.fromtimestamp(context.system.clock(), UTC)
        collector = context.config(own).collector
        cause = diagnose(collector.address, _tls_files(context, own), own.cancelled, now, collector.proxy)
        if cause is not None:
            raise cause
        return time.monotonic() - begun_s

    return context.measured("network.tls", shake, TLS_S).get(limits)


def _shown(context: Context, limits: Limits) -> x509.Certificate:
    """Return the certificate that is shown at the collector's address, believed or not."""

    def look(own: Limits) -> x509.Certificate:
        _connected(context, own)
        host, port = _host(context, own)
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        trusting.set_alpn_protocols(["h2"])
        try:
            with (
                socket.create_connection((_resolved(context, own)[0], port), STEP_S) as plain,
                trusting.wrap_socket(plain, server_hostname=host) as secured,
            ):
                shown = secured.getpeercert(binary_form=True)
        except OSError as failure:
            raise SeeOther("network.tls") from failure
        if not shown:
            raise SeeOther("network.tls")
        return x509.load_der_x509_certificate(shown)

    return context.measured("network.certificate", look, TLS_S).get(limits)


def _issued_by(shown: x509.Certificate, files: TlsFiles) -> bool:
    try:
        authorities = x509.load_pem_x509_certificates(files.ca.read_bytes())
    except (OSError, ValueError):
        raise SeeOther("trust.files") from None
    for authority in authorities:
        try:
            shown.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False

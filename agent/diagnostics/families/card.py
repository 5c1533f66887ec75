"""The card reader: service, permission, driver, and how a card on it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from agent.capture.chip import CardAccessNumber, ChipPolicy, TrustAnchors, read_chip
from agent.capture.chip import errors as chip
from agent.capture.chip.pieces import PieceMemory
from agent.capture.evidence import Guidance, Verdict
from agent.devices.errors import (
    CardLost,
    CardServiceNotPermitted,
    DeviceTimeout,
    NoCard,
    NoPcscd,
    NoReader,
    ReaderBusy,
)
from agent.devices.seams import CardLink, DeviceInfo
from agent.devices.smartcard import CardReader, list_readers
from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.distribution import Distribution
from agent.diagnostics.finding import Outcome, error, not_assessed, of_error, ok, skipped, warn
from agent.diagnostics.limits import Found, Limits, NotAssessed, SeeOther
from agent.diagnostics.system import read_text
from agent.sealing import AnchorCertificates, open_bundle, signing_key_from_pem

FAMILY = Family("card", "Đầu đọc thẻ và chip", "Card reader and chip")

LIST_S, CONNECT_S, SAMPLE_S, SELFTEST_S = 7.0, 2.5, 12.0, 60.0
ROUND_TRIPS = 40
SLOW_S, SLOW_READ_S = 0.1, 12.0
# ISO/IEC 7816-4: EF.CardAccess (011C, Doc 9303-11, 9.2.11) can be read before any access control.
SELECT_CARD_ACCESS = bytes.fromhex("00A4020C02011C")
READ_ONE_BYTE = bytes.fromhex("00B0000001")
READ_EXTENDED = bytes.fromhex("00B00000000400")
WRONG_LENGTHS = {0x6700, 0x6C00}
CCID_CLASS = "0b"
# Kernel drivers for NFC that take readers away from pcscd.
NFC_DRIVERS = {"pn533_usb", "port100", "nfcsim"}

NO_DRIVER = error(
    "card.reader.no_driver",
    "Có đầu đọc trên USB nhưng pcscd không nhận.",
    "A reader is on USB, and pcscd does not take it.",
    "Cài trình điều khiển: `apt-get install libccid`, rồi `systemctl restart pcscd`; xem `journalctl -u pcscd`.",
    "Install the driver: `apt-get install libccid`, then `systemctl restart pcscd`; see `journalctl -u pcscd`.",
)
KERNEL_DRIVER = error(
    "card.driver.kernel",
    "Kernel đang giữ đầu đọc bằng trình điều khiển NFC của nó.",
    "The kernel holds the reader with its own NFC driver.",
    "Ghi `blacklist pn533_usb` vào /etc/modprobe.d/kiosk.conf, `rmmod pn533_usb`, cắm lại đầu đọc.",
    "Put `blacklist pn533_usb` in /etc/modprobe.d/kiosk.conf, `rmmod pn533_usb`, plug the reader in again.",
)
SLOW = warn(
    "card.latency.slow",
    "Thẻ trả lời chậm.",
    "The card answers slowly.",
    "Đặt thẻ sát giữa đầu đọc; bỏ ốp và thẻ khác; thử cổng USB khác.",
    "Place it flat in the middle, without a case or other cards; try another USB port.",
)
NO_EXTENDED = warn(
    "card.extended.refused",
    "Thẻ hoặc đầu đọc không nhận lệnh dài: đọc chip chậm hơn.",
    "Card or reader refuses extended length: reading takes longer.",
    "Vẫn dùng được; nên dùng đầu đọc hỗ trợ extended APDU.",
    "It works; a reader with extended APDUs is better.",
)
SLOW_READ = warn(
    "card.selftest.slow",
    "Đọc thẻ thử lâu hơn bình thường.",
    "Reading the test card takes longer than it should.",
    "Xem card.latency và card.extended; thử đầu đọc khác.",
    "See card.latency and card.extended; try another reader.",
)
CHECKS_FAILED = warn(
    "card.selftest.not_authentic",
    "Đọc được thẻ thử nhưng xác thực không đạt.",
    "The test card was read, but does not authenticate.",
    "Nếu là thẻ thật: kiểm tra `kiosk doctor --only trust.anchors`.",
    "If it is a genuine card: see `kiosk doctor --only trust.anchors`.",
)
CARD_ERRORS = (NoPcscd, CardServiceNotPermitted, NoReader, ReaderBusy, CardLost, DeviceTimeout)
CHIP_ERRORS = (chip.WrongCan, chip.AccessDenied, chip.SessionBroken, chip.StatusError, chip.ChipDataError)


@dataclass(frozen=True, slots=True)
class CardSample:
    """A card on the reader and how it answered; times in seconds, `extended` is the status word."""

    reader: str
    atr: bytes
    powered_s: float
    round_trips_s: tuple[float, ...]
    selected: int
    extended: int


@FAMILY.check("service", "Dịch vụ pcscd", "pcscd", NoPcscd, CardServiceNotPermitted, DeviceTimeout)
def _service(context: Context, limits: Limits) -> Outcome:
    return ok(f"answers, {len(_readers(context, limits))} readers")


@FAMILY.check("version", "Phiên bản pcscd", "pcscd's version")
def _version(context: Context, limits: Limits) -> Outcome:
    # It ends with 1 in some versions.
    told = context.system.ask(["pcscd", "--version"], limits, accept=(0, 1))
    return ok(told.partition("\n")[0].strip().rstrip(".") or "not told")


@FAMILY.check("reader", "Đầu đọc", "Reader", NoReader, NO_DRIVER)
def _reader(context: Context, limits: Limits) -> Outcome:
    readers, wanted = _readers(context, limits), context.config(limits).card.reader
    matching = [reader for reader in readers if wanted.casefold() in reader.name.casefold()]
    if matching:
        return ok(", ".join(f"{reader.name} ({reader.detail})" for reader in matching))
    on_usb = _on_usb(context)
    if on_usb and not readers:
        return NO_DRIVER.seen(", ".join(on_usb))
    names = ", ".join(reader.name for reader in readers) or "none"
    return of_error(NoReader(f"looking for {wanted!r}; there are: {names}"))


@FAMILY.check("driver", "Trình điều khiển của kernel", "Kernel driver", KERNEL_DRIVER)
def _driver(context: Context, _limits: Limits) -> Outcome:
    bound = []
    for interface in context.system.each("sys/bus/usb/devices", "*:*"):
        name = (interface / "driver").resolve().name if (interface / "driver").is_symlink() else ""
        if name in NFC_DRIVERS:
            bound.append(f"{interface.name} {name}")
    return KERNEL_DRIVER.seen(", ".join(bound)) if bound else ok("none in the way")


@FAMILY.check("atr", "Thẻ trên đầu đọc", "Card on the reader", *CARD_ERRORS, within_s=SAMPLE_S)
def _atr(context: Context, limits: Limits) -> Outcome:
    sample = _sample(context, limits)
    return ok(f"{sample.reader}: ATR {sample.atr.hex()}, {_kind(sample.atr)}, powered in {sample.powered_s:.2f} s")


@FAMILY.check("latency", "Thời gian trả lời", "Answer times", SLOW, within_s=SAMPLE_S)
def _latency(context: Context, limits: Limits) -> Outcome:
    return judge_latency(Distribution.of(_sample(context, limits).round_trips_s))


def judge_latency(took: Distribution) -> Outcome:
    """Judge short commands by the 95th percentile."""
    return SLOW.seen(took.told("ms", 1000)) if took.p95 > SLOW_S else ok(took.told("ms", 1000))


@FAMILY.check("extended", "Lệnh dài", "Extended length", NO_EXTENDED, within_s=SAMPLE_S)
def _extended(context: Context, limits: Limits) -> Outcome:
    sample = _sample(context, limits)
    if sample.selected != 0x9000:
        return not_assessed(
            "Thẻ không có tệp đọc tự do để thử.",
            "The card has no free file to try it on.",
            f"SELECT {sample.selected:04X}",
        )
    # A reader that cannot do it fails the transmission, which is told as no status word.
    refused = sample.extended in WRONG_LENGTHS or not sample.extended
    return NO_EXTENDED.seen(f"READ BINARY {sample.extended:04X}") if refused else ok("READ BINARY with Le 1024")


@FAMILY.check("bit_rate", "Tốc độ bit không tiếp xúc", "Contactless bit rate")
def _bit_rate(_context: Context, _limits: Limits) -> Outcome:
    return not_assessed("PC/SC không cho biết.", "PC/SC does not tell it.")


@FAMILY.check(
    "selftest", "Đọc thử một thẻ", "Self-test on a card",
    SLOW_READ, CHECKS_FAILED, NoCard, *CARD_ERRORS, *CHIP_ERRORS, within_s=SELFTEST_S,
)  # fmt: skip
def _selftest(context: Context, limits: Limits) -> Outcome:
    if not context.wishes.can:
        return skipped("Chỉ đọc khi có --can.", "Read only with --can.")
    can = _can(context.wishes.can)
    _sample(context, limits)
    config = context.config(limits)
    steps = Steps(time.monotonic)
    deadline = min(limits.deadline, time.monotonic() + config.card.read_s + CONNECT_S)
    with CardReader(config.card.reader or None).wait_for_card(time.monotonic() + CONNECT_S, limits.cancelled) as link:
        result = read_chip(
            link, can, None, _anchors(context, limits), ChipPolicy(return_within_s=0), steps.hear,
            deadline=deadline, cancelled=limits.cancelled, pieces=PieceMemory(),
        )  # fmt: skip
    checks, facts = result.evidence.checks, result.evidence.facts
    failed = [check.name for check in checks if check.verdict is Verdict.FAILED]
    passed = sum(check.verdict is Verdict.PASSED for check in checks)
    evidence = f"{steps.told()}; {facts['apdus']} commands, {facts['bytes_read']} bytes; "
    evidence += f"{passed} of {len(checks)} checks passed"
    if failed:
        return CHECKS_FAILED.seen(f"{', '.join(failed)}; {evidence}")
    return SLOW_READ.seen(evidence) if steps.whole_s > SLOW_READ_S else ok(evidence)


class Steps:
    """Times the reading by what it tells people; keeps codes, never words or names."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun_s = clock()
        self._first_s: dict[str, float] = {}

    def hear(self, guidance: Guidance) -> None:
        """Note when a step is told first."""
        self._first_s.setdefault(guidance.code, self._clock() - self._begun_s)

    @property
    def whole_s(self) -> float:
        """Seconds until now."""
        return self._clock() - self._begun_s

    def told(self) -> str:
        """Return the steps in one line."""
        steps = ", ".join(f"{code} at {at_s:.2f}" for code, at_s in self._first_s.items())
        return f"{self.whole_s:.2f} s ({steps})"


def _can(text: str) -> CardAccessNumber:
    try:
        return CardAccessNumber(text)
    except (ValueError, chip.NotANumber):
        raise NotAssessed("--can cần đúng sáu chữ số.", "--can needs six digits.") from None


def _anchors(context: Context, limits: Limits) -> TrustAnchors:
    trust = context.config(limits).trust.folder
    try:
        campaign = signing_key_from_pem((trust / "campaign.pem").read_bytes())
        bundle = open_bundle((trust / "bundles" / "anchors.bundle").read_bytes(), campaign, "anchors")
    except OSError:
        raise SeeOther("trust.anchors") from None
    return TrustAnchors.from_der(list(AnchorCertificates.from_bundle(bundle).certificates))


def _readers(context: Context, limits: Limits) -> list[DeviceInfo]:
    return context.measured("card.service", lambda _: list_readers(), LIST_S).get(limits)


def _sample(context: Context, limits: Limits) -> CardSample:
    if context.visit_open(limits):
        raise Found(skipped("Đang thu nhận một người.", "A visit is open."))
    _readers(context, limits)
    wanted = context.config(limits).card.reader

    def measure(own: Limits) -> CardSample:
        begun_s = time.monotonic()
        try:
            link = CardReader(wanted or None).wait_for_card(begun_s + CONNECT_S, own.cancelled)
        except NoCard as failure:
            raise Found(skipped("Không có thẻ trên đầu đọc.", "No card lies on the reader.", failure.detail)) from None
        except NoReader:
            raise SeeOther("card.reader") from None
        with link:
            return _measured(link, link.reader, link.atr, time.monotonic() - begun_s, own.cancelled)

    return context.measured("card.atr", measure, SAMPLE_S).get(limits)


def _measured(link: CardLink, reader: str, atr: bytes, powered_s: float, cancelled: Event) -> CardSample:
    _, selected = link.transmit(SELECT_CARD_ACCESS)
    took = []
    for _ in range(ROUND_TRIPS):
        begun_s = time.perf_counter()
        link.transmit(READ_ONE_BYTE)
        took.append(time.perf_counter() - begun_s)
        if cancelled.is_set():
            break
    try:
        _, extended = link.transmit(READ_EXTENDED)
    except CardLost:
        extended = 0
    return CardSample(reader, atr, powered_s, tuple(took), selected, extended)


def _kind(atr: bytes) -> str:
    """Tell a contactless card by PC/SC part 3, 3.1.3.2.3: 3B 8n 80 01 …, which the reader makes up for it."""
    contactless = len(atr) > 3 and atr[0] == 0x3B and atr[1] & 0xF0 == 0x80 and atr[2:4] == b"\x80\x01"
    return "contactless" if contactless else "with contacts"


def _on_usb(context: Context) -> list[str]:
    found = []
    for interface in context.system.each("sys/bus/usb/devices", "*:*"):
        if read_text(interface / "bInterfaceClass") == CCID_CLASS:
            device = Path(str(interface).partition(":")[0])
            found.append(f"{read_text(device / 'product') or device.name}")
    return found

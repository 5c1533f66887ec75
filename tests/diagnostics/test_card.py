"""The card reader's checks: a private pcscd with a mock card, every state of the service, and sysfs trees."""

from __future__ import annotations

import pytest
from firmware_mocks.card_reader import READER_NAME
from firmware_mocks.card_reader import CardReader as MockReader
from smartcard import scard

from agent.devices import smartcard
from agent.devices.errors import CardServiceNotPermitted, NoPcscd
from agent.diagnostics.context import Wishes
from agent.diagnostics.distribution import Distribution
from agent.diagnostics.families import card
from agent.diagnostics.finding import Finding, Verdict
from agent.sealing import AnchorCertificates
from tests.collector.world import World
from tests.devices.conftest import mock_reader, portrait_file
from tests.diagnostics.conftest import Kiosk, ToldDaemon, assert_fault
from tests.diagnostics.test_trust import Campaign

__all__ = ["mock_reader", "portrait_file"]

USB = "sys/bus/usb/devices/1-2"


def told(kiosk: Kiosk) -> dict[str, Finding]:
    """Run the whole family."""
    return {found.check: found for found in kiosk.findings("card")}


def plugged(kiosk: Kiosk, driver: str = "usbfs") -> None:
    """Plug a CCID reader in, as sysfs shows it."""
    kiosk.machine.put(f"{USB}/product", "ACR122U PICC Interface\n")
    kiosk.machine.put(f"{USB}:1.0/bInterfaceClass", "0b\n")
    (kiosk.machine.root / "sys/bus/usb/drivers" / driver).mkdir(parents=True)
    kiosk.machine.link(f"{USB}:1.0/driver", f"../../drivers/{driver}")


class TestWithACard:
    """A card lies on the reader."""

    def test_it_is_measured(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """ATR, answer times, extended length; the self-test only on wish, and the card is free afterwards."""
        mock_reader.insert()
        findings = told(kiosk)
        for name in ("service", "reader", "driver", "atr", "latency", "extended"):
            assert findings[f"card.{name}"].verdict is Verdict.OK, findings[f"card.{name}"]
        assert "contactless" in findings["card.atr"].evidence
        assert findings["card.selftest"].verdict is Verdict.SKIPPED
        assert kiosk.finding("card.atr").verdict is Verdict.OK

    def test_it_is_read_on_wish(
        self, kiosk: Kiosk, made_world: World, mock_reader: MockReader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """PACE, files and passive authentication, with times; nothing of the holder is told."""
        inserted = mock_reader.insert()
        anchor = inserted.csca.with_suffix(".der").read_bytes()
        Campaign(made_world, kiosk).give("anchors", AnchorCertificates((anchor,)).to_body())
        kiosk.wishes = Wishes(can=inserted.can)
        found = kiosk.finding("card.selftest")
        assert found.verdict is Verdict.OK, found
        assert "commands" in found.evidence
        assert inserted.number not in str(found)
        assert inserted.can not in str(found)
        monkeypatch.setattr(card, "SLOW_READ_S", 0.0)
        assert_fault(kiosk.finding("card.selftest"), "card.selftest.slow")

    def test_a_card_that_is_not_authentic(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """It is read, and does not authenticate: a warning, for it may be a test card."""
        inserted = mock_reader.insert(None, "--fault", "forged-sod")
        kiosk.wishes = Wishes(can=inserted.can)
        assert_fault(kiosk.finding("card.selftest"), "card.selftest.not_authentic")

    def test_a_wrong_can(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """The chip's own error, and the digits are not told."""
        inserted = mock_reader.insert()
        kiosk.wishes = Wishes(can="000000" if inserted.can != "000000" else "111111")
        found = kiosk.finding("card.selftest")
        assert_fault(found, "chip.wrong_can")
        assert kiosk.wishes.can not in str(found)

    def test_no_extended_length(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """A warning: it works, and is slower."""
        mock_reader.insert(None, "--fault", "no-extended-length")
        assert_fault(kiosk.finding("card.extended"), "card.extended.refused")

    def test_during_a_visit_it_is_left_alone(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """The card belongs to the visit."""
        mock_reader.insert()
        kiosk.daemon = ToldDaemon(use={"visit_open": True})
        assert kiosk.finding("card.atr").verdict is Verdict.SKIPPED

    def test_a_can_that_is_none(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """Not assessed, before the card is touched."""
        kiosk.wishes = Wishes(can="12345")
        assert kiosk.finding("card.selftest").verdict is Verdict.NOT_ASSESSED


class TestWithoutACard:
    """What can be said of reader and service alone."""

    def test_no_card(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """Skipped with the reason; the reader is fine."""
        findings = told(kiosk)
        assert findings["card.reader"].verdict is Verdict.OK
        assert READER_NAME in findings["card.reader"].evidence
        for name in ("atr", "latency", "extended"):
            assert findings[f"card.{name}"].verdict is Verdict.SKIPPED

    def test_another_reader_is_configured(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """Those that are there are told."""
        kiosk.configure('[card]\nreader = "ACR1252"\n')
        found = told(kiosk)["card.reader"]
        assert_fault(found, "card.no_reader")
        assert READER_NAME in found.evidence

    def test_pcscd_is_dead(self, kiosk: Kiosk, mock_reader: MockReader) -> None:
        """One error with its remedy; the rest refers to it."""
        mock_reader.stop_pcscd()
        findings = told(kiosk)
        mock_reader.start_pcscd()
        assert_fault(findings["card.service"], NoPcscd.code)
        assert "pcscd" in findings["card.service"].remedy.en
        assert findings["card.reader"].verdict is Verdict.SKIPPED
        assert findings["card.atr"].verdict is Verdict.SKIPPED


class TestDrivers:
    """Reader and kernel, as sysfs shows them."""

    @pytest.fixture
    def no_readers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a pcscd that knows no reader."""
        monkeypatch.setattr(card, "list_readers", list)

    @pytest.mark.usefixtures("no_readers")
    def test_a_reader_that_pcscd_does_not_take(self, kiosk: Kiosk) -> None:
        """On USB, and no driver: told apart from a reader that is not there."""
        assert_fault(kiosk.finding("card.reader"), "card.no_reader")
        plugged(kiosk)
        found = kiosk.finding("card.reader")
        assert_fault(found, "card.reader.no_driver")
        assert found.evidence == "ACR122U PICC Interface"

    def test_the_kernel_holds_it(self, kiosk: Kiosk) -> None:
        """pn533_usb takes an ACR122U away from pcscd."""
        plugged(kiosk, "pn533_usb")
        found = kiosk.finding("card.driver")
        assert_fault(found, "card.driver.kernel")
        assert "pn533_usb" in found.evidence

    def test_versions(self, kiosk: Kiosk) -> None:
        """By the program itself, if it is there."""
        assert kiosk.finding("card.version").verdict is Verdict.NOT_ASSESSED
        kiosk.machine.program("pcscd", "pcsc-lite version 1.9.9.\nEnabled features\n", 1)
        assert kiosk.finding("card.version").evidence == "pcsc-lite version 1.9.9"


def test_a_user_that_polkit_refuses(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """PC/SC's word for it becomes a code of its own, with the rule as the remedy."""
    with pytest.raises(CardServiceNotPermitted):
        smartcard._check(scard.SCARD_W_SECURITY_VIOLATION)

    def refuse() -> list[object]:
        raise CardServiceNotPermitted

    monkeypatch.setattr(card, "list_readers", refuse)
    found = kiosk.finding("card.service")
    assert_fault(found, "card.not_permitted")
    assert "polkit" in found.remedy.en


def test_slow_answers() -> None:
    """By the 95th percentile."""
    assert card.judge_latency(Distribution.of([0.01] * 20)).code == ""
    assert card.judge_latency(Distribution.of([0.01] * 10 + [0.2] * 10)).code == "card.latency.slow"


def test_the_bit_rate_is_not_told(kiosk: Kiosk) -> None:
    """Not assessed, and why."""
    assert kiosk.finding("card.bit_rate").verdict is Verdict.NOT_ASSESSED

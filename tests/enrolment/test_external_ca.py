"""Kiosks' certificates by a CA of the organisation's own, from files."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from threading import Event

import pytest

from agent.sealing import KeyUnusable
from collector.certificates import Authority, Period
from collector.config import CollectorConfig
from collector.enrolment_server import enrolment_service
from collector.errors import IssuerUnusable
from collector.issuing import Issuer
from tests.enrolment.centre import Centre, NewKiosk
from tests.enrolment.test_admission import complete, stream


def files_of(centre: Centre, folder: Path, *, root_known: bool = True) -> CollectorConfig:
    """Put the files of another CA beside the collector and name them in its configuration."""
    period = Period.of_days(30, datetime.datetime.now(datetime.UTC))
    root = Authority.create("Ministry root", period)
    below = root.for_kiosks("Ministry kiosk CA", period)
    for name, data in {"ours.pem": below.pem, "ours.key": below.key_pem}.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    if root_known:
        # Beside the root of the collector's own certificate.
        with (centre.config.tls / "ca.pem").open("ab") as file:
            file.write(root.pem)
    changed = {"issuing_certificate": folder / "ours.pem", "issuing_key": folder / "ours.key"}
    return centre.config.model_copy(update=changed)


def load(config: CollectorConfig) -> Issuer:
    """Load the CA as the second port does."""
    return Issuer.load(config.issuing_certificate, config.issuing_key, config.tls / "ca.pem", config.certificate_days)


def test_kiosks_enrol_renew_and_connect_with_it(centre: Centre, tmp_path: Path) -> None:
    """The same path; only the files differ."""
    centre.config = files_of(centre, tmp_path)
    centre.clock.forward(days=-4.5)
    kiosk = NewKiosk.make(centre)
    with centre.serving(), centre.taking_records():
        complete(centre, kiosk)
        assert "Ministry" in kiosk.tls.certificate().issuer.rfc4514_string()
        centre.clock.forward(days=4.5)
        kiosk.renewal().step(Event())
        with stream(kiosk) as opened:
            assert "Resume" in repr(opened.first())
    assert kiosk.tls.certificate().not_valid_after_utc.timestamp() > time.time() + 6 * 86_400


def test_a_root_that_kiosks_and_collectors_do_not_know_is_told_at_the_start(centre: Centre, tmp_path: Path) -> None:
    """Otherwise every certificate would be refused later."""
    with pytest.raises(IssuerUnusable, match="no root"):
        load(files_of(centre, tmp_path, root_known=False))


def test_a_key_of_another_certificate_is_told(centre: Centre, tmp_path: Path) -> None:
    """The file is named."""
    config = files_of(centre, tmp_path).model_copy(update={"issuing_key": centre.config.issuing_key})
    with pytest.raises(IssuerUnusable, match=r"issuing\.key"):
        load(config)


def test_files_that_are_missing_or_open_to_others_are_told(centre: Centre) -> None:
    """The collector does not start with half a CA."""
    centre.config.issuing_key.chmod(0o644)
    with pytest.raises(KeyUnusable, match=r"issuing\.key"), enrolment_service(centre.config):
        pass
    centre.config.issuing_certificate.unlink()
    with pytest.raises(IssuerUnusable, match=r"issuing\.pem"), enrolment_service(centre.config):
        pass


def test_without_a_second_address_there_is_no_second_port(centre: Centre) -> None:
    """Certificates may come from elsewhere altogether."""
    centre.config.issuing_key.unlink()
    with enrolment_service(centre.config.model_copy(update={"enrolment_address": ""})) as service:
        assert service is None

"""Exchanging the certificate: both files or none, whenever the power fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.enrolment import TlsFolder, errors
from agent.enrolment.tls_folder import NEXT, SCRATCH, NewKey
from tests.collector.world import KIOSK
from tests.enrolment.centre import Centre, NewKiosk


class PowerCut(BaseException):
    """The moment at which nothing more is written."""


@pytest.fixture
def enrolled(serving: Centre, kiosk: NewKiosk) -> NewKiosk:
    """Return a kiosk with its first certificate."""
    kiosk.enrol(serving.token())
    return kiosk


def fits(folder: TlsFolder) -> bool:
    """Say whether key and certificate belong together."""
    return folder.certificate().public_key() == folder.key().public_key


def cut_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Fail at the n-th operation on the folder."""
    left = [step]

    def counted(work: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object, **more: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise PowerCut
            return work(*arguments, **more)

        return run

    for name in ("rename", "replace", "rmdir", "mkdir"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))


@pytest.mark.parametrize("step", range(1, 6))
def test_a_power_cut_at_any_step_leaves_one_pair_or_the_other(
    enrolled: NewKiosk, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """After the next start key and certificate fit, and nothing is left lying about."""
    before, issuer = enrolled.tls.certificate(), enrolled.centre.issuer
    new = NewKey.make(KIOSK)
    chain = issuer.with_chain(issuer.issue(KIOSK, new.csr, before.not_valid_before_utc).der)
    with monkeypatch.context() as patched:
        cut_at(patched, step)
        with pytest.raises(PowerCut):
            enrolled.tls.take(new, chain, KIOSK)
    enrolled.tls.settle()
    assert fits(enrolled.tls)
    assert not {NEXT, SCRATCH} & {path.name for path in (enrolled.trust / "tls").iterdir()}
    enrolled.tls.take(new, chain, KIOSK)
    assert fits(enrolled.tls)
    assert enrolled.tls.certificate() != before


def test_settling_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    """A kiosk before its enrolment starts too."""
    TlsFolder(tmp_path / "tls").settle()
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_or_broken_is_named(enrolled: NewKiosk) -> None:
    """The file and the way out."""
    (enrolled.trust / "tls" / "client.pem").write_bytes(b"nonsense")
    with pytest.raises(errors.NotEnrolled, match=r"client\.pem"):
        enrolled.tls.certificate()
    shutil.rmtree(enrolled.trust / "tls")
    with pytest.raises(errors.NotEnrolled, match=r"client\.pem"):
        enrolled.tls.certificate()
    with pytest.raises(errors.NotEnrolled, match=r"client\.key"):
        enrolled.tls.key()

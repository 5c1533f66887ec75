"""Renewal and time over the wire: when, by which proof, and what a kiosk believes."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.enrolment import TimeFloor, TlsFolder, errors
from agent.enrolment.tls_folder import NewKey
from agent.proto.enrolment import (
    EnrolmentServicer,
    EnrolRequest,
    EnrolResponse,
    GetTimeRequest,
    GetTimeResponse,
    Refusal,
    RenewRequest,
    RenewResponse,
)
from agent.sealing import FileSigningKey, ReceiptKeys, RenewalClaims, TimeAnswer, sign_renewal, sign_time
from agent.uplink.errors import CollectorNotTrusted
from collector import kiosk_list
from collector.certificates import SERVER, Authority, Period
from tests.collector.world import KIOSK, OTHER_KIOSK
from tests.enrolment.centre import DAY_NS, Centre, NewKiosk
from tests.uplink.kiosk import WITHIN_S, await_


class Times(EnrolmentServicer):
    """A collector that answers the question for the time with these bytes."""

    def __init__(self) -> None:
        self.answer = b""

    async def enrol(self, request: EnrolRequest, peer: str) -> EnrolResponse:
        """Refuse."""
        raise Refusal("refused", "not asked for")

    async def renew(self, request: RenewRequest, peer: str) -> RenewResponse:
        """Refuse."""
        raise Refusal("refused", "not asked for")

    async def get_time(self, request: GetTimeRequest, peer: str) -> GetTimeResponse:
        """Give what the test wants."""
        return GetTimeResponse(self.answer)


@pytest.fixture
def enrolled(serving: Centre, kiosk: NewKiosk) -> NewKiosk:
    """Return a kiosk with its first certificate."""
    kiosk.enrol(serving.token())
    return kiosk


def request_of(of: NewKiosk, new: NewKey, signer: FileSigningKey | None = None, **claims: object) -> RenewRequest:
    """Return a renewal, or one that lies."""
    old = of.tls.certificate()
    told = {"kiosk": KIOSK, "serial": f"{old.serial_number:x}", "csr_sha256": hashlib.sha256(new.csr).digest()} | claims
    proof = sign_renewal(RenewalClaims(**told), signer or of.tls.key())  # type: ignore[arg-type] # its own fields
    return RenewRequest(old.public_bytes(Encoding.DER), new.csr, proof)


def refused(kiosk: NewKiosk, request: RenewRequest) -> str:
    """Send it and return the refusal."""
    with pytest.raises(errors.EnrolmentError) as raised, kiosk.second_port() as port:
        port.client.renew(request)
    return raised.value.detail


def test_nothing_is_renewed_before_two_thirds_of_its_life(serving: Centre, enrolled: NewKiosk) -> None:
    """Then the next certificate has another key, and the proof is the old one's."""
    before, key = enrolled.tls.certificate(), enrolled.tls.key()
    renewal = enrolled.renewal()
    serving.clock.forward(days=4)
    renewal.step(Event())
    assert enrolled.tls.certificate() == before
    serving.clock.forward(days=0.5)
    enrolled.renewal().step(Event())
    after = enrolled.tls.certificate()
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert enrolled.tls.key().key_id != key.key_id
    assert serving.actions()[-1] == "renewed"


def test_jitter_spreads_kiosks_that_enrolled_together(serving: Centre, enrolled: NewKiosk) -> None:
    """The latest is due before three quarters and a bit of the certificate's life are over."""
    serving.clock.forward(days=4.5)
    dues = []
    for jitter in (0.0, 0.5, 1.0):
        renewal = enrolled.renewal(jitter=lambda jitter=jitter: jitter)
        assert renewal._due() == (jitter == 0.0)
        dues.append(renewal.state.due_at_ns)
    assert dues[0] < dues[1] < dues[2] < renewal.state.expires_at_ns - 1.5 * DAY_NS


def test_a_kiosk_that_was_offline_renews_after_the_end(serving: Centre, enrolled: NewKiosk) -> None:
    """Fifty days after the certificate expired no token is needed."""
    serving.clock.forward(days=57)
    enrolled.renewal().step(Event())
    assert enrolled.tls.certificate().not_valid_after_utc.timestamp() * 1e9 > serving.clock()


def test_grace_ends(serving: Centre, enrolled: NewKiosk) -> None:
    """Then a technician has to come."""
    serving.clock.forward(days=68)
    with pytest.raises(errors.TokenNeeded, match="grace_over"):
        enrolled.renewal().step(Event())


def test_a_revoked_kiosk_renews_nothing(serving: Centre, enrolled: NewKiosk) -> None:
    """It is told that and why."""
    kiosk_list.revoke(serving.config, KIOSK, "stolen")
    serving.clock.forward(days=5)
    with pytest.raises(errors.Revoked, match="stolen"):
        enrolled.renewal().step(Event())
    assert serving.actions()[-1] == "renew_refused"


def test_an_answer_that_was_lost_costs_nothing(serving: Centre, enrolled: NewKiosk) -> None:
    """The old certificate renews again as long as the next one was not used."""
    with enrolled.second_port() as port:
        port.client.renew(request_of(enrolled, NewKey.make(KIOSK)))
    serving.clock.forward(days=5)
    enrolled.renewal().step(Event())


def test_a_cloned_disk_does_not_renew_beside_its_original(serving: Centre, enrolled: NewKiosk) -> None:
    """Whoever comes with a certificate whose successor was used is one kiosk too many."""
    clone = enrolled.copy_to(serving.folder / "clone")
    for _ in range(2):
        serving.clock.forward(days=5)
        enrolled.renewal().step(Event())
    with pytest.raises(errors.TokenNeeded, match="superseded"):
        clone.renewal().step(Event())


def test_a_replayed_renewal_gets_nothing(serving: Centre, enrolled: NewKiosk) -> None:
    """Each certificate needs a key of its own."""
    request = request_of(enrolled, NewKey.make(KIOSK))
    with enrolled.second_port() as port:
        port.client.renew(request)
    assert refused(enrolled, request).startswith("key_used")


def test_a_proof_by_another_key_is_refused(
    serving: Centre, enrolled: NewKiosk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A certificate is no secret: who only has that gets nothing."""
    stranger = FileSigningKey.create(tmp_path_factory.mktemp("stranger") / "key")
    assert refused(enrolled, request_of(enrolled, NewKey.make(KIOSK), stranger)).startswith("proof_invalid")


@pytest.mark.parametrize(
    "lie", [{"kiosk": OTHER_KIOSK}, {"serial": "1"}, {"csr_sha256": bytes(32)}], ids=lambda lie: next(iter(lie))
)
def test_a_proof_of_something_else_is_refused(serving: Centre, enrolled: NewKiosk, lie: dict[str, Any]) -> None:
    """Another kiosk, another certificate, another CSR."""
    assert "another request" in refused(enrolled, request_of(enrolled, NewKey.make(KIOSK), **lie))


def test_a_certificate_of_another_ca_renews_nothing(serving: Centre, enrolled: NewKiosk) -> None:
    """Nor does one of our CA that is not a kiosk's."""
    now = Period.of_days(7, enrolled.tls.certificate().not_valid_before_utc)
    strangers = [
        Authority.create("stranger", now).certificate,
        serving.issuer.authority.certify(KIOSK, NewKey.make(KIOSK).key.public_key(), SERVER, now),
    ]
    for certificate in strangers:
        request = RenewRequest(certificate.public_bytes(Encoding.DER), NewKey.make(KIOSK).csr, b"")
        assert "certificate" in refused(enrolled, request)


def test_another_kiosks_name_in_the_request_is_refused(serving: Centre, enrolled: NewKiosk) -> None:
    """A kiosk stays who it is."""
    assert "another name" in refused(enrolled, request_of(enrolled, NewKey.make(OTHER_KIOSK)))


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80" + bytes(100), bytes(5000)], ids=len)
def test_garbage_is_refused_in_words(serving: Centre, enrolled: NewKiosk, data: bytes) -> None:
    """In the place of certificate, CSR and proof, and the port goes on."""
    good = request_of(enrolled, NewKey.make(KIOSK))
    for request in (
        RenewRequest(data, good.csr, good.proof),
        RenewRequest(good.certificate, data, good.proof),
        RenewRequest(good.certificate, good.csr, data),
    ):
        assert refused(enrolled, request)
    with enrolled.second_port() as port:
        port.client.renew(good)


class TestTime:
    """What the collector's clock is worth here."""

    def test_it_is_asked_signed_and_remembered(self, serving: Centre, enrolled: NewKiosk) -> None:
        """The lower bound survives a restart."""
        serving.clock.forward(days=2)
        renewal = enrolled.renewal(wall_ns=lambda: serving.clock() - DAY_NS)
        renewal.step(Event())
        assert renewal.state.clock_offset_ns == DAY_NS
        assert TimeFloor(enrolled.trust / "time.json").at_least(0) == serving.clock()

    def test_a_clock_twenty_years_behind_keeps_nobody_from_renewing(self, serving: Centre, enrolled: NewKiosk) -> None:
        """By such a clock the collector's certificate is not valid yet; the lower bound is what counts."""
        serving.clock.forward(days=6)
        renewal = enrolled.renewal(wall_ns=lambda: 10**18)
        renewal.step(Event())
        assert serving.actions()[-1] == "renewed"

    def test_a_clock_ahead_does_not_renew_again_and_again(self, serving: Centre, enrolled: NewKiosk) -> None:
        """Once the collector was asked its time counts."""
        before = enrolled.tls.certificate()
        renewal = enrolled.renewal(wall_ns=lambda: serving.clock() + 60 * DAY_NS)
        renewal.step(Event())
        assert enrolled.tls.certificate() == before

    def test_an_answer_by_another_key_is_not_believed(
        self, centre: Centre, kiosk: NewKiosk, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """Not even from the right address."""
        with centre.serving():
            kiosk.enrol(centre.token())
        stranger, times = FileSigningKey.create(tmp_path_factory.mktemp("stranger") / "key"), Times()
        times.answer = sign_time(TimeAnswer("centre", bytes(16), 2 * 10**18), stranger)
        with centre.serving(times), pytest.raises(errors.AnswerNotBelieved, match="time"):
            kiosk.renewal().step(Event())
        assert not (kiosk.trust / "time.json").exists()

    def test_the_collectors_next_receipt_key_is_believed_without_a_restart(
        self, serving: Centre, enrolled: NewKiosk, tmp_path: Path
    ) -> None:
        """A kiosk that runs for months would otherwise never renew again after the keys were exchanged."""
        former = FileSigningKey.create(tmp_path / "former.key")
        renewal = enrolled.renewal(receipt_keys=ReceiptKeys.of(former.public_key))
        with pytest.raises(errors.AnswerNotBelieved, match="time"):
            renewal.step(Event())
        renewal.change(ReceiptKeys.of(FileSigningKey.load(serving.config.keys / "receipt.key").public_key))
        renewal.step(Event())
        assert renewal.state.clock_offset_ns is not None

    def test_an_old_answer_is_not_believed(self, centre: Centre, kiosk: NewKiosk) -> None:
        """It names another question's nonce, whoever signed it."""
        with centre.serving():
            kiosk.enrol(centre.token())
        times, receipt = Times(), FileSigningKey.load(centre.config.keys / "receipt.key")
        times.answer = sign_time(TimeAnswer("centre", bytes(16), centre.clock()), receipt)
        with centre.serving(times), pytest.raises(errors.AnswerNotBelieved, match="another question"):
            kiosk.renewal().step(Event())

    def test_a_collector_in_the_far_future_is_not_believed(self, serving: Centre, enrolled: NewKiosk) -> None:
        """Its own certificate bounds what may become a lower bound here."""
        serving.clock.forward(days=91)
        with pytest.raises(errors.AnswerNotBelieved, match="own certificate"):
            enrolled.renewal().step(Event())
        assert not (enrolled.trust / "time.json").exists()

    def test_a_collector_whose_certificate_has_ended_is_not_believed(self, serving: Centre, enrolled: NewKiosk) -> None:
        """By what is known to be past, whatever the clock says."""
        floor = TimeFloor(enrolled.trust / "time.json")
        floor.raise_to(serving.clock() + 91 * DAY_NS)
        with pytest.raises(CollectorNotTrusted, match="ended"):
            enrolled.renewal(floor).step(Event())

    def test_another_ca_is_not_trusted(self, serving: Centre, enrolled: NewKiosk) -> None:
        """The roots decide, not the address."""
        stranger = Authority.create("stranger", Period.of_days(7, enrolled.tls.certificate().not_valid_before_utc))
        enrolled.tls.roots.write_bytes(stranger.pem)
        with pytest.raises(CollectorNotTrusted):
            enrolled.renewal().step(Event())


class Mute(Times):
    """A collector that takes the question and never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Event()

    async def get_time(self, request: GetTimeRequest, peer: str) -> GetTimeResponse:
        """Say nothing."""
        self.asked.set()
        await asyncio.sleep(WITHIN_S)
        raise Refusal("refused", "too late")


def test_a_collector_that_does_not_answer_holds_up_no_stop(centre: Centre, kiosk: NewKiosk) -> None:
    """The daemon stops although the question is still open."""
    with centre.serving():
        kiosk.enrol(centre.token())
    mute, cancelled = Mute(), Event()
    with centre.serving(mute):
        thread = Thread(target=kiosk.renewal().run, args=(cancelled,))
        thread.start()
        assert mute.asked.wait(WITHIN_S)
        cancelled.set()
        thread.join(WITHIN_S / 4)
        assert not thread.is_alive()


def test_a_bug_does_not_end_the_loop(serving: Centre, enrolled: NewKiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody thought of is told by its kind, and tried again."""
    renewal, cancelled = enrolled.renewal(look_every_s=0.02, first_retry_s=0.01), Event()
    with monkeypatch.context() as patched:
        patched.setattr(TlsFolder, "certificate", lambda _: 1 / 0)
        thread = Thread(target=renewal.run, args=(cancelled,))
        thread.start()
        await_(lambda: renewal.state.last_error is not None)
        assert renewal.state.last_error is not None
        assert renewal.state.last_error.detail == "ZeroDivisionError"
    await_(lambda: renewal.state.last_error is None)
    cancelled.set()
    thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_the_loop_renews_goes_on_after_failures_and_ends_at_once(serving: Centre, enrolled: NewKiosk) -> None:
    """A failure is told in the state; the next attempt succeeds; cancelling ends it."""
    serving.clock.forward(days=5)
    renewal, cancelled = enrolled.renewal(look_every_s=0.02, first_retry_s=0.01), Event()
    roots = enrolled.tls.roots.read_bytes()
    enrolled.tls.roots.write_bytes(b"")
    thread = Thread(target=renewal.run, args=(cancelled,))
    thread.start()
    try:
        await_(lambda: renewal.state.last_error is not None)
        enrolled.tls.roots.write_bytes(roots)
        await_(lambda: serving.actions()[-1] == "renewed" and renewal.state.last_error is None)
    finally:
        cancelled.set()
        thread.join(10)
    assert not thread.is_alive()

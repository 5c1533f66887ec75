"""Enrolment over the wire: tokens, whom a kiosk believes, and what it keeps."""

from __future__ import annotations

import datetime
import stat
import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.enrolment import errors
from agent.enrolment.enrolling import enrol
from agent.enrolment.second_port import second_port
from agent.enrolment.tls_folder import NewKey
from agent.enrolment.tunnel import ByPin
from agent.proto.enrolment import (
    EnrolmentServicer,
    EnrolRequest,
    EnrolResponse,
    GetTimeRequest,
    GetTimeResponse,
    RenewRequest,
    RenewResponse,
)
from agent.proto.enrolment_token import EnrolmentToken
from agent.provisioning import load_trust
from agent.sealing import Bundle, FileSigningKey, InFile, create_record_key, open_bundle, sign_bundle
from agent.uplink.errors import CollectorNotTrusted
from collector import kiosk_list
from collector.certificates import CLIENT, Authority, Period
from collector.errors import KioskNotAdmitted
from tests.collector.world import KIOSK, OTHER_KIOSK
from tests.enrolment.centre import Centre, NewKiosk

DER = Encoding.DER


class Answers(EnrolmentServicer):
    """A collector that answers every enrolment with this."""

    def __init__(self, response: EnrolResponse) -> None:
        self.response = response

    async def enrol(self, request: EnrolRequest, peer: str) -> EnrolResponse:
        """Give the answer."""
        return self.response

    async def renew(self, request: RenewRequest, peer: str) -> RenewResponse:
        """Give the same certificates."""
        return RenewResponse(self.response.certificates)

    async def get_time(self, request: GetTimeRequest, peer: str) -> GetTimeResponse:
        """Give nonsense."""
        return GetTimeResponse(b"\x00")


def test_a_token_makes_a_kiosk_complete(serving: Centre, kiosk: NewKiosk) -> None:
    """Certificate, roots and bundles: with a record key of its own the kiosk has all that it needs."""
    done = kiosk.enrol(serving.token())
    assert done.bundles == {"anchors": 1, "policy": 1, "receipts": 1, "recipients": 1}
    create_record_key(InFile(), kiosk.trust)
    trust = load_trust(kiosk.trust, time.time_ns())
    assert trust.policy.document == b"{}"
    assert serving.actions() == ["added", "token_issued", "enrolled"]
    days = (kiosk.tls.certificate().not_valid_after_utc.timestamp() * 1e9 - serving.clock()) / 86_400e9
    assert 6.9 < days <= 7


def test_everything_secret_is_for_the_owner_only(serving: Centre, kiosk: NewKiosk) -> None:
    """Files 0600, and no scratch is left."""
    kiosk.enrol(serving.token())
    files = sorted(path for path in kiosk.trust.rglob("*") if path.is_file() and path.name != "campaign.pem")
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert sorted(path.name for path in (kiosk.trust / "tls").iterdir()) == ["ca.pem", "client.key", "client.pem"]


def test_a_token_works_once(serving: Centre, kiosk: NewKiosk) -> None:
    """The second kiosk that shows it gets nothing, and the first one stays."""
    token = serving.token()
    kiosk.enrol(token)
    before = kiosk.tls.certificate()
    thief = kiosk.copy_to(serving.folder / "thief")
    with pytest.raises(errors.TokenRefused, match="used before"):
        thief.enrol(token)
    assert kiosk.tls.certificate() == thief.tls.certificate() == before
    assert serving.actions()[-1] == "enrol_refused"


def test_a_token_expires(serving: Centre, kiosk: NewKiosk) -> None:
    """After its hours it is worth nothing."""
    token = serving.token(hours=1)
    serving.clock.forward(days=2 / 24)
    with pytest.raises(errors.TokenRefused, match="expired"):
        kiosk.enrol(token)


def test_a_new_token_withdraws_the_one_before(serving: Centre, kiosk: NewKiosk) -> None:
    """There is one token per kiosk."""
    old, new = serving.token(), serving.token()
    with pytest.raises(errors.TokenRefused, match="unknown"):
        kiosk.enrol(old)
    kiosk.enrol(new)


def test_a_token_is_for_one_kiosk(serving: Centre) -> None:
    """Another kiosk cannot enrol with it, nor take the name of the one it is for in its CSR."""
    token = serving.token(KIOSK)
    serving.token(OTHER_KIOSK)
    with pytest.raises(errors.TokenRefused):
        NewKiosk.make(serving, OTHER_KIOSK).enrol(token)
    parsed = EnrolmentToken.parse(token)
    request = EnrolRequest(KIOSK, parsed.secret, NewKey.make(OTHER_KIOSK).csr)
    with (
        pytest.raises(errors.EnrolmentRefused, match="another name"),
        second_port(serving.config.enrolment_address, ByPin(parsed.pin), Event()) as port,
    ):
        port.client.enrol(request)


def test_the_secret_is_stored_nowhere(serving: Centre) -> None:
    """The registry holds a hash."""
    secret = EnrolmentToken.parse(serving.token()).secret
    for path in (serving.folder / "collector").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert secret not in data
            assert secret.hex().encode() not in data


def test_whoever_guesses_has_to_wait(serving: Centre, kiosk: NewKiosk) -> None:
    """Ten wrong tokens within a minute, and even the right one is not looked at from there."""
    token = EnrolmentToken.parse(serving.token())
    for guess in range(10):
        with pytest.raises(errors.TokenRefused):
            kiosk.enrol(replace(token, secret=bytes([guess]) * 16).to_text())
    with pytest.raises(errors.TooManyAttempts):
        kiosk.enrol(token.to_text())


def test_a_collector_that_the_token_does_not_name_never_sees_the_secret(serving: Centre, kiosk: NewKiosk) -> None:
    """The pin is checked before anything is sent: nothing is written, and the token is still good."""
    token = EnrolmentToken.parse(serving.token())
    with pytest.raises(CollectorNotTrusted, match="token names"):
        kiosk.enrol(replace(token, pin=bytes(16)).to_text())
    assert not (kiosk.trust / "tls").exists()
    assert "enrol_refused" not in serving.actions()
    kiosk.enrol(token.to_text())


@pytest.mark.parametrize("text", ["", "AAAA", "5-00112233445566778899aabbccddeeff", "not base 32!", "A" * 56])
def test_what_is_no_token_is_told_before_anything_is_sent(kiosk: NewKiosk, text: str) -> None:
    """Nobody listens: the text alone is looked at."""
    with pytest.raises(errors.TokenMalformed):
        kiosk.enrol(text)


def test_without_the_campaign_key_nothing_is_asked(centre: Centre, kiosk: NewKiosk) -> None:
    """It could believe nobody's bundles."""
    (kiosk.trust / "campaign.pem").unlink()
    with pytest.raises(errors.NoCampaignKey):
        kiosk.enrol(centre.token())


def test_nobody_at_the_address_is_told(centre: Centre, kiosk: NewKiosk) -> None:
    """The cause is named, not gRPC's."""
    with pytest.raises(errors.CollectorNotReached):
        kiosk.enrol(centre.token())


def test_enrolling_again_withdraws_what_was_there(serving: Centre, kiosk: NewKiosk) -> None:
    """A kiosk that got a new disk: the old disk's certificate renews nothing any more."""
    kiosk.enrol(serving.token())
    old_disk = kiosk.copy_to(serving.folder / "old-disk")
    kiosk.enrol(serving.token())
    serving.clock.forward(days=6)
    with pytest.raises(errors.TokenNeeded, match="enrolled again"):
        old_disk.renewal().step(Event())
    kiosk.renewal().step(Event())


def test_a_revoked_kiosk_gets_no_token_until_it_is_added_again(serving: Centre, kiosk: NewKiosk) -> None:
    """A token that was out is withdrawn too."""
    token = serving.token()
    kiosk_list.revoke(serving.config, KIOSK, "stolen")
    with pytest.raises(errors.TokenRefused):
        kiosk.enrol(token)
    with pytest.raises(KioskNotAdmitted, match="stolen"):
        kiosk_list.issue_token(serving.config, KIOSK, "again", 24)
    kiosk.enrol(serving.token())
    assert "reinstated" in serving.actions()


def test_a_bundle_of_a_lower_version_is_not_taken(serving: Centre, kiosk: NewKiosk) -> None:
    """A collector that kept an old folder cannot turn a kiosk back."""
    kiosk.enrol(serving.token())
    campaign = FileSigningKey.load(serving.folder / "collector/campaign/campaign.key")
    newer = sign_bundle(Bundle("policy", 2, 0, 2**62, b'{"newer": 1}'), campaign)
    (kiosk.trust / "bundles" / "policy.bundle").write_bytes(newer)
    assert kiosk.enrol(serving.token()).bundles == {}
    kept = (kiosk.trust / "bundles" / "policy.bundle").read_bytes()
    assert open_bundle(kept, campaign.public_key, "policy").version == 2


def test_a_bundle_that_another_key_signed_is_told_and_nothing_is_kept(
    serving: Centre, kiosk: NewKiosk, tmp_path: Path
) -> None:
    """A collector that was taken over cannot bring its own policy."""
    forged = sign_bundle(Bundle("policy", 9, 0, 2**62, b"{}"), FileSigningKey.create(tmp_path / "other.key"))
    (serving.config.bundles / "policy.bundle").write_bytes(forged)
    with pytest.raises(errors.AnswerNotBelieved, match="signature"):
        kiosk.enrol(serving.token())
    assert not (kiosk.trust / "tls" / "client.pem").exists()


@pytest.mark.parametrize("lie", ["other key", "other name", "other root", "no certificate", "garbage", "many"])
def test_a_certificate_that_does_not_fit_is_not_kept(centre: Centre, kiosk: NewKiosk, lie: str) -> None:
    """For another key or name, vouched for by nobody, or not a certificate at all."""
    issuer = centre.issuer
    now = datetime.datetime.now(datetime.UTC)
    good = issuer.issue(KIOSK, NewKey.make(KIOSK).csr, now)
    chain = issuer.with_chain(good.der)
    roots = tuple(root.public_bytes(DER) for root in issuer.roots)
    stranger = Authority.create("stranger", Period.of_days(7, now))
    responses = {
        "other key": EnrolResponse(chain, roots, ()),
        "other name": EnrolResponse(issuer.with_chain(issuer.issue("x", NewKey.make("x").csr, now).der), roots, ()),
        "other root": EnrolResponse(chain, (stranger.certificate.public_bytes(DER),), ()),
        "no certificate": EnrolResponse((), roots, ()),
        "garbage": EnrolResponse((b"\x30\x00",), roots, ()),
        "many": EnrolResponse(chain * 5, roots, ()),
    }
    with centre.serving(Answers(responses[lie])), pytest.raises(errors.AnswerNotBelieved):
        kiosk.enrol(centre.token())
    assert not (kiosk.trust / "tls" / "client.pem").exists()


def test_a_full_disk_is_told(serving: Centre, kiosk: NewKiosk) -> None:
    """The path in the way is named; a file stands where the folder should be."""
    (kiosk.trust / "tls").write_bytes(b"")
    with pytest.raises((errors.NotStored, errors.EnrolmentError), match="tls"):
        enrol(kiosk.trust, KIOSK, serving.config.enrolment_address, serving.token(), Event())


def test_the_online_ca_cannot_make_a_collector(centre: Centre) -> None:
    """Its certificate is for clients only, and it may not make another CA."""
    certificate = centre.issuer.authority.certificate
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert list(usage) == [CLIENT]
    assert constraints.path_length == 0

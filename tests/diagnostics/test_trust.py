"""Trust and keys: real bundles, keys and certificates, each broken in one way."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.diagnostics.finding import Verdict
from agent.sealing import AnchorCertificates, Bundle, FileSigningKey, RecipientKeys, sign_bundle
from agent.sealing.registered_key import public_pem
from collector.certificates import CLIENT, Authority, Period
from tests.collector.world import KIOSK, World
from tests.diagnostics.conftest import Kiosk, assert_fault

KINDS = ("recipients", "receipts", "anchors", "policy")
DAY_NS = 86400 * 10**9
NOTICE = {"id": "n", "version": "1", "vi": "Thông báo", "en": "Notice"}
POLICY = {"version": "p1", "notice": NOTICE, "purpose": "p", "legal_basis": "l", "retention_class": "r"}


def csca(days: int = 100, begins: int = -10) -> bytes:
    """Return a certificate in DER that is valid from and to so many days from now."""
    now = datetime.datetime.now(datetime.UTC)
    period = Period(now + datetime.timedelta(days=begins), now + datetime.timedelta(days=days))
    pem = Authority.create("CSCA", period).pem
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


class Campaign:
    """Signs bundles for a kiosk, as the centre does."""

    def __init__(self, world: World, kiosk: Kiosk) -> None:
        self._key = FileSigningKey.load(world.folder / "collector" / "campaign" / "campaign.key")
        self._kiosk = kiosk

    def give(self, kind: str, body: bytes, *, days: float = 300, issued: float = -1) -> Path:
        """Write a bundle that was issued and expires so many days from now."""
        now = time.time_ns()
        bundle = Bundle(kind, 7, now + round(issued * DAY_NS), now + round(days * DAY_NS), body)
        path = self._kiosk.trust / "bundles" / f"{kind}.bundle"
        path.write_bytes(sign_bundle(bundle, self._key))
        return path


@pytest.fixture
def campaign(made_world: World, kiosk: Kiosk) -> Campaign:
    """Give the kiosk a policy and a CSCA certificate, so that all is well."""
    signer = Campaign(made_world, kiosk)
    signer.give("policy", json.dumps(POLICY).encode())
    signer.give("anchors", AnchorCertificates((csca(),)).to_body())
    return signer


def test_all_is_well(kiosk: Kiosk, campaign: Campaign) -> None:
    """Every check is ok; the TPM is not used."""
    verdicts = {f.check: f.verdict for f in kiosk.findings("trust")}
    assert verdicts.pop("trust.tpm") is Verdict.SKIPPED
    assert set(verdicts.values()) == {Verdict.OK}, verdicts


class TestFiles:
    """What must be there, and private."""

    @pytest.mark.parametrize("name", ["campaign.pem", "record.key", "tls/ca.pem", "tls/client.key"])
    def test_missing(self, kiosk: Kiosk, name: str) -> None:
        """Named."""
        (kiosk.trust / name).unlink()
        found = kiosk.finding("trust.files")
        assert_fault(found, "trust.files.missing")
        assert name in found.evidence

    @pytest.mark.parametrize("name", ["record.key", "tls/client.key"])
    def test_open_to_others(self, kiosk: Kiosk, name: str) -> None:
        """Named, with the mode."""
        (kiosk.trust / name).chmod(0o640)
        found = kiosk.finding("trust.files")
        assert_fault(found, "trust.files.open_to_others")
        assert f"{name} 0640" in found.evidence

    def test_the_journals_key_beside_the_journal(self, kiosk: Kiosk) -> None:
        """A warning with the way to bind it to the machine."""
        (kiosk.trust / "journal.key").write_bytes(bytes(32))
        assert_fault(kiosk.finding("trust.journal_key"), "trust.journal_key.on_disk")


BODIES = {"policy": json.dumps(POLICY).encode(), "anchors": AnchorCertificates((csca(),)).to_body()}


class TestBundles:
    """What the campaign key signed."""

    @pytest.mark.parametrize("kind", ["policy", "anchors"])
    @pytest.mark.parametrize(
        ("days", "issued", "code"),
        [
            (-1, -30, "trust.bundle.expired"),
            (5, -30, "trust.bundle.expires_soon"),
            (300, 2, "trust.bundle.from_the_future"),
        ],
    )
    def test_dates(self, kiosk: Kiosk, campaign: Campaign, kind: str, days: float, issued: float, code: str) -> None:
        """By the kiosk's clock."""
        campaign.give(kind, BODIES[kind], days=days, issued=issued)
        found = kiosk.finding(f"trust.{kind}")
        assert_fault(found, code)
        assert "version 7" in found.evidence

    @pytest.mark.parametrize("kind", KINDS)
    def test_changed_bytes(self, kiosk: Kiosk, campaign: Campaign, kind: str) -> None:
        """An error of the sealing layer, at any place of the file."""
        path = kiosk.trust / "bundles" / f"{kind}.bundle"
        good = path.read_bytes()
        for place in range(0, len(good), max(1, len(good) // 8)):
            path.write_bytes(good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :])
            found = kiosk.finding(f"trust.{kind}")
            assert found.verdict is Verdict.ERROR
            assert not found.code.endswith(".broken"), found

    @pytest.mark.parametrize("kind", KINDS)
    def test_missing(self, kiosk: Kiosk, kind: str) -> None:
        """Each bundle by itself."""
        (kiosk.trust / "bundles" / f"{kind}.bundle").unlink()
        assert_fault(kiosk.finding(f"trust.{kind}"), "trust.files.missing")

    def test_in_anothers_place(self, kiosk: Kiosk, campaign: Campaign) -> None:
        """The kind is signed, too."""
        bundles = kiosk.trust / "bundles"
        (bundles / "receipts.bundle").write_bytes((bundles / "policy.bundle").read_bytes())
        assert kiosk.finding("trust.receipts").verdict is Verdict.ERROR

    def test_no_recipient(self, kiosk: Kiosk, campaign: Campaign) -> None:
        """Nothing could be sealed."""
        campaign.give("recipients", RecipientKeys(()).to_body())
        assert (
            kiosk.finding("trust.recipients").code == "sealing.no_recipient"
            or kiosk.finding("trust.recipients").verdict is Verdict.ERROR
        )

    @pytest.mark.parametrize(
        ("certificates", "code"),
        [
            ((), "trust.anchors.none"),
            ((b"not a certificate",), "trust.anchors.unreadable"),
            ((csca(), csca(days=-2)), "trust.anchors.expired"),
            ((csca(begins=2),), "trust.anchors.expired"),
        ],
        ids=["none", "garbage", "expired", "not-yet"],
    )
    def test_anchors(self, kiosk: Kiosk, campaign: Campaign, certificates: tuple[bytes, ...], code: str) -> None:
        """Each certificate is parsed and its dates looked at."""
        campaign.give("anchors", AnchorCertificates(certificates).to_body())
        assert_fault(kiosk.finding("trust.anchors"), code)

    def test_a_policy_that_nobody_understands(self, kiosk: Kiosk, campaign: Campaign) -> None:
        """The wrong keys are named."""
        campaign.give("policy", b'{"version": "1"}')
        found = kiosk.finding("trust.policy")
        assert found.verdict is Verdict.ERROR
        assert "notice" in found.evidence


class TestRecordKey:
    """It signs, and it is the registered one."""

    def test_not_the_registered_one(self, kiosk: Kiosk, tmp_path: Path) -> None:
        """A copied folder or a swapped disk."""
        other = FileSigningKey.create(tmp_path / "other.key")
        (kiosk.trust / "record.pub.pem").write_bytes(public_pem(other.public_key))
        assert kiosk.finding("trust.record_key").verdict is Verdict.ERROR

    def test_it_signs_wrongly(self, kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every probe's signature is verified."""
        monkeypatch.setattr(FileSigningKey, "sign", lambda _key, _data: b"\x01" * 64)
        assert_fault(kiosk.finding("trust.record_key"), "trust.record_key.wrong_signature")

    def test_garbage(self, kiosk: Kiosk) -> None:
        """The file is named, its content is not."""
        path = kiosk.trust / "record.key"
        path.write_text("-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n")
        found = kiosk.finding("trust.record_key")
        assert found.verdict is Verdict.ERROR
        assert "QUJD" not in str(found)

    def test_a_hardware_key_costs_no_pin_try(self, kiosk: Kiosk) -> None:
        """Not assessed, and why."""
        kiosk.configure('[keys]\nkind = "tpm"\n')
        found = kiosk.finding("trust.record_key")
        assert found.verdict is Verdict.NOT_ASSESSED
        assert "PIN" in found.cause.en


class TestCertificate:
    """The kiosk's own TLS certificate."""

    def give(self, kiosk: Kiosk, name: str = KIOSK, days: float = 60, begins: float = -5) -> None:
        """Write another certificate and its key."""
        now = datetime.datetime.now(datetime.UTC)
        period = Period(now + datetime.timedelta(days=begins), now + datetime.timedelta(days=days))
        leaf = Authority.create("ca", period).issue(name, CLIENT, period)
        for suffix, data in (("pem", leaf.certificate), ("key", leaf.key)):
            (kiosk.trust / "tls" / f"client.{suffix}").write_bytes(data)

    @pytest.mark.parametrize(
        ("days", "begins", "code"),
        [
            (-1, -5, "trust.certificate.outside_its_dates"),
            (60, 2, "trust.certificate.outside_its_dates"),
            (1, -5, "trust.certificate.expires_soon"),
            (3, -5, "trust.certificate"),
            (60, -5, "trust.certificate"),
        ],
        ids=["expired", "not-yet", "soon", "due", "fine"],
    )
    def test_dates(self, kiosk: Kiosk, days: float, begins: float, code: str) -> None:
        """The evidence puts them beside the clock."""
        self.give(kiosk, days=days, begins=begins)
        found = kiosk.finding("trust.certificate")
        assert found.code == code
        assert "days old" in found.evidence

    def test_another_name(self, kiosk: Kiosk) -> None:
        """Both names are told."""
        self.give(kiosk, name="kiosk-9")
        found = kiosk.finding("trust.certificate")
        assert_fault(found, "trust.certificate.other_name")
        assert "kiosk-9" in found.evidence

    def test_anothers_key(self, kiosk: Kiosk) -> None:
        """Told before TLS says something vague."""
        before = (kiosk.trust / "tls" / "client.key").read_bytes()
        self.give(kiosk)
        (kiosk.trust / "tls" / "client.key").write_bytes(before)
        assert_fault(kiosk.finding("trust.certificate"), "trust.certificate.other_key")

    def test_garbage(self, kiosk: Kiosk) -> None:
        """No certificate at all."""
        (kiosk.trust / "tls" / "client.pem").write_bytes(b"hello")
        assert_fault(kiosk.finding("trust.certificate"), "trust.certificate.unreadable")


class TestTpm:
    """What sysfs says."""

    @pytest.mark.parametrize(
        ("version", "device", "code"),
        [
            (None, "tpmrm0", "trust.tpm.absent"),
            ("1", "tpmrm0", "trust.tpm.version"),
            ("2", "absent", "trust.tpm.not_permitted"),
            ("2", "tpmrm0", "trust.tpm"),
        ],
    )
    def test_when_it_is_used(self, kiosk: Kiosk, version: str | None, device: str, code: str) -> None:
        """Absent, too old, not permitted, fine."""
        (kiosk.folder / "tpmrm0").touch()
        kiosk.configure(f'[keys]\nkind = "tpm"\ndevice = "{kiosk.folder / device}"\n')
        if version:
            kiosk.machine.put("sys/class/tpm/tpm0/tpm_version_major", f"{version}\n")
        assert kiosk.finding("trust.tpm").code == code

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.config import Config, load_config
from agent.provisioning import (
    NotProvisioned,
    bundle_inbox,
    load_recipients,
    load_record_trust,
    load_trust,
    record_key_settings,
)
from agent.sealing import (
    Bundle,
    FileSigningKey,
    ReceiptKeys,
    RecipientKeys,
    RecipientPrivateKey,
    SealingError,
    Validity,
    WrongBundle,
    release,
    sign_bundle,
)
from agent.sealing.hardware_key import HardwareRecordKey
from agent.sealing.key_errors import KeyMissing, RecordKeyError
from agent.sealing.key_settings import InFile, InTpm, OnToken, PinSource, RecordKeySettings
from agent.sealing.record_key import create_record_key
from tests.collector.world import KIOSK, OTHER_KIOSK, World
from tests.sealing.conftest import on_token, token_trust, tpm
from tests.sealing.hardware import WAIT_S, verify
from tests.sealing.swtpm import Simulator

__all__ = ["on_token", "token_trust", "tpm"]

KINDS = ("recipients", "receipts", "anchors", "policy")


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """Return the folder of trust of a kiosk that was set up."""
    World.make(tmp_path)
    return tmp_path / "trust" / KIOSK


def test_everything_a_kiosk_needs_is_loaded(trust: Path) -> None:
    """Keys, bundles and the places of the TLS files, without a word in the log."""
    with capture_logs() as events:
        loaded = load_trust(trust, time.time_ns())
    assert events == []
    assert loaded.policy.document == b"{}"
    assert loaded.tls.ca.read_bytes().startswith(b"-----BEGIN CERTIFICATE")
    assert len(loaded.receipt_keys.by_id) == 1


@pytest.mark.parametrize("name", ["campaign.pem", *(f"bundles/{kind}.bundle" for kind in KINDS)])
def test_a_missing_file_is_named(trust: Path, name: str) -> None:
    """The remedy is to copy the folder again."""
    (trust / name).unlink()
    with pytest.raises(NotProvisioned, match=name):
        load_trust(trust, time.time_ns())


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_that_was_changed_is_refused(trust: Path, kind: str) -> None:
    """Any bit: the campaign key signed all of it."""
    path = trust / "bundles" / f"{kind}.bundle"
    good = path.read_bytes()
    for place in range(0, len(good), max(1, len(good) // 25)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1 :])
        with pytest.raises(SealingError):
            load_trust(trust, time.time_ns())


def test_a_bundle_in_anothers_place_is_refused(trust: Path) -> None:
    """A right signature does not make receipts' keys out of recipients' keys."""
    bundles = trust / "bundles"
    (bundles / "receipts.bundle").write_bytes((bundles / "recipients.bundle").read_bytes())
    with pytest.raises(WrongBundle):
        load_trust(trust, time.time_ns())


def test_bundles_of_another_campaign_are_refused(trust: Path, tmp_path: Path) -> None:
    """Only the campaign key that the kiosk was given counts."""
    World.make(tmp_path / "another")
    foreign = tmp_path / "another" / "trust" / OTHER_KIOSK / "bundles" / "receipts.bundle"
    (trust / "bundles" / "receipts.bundle").write_bytes(foreign.read_bytes())
    with pytest.raises(SealingError):
        load_trust(trust, time.time_ns())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_record_key_that_others_can_read_is_refused(trust: Path, mode: int) -> None:
    """Capture does not start with a key that somebody may have copied."""
    (trust / "record.key").chmod(mode)
    with pytest.raises(SealingError, match=r"record\.key"):
        load_trust(trust, time.time_ns())


def test_an_expired_bundle_is_told_and_used(trust: Path) -> None:
    """Capture never depends on a right clock."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=4000)
    with capture_logs() as events:
        load_trust(trust, int(later.timestamp() * 10**9))
    assert sorted(event["kind"] for event in events if event["event"] == "trust.bundle_expired") == sorted(KINDS)


def test_no_secret_can_be_printed(trust: Path) -> None:
    """Neither the key's number nor its file's text is in the repr."""
    text = (trust / "record.key").read_text(encoding="ascii")
    assert not any(line in repr(load_trust(trust, 0)) for line in text.splitlines()[1:-1])


MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def config_with(folder: Path, keys: str, *, development: bool = False) -> Config:
    """Write a kiosk's configuration with these lines in [keys], beside a trust folder as the centre gives it."""
    World.make(folder / "world")
    path = folder / "kiosk.toml"
    path.write_text(
        f'[kiosk]\nname = "{KIOSK}"\nstation = "s"\ndata_folder = "data"\ndevelopment = {str(development).lower()}\n'
        f'[collector]\naddress = "localhost:1"\n[trust]\nfolder = "world/trust/{KIOSK}"\n[keys]\n{keys}\n',
        encoding="utf-8",
    )
    return load_config(path)


def test_commands_beside_the_daemon_use_the_bundles_that_came_over_the_network(tmp_path: Path) -> None:
    """A receipt by the collector's next key is believed, and nothing is sealed to the key that was withdrawn."""
    config, now_ns = config_with(tmp_path, ""), time.time_ns()
    campaign = FileSigningKey.load(tmp_path / "world/collector/campaign/campaign.key")
    receipt, recipient = FileSigningKey.create(tmp_path / "r.key"), RecipientPrivateKey.create(tmp_path / "s.key")
    bodies = {
        "receipts": ReceiptKeys.of(receipt.public_key).to_body(),
        "recipients": RecipientKeys(((recipient.public, Validity(0, 2**62)),)).to_body(),
    }
    bundle_inbox(config).mkdir(parents=True)
    for kind, body in bodies.items():
        signed = sign_bundle(Bundle(kind, 2, 1, now_ns + 10**15, body), campaign)
        (bundle_inbox(config) / f"{kind}.bundle").write_bytes(signed)
    assert set(load_record_trust(config, now_ns).receipt_keys.by_id) == {receipt.key_id}
    assert load_recipients(config, now_ns).current(now_ns) == recipient.public


class TestWhereTheRecordKeyLives:
    """[keys] decides, and nothing of it is dropped on the way."""

    @pytest.mark.parametrize(
        ("keys", "settings"),
        [
            ("", InFile()),
            ('name = "other"', InFile("other")),
            (
                f'kind = "pkcs11"\nmodule = "{MODULE}"\ntoken = "t"\npin_file = "/run/pin"',
                OnToken(Path(MODULE), "t", PinSource(Path("/run/pin"))),
            ),
            (
                f'kind = "pkcs11"\nmodule = "{MODULE}"\ntoken = "t"\nserial = "7"\nlabel = "l"\nname = "n"\n'
                'wait_s = 3.5\npin_credential = "c"',
                OnToken(Path(MODULE), "t", PinSource(None, "c"), "7", "l", "n", 3.5),
            ),
            ('kind = "tpm"', InTpm()),
            (
                'kind = "tpm"\ndevice = "/dev/tpm9"\npin_file = "/run/pin"\nname = "n"\nwait_s = 20.0',
                InTpm(Path("/dev/tpm9"), PinSource(Path("/run/pin")), development=False, name="n", wait_s=20),
            ),
        ],
        ids=["file", "file named", "token", "token in full", "tpm", "tpm in full"],
    )
    def test_every_setting_arrives(self, tmp_path: Path, keys: str, settings: RecordKeySettings) -> None:
        """And what is not set has the documented default."""
        assert record_key_settings(config_with(tmp_path, keys)) == settings

    def test_only_a_kiosk_in_development_may_use_a_simulated_tpm(self, tmp_path: Path) -> None:
        """The door for a TPM in software is shut otherwise."""
        found = record_key_settings(config_with(tmp_path, 'kind = "tpm"', development=True))
        assert found == InTpm(development=True)

    def test_the_daemons_trust_signs_with_the_key_on_the_token(self, tmp_path: Path, on_token: OnToken) -> None:
        """The file key that lies in the folder too is not used."""
        keys = f'kind = "pkcs11"\nmodule = "{on_token.module}"\ntoken = "{on_token.token}"\nname = "hardware"\n'
        config = config_with(tmp_path, f'{keys}wait_s = {WAIT_S}\npin_file = "{on_token.pin.file}"')
        self._signs_with_the_made_key(config)

    def test_the_daemons_trust_signs_with_the_key_in_the_tpm(self, tmp_path: Path, tpm: Simulator) -> None:
        """As with a token."""
        keys = f'kind = "tpm"\ndevice = "{tpm.socket}"\nname = "hardware"\nwait_s = {WAIT_S}'
        self._signs_with_the_made_key(config_with(tmp_path, keys, development=True))

    def test_a_socket_in_the_tpms_place_is_refused_in_production(self, tmp_path: Path, tpm: Simulator) -> None:
        """A key in software must not pass for one in hardware."""
        config = config_with(tmp_path, f'kind = "tpm"\ndevice = "{tpm.socket}"\nname = "hardware"')
        with pytest.raises(RecordKeyError):
            create_record_key(record_key_settings(config), config.trust.folder)

    @staticmethod
    def _signs_with_the_made_key(config: Config) -> None:
        with pytest.raises(KeyMissing):
            load_record_trust(config, time.time_ns())
        made = create_record_key(record_key_settings(config), config.trust.folder)
        release(made)
        key = load_record_trust(config, time.time_ns()).record_key
        assert isinstance(key, HardwareRecordKey)
        assert key.key_id == made.key_id
        verify(key, b"data")
        release(key)

"""Software and configuration, each fault caused for real: files, programs on the path, distributions on sys.path."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from agent.capture.portrait.models import MODELS
from agent.diagnostics.finding import Verdict
from tests.diagnostics.conftest import Kiosk, ToldDaemon, assert_fault


class TestDaemon:
    """Whether one answers."""

    def test_none(self, kiosk: Kiosk) -> None:
        """A warning: the rest is found out without it."""
        found = kiosk.finding("software.daemon")
        assert_fault(found, "software.daemon.not_running")
        assert found.evidence == "no socket"

    def test_one(self, kiosk: Kiosk) -> None:
        """Its name is told."""
        kiosk.daemon = ToldDaemon()
        assert kiosk.finding("software.daemon").verdict is Verdict.OK

    def test_another_version(self, kiosk: Kiosk) -> None:
        """After an upgrade without a restart."""
        kiosk.daemon = ToldDaemon({"version": "0.0.9"})
        assert_fault(kiosk.finding("software.daemon"), "software.daemon.other_version")


class TestConfiguration:
    """The file and what it points to."""

    def test_a_wrong_key(self, kiosk: Kiosk) -> None:
        """The file's own error, once; what needs the file refers to it."""
        kiosk.configure("[camera]\nfsp = 30\n")
        findings = {f.check: f for f in kiosk.findings("software", "trust")}
        assert_fault(findings["software.config"], "config.invalid")
        assert "camera.fsp" in findings["software.config"].evidence
        assert findings["trust.files"].verdict is Verdict.SKIPPED

    def test_alone_every_check_names_it(self, kiosk: Kiosk) -> None:
        """`--only` leaves nobody else to tell it."""
        kiosk.path.unlink()
        assert_fault(kiosk.finding("trust.files"), "config.invalid")

    def test_a_missing_target(self, kiosk: Kiosk) -> None:
        """It is named."""
        assert kiosk.finding("software.targets").verdict is Verdict.OK
        (kiosk.folder / "roster.csv").unlink()
        found = kiosk.finding("software.targets")
        assert_fault(found, "software.targets.missing")
        assert found.evidence.endswith("roster.csv")

    def test_a_roster_with_a_wrong_row(self, kiosk: Kiosk) -> None:
        """The line is told, never who stands in it."""
        assert kiosk.finding("software.roster").evidence == "1 members"
        with (kiosk.folder / "roster.csv").open("a", encoding="utf-8") as file:
            file.write("00109901234X,Trần Thị Bình,1991-01-02,CB1,yes\n")
        found = kiosk.finding("software.roster")
        assert_fault(found, "roster.unreadable")
        assert "line 3" in found.evidence
        assert "Trần" not in str(found)
        assert "00109901234X" not in str(found)

    def test_development_and_mocks(self, kiosk: Kiosk) -> None:
        """Allowed together; mocks on a real kiosk are an error."""
        assert_fault(kiosk.finding("software.development"), "software.development.on")
        assert kiosk.finding("software.mocks").verdict is Verdict.OK
        kiosk.configure(development=False)
        assert kiosk.finding("software.development").verdict is Verdict.OK
        assert_fault(kiosk.finding("software.mocks"), "software.mocks.installed")


class Installed:
    """The product as pip installs it: a folder on sys.path with a RECORD of hashes."""

    def __init__(self, folder: Path, requires: str = "") -> None:
        self.module = folder / "agent" / "sample.py"
        self.module.parent.mkdir(parents=True)
        self.module.write_text("ONE = 1\n")
        info = folder / "intake_kiosk_agent-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: intake-kiosk-agent\nVersion: 0.1.0\n{requires}\n")
        digest = base64.urlsafe_b64encode(hashlib.sha256(self.module.read_bytes()).digest()).rstrip(b"=").decode()
        (info / "RECORD").write_text(f"agent/sample.py,sha256={digest},8\n{info.name}/RECORD,,\n")


class TestInstallation:
    """Files as installed, libraries as required."""

    def test_from_a_source_folder(self, kiosk: Kiosk) -> None:
        """There are no hashes to compare with, and it says so."""
        assert kiosk.finding("software.files").verdict is Verdict.NOT_ASSESSED

    def test_changed_and_missing_files(self, kiosk: Kiosk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Named by their path in the distribution."""
        installed = Installed(tmp_path / "site")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        assert kiosk.finding("software.files").evidence == "1 files as installed"
        installed.module.write_text("ONE = 2\n")
        found = kiosk.finding("software.files")
        assert_fault(found, "software.files.changed")
        assert found.evidence == "agent/sample.py"
        installed.module.unlink()
        assert_fault(kiosk.finding("software.files"), "software.files.changed")

    def test_libraries(self, kiosk: Kiosk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The real ones are new enough; one that is missing and one that is too old are named."""
        assert kiosk.finding("software.versions").verdict is Verdict.OK
        Installed(tmp_path / "site", "Requires-Dist: no-such-library>=1\nRequires-Dist: numpy>=999.1")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        found = kiosk.finding("software.versions")
        assert_fault(found, "software.versions.too_old")
        assert "no-such-library is missing" in found.evidence
        assert "< 999.1" in found.evidence

    def test_models(self, kiosk: Kiosk) -> None:
        """Missing, then there with another content."""
        assert_fault(kiosk.finding("software.models"), "software.models.missing")
        for model in MODELS:
            (kiosk.folder / "models" / model.name).write_bytes(b"something else")
        assert_fault(kiosk.finding("software.models"), "software.models.wrong_hash")


class TestUnit:
    """What systemctl prints."""

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ("LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\n", "software.unit"),
            ("LoadState=loaded\nActiveState=active\nNRestarts=7\n", "software.unit.restarts"),
            ("LoadState=loaded\nActiveState=failed\nResult=exit-code\n", "software.unit.failed"),
            ("LoadState=loaded\nActiveState=inactive\nResult=success\n", "software.unit.not_active"),
        ],
    )
    def test_states(self, kiosk: Kiosk, told: str, code: str) -> None:
        """Each has its own code."""
        kiosk.machine.program("systemctl", told)
        assert kiosk.finding("software.unit").code == code

    @pytest.mark.parametrize(
        ("output", "status"), [("LoadState=not-found\nActiveState=inactive\n", 0), ("", 1)], ids=["no-unit", "fails"]
    )
    def test_not_assessed(self, kiosk: Kiosk, output: str, status: int) -> None:
        """Without the unit, or without systemd."""
        kiosk.machine.program("systemctl", output, status)
        assert kiosk.finding("software.unit").verdict is Verdict.NOT_ASSESSED

    def test_no_systemctl(self, kiosk: Kiosk) -> None:
        """The program is named."""
        found = kiosk.finding("software.unit")
        assert found.verdict is Verdict.NOT_ASSESSED
        assert "systemctl" in found.cause.en


def test_core_files(kiosk: Kiosk) -> None:
    """Only ours count."""
    folder = "var/lib/systemd/coredump"
    kiosk.machine.put(f"{folder}/core.sshd.0.abc.zst", "")
    assert kiosk.finding("software.cores").verdict is Verdict.OK
    kiosk.machine.put(f"{folder}/core.kiosk.999.abc.zst", "")
    assert_fault(kiosk.finding("software.cores"), "software.cores.found")


def test_a_waiting_update(kiosk: Kiosk) -> None:
    """The packages that want the restart are named."""
    assert kiosk.finding("software.update").verdict is Verdict.OK
    kiosk.machine.put("run/reboot-required", "")
    kiosk.machine.put("run/reboot-required.pkgs", "linux-image-6.1\nlibc6\n")
    found = kiosk.finding("software.update")
    assert_fault(found, "software.update.reboot_required")
    assert found.evidence == "linux-image-6.1, libc6"

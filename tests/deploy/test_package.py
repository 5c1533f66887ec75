"""The Debian package: what installing, upgrading, failing and purging do to a kiosk, by the real dpkg."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy import package
from tests.deploy.package import BUILD, build, run

pytestmark = [
    pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="not a Debian machine"),
    pytest.mark.skipif(bool(package.why_not()), reason=package.why_not() or "-"),
]

WORKS = "exit 0"
# An identity, a queue and a configuration as a technician made them, and what they look like.
PROVISION = """
echo '[kiosk]' >/etc/kiosk/kiosk.toml
echo identity >/etc/kiosk/trust/record.key
mkdir -p /var/lib/kiosk/queue
head -c 100000 /dev/urandom >/var/lib/kiosk/queue/segment-0
chown -R kiosk:kiosk /etc/kiosk/trust /var/lib/kiosk
look() {
    find /etc/kiosk /var/lib/kiosk -printf '%p %m %u %g %s\\n' | sort
    find /etc/kiosk /var/lib/kiosk -type f -exec sha256sum {} + | sort
}
version() { dpkg-query --show --showformat='${db:Status-Abbrev}${Version}' kiosk; }
look >/tmp/before
"""
AFTER = """
look >/tmp/after
if cmp /tmp/before /tmp/after; then echo same=yes; else echo same=no; diff /tmp/before /tmp/after || true; fi
echo "version=$(version)"
echo "kept=$(dpkg-deb --field /var/cache/kiosk/installed.deb Version)"
"""
# systemd is not in the sandbox: this one remembers what was started, and `broken` in the software keeps it down.
SYSTEMD = """
mkdir -p /run/systemd/system
cat >/usr/local/bin/systemctl <<'END'
#!/bin/sh
case "$1" in is-active) [ -e /run/active ] ;; *) true ;; esac
END
cat >/usr/local/bin/deb-systemd-invoke <<'END'
#!/bin/sh
rm -f /run/active
if [ "$1" = start ] && ! grep -q broken /usr/bin/kiosk; then touch /run/active; fi
END
cp /usr/local/bin/systemctl /usr/local/bin/deb-systemd-helper
chmod 755 /usr/local/bin/*
"""


def test_installing_makes_user_folders_and_configuration(tmp_path: Path) -> None:
    """Private folders of the kiosk's user; the example as first configuration."""
    build(tmp_path, "1.0", WORKS)
    told = run(
        tmp_path,
        "dpkg -i /mnt/kiosk-1.0.deb\n"
        'stat -c "%n=%a %U %G" /etc/kiosk /etc/kiosk/trust /var/lib/kiosk /etc/kiosk/kiosk.toml\n'
        'echo "groups=$(id -nG kiosk)"\n',
    )
    assert told.code == 0, told.text
    assert told.value("/etc/kiosk") == "750 root kiosk"
    assert told.value("/etc/kiosk/trust") == told.value("/var/lib/kiosk") == "700 kiosk kiosk"
    assert told.value("/etc/kiosk/kiosk.toml") == "640 root kiosk"
    assert set(told.value("groups").split()) == {"kiosk", "video", "plugdev"}


def test_an_upgrade_keeps_identity_and_queue(tmp_path: Path) -> None:
    """Every file of them keeps bytes, owner and mode; the new package is the next way back."""
    build(tmp_path, "1.0", WORKS)
    build(tmp_path, "1.1", WORKS)
    told = run(tmp_path, f"dpkg -i /mnt/kiosk-1.0.deb{KEEP}{PROVISION}kiosk-upgrade /mnt/kiosk-1.1.deb\n{AFTER}")
    assert told.code == 0, told.text
    assert (told.value("same"), told.value("version"), told.value("kept")) == ("yes", "ii 1.1", "1.1")


KEEP = "\nmkdir -p /var/cache/kiosk && cp /mnt/kiosk-1.0.deb /var/cache/kiosk/installed.deb\n"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("exit 1", id="does not start at all"),
        pytest.param('[ "$1" != config ]', id="refuses the configuration that was right"),
        pytest.param(": broken", id="its service does not become active"),
    ],
)
def test_a_failed_upgrade_rolls_back(tmp_path: Path, broken: str) -> None:
    """The version before is installed, configured and active again; exit code 1; identity and queue are the same."""
    build(tmp_path, "1.0", WORKS)
    build(tmp_path, "1.1", broken)
    upgrade = "code=0; kiosk-upgrade /mnt/kiosk-1.1.deb || code=$?; echo code=$code\n"
    active = '\necho "active=$(systemctl is-active kiosk.service && echo yes)"\n'
    told = run(tmp_path, f"{SYSTEMD}dpkg -i /mnt/kiosk-1.0.deb{KEEP}{PROVISION}{upgrade}{AFTER}{active}kiosk run\n")
    assert told.code == 0, told.text
    assert (told.value("code"), told.value("same"), told.value("active")) == ("1", "yes", "yes"), told.text
    assert (told.value("version"), told.value("kept")) == ("ii 1.0", "1.0")
    assert "Đã quay lại 1.0" in told.text


@pytest.mark.parametrize("wrong", ["truncated", "another package", "text"])
def test_what_is_no_package_of_ours_changes_nothing(tmp_path: Path, wrong: str) -> None:
    """A damaged or foreign file is refused, or rolled back."""
    whole = build(tmp_path, "1.0", WORKS).read_bytes()
    (tmp_path / "wrong.deb").write_bytes(whole[: len(whole) * 2 // 3] if wrong == "truncated" else b"no archive")
    if wrong == "another package":
        control = tmp_path / "other" / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        control.write_text("Package: other\nVersion: 2\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n")
        subprocess.run(["dpkg-deb", "--build", tmp_path / "other", tmp_path / "wrong.deb"], check=True, timeout=60)
    upgrade = "code=0; kiosk-upgrade /mnt/wrong.deb || code=$?; echo code=$code\n"
    told = run(tmp_path, f"dpkg -i /mnt/kiosk-1.0.deb{KEEP}{PROVISION}{upgrade}{AFTER}")
    assert (told.value("code"), told.value("same"), told.value("version")) == ("1", "yes", "ii 1.0"), told.text


def test_without_a_way_back_nothing_is_installed(tmp_path: Path) -> None:
    """The package of the installed version is asked for first."""
    build(tmp_path, "1.0", WORKS)
    build(tmp_path, "1.1", WORKS)
    told = run(
        tmp_path,
        f"dpkg -i /mnt/kiosk-1.0.deb\n{PROVISION}code=0; kiosk-upgrade /mnt/kiosk-1.1.deb || code=$?\n"
        'echo code=$code; echo "version=$(version)"\n',
    )
    assert (told.value("code"), told.value("version")) == ("1", "ii 1.0")
    assert "No way back" in told.text


def test_the_first_installation_is_the_first_way_back(tmp_path: Path) -> None:
    """kiosk-upgrade out of the package installs and keeps it."""
    build(tmp_path, "1.0", WORKS)
    script = "dpkg-deb --fsys-tarfile /mnt/kiosk-1.0.deb | tar -xO ./usr/sbin/kiosk-upgrade >/tmp/first\n"
    told = run(
        tmp_path, script + "sh /tmp/first /mnt/kiosk-1.0.deb\ncmp /mnt/kiosk-1.0.deb /var/cache/kiosk/installed.deb\n"
    )
    assert told.code == 0, told.text


def test_purging_keeps_identity_and_queue(tmp_path: Path) -> None:
    """No program removes records that nobody signed for; it says where they are."""
    build(tmp_path, "1.0", WORKS)
    told = run(
        tmp_path,
        f"dpkg -i /mnt/kiosk-1.0.deb\n{PROVISION}dpkg --purge kiosk\nlook >/tmp/after\ncmp /tmp/before /tmp/after\n",
    )
    assert told.code == 0, told.text
    assert "/var/lib/kiosk" in told.text


@pytest.mark.slow
def test_the_real_package_works_as_installed(tmp_path: Path) -> None:
    """Built from the locked packages, clean by lintian; the installed files are those of the package."""
    done = subprocess.run([BUILD, tmp_path], capture_output=True, text=True, check=True, timeout=900)
    deb = Path(done.stdout.strip()).rename(tmp_path / "kiosk-1.0.deb")
    if shutil.which("lintian"):
        command = ["lintian", "--no-cfg", "--allow-root", "--fail-on", "error,warning", str(deb)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        assert checked.returncode == 0, checked.stdout
    told = run(
        tmp_path,
        "dpkg -i /mnt/kiosk-1.0.deb\nkiosk models verify\n"
        "kiosk doctor --only software.files --only software.versions --only software.mocks --json\n",
    )
    assert told.code == 0, told.text

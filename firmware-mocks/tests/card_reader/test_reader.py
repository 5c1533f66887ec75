from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from firmware_mocks.card_reader import READER_NAME, CardReader, NotInstalled, ReaderError
from firmware_mocks.card_reader.requirements import PORT, check, driver
from firmware_mocks.chip_card import made_up_person
from firmware_mocks.chip_card.personalisation import EF_CARD_ACCESS

Talk = Callable[[CardReader, dict[str, object]], dict[str, object]]
SELECT_MF = "00A4000C023F00"
READ_CARD_ACCESS = ["00A4020C02011C", "00B0000000"]
OWNER = """
import sys, time
from pathlib import Path
from firmware_mocks.card_reader import CardReader
with CardReader(Path(sys.argv[1])) as reader:
    reader.insert()
    print("up", flush=True)
    time.sleep(120)
"""


def children_of(folder: Path) -> list[int]:
    """Find the processes whose command line names a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in line:
                found.append(int(entry.name))
    return found


def gone(folder: Path) -> bool:
    """Wait until no process names the folder any more."""
    deadline = time.monotonic() + 15
    while children_of(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_card_is_reached_through_the_real_daemon(reader: CardReader, talk: Talk) -> None:
    """pyscard, pcscd, vpcd, card and back."""
    card = reader.insert()
    assert (card.can, card.number) == ("000017", "001199000017")
    assert card.csca.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    seen = talk(reader, {"apdus": [SELECT_MF, *READ_CARD_ACCESS]})
    assert str(seen["reader"]).startswith(READER_NAME)
    assert seen["answers"] == ["6d00", "9000", EF_CARD_ACCESS.hex() + "9000"]


def test_profile_and_options_reach_the_card(reader: CardReader, talk: Talk, tmp_path: Path) -> None:
    """A person's JSON and a fault end up on the card."""
    person = made_up_person(7)
    profile = tmp_path / "person.json"
    profile.write_text(person.to_json(), "utf-8")
    card = reader.insert(profile, "--fault", "vanish-after=2")
    assert card.number == person.number
    answers = talk(reader, {"apdus": [SELECT_MF, SELECT_MF, SELECT_MF]})["answers"]
    assert isinstance(answers, list)
    assert answers[:2] == ["6d00", "6d00"]
    # vpcd makes a success without a status word of it, where a real reader reports a transmission error
    assert answers[2] == "" or answers[2].startswith("error")
    assert card.wait(15) == 0
    assert talk(reader, {"empty": True})["reached"]


def test_card_comes_and_goes(reader: CardReader, talk: Talk) -> None:
    """The reader is empty, has a card, is empty, and has the card again."""
    assert talk(reader, {"empty": True})["reached"]
    card = reader.insert()
    with pytest.raises(ReaderError, match="remove it first"):
        reader.insert()
    card.leave()
    assert talk(reader, {"empty": True})["reached"]
    card.come_back()
    assert talk(reader, {"apdus": [SELECT_MF]})["answers"] == ["6d00"]
    reader.remove()
    assert not card.running
    assert talk(reader, {"empty": True})["reached"]


def test_card_survives_a_restart_of_the_daemon(reader: CardReader, talk: Talk) -> None:
    """The daemon comes back under the same path and finds the card that stayed on the reader."""
    reader.insert()
    reader.stop_pcscd()
    with pytest.raises(subprocess.CalledProcessError):
        talk(reader, {})
    reader.start_pcscd()
    assert talk(reader, {"apdus": [SELECT_MF]})["answers"] == ["6d00"]


def test_readers_side_by_side_do_not_meet(tmp_path: Path, talk: Talk) -> None:
    """Three readers, each with the card of another person, and no listener on the host."""
    folders = [tmp_path / f"reader{i}" for i in range(3)]
    with CardReader(folders[0]) as one, CardReader(folders[1]) as two, CardReader(folders[2]) as three:
        one.insert()
        three.insert(None, "--fault", "no-card-access")
        assert talk(one, {"apdus": READ_CARD_ACCESS[:1]})["answers"] == ["9000"]
        assert talk(two, {"empty": True})["reached"]
        assert talk(three, {"apdus": READ_CARD_ACCESS[:1]})["answers"] == ["6a82"]
        listening = Path("/proc/net/tcp").read_text("ascii") + Path("/proc/net/tcp6").read_text("ascii")
        assert f":{PORT:04X} " not in listening
        assert f":{PORT + 1:04X} " not in listening


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_its_owner(tmp_path: Path, how: signal.Signals) -> None:
    """However the owner goes, daemon, keeper and card go too."""
    folder = tmp_path / "reader"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        assert len(children_of(folder)) >= 4  # owner, keeper, pcscd, card
        owner.send_signal(how)
        owner.wait(15)
    assert gone(folder)


def test_nothing_outlives_the_block(tmp_path: Path) -> None:
    """An exception in the block ends everything, and the reader says so."""
    folder = tmp_path / "reader"
    reader = CardReader(folder)

    def fail() -> None:
        with reader:
            reader.insert()
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert gone(folder)
    with pytest.raises(ReaderError, match="not open"):
        reader.insert()


def test_readers_one_after_the_other_can_share_a_socket_path(tmp_path: Path, talk: Talk) -> None:
    """A process that keeps its daemon's address finds the next reader there."""
    sockets = tmp_path / "sockets"
    paths = []
    for name in ("first", "second"):
        with CardReader(tmp_path / name, sockets) as reader:
            paths.append(reader.socket)
            assert talk(reader, {"empty": True})["reached"]
    assert paths == [sockets / "pcscd.comm"] * 2


def test_long_folder_names_get_a_short_socket(tmp_path: Path, talk: Talk) -> None:
    """A socket path that no sockaddr_un takes is replaced by one that fits."""
    with CardReader(tmp_path / ("x" * 120)) as reader:
        assert len(os.fsencode(reader.socket)) < 108
        assert talk(reader, {"empty": True})["reached"]
    assert not reader.socket.parent.exists()


@pytest.mark.parametrize(
    "options", [("--fault", "nonsense"), ("--portrait", "/dev/null"), ("--profile", "/does/not/exist")]
)
def test_unusable_options_are_an_error(reader: CardReader, options: tuple[str, str]) -> None:
    """The card's own words come up, and the reader stays usable."""
    with pytest.raises(ReaderError, match="error:"):
        reader.insert(None, *options)
    assert reader.insert().running


def test_missing_programs_are_named_with_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    with pytest.raises(NotInstalled, match="apt-get install --no-install-recommends vsmartcard-vpcd") as error:
        check(tmp_path)
    assert error.value.packages == ("vsmartcard-vpcd",)
    with pytest.raises(NotInstalled):
        driver(tmp_path)
    monkeypatch.setattr("firmware_mocks.card_reader.requirements.program", lambda name: None)
    with pytest.raises(NotInstalled) as error:
        check()
    assert "pcscd" in error.value.packages

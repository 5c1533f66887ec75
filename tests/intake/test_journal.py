"""The journal of the visit in progress: what survives a power cut, and what never can be read again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.capture.evidence import Check, Evidence, Part, Verdict
from agent.intake.errors import JournalKeyTooOpen, JournalUnreadable
from agent.intake.journal import KEY_BYTES, Journal, JournalKey
from agent.intake.journal_entry import FinishedStage, VisitStart

START = VisitStart("v1", bytes(range(16)), "001085000001", "tester", "peer uid 0", "vi", b"p" * 32, 1234)
CHIP = FinishedStage(
    Evidence(
        "chip",
        (Check("passive_authentication", Verdict.PASSED), Check("bac", Verdict.NOT_ASSESSED, "PACE was used")),
        (Part("chip/sod", "application/cms", b"sod" * 100),),
        {"apdus": "23"},
    ),
    1500,
    {"full_name": "Nguyễn Văn Đức"},
)
PORTRAIT = FinishedStage(
    Evidence("portrait", (Check("head_pose_yaw", Verdict.FAILED, "turned", native=12.5, unit="deg", scalar=95),)), 900
)


@pytest.fixture
def key(tmp_path: Path) -> JournalKey:
    """Return a journal key kept in a file."""
    return JournalKey.load(None, tmp_path / "journal.key")


@pytest.fixture
def cut_off(tmp_path: Path, key: JournalKey) -> Path:
    """Return the folder of a visit that was cut off after two stages."""
    journal = Journal(tmp_path / "journal", key).begin(START)
    journal.add(CHIP)
    journal.add(PORTRAIT)
    return tmp_path / "journal"


def test_everything_of_a_finished_stage_comes_back(cut_off: Path, key: JournalKey) -> None:
    """Start and stages, checks with all their values, parts, facts and what is shown."""
    unfinished = Journal(cut_off, key).unfinished()
    assert unfinished is not None
    assert (unfinished.start, unfinished.stages) == (START, (CHIP, PORTRAIT))


def test_nothing_of_the_person_is_readable_in_the_folder(cut_off: Path) -> None:
    """Neither number, name nor parts; files are for the owner only."""
    for path in cut_off.iterdir():
        data = path.read_bytes()
        assert b"001085000001" not in data
        assert "Nguyễn".encode() not in data
        assert b"sodsod" not in data
        assert path.stat().st_mode & 0o077 == 0


def test_a_file_cut_at_any_byte_loses_at_most_the_entry_under_way(
    cut_off: Path, key: JournalKey, tmp_path: Path
) -> None:
    """Every length of the entries' file gives a prefix of the stages, and goes on from there."""
    whole = (cut_off / "visit.journal").read_bytes()
    seen = set()
    for length in range(0, len(whole), 7):
        folder = tmp_path / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(cut_off, folder)
        (folder / "visit.journal").write_bytes(whole[:length])
        journal = Journal(folder, key)
        unfinished = journal.unfinished()
        if unfinished is None:
            seen.add(-1)
            continue
        assert unfinished.stages == (CHIP, PORTRAIT)[: len(unfinished.stages)]
        seen.add(len(unfinished.stages))
        journal.go_on().add(PORTRAIT)
        after = journal.unfinished()
        assert after is not None
        assert after.stages == (*unfinished.stages, PORTRAIT)
    assert seen == {-1, 0, 1}


def test_a_changed_byte_is_never_believed(cut_off: Path, key: JournalKey) -> None:
    """A flipped bit is an error, or at the tail the same as an entry that was under way."""
    path = cut_off / "visit.journal"
    whole = path.read_bytes()
    for at in range(0, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            unfinished = Journal(cut_off, key).unfinished()
        except JournalUnreadable:
            continue
        if unfinished is not None:
            assert unfinished.stages == (CHIP, PORTRAIT)[: len(unfinished.stages)]
            assert len(unfinished.stages) < 2


def test_entries_cannot_be_swapped(cut_off: Path, key: JournalKey) -> None:
    """An entry is bound to its place."""
    path = cut_off / "visit.journal"
    whole = path.read_bytes()
    first = 4 + int.from_bytes(whole[:4], "little")
    second = first + 4 + int.from_bytes(whole[first : first + 4], "little")
    path.write_bytes(whole[first:second] + whole[:first] + whole[second:])
    with pytest.raises(JournalUnreadable):
        Journal(cut_off, key).unfinished()


def test_after_the_end_neither_the_file_nor_a_copy_of_the_entries_can_be_opened(cut_off: Path, key: JournalKey) -> None:
    """The visit's key is gone; a copy of the entries alone is noise."""
    entries = (cut_off / "visit.journal").read_bytes()
    Journal(cut_off, key).destroy()
    assert list(cut_off.iterdir()) == []
    (cut_off / "visit.journal").write_bytes(entries)
    assert Journal(cut_off, key).unfinished() is None


def test_a_destruction_that_was_cut_off_is_finished_at_the_next_start(cut_off: Path, key: JournalKey) -> None:
    """A key overwritten but not removed means: over."""
    path = cut_off / "visit.key"
    path.write_bytes(bytes(len(path.read_bytes())))
    assert Journal(cut_off, key).unfinished() is None
    assert list(cut_off.iterdir()) == []


def test_another_kiosks_key_opens_nothing(cut_off: Path, tmp_path: Path) -> None:
    """A journal moved to another kiosk stays closed."""
    with pytest.raises(JournalUnreadable):
        Journal(cut_off, JournalKey.load(None, tmp_path / "other.key")).unfinished()


def test_a_new_visit_leaves_nothing_of_the_last_one(cut_off: Path, key: JournalKey) -> None:
    """Beginning destroys what was there."""
    journal = Journal(cut_off, key)
    journal.begin(START)
    unfinished = journal.unfinished()
    assert unfinished is not None
    assert unfinished.stages == ()


def test_nothing_stays_of_a_visit_that_was_cut_off_before_it_began(tmp_path: Path, key: JournalKey) -> None:
    """Entries without a key, a key without entries, half-made files: gone at the next look."""
    folder = tmp_path / "journal"
    left: tuple[tuple[str, ...], ...] = (
        ("visit.journal",),
        ("visit.journal", "visit.key"),
        ("visit.journal.new",),
        ("visit.journal", "visit.key.new"),
    )
    for names in left:
        journal = Journal(folder, key)
        journal.begin(START)
        wrapped = (folder / "visit.key").read_bytes()
        journal.destroy()
        for name in names:
            (folder / name).write_bytes(wrapped if name == "visit.key" else b"")
        assert journal.unfinished() is None
        assert list(folder.iterdir()) == []


class TestJournalKey:
    """Where the wrapping key comes from."""

    def test_a_systemd_credential_is_preferred_and_counts_as_bound(self, tmp_path: Path) -> None:
        """What systemd hands over does not lie on the disk."""
        credential = tmp_path / "credential"
        credential.write_bytes(bytes(range(KEY_BYTES)))
        key = JournalKey.load(credential, tmp_path / "journal.key")
        assert (key.secret, key.bound) == (bytes(range(KEY_BYTES)), True)
        assert not (tmp_path / "journal.key").exists()

    def test_a_file_key_is_made_once_and_says_that_it_is_not_bound(self, tmp_path: Path) -> None:
        """The same key at the next start; 0600; not in its repr."""
        first = JournalKey.load(None, tmp_path / "journal.key")
        assert JournalKey.load(None, tmp_path / "journal.key") == first
        assert first.bound is False
        assert (tmp_path / "journal.key").stat().st_mode & 0o777 == 0o600
        assert first.secret.hex() not in repr(first)
        assert repr(first.secret) not in repr(first)

    def test_a_power_cut_while_it_is_made_does_not_keep_the_kiosk_from_starting(self, tmp_path: Path) -> None:
        """It has its name only when it is whole."""

        def cut(size: int) -> bytes:
            raise KeyboardInterrupt

        (tmp_path / "journal.key.new").write_bytes(b"half")
        with pytest.raises(KeyboardInterrupt):
            JournalKey.load(None, tmp_path / "journal.key", cut)
        assert not (tmp_path / "journal.key").exists()
        assert len(JournalKey.load(None, tmp_path / "journal.key").secret) == KEY_BYTES

    def test_a_key_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        """Wider than 0600 is an error with its remedy."""
        path = tmp_path / "journal.key"
        JournalKey.load(None, path)
        path.chmod(0o640)
        with pytest.raises(JournalKeyTooOpen):
            JournalKey.load(None, path)

    @pytest.mark.parametrize("size", [0, 16, 33])
    def test_a_key_of_another_size_is_refused(self, tmp_path: Path, size: int) -> None:
        """A truncated key never wraps anything."""
        path = tmp_path / "journal.key"
        path.write_bytes(bytes(size))
        path.chmod(0o600)
        with pytest.raises(JournalUnreadable):
            JournalKey.load(None, path)


Decode = Callable[[bytes], object]


@pytest.mark.parametrize("decode", [VisitStart.from_bytes, FinishedStage.from_bytes], ids=["start", "stage"])
@pytest.mark.parametrize("data", [b"", b"\xff", b"\x80", b"\xa1\x61a\x01", b"\x01", b"\xf6"])
def test_entries_that_are_no_entries_are_refused(decode: Decode, data: bytes) -> None:
    """Whatever CBOR says, only our own errors come out."""
    with pytest.raises(JournalUnreadable):
        decode(data)

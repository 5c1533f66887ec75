from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import ChipDataError, ChipPolicy, ChipResult, TrustAnchors
from agent.capture.chip.curves import private_key
from agent.capture.chip.pieces import RUNGS, PieceMemory
from agent.capture.evidence import Verdict
from agent.devices.errors import Cancelled, DeviceTimeout

NewLink = Callable[..., Any]
Read = Callable[..., ChipResult]
LISTED = "1 2 3 13 14 15"


def verdicts(result: ChipResult) -> dict[str, Verdict]:
    """Return the verdicts by check."""
    return {check.name: check.verdict for check in result.evidence.checks}


def without_file(link: Any, identifier: int) -> Any:
    """Take a file off the chip, as a forger does who has none that fits."""
    files = link.card._chip.files
    kept = {number: content for number, content in files.application.items() if number != identifier}
    link.card._chip = replace(link.card._chip, files=replace(files, application=kept))
    return link


def reason(result: ChipResult, name: str) -> str:
    """Return a check's reason."""
    return next(check.reason for check in result.evidence.checks if check.name == name)


class TestGoodCard:
    """What a good citizen card gives."""

    def test_every_verdict(self, new_link: NewLink, read: Read) -> None:
        """All passed; the channel and the new keys are only attested."""
        result = read(new_link())
        assert verdicts(result) == {
            "access_control": Verdict.PASSED,
            "access_control_consistency": Verdict.PASSED,
            "active_authentication": Verdict.PASSED,
            "chip_authentication": Verdict.PASSED,
            "sod_signature": Verdict.PASSED,
            "certificate_chain": Verdict.PASSED,
            "data_group_hashes": Verdict.PASSED,
            "document_signer_dates": Verdict.PASSED,
            "data_consistency": Verdict.PASSED,
        }
        assert result.evidence.verdict is Verdict.PASSED
        assert [check.name for check in result.evidence.checks if check.attested] == [
            "access_control",
            "access_control_consistency",
            "chip_authentication",
        ]

    def test_no_secret_number_outlives_the_reading(self, new_link: NewLink, read: Read) -> None:
        """Those of PACE and chip authentication are gone with their runs."""
        read(new_link())
        assert private_key.cache_info().currsize == 0

    def test_the_holder_and_the_portrait(self, new_link: NewLink, read: Read, portrait: bytes) -> None:
        """With diacritics, from DG13; the portrait bit by bit."""
        result = read(new_link())
        holder = result.holder
        assert (holder.number, holder.full_name) == (DEFAULT_PERSON.number, DEFAULT_PERSON.full_name)
        assert (holder.birth_date, holder.sex) == (DEFAULT_PERSON.birth_date, "F")
        assert result.portrait is not None
        assert result.portrait.data == portrait

    def test_the_parts(self, new_link: NewLink, read: Read) -> None:
        """What a collector needs to verify again, and the form's fields of DG13 only."""
        parts = {part.name: part for part in read(new_link()).evidence.parts}
        files = {"chip/sod", "chip/dg1", "chip/dg2", "chip/dg14", "chip/dg15"}
        assert set(parts) == {*files, "chip/portrait", "chip/dg13", "chip/active_authentication"}
        fields = json.loads(parts["chip/dg13"].data)
        assert fields["2"] == DEFAULT_PERSON.full_name
        assert not {"6", "7", "10", "13", "16"} & set(fields)

    def test_policy_decides_about_the_fields_of_dg13(self, new_link: NewLink, read: Read) -> None:
        """Less by default, the raw file only when it says so."""
        policy = ChipPolicy(dg13_fields=frozenset({1, 13}), keep_raw_dg13=True)
        parts = {part.name: part for part in read(new_link(), policy=policy).evidence.parts}
        assert set(json.loads(parts["chip/dg13"].data)) == {"1", "13"}
        assert parts["chip/dg13_raw"].data.startswith(b"\x6d")

    def test_facts_are_not_personal(self, new_link: NewLink, read: Read) -> None:
        """Algorithms, counts and sizes."""
        facts = read(new_link()).evidence.facts
        assert facts["sod_data_groups"] == LISTED
        assert facts["data_groups_read"] == "1 2 13 14 15"
        assert (facts["secure_channels"], facts["card_returns"], facts["piece_bytes"]) == ("1", "0", str(RUNGS[0]))
        text = " ".join(facts.values())
        assert DEFAULT_PERSON.number not in text
        assert DEFAULT_PERSON.can not in text

    def test_nothing_personal_is_printed(self, new_link: NewLink, read: Read) -> None:
        """The whole result may end up in a traceback."""
        text = repr(read(new_link()))
        assert DEFAULT_PERSON.number not in text
        assert "Nguyễn" not in text
        assert "IDVNM" not in text

    def test_few_commands_are_needed(self, new_link: NewLink, read: Read) -> None:
        """CardAccess 2, PACE 5, SELECT 1, one for each of six files that fit one piece, AA 1, CA 2 and its proof 1."""
        link = new_link()
        result = read(link)
        assert len(link.commands) == int(result.evidence.facts["apdus"]) == 18

    def test_progress_is_told_in_both_languages(self, new_link: NewLink, read: Any) -> None:
        """Of every file, to its end."""
        read(new_link())
        files = [
            guidance for guidance in read.told if guidance.code == "chip.reading" and guidance.done == guidance.total
        ]
        assert [guidance.words.en for guidance in files] == [
            f"Reading {name}…" for name in ("EF.SOD", "DG1", "DG2", "DG13", "DG14", "DG15")
        ]
        assert all(guidance.words.vi for guidance in read.told)

    def test_without_a_number_nothing_is_compared_with_it(self, new_link: NewLink, read: Read) -> None:
        """The CAN alone opened the chip."""
        assert read(new_link(), expected=None).evidence.verdict is Verdict.PASSED


class TestFalseCards:
    """Cards that can be read and must not be believed: failed checks, with evidence."""

    @pytest.mark.parametrize("group", ["DG1", "DG2", "DG13"])
    def test_a_changed_data_group_is_named(self, new_link: NewLink, read: Read, group: str) -> None:
        """The SOD was not made for it."""
        result = read(new_link(f"forged-sod={group}"))
        assert result.evidence.verdict is Verdict.FAILED
        assert reason(result, "data_group_hashes") == f"not what was signed: {group}"
        assert result.evidence.parts

    def test_a_foreign_issuer_fails_the_chain(self, new_link: NewLink, read: Read) -> None:
        """A perfect card of somebody else."""
        result = read(new_link("foreign-csca"))
        assert [name for name, verdict in verdicts(result).items() if verdict is Verdict.FAILED] == [
            "certificate_chain"
        ]

    def test_a_hidden_portrait_fails(self, new_link: NewLink, read: Read) -> None:
        """The chip says that there is no DG2, the SOD says that there is one."""
        result = read(without_file(new_link(), 0x0102))
        assert reason(result, "data_group_hashes") == "signed but not in the chip: DG2"
        assert result.portrait is None

    def test_another_persons_card_differs_from_the_number_given(self, new_link: NewLink, read: Read) -> None:
        """Same last six digits, other number."""
        result = read(new_link(), expected="079199000017")
        assert reason(result, "data_consistency") == "differs: number given and DG1"

    @pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
    def test_a_cloned_card_fails_both_proofs(self, new_link: NewLink, read: Read, kind: str) -> None:
        """Every file can be copied, the private keys cannot; what can be copied still passes."""
        result = read(new_link("cloned", kind=kind))
        failed = [name for name, verdict in verdicts(result).items() if verdict is Verdict.FAILED]
        assert failed == ["active_authentication", "chip_authentication"]
        assert "copy" in reason(result, "active_authentication")

    def test_a_kiosk_without_anchors_does_not_claim_a_chain(self, new_link: NewLink, read: Any) -> None:
        """Not assessed, never passed, and so is the whole chip."""
        read.anchors = TrustAnchors(())
        result = read(new_link())
        assert verdicts(result)["certificate_chain"] is Verdict.NOT_ASSESSED
        assert result.evidence.verdict is Verdict.NOT_ASSESSED


class TestUnusualCards:
    """Cards that are right in another way."""

    def test_a_card_without_portrait(self, new_link: NewLink, read: Read) -> None:
        """Small children's: nothing is hidden, nothing failed."""
        result = read(new_link("no-dg2"))
        assert (result.portrait, result.evidence.verdict) == (None, Verdict.PASSED)
        assert "chip/dg2" not in {part.name for part in result.evidence.parts}

    def test_a_card_that_hides_its_card_access(self, new_link: NewLink, read: Read) -> None:
        """The constant stands in."""
        assert read(new_link("no-card-access")).evidence.verdict is Verdict.PASSED

    def test_short_lengths_are_learnt_once(self, new_link: NewLink, read: Read) -> None:
        """The second card of the family is read with short pieces from the start."""
        pieces = PieceMemory()
        first = read(new_link("no-extended-length"), pieces=pieces)
        second = read(new_link("no-extended-length"), pieces=pieces)
        assert first.evidence.verdict is second.evidence.verdict is Verdict.PASSED
        assert int(first.evidence.facts["secure_channels"]) > 1
        assert second.evidence.facts["secure_channels"] == "1"

    def test_a_large_portrait_is_read_beyond_15_bits(self, new_link: NewLink, read: Read, portrait: bytes) -> None:
        """A JPEG of 70,000 bytes, in large and in short pieces."""
        jpeg = portrait[:-2] + bytes(70_000 - len(portrait)) + portrait[-2:]
        for words in ((), ("no-extended-length",)):
            result = read(new_link(*words, jpeg=jpeg))
            assert result.portrait is not None
            assert result.portrait.data == jpeg
            assert result.evidence.verdict is Verdict.PASSED

    def test_a_card_that_was_lifted_is_read_on(self, new_link: NewLink, read: Read) -> None:
        """The record tells how often."""
        link = new_link()
        link.lose_at = {10}
        result = read(link)
        assert result.evidence.verdict is Verdict.PASSED
        assert result.evidence.facts["card_returns"] == "1"


class TestUnreadableCards:
    """Cards that cannot be judged at all: errors."""

    @pytest.mark.parametrize("group", ["DG1", "DG2", "DG13"])
    def test_a_lying_length_is_refused(self, new_link: NewLink, read: Read, group: str) -> None:
        """Two gigabytes are not read."""
        link = new_link(f"lying-length={group}")
        with pytest.raises(ChipDataError, match="claims"):
            read(link)
        assert len(link.commands) <= 12

    def test_a_card_without_machine_readable_zone_is_refused(self, new_link: NewLink, read: Read) -> None:
        """There is no record without knowing whose."""
        with pytest.raises(ChipDataError, match="missing"):
            read(without_file(new_link(), 0x0101))

    def test_deadline_and_cancel(self, new_link: NewLink, read: Read) -> None:
        """Both before the first command."""
        cancelled = Event()
        cancelled.set()
        for link, options, error in (
            (new_link(), {"deadline": time.monotonic()}, DeviceTimeout),
            (new_link(), {"cancelled": cancelled}, Cancelled),
        ):
            with pytest.raises(error):
                read(link, **options)
            assert link.commands == []

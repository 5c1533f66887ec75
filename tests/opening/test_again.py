"""What an opened record proves again: a real reading of the mock chip, sealed, opened, and every lie about it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest
from firmware_mocks.chip_card.card import Card
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.portrait import drawn_portrait
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

from agent.capture.chip import (
    CardAccessNumber,
    ChipPolicy,
    ChipResult,
    RecordBinding,
    TrustAnchors,
    read_chip,
)
from agent.opening import OpenedRecord, as_json, open_record, verdict_table, write_out
from agent.proto.border import Check, Member, SealedContent, Stage, Verdict
from agent.sealing import point_of
from collector.recipients import private_keys
from tests.collector.captured import Part, manifest
from tests.collector.world import Chain, World, as_sent

WITHIN_S = 30.0


@dataclass
class Direct:
    """A chip in this process."""

    card: Card

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Hand the command to the chip."""
        answer = self.card.transmit(apdu)
        return answer[:-2], int.from_bytes(answer[-2:])


@dataclass
class Office:
    """A kiosk that reads and seals, and a collector that opens."""

    world: World
    chain: Chain
    folder: Path

    @property
    def anchors(self) -> TrustAnchors:
        """Who may sign chips."""
        return TrustAnchors.from_der([(self.folder / "csca.der").read_bytes()])

    def read(self, record_id: bytes, *words: str) -> ChipResult:
        """Read a card for a coming record."""
        faults = Faults.parse(words)
        card = Card(personalise(DEFAULT_PERSON, drawn_portrait(), self.folder, faults), faults)
        return read_chip(
            Direct(card),
            CardAccessNumber(DEFAULT_PERSON.can),
            DEFAULT_PERSON.number,
            self.anchors,
            ChipPolicy(keep_raw_dg13=True),
            lambda _: None,
            deadline=time.monotonic() + WITHIN_S,
            cancelled=Event(),
            binding=RecordBinding(record_id, self.chain.head),
        )

    def opened(
        self,
        record_id: bytes,
        result: ChipResult,
        changed: Mapping[str, bytes] | None = None,
        anchors: TrustAnchors | None = None,
    ) -> OpenedRecord:
        """Seal the reading, with some parts changed by a kiosk that lies, and open it."""
        changed = changed or {}
        parts: list[Part] = [(p.name, p.media_type, changed.get(p.name, p.data)) for p in result.evidence.parts]
        checks = tuple(
            Check(c.name, Verdict[c.verdict.name], c.reason, gate=c.gate, attested=c.attested)
            for c in result.evidence.checks
        )
        stage = Stage("chip", Verdict.PASSED, "", checks, result.evidence.facts, 900)
        member = Member(DEFAULT_PERSON.number, DEFAULT_PERSON.full_name, "1990-01-01", "Chi bộ 1")
        told = dataclasses.replace(manifest(parts, record_id), stages=(stage,), member=member).to_bytes()
        content = SealedContent(told, tuple(data for _, _, data in parts)).to_bytes()
        entry = self.chain.entry(content, record_id=record_id, manifest_sha256=hashlib.sha256(told).digest())
        point = point_of(self.world.trust().record_key.public_key)
        keys = private_keys(self.world.config.keys)
        return open_record(as_sent(entry), point, keys, self.anchors if anchors is None else anchors)


@pytest.fixture
def office(world: World, chain: Chain, tmp_path: Path) -> Office:
    """Return both."""
    return Office(world, chain, tmp_path / "csca")


def verdicts(opened: OpenedRecord) -> dict[str, Verdict]:
    """Return what was verified again, by name."""
    return {check.name: check.verdict for check in opened.again}


def reason(opened: OpenedRecord, name: str) -> str:
    """Return a check's reason."""
    return next(check.reason for check in opened.again if check.name == name)


def test_a_genuine_reading_is_proved_again(office: Office) -> None:
    """Without asking the kiosk, and by its trust anchors alone."""
    record_id = os.urandom(16)
    opened = office.opened(record_id, office.read(record_id))
    assert verdicts(opened) == dict.fromkeys(
        (
            "sod_signature",
            "certificate_chain",
            "data_group_hashes",
            "document_signer_dates",
            "active_authentication",
            "active_authentication_freshness",
            "data_consistency",
            "portrait_is_the_chips",
        ),
        Verdict.PASSED,
    )


def test_it_is_shown_and_written_with_the_kiosks_verdicts(office: Office, tmp_path: Path) -> None:
    """In the table, in verdicts.txt and in record.json."""
    record_id = os.urandom(16)
    opened = office.opened(record_id, office.read(record_id))
    assert "verified again" in verdict_table(opened.manifest, opened.again)
    write_out(opened, tmp_path / "out")
    assert "verified again" in (tmp_path / "out" / "verdicts.txt").read_text("utf-8")
    told = json.loads((tmp_path / "out" / "record.json").read_text("utf-8"))
    assert told == json.loads(json.dumps(as_json(opened)))
    assert {check["verdict"] for check in told["verified_again"]} == {"passed"}


def test_without_anchors_the_chain_is_not_assessed(office: Office) -> None:
    """The rest still holds, and it is told that the kiosk said more."""
    record_id = os.urandom(16)
    opened = office.opened(record_id, office.read(record_id), anchors=TrustAnchors(()))
    assert verdicts(opened)["certificate_chain"] is Verdict.NOT_ASSESSED
    assert reason(opened, "certificate_chain").endswith("the kiosk said passed")
    assert verdicts(opened)["active_authentication"] is Verdict.PASSED


def test_a_record_without_chip_has_nothing_to_verify_again(office: Office) -> None:
    """No rows, not a failure."""
    record_id = os.urandom(16)
    result = office.read(record_id)
    bare = dataclasses.replace(result, evidence=dataclasses.replace(result.evidence, checks=(), parts=()))
    opened = office.opened(record_id, bare)
    assert opened.again == ()
    assert "verified again" not in verdict_table(opened.manifest, opened.again)


def _is(part: str, missing: str) -> bool:
    """Say whether a part is the one that is left out, or one of them."""
    return part == missing or (missing in ("chip/", "chip/active") and part.startswith(missing))


class TestReplay:
    """Old evidence in a new record."""

    def test_the_answer_of_another_record_fails(self, office: Office) -> None:
        """A kiosk that kept a whole reading, all its parts genuine."""
        result = office.read(os.urandom(16))
        opened = office.opened(os.urandom(16), result)
        assert verdicts(opened)["active_authentication"] is Verdict.FAILED
        assert "a replay" in reason(opened, "active_authentication")
        assert reason(opened, "active_authentication").endswith("the kiosk said passed")

    def test_the_binding_cannot_be_written_anew(self, office: Office) -> None:
        """The challenge follows from its inputs, and the chip signed the challenge."""
        record_id = os.urandom(16)
        result = office.read(os.urandom(16))
        name = "chip/active_authentication"
        values = json.loads(next(part.data for part in result.evidence.parts if part.name == name))
        forged = json.dumps(values | {"record_id": record_id.hex()}).encode()
        opened = office.opened(record_id, result, {name: forged})
        assert verdicts(opened)["active_authentication"] is Verdict.FAILED
        assert "challenge is not that of its inputs" in reason(opened, "active_authentication")
        random = bytes.fromhex(values["random"])
        head = bytes.fromhex(values["head"])
        challenge = hashlib.sha256(b"AA" + record_id + head + random).digest()[:8]
        forged = json.dumps(values | {"record_id": record_id.hex(), "challenge": challenge.hex()}).encode()
        opened = office.opened(record_id, result, {name: forged})
        assert "a copy" in reason(opened, "active_authentication")

    def test_an_answer_from_before_other_records_is_told(self, office: Office) -> None:
        """The record id could be chosen early; the head of the chain could not."""
        record_id = os.urandom(16)
        result = office.read(record_id)
        office.chain.entry()
        opened = office.opened(record_id, result)
        assert verdicts(opened)["active_authentication"] is Verdict.PASSED
        assert verdicts(opened)["active_authentication_freshness"] is Verdict.NOT_ASSESSED


class TestLyingKiosk:
    """A kiosk whose key signs what its chip never said; it claims that all passed."""

    def test_a_changed_group_fails(self, office: Office) -> None:
        """By its hash, whichever of them."""
        record_id = os.urandom(16)
        result = office.read(record_id)
        for part in ("chip/dg1", "chip/dg2", "chip/dg13_raw", "chip/dg14", "chip/dg15"):
            data = bytearray(next(one.data for one in result.evidence.parts if one.name == part))
            data[-1] ^= 1
            opened = office.opened(record_id, result, {part: bytes(data)})
            assert verdicts(opened)["data_group_hashes"] is Verdict.FAILED, part
            assert "the kiosk said passed" in reason(opened, "data_group_hashes")

    def test_what_is_left_out_does_not_go_unseen(self, office: Office) -> None:
        """Neither all parts under verdicts that claim them, nor the one that signs the picture, nor the answer."""
        record_id = os.urandom(16)
        result = office.read(record_id)
        for missing, name, verdict in (
            ("chip/", "sod_signature", Verdict.FAILED),
            ("chip/sod", "sod_signature", Verdict.FAILED),
            ("chip/dg1", "data_consistency", Verdict.FAILED),
            ("chip/dg2", "portrait_is_the_chips", Verdict.FAILED),
            ("chip/active", "active_authentication", Verdict.NOT_ASSESSED),
        ):
            left = tuple(part for part in result.evidence.parts if not _is(part.name, missing))
            bare = dataclasses.replace(result, evidence=dataclasses.replace(result.evidence, parts=left))
            opened = office.opened(record_id, bare)
            assert verdicts(opened)[name] is verdict, missing
            assert next(check.gate for check in opened.again if check.name == name), missing

    def test_another_portrait_beside_dg2_fails(self, office: Office) -> None:
        """People look at the picture, the signature is over DG2."""
        record_id = os.urandom(16)
        opened = office.opened(record_id, office.read(record_id), {"chip/portrait": drawn_portrait(7)})
        assert verdicts(opened)["portrait_is_the_chips"] is Verdict.FAILED
        assert verdicts(opened)["data_group_hashes"] is Verdict.PASSED

    @pytest.mark.parametrize("part", ["chip/sod", "chip/dg1", "chip/dg2", "chip/dg15", "chip/active_authentication"])
    def test_garbage_is_a_failed_check(self, office: Office, part: str) -> None:
        """Opening must not break on it: the record is opened, and says so."""
        record_id = os.urandom(16)
        result = office.read(record_id)
        for data in (b"", b"\x77", b"\x30\x82\xff\xff", b"{}", bytes(64)):
            opened = office.opened(record_id, result, {part: data})
            assert Verdict.FAILED in verdicts(opened).values(), data
            assert any("cannot be parsed" in c.reason or "not what was signed" in c.reason for c in opened.again)

    def test_a_clone_that_the_kiosk_calls_genuine_fails(self, office: Office) -> None:
        """Its answer is not the key's in DG15."""
        record_id = os.urandom(16)
        opened = office.opened(record_id, office.read(record_id, "cloned"))
        assert verdicts(opened)["active_authentication"] is Verdict.FAILED
        assert verdicts(opened)["sod_signature"] is Verdict.PASSED

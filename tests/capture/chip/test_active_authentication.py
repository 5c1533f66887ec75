from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from firmware_mocks.chip_card.chip_keys import ActiveKind, dg15, new_active_key
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError, ChipResult, RecordBinding
from agent.capture.chip.active_authentication import PART, Transcript, challenge, parse_dg15, verify
from agent.capture.chip.message_recovery import _holds, verify_recovered
from agent.capture.chip.security_infos import parse_dg14
from agent.capture.evidence import Verdict

NewLink = Callable[..., Any]
Read = Callable[..., ChipResult]
BINDING = RecordBinding(bytes(range(16)), bytes(range(32)))
RANDOM = bytes(range(32))
PLAIN_SHA256 = bytes.fromhex("04007F00070101040103")
WITH_SHA256 = bytes.fromhex("2A8648CE3D040302")


def answered(kind: ActiveKind) -> tuple[Transcript, bytes]:
    """Let a chip's key answer; return the transcript and DG15."""
    key = new_active_key(kind)
    assert key is not None
    return Transcript(BINDING, RANDOM, key.sign(challenge(BINDING, RANDOM))), dg15(key)


class TestChallenge:
    """What the chip signs."""

    def test_it_is_made_of_record_head_and_random(self) -> None:
        """The first 8 bytes of SHA-256('AA' || record id || head || random)."""
        expected = hashlib.sha256(b"AA" + bytes(range(16)) + bytes(range(32)) + RANDOM).digest()[:8]
        assert challenge(BINDING, RANDOM) == expected

    @pytest.mark.parametrize("lengths", [(16, 0), (0, 32), (15, 32), (16, 31)])
    def test_half_a_binding_is_refused(self, lengths: tuple[int, int]) -> None:
        """Both or none."""
        with pytest.raises(ValueError, match="binding"):
            RecordBinding(bytes(lengths[0]), bytes(lengths[1]))


class TestVerification:
    """Judging an answer, which a collector does in the same way."""

    @pytest.mark.parametrize(
        ("kind", "algorithm"),
        [
            ("ecdsa", PLAIN_SHA256),
            ("ecdsa", WITH_SHA256),
            ("ecdsa", None),
            ("ecdsa-der", WITH_SHA256),
            ("ecdsa-der", PLAIN_SHA256),
            ("rsa", None),
            ("rsa-sha1", None),
        ],
    )
    def test_a_genuine_answer_passes(self, kind: ActiveKind, algorithm: bytes | None) -> None:
        """Whatever of both forms DG14 names, since chips name one and send the other."""
        transcript, group = answered(kind)
        assert verify(transcript, group, algorithm).verdict is Verdict.PASSED

    @pytest.mark.parametrize("kind", ["ecdsa", "ecdsa-der", "rsa", "rsa-sha1"])
    def test_an_answer_to_another_challenge_fails(self, kind: ActiveKind) -> None:
        """An old answer is a replay."""
        transcript, group = answered(kind)
        replayed = Transcript(RecordBinding(bytes(16), bytes(32)), RANDOM, transcript.answer)
        assert verify(replayed, group, None).verdict is Verdict.FAILED

    @pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
    def test_every_changed_or_cut_answer_fails(self, kind: ActiveKind) -> None:
        """At every byte."""
        transcript, group = answered(kind)
        for at in range(len(transcript.answer)):
            changed = bytearray(transcript.answer)
            changed[at] ^= 0x10
            for answer in (bytes(changed), transcript.answer[:at]):
                assert verify(Transcript(BINDING, RANDOM, answer), group, PLAIN_SHA256).verdict is Verdict.FAILED

    def test_another_hash_than_dg14_names_fails(self) -> None:
        """SHA-1 was named, SHA-256 was used."""
        transcript, group = answered("ecdsa")
        assert verify(transcript, group, PLAIN_SHA256[:-1] + b"\x01").verdict is Verdict.FAILED
        assert verify(transcript, group, b"\x2a\x03").verdict is Verdict.FAILED

    def test_a_key_that_is_not_ours_is_not_assessed(self) -> None:
        """It says so, with the reason."""
        transcript, _ = answered("ecdsa")
        check = verify(transcript, bytes.fromhex("6F00"), None)
        assert (check.verdict, check.gate) == (Verdict.NOT_ASSESSED, True)
        assert "DG15" in check.reason

    def test_truncation_of_dg15_at_every_byte_is_refused(self) -> None:
        """No cut is a key."""
        _, group = answered("rsa")
        for cut in range(len(group)):
            with pytest.raises(ChipDataError):
                parse_dg15(group[:cut])


class TestMessageRecovery:
    """ISO/IEC 9796-2, scheme 1."""

    def test_the_published_representative(self, vector: Callable[[str], dict[str, Any]]) -> None:
        """Doc 9303-11, appendix F: header 6A, M1, SHA-1, trailer BC."""
        example = vector("aa_rsa_iso9796_2_appF")
        representative, sent = bytes.fromhex(example["f"]), bytes.fromhex(example["rnd_ifd"])
        assert _holds(representative, sent)
        assert not _holds(representative, sent[::-1])

    @pytest.mark.parametrize("header", [b"\x6b\xbb\xba", b"\x6b\xba"])
    def test_padded_representatives(self, header: bytes) -> None:
        """A shorter M1 has a longer header."""
        recovered = b"r" * (128 - len(header) - 20 - 1)
        representative = (
            header + recovered + hashlib.sha1(recovered + RANDOM[:8], usedforsecurity=False).digest() + b"\xbc"
        )
        assert _holds(representative, RANDOM[:8])

    @given(st.binary(min_size=128, max_size=128))
    def test_any_representative_is_judged(self, representative: bytes) -> None:
        """None is believed, and none breaks anything."""
        assert not _holds(representative, RANDOM[:8])

    @pytest.mark.parametrize("signature", [b"", b"\x00", bytes(256), b"\xff" * 256])
    def test_numbers_beyond_the_modulus_are_refused(self, signature: bytes, rsa_key: rsa.RSAPrivateKey) -> None:
        """And empty ones."""
        with pytest.raises(InvalidSignature):
            verify_recovered(rsa_key.public_key(), signature, RANDOM[:8])


class TestPart:
    """What the record keeps."""

    def test_a_collector_verifies_it_again(self, new_link: NewLink, read: Read) -> None:
        """From the parts alone: challenge inputs, answer, DG14 and DG15."""
        parts = {part.name: part.data for part in read(new_link(), binding=BINDING).evidence.parts}
        transcript = Transcript.from_json(parts[PART])
        assert transcript.binding == BINDING
        algorithm = parse_dg14(parts["chip/dg14"]).active_algorithm
        assert verify(transcript, parts["chip/dg15"], algorithm).verdict is Verdict.PASSED

    def test_the_record_tells_what_it_is_bound_to(self, new_link: NewLink, read: Read) -> None:
        """A reading without a record binds to nothing, and says so."""
        bound = [read(new_link(), binding=binding).evidence.facts for binding in (BINDING, RecordBinding())]
        told = [facts["active_authentication_bound_to"] for facts in bound]
        assert told == ["the record", "nothing"]

    def test_two_readings_have_different_challenges(self, new_link: NewLink, read: Read) -> None:
        """32 random bytes go in."""
        link = new_link()
        parts = [{part.name: part.data for part in read(link, binding=BINDING).evidence.parts} for _ in range(2)]
        assert parts[0][PART] != parts[1][PART]

    @pytest.mark.parametrize("name", ["record_id", "head", "random", "challenge"])
    def test_changed_inputs_are_refused(self, name: str) -> None:
        """The challenge must be theirs."""
        values = json.loads(Transcript(BINDING, RANDOM, b"a").to_json())
        values[name] = ("00" if values[name][:2] != "00" else "01") + values[name][2:]
        with pytest.raises(ChipDataError):
            Transcript.from_json(json.dumps(values).encode())

    def test_truncation_at_every_byte_is_refused(self) -> None:
        """No cut is taken for a whole."""
        part = Transcript(BINDING, RANDOM, b"a").to_json()
        for cut in range(len(part)):
            with pytest.raises(ChipDataError):
                Transcript.from_json(part[:cut])

    @given(st.binary(max_size=300) | st.text(max_size=50).map(lambda text: json.dumps({text: text}).encode()))
    def test_any_part_is_parsed_or_refused(self, data: bytes) -> None:
        """Nothing but ChipDataError."""
        with pytest.raises(ChipDataError):
            Transcript.from_json(data)

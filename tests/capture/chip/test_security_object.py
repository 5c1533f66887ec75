from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from firmware_mocks.chip_card.forgery import GROUPS, Signer, Sod
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.chip import ChipDataError, TrustAnchors
from agent.capture.chip.passive_authentication import authenticate
from agent.capture.chip.security_object import MAX_SOD_BYTES, parse_sod
from agent.capture.chip.tlv import encode
from agent.capture.evidence import Check, Verdict

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Judge = Callable[..., dict[str, Check]]


def failed(checks: Mapping[str, Check]) -> set[str]:
    """Return the names of what failed."""
    return {check.name for check in checks.values() if check.verdict is Verdict.FAILED}


def flipped(data: bytes, position: int) -> bytes:
    """Change one bit of the byte at `position`, counted round."""
    changed = bytearray(data)
    changed[position % len(data)] ^= 0x01
    return bytes(changed)


class TestHostileSecurityObjects:
    """What may stand in EF.SOD."""

    @pytest.mark.parametrize(
        "listed",
        [
            [(1, bytes(32)), (1, hashlib.sha256(GROUPS[1]).digest())],
            [(1, hashlib.sha256(GROUPS[1]).digest())] * 2,
            [(0, bytes(32))],
            [(17, bytes(32))],
            [(-1, bytes(32))],
            [(2**4000, bytes(32))],
            [(1, b"")],
            [(1, bytes(20))],
        ],
        ids=["twice", "twice the same", "0", "17", "-1", "huge", "empty hash", "short hash"],
    )
    def test_lists_that_lie_are_refused(self, signer: Signer, listed: list[tuple[int, bytes]]) -> None:
        """Doubles, numbers and hashes that none are."""
        with pytest.raises(ChipDataError):
            parse_sod(Sod(signer, listed=listed).build())

    @pytest.mark.parametrize("hash_name", ["md5", "md2", "sha3_256", "shake128"])
    def test_hashes_that_are_not_believed_are_refused(self, signer: Signer, hash_name: str) -> None:
        """A list by MD5 proves nothing."""
        with pytest.raises(ChipDataError, match="hash algorithm"):
            parse_sod(Sod(signer, hash_name=hash_name, digest_name="sha256", listed=[(1, bytes(16))]).build())

    def test_another_content_is_refused(self, signer: Signer) -> None:
        """Signed data, but no list of data groups."""
        with pytest.raises(ChipDataError, match="security object"):
            parse_sod(Sod(signer, content_type="1.2.3.4").build())

    def test_a_missing_certificate_is_refused(self, signer: Signer, csca: Signer) -> None:
        """Only somebody else's is there, or none."""
        for certificates in ([], [csca.der]):
            with pytest.raises(ChipDataError, match="signer's certificate"):
                parse_sod(Sod(signer, certificates=certificates).build())

    def test_trailing_bytes_are_refused(self, signer: Signer) -> None:
        """Behind the file, and inside it behind the CMS."""
        sod = Sod(signer).build()
        with pytest.raises(ChipDataError):
            parse_sod(sod + b"\x00")
        with pytest.raises(ChipDataError):
            parse_sod(encode(0x77, sod[4:] + b"\x05\x00"))

    def test_a_huge_file_is_refused_before_it_is_parsed(self) -> None:
        """64 KiB are more than any document has."""
        with pytest.raises(ChipDataError, match="bytes"):
            parse_sod(encode(0x77, bytes(MAX_SOD_BYTES)))

    def test_deep_nesting_is_refused(self) -> None:
        """Thousands of sequences inside each other must not exhaust the stack."""
        data = b""
        for _ in range(15_000):
            data = encode(0x30, data)
            if len(data) > 60_000:
                break
        with pytest.raises(ChipDataError):
            parse_sod(encode(0x77, data))

    def test_truncation_at_every_byte_is_refused(self, signer: Signer) -> None:
        """Of the file, and of the CMS inside a file whose length is right."""
        sod = Sod(signer).build()
        for cut in range(len(sod)):
            with pytest.raises(ChipDataError):
                parse_sod(sod[:cut])
        for cut in range(len(sod) - 4):
            with pytest.raises(ChipDataError):
                parse_sod(encode(0x77, sod[4 : 4 + cut]))

    def test_every_changed_byte_is_refused_or_fails(self, sod: bytes, judge: Judge) -> None:
        """No byte that matters may change: what still parses fails a check, or names nothing that was believed."""
        passed = []
        for position in range(4, len(sod)):
            changed = flipped(sod, position)
            try:
                checks = judge(changed)
            except ChipDataError:
                continue
            if not failed(checks):
                passed.append(position)
        # Outside every signature (RFC 5652, 5.1) and unused: before the content the version and the list of digest
        # algorithms, after it the signer's version and the count of unused bits in the certificate's signature.
        content_at = sod.index(bytes.fromhex("060667810801"))
        assert len([position for position in passed if position > content_at]) <= 2

    @settings(max_examples=150, deadline=None)
    @given(data=st.data())
    def test_any_change_is_parsed_judged_or_refused(self, data: st.DataObject, sod: bytes, csca: Signer) -> None:
        """Nothing but ChipDataError comes out of parser and judge."""
        changed = bytearray(sod)
        for _ in range(data.draw(st.integers(1, 4))):
            changed[data.draw(st.integers(0, len(sod) - 1))] = data.draw(st.integers(0, 255))
        try:
            parsed = parse_sod(bytes(changed))
        except ChipDataError:
            return
        authenticate(parsed, GROUPS, TrustAnchors.from_der([csca.der]), NOW)

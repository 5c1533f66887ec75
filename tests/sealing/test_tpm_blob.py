"""The file of a TPM's key: torn, changed or foreign bytes are refused, by us or by the TPM."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.sealing.errors import KeyUnusable
from agent.sealing.key_errors import KeyMismatch, KeyOfAnotherDevice
from agent.sealing.key_settings import InTpm

pytss = pytest.importorskip("tpm2_pytss", reason="tpm2-pytss is not installed (extra tpm)")
from agent.sealing import tpm_blob, tpm_key  # noqa: E402  # needs the library that was just looked for

BLOB = "record.tpm.pem"


class TestHostile:
    """Files that were torn, changed or made up."""

    def test_every_truncation_of_the_wrapped_key_is_refused(self, in_tpm: InTpm, trust: Path) -> None:
        """A torn file is never more than a typed error."""
        tpm_key.create(in_tpm, trust).close()
        whole = (trust / BLOB).read_bytes()
        for length in range(len(whole)):
            (trust / BLOB).write_bytes(whole[:length])
            with pytest.raises(KeyUnusable):
                tpm_blob.read_blob(trust / BLOB)

    def test_every_changed_byte_is_refused(self, in_tpm: InTpm, trust: Path) -> None:
        """A bit flipped anywhere in the wrapped key: refused by us, or by the TPM's own integrity check."""
        tpm_key.create(in_tpm, trust).close()
        blob = tpm_blob.read_blob(trust / BLOB)
        whole = blob.to_der()
        outcomes = set()
        for place in range(len(whole)):
            changed = bytes([*whole[:place], whole[place] ^ 0x10, *whole[place + 1 :]])
            (trust / BLOB).write_bytes(_armored(changed))
            with pytest.raises((KeyUnusable, KeyOfAnotherDevice, KeyMismatch)) as caught:
                tpm_key.load(in_tpm, trust)
            outcomes.add(type(caught.value))
        assert {KeyUnusable, KeyOfAnotherDevice} <= outcomes

    @hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_are_refused(self, tmp_path: Path, data: bytes) -> None:
        """Arbitrary bytes inside the armour are KeyUnusable and nothing else."""
        path = tmp_path / BLOB
        path.touch(mode=0o600)
        path.write_bytes(_armored(data))
        with pytest.raises(KeyUnusable):
            tpm_blob.read_blob(path)


def _armored(der: bytes) -> bytes:
    return bytes(pytss.tsskey._tssprivkey_pem_armor(der))

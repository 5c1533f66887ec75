from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from firmware_mocks.chip_card import tlv
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.files import COM, SOD, data_group
from firmware_mocks.chip_card.issuer import kept_csca
from firmware_mocks.chip_card.personalisation import personalise
from firmware_mocks.chip_card.profile import DEFAULT_PERSON

Files = dict[int, bytes]


@pytest.fixture
def files(csca_folder: Path, portrait: bytes) -> Callable[..., Files]:
    """Make the application's files of the default person with fault words."""

    def make(*words: str) -> Files:
        chip = personalise(DEFAULT_PERSON, portrait, csca_folder, Faults.parse(words))
        return dict(chip.files.application)

    return make


def signed_hashes(sod: bytes, csca: x509.Certificate) -> dict[int, bytes]:
    """Verify EF.SOD up to the CSCA and return its hashes by data group; raises InvalidSignature."""
    signed = cms.ContentInfo.load(tlv.single(sod, 0x77), strict=True)["content"]
    signer = x509.load_der_x509_certificate(signed["certificates"][0].chosen.dump())
    signer.verify_directly_issued_by(csca)
    content = signed["encap_content_info"]["content"].contents
    info = signed["signer_infos"][0]
    attributes = {attribute["type"].native: attribute["values"][0] for attribute in info["signed_attrs"]}
    assert attributes["message_digest"].native == hashlib.sha256(content).digest()
    assert attributes["content_type"].dotted == "2.23.136.1.1.1"
    key = signer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(info["signature"].native, info["signed_attrs"].untag().dump(), ec.ECDSA(hashes.SHA256()))
    entries = core.SequenceOf.load(core.Sequence.load(content)[2].dump(), spec=core.Sequence)
    return {entry[0].native: entry[1].native for entry in entries}


def anchor(folder: Path) -> x509.Certificate:
    """Read the kept CSCA certificate."""
    return x509.load_pem_x509_certificate((folder / "csca.pem").read_bytes())


def test_security_object_covers_every_data_group(files: Callable[..., Files], csca_folder: Path) -> None:
    """The SOD verifies up to the kept CSCA, and each hash is the file's."""
    made = files()
    digests = signed_hashes(made[SOD], anchor(csca_folder))
    assert sorted(digests) == [1, 2, 3, 13, 14, 15]
    for number in (1, 2, 13, 14, 15):
        assert digests[number] == hashlib.sha256(made[data_group(number)]).digest()


@pytest.mark.parametrize("number", [1, 2, 13])
def test_forged_sod_changes_just_that_group(files: Callable[..., Files], csca_folder: Path, number: int) -> None:
    """The signature still verifies; the named group no longer matches its hash, the others do."""
    made = files(f"forged-sod=DG{number}")
    digests = signed_hashes(made[SOD], anchor(csca_folder))
    other = [n for n in digests if n != 3 and hashlib.sha256(made[data_group(n)]).digest() != digests[n]]
    assert other == [number]


def test_foreign_csca_is_not_the_anchor(files: Callable[..., Files], csca_folder: Path) -> None:
    """The same name, another key: only the signature tells."""
    made = files("foreign-csca")
    with pytest.raises(InvalidSignature):
        signed_hashes(made[SOD], anchor(csca_folder))


def test_common_data_lists_what_is_there(files: Callable[..., Files]) -> None:
    """EF.COM names DG3 as well, though nobody can read it."""
    assert tlv.decode(tlv.single(files()[COM], 0x60))[-1] == (0x5C, bytes.fromhex("6175636d6e6f"))


def test_many_cards_share_one_anchor(tmp_path: Path) -> None:
    """Cards personalised at the same time agree on the CSCA of a new folder."""
    found: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(kept_csca(tmp_path / "csca").certificate.fingerprint(hashes.SHA256()))
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 6
    assert len(set(found)) == 1


def test_dg13_has_its_numbered_fields(files: Callable[..., Files]) -> None:
    """Entries are { number, text }; absent ones are left out, parents come as a pair."""
    sequence = core.Sequence.load(tlv.single(files()[data_group(13)], 0x6D))
    assert (sequence[0].native, sequence[1].dotted) == (1, "1.0.10646.1.0.8")
    entries = {entry[0].native: entry[1] for entry in (core.Sequence.load(e.dump()) for e in _members(sequence[2]))}
    assert sorted(entries) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16]
    assert entries[1].native == "001199000017"
    assert entries[2].native == "Nguyễn Thị Mẫu"
    assert entries[3].native == "01/01/1999"
    assert [value.native for value in _members(entries[13])] == ["Nguyễn Văn Kiểu", "Trần Thị Thử"]


def _members(value: core.Asn1Value) -> list[core.Asn1Value]:
    """Split the content of a SET or SEQUENCE whose members differ."""
    members, rest = [], value.contents
    while rest:
        members.append(core.load(rest, strict=False))
        rest = rest[len(members[-1].dump()) :]
    return members

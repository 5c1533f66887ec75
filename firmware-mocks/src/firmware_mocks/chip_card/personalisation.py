"""Writes a person onto a chip: every file of the eMRTD application, signed by the issuer of a folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from firmware_mocks.chip_card import mrz, tlv
from firmware_mocks.chip_card.chip import Chip
from firmware_mocks.chip_card.chip_keys import ActiveKind, AgreementKey, dg14, dg15, new_active_key
from firmware_mocks.chip_card.dg13 import dg13
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.files import CARD_ACCESS, COM, SOD, FileSystem, data_group
from firmware_mocks.chip_card.issuer import Issuer, kept_csca
from firmware_mocks.chip_card.pace import Passwords
from firmware_mocks.chip_card.portrait import dg2
from firmware_mocks.chip_card.profile import Person
from firmware_mocks.chip_card.security_object import sod

# What citizen cards answer: terminal authentication 1, chip authentication ECDH-AES-128 1, PACE as in pace.py
EF_CARD_ACCESS = bytes.fromhex(
    "3134300d060804007f0007020202020101300f060a04007f000702020302020201013012060a04007f0007020204020202010202010d"
)
_PACE_INFO = EF_CARD_ACCESS[-20:]
_TAGS = {1: 0x61, 2: 0x75, 3: 0x63, 13: 0x6D, 14: 0x6E, 15: 0x6F}
_FINGERPRINTS = 3
_TWO_GIGABYTES = bytes.fromhex("847FFFFFFF")


def personalise(
    person: Person,
    jpeg: bytes,
    csca_folder: Path,
    faults: Faults | None = None,
    active_kind: ActiveKind = "ecdsa",
) -> Chip:
    """Make the chip of `person` with the portrait `jpeg`; raises PortraitError when that is no JPEG.

    The CSCA is the one of `csca_folder`, or one of nowhere for the fault foreign-csca.
    """
    faults = faults or Faults()
    active, agreement = new_active_key(active_kind), AgreementKey()
    groups = {1: _dg1(person), 13: dg13(person), 14: dg14(agreement, active, _PACE_INFO)}
    if not faults.no_dg2:
        groups[2] = dg2(jpeg)
    if active:
        groups[15] = dg15(active)
    csca = Issuer.new_csca() if faults.foreign_csca else kept_csca(csca_folder)
    # DG3 is on the card, in EF.COM and in EF.SOD, but only terminal authentication would open it
    signed = {**groups, _FINGERPRINTS: tlv.encode(0x63, secrets.token_bytes(64))}
    application = {SOD: sod(signed, csca.new_signer()), COM: _com(signed)}
    application |= {data_group(number): _faulty(number, groups[number], faults) for number in groups}
    master = {} if faults.no_card_access else {CARD_ACCESS: EF_CARD_ACCESS}
    files = FileSystem(master, application, denied=frozenset({data_group(_FINGERPRINTS)}))
    if faults.cloned:  # every file can be copied, the private keys cannot
        active, agreement = new_active_key(active_kind), AgreementKey()
    return Chip(files, Passwords(person.can, mrz.information(person)), agreement, active)


def _dg1(person: Person) -> bytes:
    return tlv.encode(0x61, tlv.encode(0x5F1F, "".join(mrz.td1(person)).encode("ascii")))


def _com(groups: dict[int, bytes]) -> bytes:
    tags = bytes(_TAGS[number] for number in sorted(groups))
    versions = tlv.encode(0x5F01, b"0107") + tlv.encode(0x5F36, b"040000")
    return tlv.encode(0x60, versions + tlv.encode(0x5C, tags))


def _faulty(number: int, content: bytes, faults: Faults) -> bytes:
    if faults.forged_sod == f"DG{number}":
        content = _forged(number, content)
    if faults.lying_length == f"DG{number}":
        header_bytes = 2 + (content[1] & 0x7F if content[1] & 0x80 else 0)
        content = content[:1] + _TWO_GIGABYTES + content[header_bytes:]
    return content


def _forged(number: int, content: bytes) -> bytes:
    """Another first letter of the name in DG1, which no check digit covers; another last byte elsewhere."""
    forged = bytearray(content)
    if number == 1:
        forged[-mrz.LINE] = ord("B") if forged[-mrz.LINE] == ord("A") else ord("A")
    else:
        forged[-1] ^= 0x01
    return bytes(forged)

"""Writes a person onto a chip: every file of the eMRTD application, signed by the issuer of a folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from firmware_mocks.chip_card import mrz, tlv
from firmware_mocks.chip_card.chip import Chip
from firmware_mocks.chip_card.chip_keys import (
    ActiveKey,
    ActiveKind,
    AgreementKey,
    agreement_infos,
    dg14,
    dg15,
    new_active_key,
)
from firmware_mocks.chip_card.dg13 import dg13
from firmware_mocks.chip_card.documents import Document
from firmware_mocks.chip_card.faults import Faults
from firmware_mocks.chip_card.files import CARD_ACCESS, CARD_SECURITY, COM, SOD, FileSystem, data_group
from firmware_mocks.chip_card.issuer import Issuer, kept_csca
from firmware_mocks.chip_card.pace import Passwords
from firmware_mocks.chip_card.portrait import dg2, drawn_portrait
from firmware_mocks.chip_card.profile import Person
from firmware_mocks.chip_card.security_object import card_security, sod
from firmware_mocks.chip_card.travel_groups import dg7, dg11, dg12, dg16

# What citizen cards answer: terminal authentication 1, chip authentication ECDH-AES-128 1, PACE as in pace.py
EF_CARD_ACCESS = bytes.fromhex(
    "3134300d060804007f0007020202020101300f060a04007f000702020302020201013012060a04007f0007020204020202010202010d"
)
_TAGS = {1: 0x61, 2: 0x75, 3: 0x63, 7: 0x67, 11: 0x6B, 12: 0x6C, 13: 0x6D, 14: 0x6E, 15: 0x6F, 16: 0x70}
_FINGERPRINTS = 3
_TD1_BYTES, _TD3_NAME = 90 + 5, 83  # a zone with its headers; where a passport's name begins, from the end
_TWO_GIGABYTES = bytes.fromhex("847FFFFFFF")


def personalise(
    person: Person,
    jpeg: bytes,
    csca_folder: Path,
    faults: Faults | None = None,
    active_kind: ActiveKind = "ecdsa",
    document: Document | None = None,
) -> Chip:
    """Make the chip of `person` with the portrait `jpeg`; raises PortraitError when that is no JPEG.

    The CSCA is the one of `csca_folder`, or one of nowhere for the fault foreign-csca.
    """
    faults, document = faults or Faults(), document or Document()
    active, agreement = _new_keys(active_kind, document)
    groups = _groups(person, jpeg, document)
    groups[14] = dg14(agreement, active, [variant.info for variant in document.pace])
    if faults.no_dg2:
        del groups[2]
    if active:
        groups[15] = dg15(active)
    csca = Issuer.new_csca() if faults.foreign_csca else kept_csca(csca_folder)
    signer = csca.new_signer()
    # DG3 is on the card, in EF.COM and in EF.SOD, but only terminal authentication would open it
    signed = {**groups, _FINGERPRINTS: tlv.encode(0x63, secrets.token_bytes(64))}
    application = {SOD: sod(signed, signer, document.lds), COM: _com(signed, document.lds)}
    if faults.swapped_dg2:
        groups[2] = dg2(drawn_portrait(int(person.number) + 1), extensible=document.lds >= "0108")
    application |= {data_group(number): _faulty(number, groups[number], faults) for number in groups}
    master = {} if faults.no_card_access else _card_access(document)
    if agreement and document.proves_by_mapping:
        master[CARD_SECURITY] = card_security([*agreement_infos(agreement), *_pace_infos(document)], signer)
    files = FileSystem(master, application, denied=frozenset({data_group(_FINGERPRINTS)}))
    if faults.cloned:  # every file can be copied, the private keys cannot
        active, agreement = _new_keys(active_kind, document)
    return Chip(files, _passwords(person, document), agreement, active, document.pace, document.bac)


def _new_keys(active_kind: ActiveKind, document: Document) -> tuple[ActiveKey | None, AgreementKey | None]:
    agreement = AgreementKey(document.agreement) if document.agreement else None
    return new_active_key(active_kind), agreement


def _groups(person: Person, jpeg: bytes, document: Document) -> dict[int, bytes]:
    lines = mrz.td3(person) if document.passport else mrz.td1(person)
    groups = {1: _dg1("".join(lines)), 2: dg2(jpeg, extensible=document.lds >= "0108")}
    if document.passport:
        return groups | {7: dg7(jpeg), 11: dg11(person), 12: dg12(person), 16: dg16(person.mother or "A B", "0123")}
    return groups | {13: dg13(person)}


def _card_access(document: Document) -> dict[int, bytes]:
    if not document.pace or document.card_access == ():
        return {}
    if document == Document(pin=document.pin):
        return {CARD_ACCESS: EF_CARD_ACCESS}
    return {CARD_ACCESS: tlv.encode(0x31, b"".join(_pace_infos(document)))}


def _pace_infos(document: Document) -> list[bytes]:
    shown = document.pace if document.card_access is None else document.card_access
    return [variant.info for variant in shown]


def _passwords(person: Person, document: Document) -> Passwords:
    information = mrz.passport_information(person) if document.passport else mrz.information(person)
    puk = document.pin and "9" * 10
    return Passwords(person.can, information, document.pin, puk)


def _dg1(zone: str) -> bytes:
    return tlv.encode(0x61, tlv.encode(0x5F1F, zone.encode("ascii")))


def _com(groups: dict[int, bytes], lds: str) -> bytes:
    tags = bytes(_TAGS[number] for number in sorted(groups))
    versions = tlv.encode(0x5F01, lds.encode("ascii")) + tlv.encode(0x5F36, b"040000")
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
        first = -mrz.LINE if len(content) >= _TD1_BYTES else -_TD3_NAME
        forged[first] = ord("B") if forged[first] == ord("A") else ord("A")
    else:
        forged[-1] ^= 0x01
    return bytes(forged)

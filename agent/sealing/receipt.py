"""The collector's receipt: everything up to a seq is on its stable storage. A kiosk purges on nothing less."""

from __future__ import annotations

from dataclasses import dataclass

from agent.sealing.core import HASH_BYTES
from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import decode_map, encode, take, take_bytes, take_count
from agent.sealing.errors import Malformed, SignatureInvalid
from agent.sealing.keys import SigningKey
from agent.sealing.keyset import ReceiptKeys

CONTENT_TYPE = "application/vnd.kiosk.receipt.v1+cbor"
_KEYS = frozenset({"collector", "kiosk", "epoch", "through_seq", "head", "quarantined", "time"})
_WHAT = "receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the collector signs. `head` is the payload hash of record `through_seq`; `time_ns` is its wall clock."""

    collector: str
    kiosk: str
    epoch: int
    through_seq: int
    head: bytes
    quarantined: tuple[int, ...]
    time_ns: int


def sign_receipt(receipt: Receipt, key: SigningKey) -> bytes:
    """Return the receipt as COSE_Sign1."""
    payload = encode(
        {
            "collector": receipt.collector,
            "kiosk": receipt.kiosk,
            "epoch": receipt.epoch,
            "through_seq": receipt.through_seq,
            "head": receipt.head,
            "quarantined": list(receipt.quarantined),
            "time": receipt.time_ns,
        }
    )
    return sign1(payload, CONTENT_TYPE, key)


def verify_receipt(data: bytes, keys: ReceiptKeys) -> Receipt:
    """Return the receipt if one of `keys` signed it; raise Malformed or SignatureInvalid."""
    signed = parse_sign1(data, CONTENT_TYPE)
    public = keys.by_id.get(signed.key_id)
    if public is None:
        raise SignatureInvalid(f"receipt key {signed.key_id.hex()} is not in the bundle")
    values = decode_map(signed.verify(public), _KEYS, _WHAT)
    through_seq = take_count(values, "through_seq", _WHAT)
    quarantined = take(values, "quarantined", list, _WHAT)
    if not all(type(seq) is int and 0 <= seq <= through_seq for seq in quarantined):
        raise Malformed(f"{_WHAT}: quarantined")
    return Receipt(
        collector=take(values, "collector", str, _WHAT),
        kiosk=take(values, "kiosk", str, _WHAT),
        epoch=take_count(values, "epoch", _WHAT),
        through_seq=through_seq,
        head=take_bytes(values, "head", HASH_BYTES, _WHAT),
        quarantined=tuple(quarantined),
        time_ns=take_count(values, "time", _WHAT),
    )

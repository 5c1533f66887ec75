"""The collector's clock, signed over a kiosk's nonce: nobody can answer with an old time."""

from __future__ import annotations

from dataclasses import dataclass

from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import decode_map, encode, take, take_bytes, take_count
from agent.sealing.errors import SignatureInvalid
from agent.sealing.keys import SigningKey
from agent.sealing.keyset import ReceiptKeys

CONTENT_TYPE = "application/vnd.kiosk.time.v1+cbor"
NONCE_BYTES = 16
_KEYS = frozenset({"collector", "nonce", "time"})
_WHAT = "time answer"


@dataclass(frozen=True, slots=True)
class TimeAnswer:
    """The collector's wall clock in nanoseconds since the Unix epoch, for the nonce of one question."""

    collector: str
    nonce: bytes
    time_ns: int


def sign_time(answer: TimeAnswer, key: SigningKey) -> bytes:
    """Return the answer as COSE_Sign1."""
    values = {"collector": answer.collector, "nonce": answer.nonce, "time": answer.time_ns}
    return sign1(encode(values), CONTENT_TYPE, key)


def verify_time(data: bytes, nonce: bytes, keys: ReceiptKeys) -> TimeAnswer:
    """Return the answer if one of `keys` signed it for this nonce; raise Malformed or SignatureInvalid."""
    signed = parse_sign1(data, CONTENT_TYPE)
    public = keys.by_id.get(signed.key_id)
    if public is None:
        raise SignatureInvalid(f"receipt key {signed.key_id.hex()} is not in the bundle")
    values = decode_map(signed.verify(public), _KEYS, _WHAT)
    answer = TimeAnswer(
        collector=take(values, "collector", str, _WHAT),
        nonce=take_bytes(values, "nonce", NONCE_BYTES, _WHAT),
        time_ns=take_count(values, "time", _WHAT),
    )
    if answer.nonce != nonce:
        raise SignatureInvalid(f"{_WHAT}: for another question")
    return answer

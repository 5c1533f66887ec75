"""The index of an export: what is carried, signed with the kiosk's record key. It is written last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from agent.sealing import Malformed, SigningKey
from agent.sealing.core import HASH_BYTES
from agent.sealing.cose import parse_sign1, sign1
from agent.sealing.encoding import check_map, decode_map, encode, take, take_bytes, take_count

CONTENT_TYPE = "application/vnd.kiosk.export.v1+cbor"
PIECE_NAME = re.compile(r"records-\d{10}-\d{14}\.kqx", re.ASCII)
# More than one file of the kiosk can have (agent/custody/exporting.py); a reader holds one in memory.
MAX_PIECE_BYTES = 128 * 2**20
_KEYS = frozenset({"kiosk", "epoch", "first_seq", "next_seq", "head", "lost", "pieces", "time"})
_PIECE_KEYS = frozenset({"name", "size", "sha256", "first_seq", "next_seq"})
_WHAT = "export index"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file with records first_seq up to, not including, next_seq."""

    name: str
    size_bytes: int
    sha256: bytes
    first_seq: int
    next_seq: int


@dataclass(frozen=True, slots=True)
class ExportIndex:
    """What one kiosk gave away: records first_seq up to, not including, next_seq; tombstones in place of the `lost`.

    `head` is the payload hash of record next_seq - 1; `time_ns` is the kiosk's wall clock.
    """

    kiosk: str
    epoch: int
    first_seq: int
    next_seq: int
    head: bytes
    lost: tuple[int, ...]
    pieces: tuple[Piece, ...]
    time_ns: int


def sign_index(index: ExportIndex, key: SigningKey) -> bytes:
    """Return the index as COSE_Sign1. Raises ValueError when its pieces do not make up its records."""
    return sign1(index_payload(index), CONTENT_TYPE, key)


def index_payload(index: ExportIndex) -> bytes:
    """Return what is signed. Raises ValueError as sign_index does."""
    _require_whole(index)
    payload = {
        "kiosk": index.kiosk,
        "epoch": index.epoch,
        "first_seq": index.first_seq,
        "next_seq": index.next_seq,
        "head": index.head,
        "lost": list(index.lost),
        "pieces": [_told(piece) for piece in index.pieces],
        "time": index.time_ns,
    }
    return encode(payload)


def parse_index(data: bytes, public: ec.EllipticCurvePublicKey | None) -> ExportIndex:
    """Return the index; `public` None reads it unverified, to learn whose key is needed.

    Raises Malformed or SignatureInvalid.
    """
    signed = parse_sign1(data, CONTENT_TYPE)
    return parse_index_payload(signed.payload if public is None else signed.verify(public))


def parse_index_payload(data: bytes) -> ExportIndex:
    """Return the index from what is signed. Raises Malformed."""
    values = decode_map(data, _KEYS, _WHAT)
    index = ExportIndex(
        kiosk=take(values, "kiosk", str, _WHAT),
        epoch=take_count(values, "epoch", _WHAT),
        first_seq=take_count(values, "first_seq", _WHAT),
        next_seq=take_count(values, "next_seq", _WHAT),
        head=take_bytes(values, "head", HASH_BYTES, _WHAT),
        lost=tuple(take(values, "lost", list, _WHAT)),
        pieces=tuple(_piece(one) for one in take(values, "pieces", list, _WHAT)),
        time_ns=take_count(values, "time", _WHAT),
    )
    try:
        _require_whole(index)
    except ValueError as error:
        raise Malformed(f"{_WHAT}: {error}") from None
    return index


def _require_whole(index: ExportIndex) -> None:
    """Every record is in exactly one piece, in order, and nothing else is claimed."""
    seq = index.first_seq
    for piece in index.pieces:
        if not PIECE_NAME.fullmatch(piece.name) or piece.first_seq != seq or piece.next_seq <= seq:
            raise ValueError("pieces")
        seq = piece.next_seq
    if seq != index.next_seq or not index.pieces:
        raise ValueError("pieces")
    if any(type(seq) is not int or not index.first_seq <= seq < index.next_seq for seq in index.lost):
        raise ValueError("lost")


def _told(piece: Piece) -> dict[str, object]:
    return {
        "name": piece.name,
        "size": piece.size_bytes,
        "sha256": piece.sha256,
        "first_seq": piece.first_seq,
        "next_seq": piece.next_seq,
    }


def _piece(told: Any) -> Piece:
    values = check_map(told, _PIECE_KEYS, _WHAT)
    if take_count(values, "size", _WHAT) > MAX_PIECE_BYTES:
        raise Malformed(f"{_WHAT}: size")
    return Piece(
        name=take(values, "name", str, _WHAT),
        size_bytes=take_count(values, "size", _WHAT),
        sha256=take_bytes(values, "sha256", HASH_BYTES, _WHAT),
        first_seq=take_count(values, "first_seq", _WHAT),
        next_seq=take_count(values, "next_seq", _WHAT),
    )

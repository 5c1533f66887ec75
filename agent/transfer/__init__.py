"""Records carried to the collector on a disk: the format that the kiosk writes and the collector reads (docs/queue.md).

Knows sealing only. What is carried is what the stream would carry, sealed and signed; nothing in it is readable.
"""

from agent.transfer.errors import ExportDamaged, ExportIncomplete, ExportUnreadable, TransferError
from agent.transfer.folder import ExportFolder, find_exports, folder_name
from agent.transfer.index import ExportIndex, Piece, index_payload, parse_index, parse_index_payload, sign_index
from agent.transfer.piece import Carried, CarriedItem, CarriedTombstone, pack_piece, unpack_piece

__all__ = [
    "Carried",
    "CarriedItem",
    "CarriedTombstone",
    "ExportDamaged",
    "ExportFolder",
    "ExportIncomplete",
    "ExportIndex",
    "ExportUnreadable",
    "Piece",
    "TransferError",
    "find_exports",
    "folder_name",
    "index_payload",
    "pack_piece",
    "parse_index",
    "parse_index_payload",
    "sign_index",
    "unpack_piece",
]

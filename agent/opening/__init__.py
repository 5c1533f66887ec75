"""Verifying and opening records, for people who hold the keys. The collector and `kiosk record` share it."""

from agent.opening.again import anchors_in
from agent.opening.errors import FolderInUse, NotARecordFile, NotWritten, OpeningError, RecordDamaged
from agent.opening.opened import OpenedRecord, as_json, open_record, write_out
from agent.opening.record_file import ENDING, pack_record, parse_record, read_record
from agent.opening.verdicts import COLUMNS, verdict_rows, verdict_table

__all__ = [
    "COLUMNS",
    "ENDING",
    "FolderInUse",
    "NotARecordFile",
    "NotWritten",
    "OpenedRecord",
    "OpeningError",
    "RecordDamaged",
    "anchors_in",
    "as_json",
    "open_record",
    "pack_record",
    "parse_record",
    "read_record",
    "verdict_rows",
    "verdict_table",
    "write_out",
]

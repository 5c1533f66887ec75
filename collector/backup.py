"""A copy of the store while the collector serves: the list of kiosks, the rows, then the files that they name."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from collector.embedded_registry import FILE_NAME as REGISTRY
from collector.embedded_store import FILE_NAME, EmbeddedStore
from collector.errors import AlreadyExists, StoreFailed
from collector.record_files import RecordFiles, sync_folder


def back_up(store: Path, target: Path) -> int:
    """Copy the store's folder to a new one and return how many records are in it; on return it survives a power cut.

    Files are on the disk before their rows, so every row of the copy has its file. The copy is of one moment: records
    that came later are sent again by their kiosks after a restore; kiosks that were revoked later must be revoked
    again. Heartbeats are left out: they come anew. Raises AlreadyExists or StoreFailed.
    """
    if target.exists():
        raise AlreadyExists(str(target))
    scratch = target.with_name(target.name + ".new")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        for name in (REGISTRY, FILE_NAME):
            _copy_rows(store / name, scratch / name)
        count = _copy_files(store, scratch)
        sync_folder(scratch)
        scratch.rename(target)
        sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(f"backup: {error}") from error
    return count


def _copy_rows(source: Path, target: Path) -> None:
    if not source.exists():
        raise StoreFailed(f"{source} is missing")
    with closing(sqlite3.connect(source)) as rows, closing(sqlite3.connect(target)) as copy:
        rows.backup(copy)
        copy.execute("PRAGMA journal_mode = WAL")
    target.chmod(0o600)
    _sync_file(target)


def _copy_files(store: Path, target: Path) -> int:
    source_files, target_files = RecordFiles(store / "records"), RecordFiles(target / "records")
    folders: set[Path] = {target}
    with EmbeddedStore(target) as copied:
        records = copied.every_record()
    for stored in records:
        path = target_files.path(stored)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders |= {path.parent, path.parent.parent, path.parent.parent.parent}
        shutil.copyfile(source_files.path(stored), path)
        path.chmod(0o600)
        _sync_file(path)
    for folder in folders:
        sync_folder(folder)
    return len(records)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Which store a configuration means."""

from __future__ import annotations

from pathlib import Path

from collector.config import CollectorConfig
from collector.embedded_store import EmbeddedStore
from collector.errors import ConfigInvalid
from collector.sql_store import SqlStore


def open_store(config: CollectorConfig, *, create: bool = False) -> SqlStore:
    """Open the data base when one is configured, else the folder; only with `create` is a missing one made.

    Raises ConfigInvalid, StoreFailed or StoreNotDurable.
    """
    if not config.database:
        return EmbeddedStore(config.store, create=create)
    try:
        from collector.postgres import PostgresStore  # noqa: PLC0415 # psycopg is an extra
    except ImportError as error:
        raise ConfigInvalid(f"database: PostgreSQL needs the extra `postgres`: {error}") from error
    return PostgresStore(config.database, create=create, connections=config.database_connections)


def embedded_folder(config: CollectorConfig) -> Path:
    """Return the folder whose copy is a copy of all records. Raises ConfigInvalid when they are in a data base."""
    if config.database:
        raise ConfigInvalid("database: records in PostgreSQL are copied by its own tools (pg_basebackup), not by this")
    return config.store


def migrate(config: CollectorConfig) -> int:
    """Bring the data base's schema to this version and return how many steps that took.

    Raises ConfigInvalid when no data base is configured, StoreFailed or StoreNotDurable.
    """
    if not config.database:
        raise ConfigInvalid("database: not set; the store in a folder needs no migration")
    with open_store(config, create=True) as store:
        return store.steps_taken

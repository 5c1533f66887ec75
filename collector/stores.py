"""Which store a configuration means."""

from __future__ import annotations

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


def migrate(config: CollectorConfig) -> int:
    """Bring the data base's schema to this version and return how many steps that took.

    Raises ConfigInvalid when no data base is configured, StoreFailed or StoreNotDurable.
    """
    if not config.database:
        raise ConfigInvalid("database: not set; the store in a folder needs no migration")
    with open_store(config, create=True) as store:
        return store.steps_taken

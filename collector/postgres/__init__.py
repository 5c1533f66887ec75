"""The PostgreSQL store: many collector processes on one data base."""

from collector.postgres.store import PostgresStore

__all__ = ["PostgresStore"]

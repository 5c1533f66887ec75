"""A cursor that takes the statements which both stores share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import psycopg

Row = tuple[Any, ...]  # Any: whatever the columns hold


class Rows:
    """Runs statements written with `?` for their values, as SQLite has them, on PostgreSQL."""

    def __init__(self, cursor: psycopg.Cursor[Row]) -> None:
        self.cursor = cursor

    def execute(self, statement: str, values: Sequence[object] = ()) -> Self:
        """Run one statement; our statements hold no literal `?` or `%`."""
        self.cursor.execute(statement.replace("?", "%s").encode(), values)
        return self

    def fetchone(self) -> Row | None:
        """Return the next row."""
        return self.cursor.fetchone()

    def fetchall(self) -> list[Row]:
        """Return all rows that are left."""
        return self.cursor.fetchall()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.cursor)

"""Statements that SQLite and PostgreSQL write alike and SQL does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

# Databases limit the number of values in one statement.
CHUNK = 500


def insert_into(connection: Connection, table: Table) -> Any:
    """An insert that can say what to do on a conflict."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def upsert(
    connection: Connection, table: Table, values: list[dict[str, Any]], *, keys: Sequence[str]
) -> None:
    """Insert rows, or overwrite those with the same keys."""
    statement = insert_into(connection, table)
    others = {name: statement.excluded[name] for name in values[0] if name not in keys}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(keys), set_=others), values
    )

"""One step of the schema, as alembic calls it: plain SQL, and a note that it was run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import op

from catalyst.live.schema import Migration, migrations


def step(version: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two functions that alembic looks for in a revision: there, and back.

    Each runs a file in the transaction that is open, and keeps ``public.schema_migrations`` in
    step with alembic's own table.
    """
    (migration,) = (one for one in migrations() if one.version == version)
    return (lambda: _up(migration)), (lambda: _down(migration))


def _up(migration: Migration) -> None:
    connection = _connection()
    connection.execute(_sql(migration.up))
    connection.execute(
        "INSERT INTO public.schema_migrations (version, name) VALUES (%s, %s)",
        (migration.version, migration.name),
    )


def _down(migration: Migration) -> None:
    connection = _connection()
    connection.execute(
        "DELETE FROM public.schema_migrations WHERE version = %s", (migration.version,)
    )
    connection.execute(_sql(migration.down))


def _connection() -> Any:  # noqa: ANN401 - psycopg's, which SQLAlchemy types as anything
    # Past SQLAlchemy: without parameters, a file may hold many statements and any colon or percent.
    return op.get_bind().connection.driver_connection


def _sql(path: Path) -> str:
    return path.read_text(encoding="utf-8")

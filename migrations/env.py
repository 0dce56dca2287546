"""Run migrations over one connection, in one transaction, one process at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

# Any number: whoever migrates waits for who does so already.
_LOCK = 7_210_210

engine = create_engine(
    "postgresql+psycopg://",
    creator=context.config.attributes["connect"],
    poolclass=pool.NullPool,
)
with engine.connect() as connection:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    context.configure(connection=connection, version_table_schema="public")
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
engine.dispose()

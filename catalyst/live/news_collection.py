"""What each source of news brought, kept as rows."""

from __future__ import annotations

import json
from collections.abc import Iterable

from catalyst.live.database import Database
from catalyst.live.news_stream import Collected
from catalyst.live.records import insert_news_collection


def keep_collected(database: Database, account_id: str, collected: Iterable[Collected]) -> int:
    """Write what questions to sources, and their streams, brought; return how many there were.

    Raises
    ------
    ServiceError
        If the database can't be used.
    """
    rows = [
        {
            "account_id": account_id,
            "source": one.source,
            "asked_ns": one.asked_ns,
            "given": one.given,
            "new": one.new,
            "duplicates": one.duplicates,
            "errors": one.errors,
            "error": one.why or None,
            "metadata": json.dumps({"refused": one.refused}),
        }
        for one in collected
    ]
    if rows:
        with database.connection() as connection:
            insert_news_collection(connection, *rows)
    return len(rows)

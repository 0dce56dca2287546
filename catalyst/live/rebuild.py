"""Every derived table of an account, made again from its journal and its inputs."""

from __future__ import annotations

from catalyst.live.database import Database
from catalyst.live.events import SessionOpened
from catalyst.live.journal import Journal, make_months
from catalyst.live.journal_reading import read_page
from catalyst.live.projections import project_both
from catalyst.live.statements import statement

_PAGE = 500


def rebuild(database: Database, account_id: str) -> int:
    """Throw away what follows from an account's journal, and derive it again.

    One transaction: readers see the old rows until the new ones are there. The rows come out equal
    to those that were written while trading, into an empty database too, given the journal and the
    inputs (`data_ingestion.market_data`, `news_raw`, `news_seen`); which alerts were acknowledged
    is kept where it is known.

    Returns
    -------
    int
        How many events there were.

    Raises
    ------
    ServiceError
        If a process trades the account, or the database can't be used.
    """
    said = {"account_id": account_id}
    done = 0
    with Journal.open(database, account_id), database.connection() as connection:
        kept = connection.execute(statement("rebuild_acknowledged"), said).fetchall()
        connection.execute(statement("rebuild_clear"), said)
        while events := read_page(connection, account_id, after_seq=done, limit=_PAGE):
            for event in events:
                if isinstance(event.body, SessionOpened):
                    make_months(connection, event.at_ns)
            project_both(connection, account_id, events)
            done = events[-1].seq
        for first_seq, at, by in kept:
            told = {"first_seq": first_seq, "acknowledged_at": at, "acknowledged_by": by}
            connection.execute(statement("rebuild_acknowledge"), {**said, **told})
    return done

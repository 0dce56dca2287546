"""What stands in a journal: events in order, by kind and by session, and whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from catalyst.live.chain import genesis, link
from catalyst.live.database import Database
from catalyst.live.events import Event, Inputs, from_payload
from catalyst.live.input_rows import InputRows
from catalyst.live.input_store import read_inputs
from catalyst.live.statements import statement

_PAGE = 1000
_LAST = 2**63 - 1


def events_of(
    database: Database,
    account_id: str,
    *,
    after_seq: int = 0,
    kinds: Sequence[str] = (),
    day: str | None = None,
) -> Iterator[Event]:
    """Yield events in order, a page at a time: memory does not grow with the journal.

    Parameters
    ----------
    after_seq
        Where to begin, exclusive.
    kinds
        Only these; all if empty.
    day
        ISO date: only events of that session, from its first opening up to the next session's.
    """
    until = None
    if day is not None:
        span = session_span(database, account_id, day)
        if span is None:
            return
        after_seq, until = max(after_seq, span[0] - 1), span[1]
    while True:
        with database.connection() as connection:
            page = _page(connection, account_id, after_seq, kinds=kinds, until=until)
        for row in page:
            yield event_of(*row)
        if len(page) < _PAGE:
            return
        after_seq = page[-1][0]


def read_page(
    connection: psycopg.Connection[Any], account_id: str, *, after_seq: int, limit: int
) -> list[Event]:
    """Read the next events of any kind, in order."""
    rows = _page(connection, account_id, after_seq, limit=limit)
    return [event_of(*row) for row in rows]


def session_span(database: Database, account_id: str, day: str) -> tuple[int, int | None] | None:
    """Return the first event of a session and the first of the next one (None: it is the last).

    None if the session was never opened.
    """
    with database.connection() as connection:
        openings = connection.execute(
            statement("journal_openings"), {"account_id": account_id}
        ).fetchall()
    ours = [seq for seq, opened in openings if opened == day]
    if not ours:
        return None
    later = [seq for seq, opened in openings if opened != day and seq > ours[0]]
    return ours[0], min(later, default=None)


def inputs_of(database: Database, account_id: str, day: str) -> list[InputRows]:
    """Read what a session's decisions took in, one item an `Inputs` event, in order."""
    span = session_span(database, account_id, day)
    if span is None:
        return []
    last = _LAST if span[1] is None else span[1] - 1
    with database.connection() as connection:
        found = read_inputs(connection, account_id, first_seq=span[0], last_seq=last)
    return [rows for _, rows in found]


def event_of(seq: int, kind: str, at_ns: int, body: str, chained: str) -> Event:
    """Return the event of a stored row."""
    return Event(seq, at_ns, from_payload(kind, json.loads(body)), chained)


def stored_head(connection: psycopg.Connection[Any], account_id: str) -> tuple[int, str]:
    """Return place and hash of an account's last event; 0 and the chain's beginning for none."""
    row = connection.execute(statement("journal_head"), {"account_id": account_id}).fetchone()
    return (0, genesis(account_id)) if row is None else (row[0], row[1])


def verify(database: Database, account_id: str) -> int | None:
    """Recompute an account's chain, and the digests of the inputs that it covers.

    Returns
    -------
    int or None
        The first event that is not what was written: altered, inserted, missing before it, or
        resting on inputs that are not those of then. None if all are.
    """
    seq, head = 0, genesis(account_id)
    while True:
        with database.connection() as connection:
            page = _page(connection, account_id, seq)
            for row in page:
                found, kind, at_ns, body, chained = row
                if found != seq + 1:
                    return seq + 1
                if chained != link(head, found, kind, at_ns=at_ns, body=body):
                    return found
                if kind == Inputs.kind and not _covered(connection, account_id, row):
                    return found
                seq, head = found, chained
        if len(page) < _PAGE:
            return None


def _covered(
    connection: psycopg.Connection[Any], account_id: str, row: tuple[int, str, int, str, str]
) -> bool:
    told = json.loads(row[3])
    rows = read_inputs(connection, account_id, first_seq=row[0], last_seq=row[0])
    if not rows:
        return bool(told["bars"] + told["articles"] == 0)
    return bool(rows[0][1].digest() == told["digest"])


def _page(
    connection: psycopg.Connection[Any],
    account_id: str,
    after_seq: int,
    *,
    kinds: Sequence[str] = (),
    until: int | None = None,
    limit: int = _PAGE,
) -> list[tuple[int, str, int, str, str]]:
    asked = {
        "account_id": account_id,
        "after_seq": after_seq,
        "kinds": list(kinds),
        "until_seq": until,
        "limit": limit,
    }
    return connection.execute(statement("journal_events"), asked).fetchall()

"""Rows that follow from the journal: at once for orders and money, a little later for the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from catalyst.errors import InputError
from catalyst.live.events import Event
from catalyst.live.journal_reading import read_page
from catalyst.live.projections_orders import project_order_side
from catalyst.live.projections_research import project_research_side
from catalyst.live.statements import statement

_LOG = logging.getLogger(__name__)


def project(connection: psycopg.Connection[Any], account_id: str, events: Iterable[Event]) -> None:
    """Bring orders, fills, positions, cash, cycles and alerts up to date, in order."""
    for event in events:
        project_order_side(connection, account_id, event)


def project_both(
    connection: psycopg.Connection[Any], account_id: str, events: Sequence[Event]
) -> None:
    """Bring all tables up to date by the next events, in order, and the watermark with them."""
    said = {"account_id": account_id}
    connection.execute(statement("projection_begin"), said)
    for event in events:
        project_order_side(connection, account_id, event)
        _project_research_side(connection, account_id, event)
    connection.execute(statement("projection_move"), {**said, "seq": events[-1].seq})


def project_later(connection: psycopg.Connection[Any], account_id: str, *, limit: int) -> int:
    """Work off the next events for all other tables, each once.

    Parameters
    ----------
    connection
        In a transaction, which moves the account's watermark with the rows.
    limit
        How many events at most.

    Returns
    -------
    int
        How many were worked off.
    """
    said = {"account_id": account_id}
    connection.execute(statement("projection_begin"), said)
    row = connection.execute(statement("projection_mark"), said).fetchone()
    done = 0 if row is None else int(row[0])
    events = read_page(connection, account_id, after_seq=done, limit=limit)
    for event in events:
        _project_research_side(connection, account_id, event)
    if events:
        connection.execute(statement("projection_move"), {**said, "seq": events[-1].seq})
    return len(events)


def _project_research_side(
    connection: psycopg.Connection[Any], account_id: str, event: Event
) -> None:
    """Write an event's rows; where they can't be, leave them out, and leave an alert instead.

    The journal has the event all the same, and what comes after it must not wait for it.
    """
    try:
        with connection.transaction():
            project_research_side(connection, account_id, event)
    except (psycopg.DataError, psycopg.IntegrityError, InputError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        _LOG.error("not_projected account=%s seq=%d message=%s", account_id, event.seq, first)
        said = {"account_id": account_id, "seq": event.seq, "at_ns": event.at_ns}
        alert = {
            "rule": "not_projected",
            "subject": f"event {event.seq}",
            "severity": "error",
            "text": f"event {event.seq} ({event.body.kind}) left no rows: {first}",
            "value": None,
            "threshold": None,
        }
        connection.execute(statement("orders_alert"), {**said, **alert})

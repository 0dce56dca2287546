"""What a start needs to know: the state a journal folds to, and all that is still in the air."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from catalyst.live.database import Database
from catalyst.live.events import (
    Answered,
    Decided,
    Event,
    Filled,
    Intent,
    OrderChanged,
    Refused,
    SessionClosed,
    SessionOpened,
    Unanswered,
    Withheld,
)
from catalyst.live.journal_reading import event_of
from catalyst.live.statements import statement


@dataclass(frozen=True)
class Sent:
    """Hold one request and the last that came of it.

    Attributes
    ----------
    seq
        Of the intent.
    intent
        What was, or was about to be, sent; not a cancel, which is asked for again.
    outcome
        The answer, refusal or silence since; None where the process ended before any.
    """

    seq: int
    intent: Intent
    outcome: Answered | Refused | Unanswered | None


@dataclass(frozen=True)
class KnownOrder:
    """Hold a broker's order as it was last heard of; ``order`` has the fields of `BrokerOrder`."""

    seq: int
    order_id: str
    entry_id: str
    client_order_id: str
    order: dict[str, Any]


_AIR = (
    Intent.kind,
    Answered.kind,
    Refused.kind,
    Unanswered.kind,
    Withheld.kind,
    OrderChanged.kind,
    Filled.kind,
)


@dataclass(frozen=True)
class Folded:
    """Hold what a journal says about now.

    Attributes
    ----------
    last_seq
        The journal's last event, 0 for none.
    opened
        The last opening of a session, None in an empty journal.
    first_opened
        The first opening of that session; the same event unless it was taken up again.
    closed
        The close of that session, None while it is open.
    decided
        The last decision, of whichever session: its body holds the state.
    fills
        The fills that no decision has consumed.
    air
        Intents (but of cancels, which are asked for again), answers, refusals, silences, withheld
        entries, orders and fills, in order: all of the current session, and of earlier ones those
        of orders that are not final and of entries that are not closed.
    sent, orders, booked, withheld
        The same by subject: requests, the broker's orders (a parent before its legs), executions
        booked, entries given up.
    paused
        Whether the last that was asked for was a pause.
    """

    last_seq: int
    opened: Event | None
    first_opened: Event | None
    closed: Event | None
    decided: Event | None
    fills: tuple[Event, ...]
    air: tuple[Event, ...]
    sent: tuple[Sent, ...]
    orders: tuple[KnownOrder, ...]
    booked: tuple[Filled, ...]
    withheld: tuple[Withheld, ...]
    paused: bool


def fold(database: Database, account_id: str) -> Folded:
    """Read what the journal of an account says about now; costs the same however long it is."""
    with database.connection() as connection:
        return _Reader(connection, account_id).folded()


class _Reader:
    def __init__(self, connection: psycopg.Connection[Any], account_id: str) -> None:
        self._connection = connection
        self._account = account_id

    def folded(self) -> Folded:
        head = self._rows("journal_head")
        opened = self._last(SessionOpened.kind)
        first = None if opened is None else self._first_opening(opened)
        since = 0 if first is None else first.seq
        closed = self._last(SessionClosed.kind)
        decided = self._last(Decided.kind)
        consumed = decided.body.fills_seq if decided and isinstance(decided.body, Decided) else 0
        control = self._rows("journal_last_control")
        air = self._in_the_air(since)
        return Folded(
            last_seq=head[0][0] if head else 0,
            opened=opened,
            first_opened=first,
            closed=closed if closed and closed.seq > since else None,
            decided=decided,
            fills=self._events("journal_all_of_kind", kind=Filled.kind, after_seq=consumed),
            air=air,
            sent=_sent(air),
            orders=_orders(air),
            booked=tuple(e.body for e in air if isinstance(e.body, Filled)),
            withheld=tuple(e.body for e in air if isinstance(e.body, Withheld)),
            paused=bool(control) and control[0][0] == "pause",
        )

    def _rows(self, name: str, **asked: object) -> list[Any]:
        said = {"account_id": self._account, **asked}
        return self._connection.execute(statement(name), said).fetchall()

    def _events(self, name: str, **asked: object) -> tuple[Event, ...]:
        return tuple(event_of(*row) for row in self._rows(name, **asked))

    def _last(self, kind: str) -> Event | None:
        return next(iter(self._events("journal_last_of_kind", kind=kind)), None)

    def _first_opening(self, opened: Event) -> Event:
        day = opened.body.day if isinstance(opened.body, SessionOpened) else ""
        openings = [seq for seq, of in self._rows("journal_openings") if of == day]
        if openings[0] == opened.seq:
            return opened
        after = openings[0] - 1
        return self._events("journal_all_of_kind", kind=SessionOpened.kind, after_seq=after)[0]

    def _in_the_air(self, since: int) -> tuple[Event, ...]:
        [(floor,)] = self._rows("journal_floor")
        return self._events(
            "journal_in_the_air",
            kinds=list(_AIR),
            floor_seq=since if floor is None else min(floor, since),
            since_seq=since,
        )


def _sent(air: Sequence[Event]) -> tuple[Sent, ...]:
    found: dict[str, Sent] = {}
    for event in air:
        body = event.body
        if isinstance(body, Intent) and body.purpose != "cancel":
            found[body.client_order_id] = Sent(event.seq, body, None)
        elif isinstance(body, Answered | Refused | Unanswered) and body.client_order_id in found:
            found[body.client_order_id] = replace(found[body.client_order_id], outcome=body)
    return tuple(found.values())


def _orders(air: Sequence[Event]) -> tuple[KnownOrder, ...]:
    found: dict[str, KnownOrder] = {}
    for event in air:
        body = event.body
        if isinstance(body, OrderChanged):
            told = [(body.order_id, body.entry_id, body.order)]
        else:
            answers = body.orders if isinstance(body, Answered) else []
            told = [("", "", order) for order in answers]
        for order_id, entry_id, order in told:
            key = order["broker_id"]
            known = found.get(key)
            found[key] = KnownOrder(
                event.seq,
                order_id or (known.order_id if known else ""),
                entry_id or (known.entry_id if known else ""),
                order["client_order_id"],
                order,
            )
    return tuple(found.values())

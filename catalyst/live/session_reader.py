"""A session read from the journal as parity runs it again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from catalyst.data.calendar import sessions
from catalyst.data.session_record import Booked, ClosedBooks, RecordedDecision, SessionRecord
from catalyst.errors import InputError
from catalyst.live.database import Database
from catalyst.live.events import Decided, Event, Filled, Json, Missed, SessionClosed, SessionOpened
from catalyst.live.journal_reading import events_of, session_span
from catalyst.live.statements import statement
from catalyst.strategy.money import notional_micro


def closed_sessions(database: Database, account: str) -> tuple[str, ...]:
    """List the sessions of an account that have ended, ISO dates, the last one first."""
    with database.connection() as connection:
        rows = connection.execute(
            statement("parity_closed_sessions"), {"account_id": account}
        ).fetchall()
    return tuple(day for (day,) in rows)


def read_session(database: Database, account: str, day: dt.date) -> SessionRecord:
    """Read a session that has ended; whether the journal is whole is not looked at here.

    Raises
    ------
    InputError
        If the account's journal has no such session, or it is still open.
    """
    span = session_span(database, account, str(day))
    if span is None:
        known = closed_sessions(database, account)
        there = f"it has {', '.join(known[:3])}" if known else "no session has ended yet"
        raise InputError(f"the journal of account {account} has no session {day}; {there}")
    events = list(events_of(database, account, day=str(day)))
    closing = next((e for e in reversed(events) if isinstance(e.body, SessionClosed)), None)
    opened_seq = max(e.seq for e in events if isinstance(e.body, SessionOpened))
    if closing is None or not isinstance(closing.body, SessionClosed) or closing.seq < opened_seq:
        raise InputError(
            f"session {day} of account {account} is still open; ask again once it has ended"
        )
    opening = next(e.body for e in events if isinstance(e.body, SessionOpened))
    closed, bounds = closing.body, sessions(day, day)
    booked = _booked_before(database, account, span[0])
    fills = [
        (event.seq, event.body)
        for event in events_of(database, account, after_seq=booked, kinds=(Filled.kind,))
        if isinstance(event.body, Filled) and event.seq <= events[-1].seq
    ]
    return SessionRecord(
        account=account,
        day=day,
        variant=opening.variant,
        params=opening.params,
        params_hash=opening.params_hash,
        code_version=opening.code_version,
        timeframe=opening.timeframe,
        symbols=tuple(sorted(opening.symbols)),
        lake=opening.lake,
        opening=opening.state,
        decisions=_decisions(events, fills, booked, int(bounds.pre_ns[0])),
        missed=tuple(e.body.asof_ns for e in events if isinstance(e.body, Missed)),
        closed=ClosedBooks(
            closed.cash_micro,
            closed.equity_micro,
            closed.broker_cash_micro,
            closed.broker_equity_micro,
        ),
        executed=_executed(
            [fill for _, fill in fills if bounds.pre_ns[0] <= fill.filled_ns <= bounds.post_ns[0]]
        ),
        head_seq=closing.seq,
        head_hash=closing.hash,
    )


def _booked_before(database: Database, account: str, first_seq: int) -> int:
    with database.connection() as connection:
        row = connection.execute(
            statement("parity_fills_before"), {"account_id": account, "seq": first_seq}
        ).fetchone()
    return int(row[0]) if row else 0


def _decisions(
    events: Sequence[Event], fills: Sequence[tuple[int, Filled]], booked: int, pre_ns: int
) -> tuple[RecordedDecision, ...]:
    out = []
    for event in events:
        told = event.body
        if not isinstance(told, Decided):
            continue
        scan = bool(told.decision["scan"])
        given: tuple[Json, ...] = ()
        # What corporate actions did at 04:00 is decided without asking for fills.
        if scan or told.asof_ns != pre_ns:
            given = tuple(_fill(one) for seq, one in fills if booked < seq <= told.fills_seq)
            booked = max(booked, told.fills_seq)
        out.append(
            RecordedDecision(
                told.asof_ns,
                scan,
                told.digest,
                told.decision,
                told.state,
                given,
                tuple(told.adjustments),
            )
        )
    return tuple(out)


def _fill(told: Filled) -> Json:
    return {
        "fill_id": told.fill_id,
        "order_id": told.order_id,
        "symbol": told.symbol,
        "side": told.side,
        "quantity": told.quantity,
        "price": told.price,
        "fee_micro": told.fee_micro,
        "filled_ns": told.filled_ns,
        "slippage_micro": 0,
        "order": told.order,
        "entry": told.entry,
    }


def _executed(fills: Sequence[Filled]) -> dict[str, Booked]:
    out: dict[str, Booked] = {}
    for fill in fills:
        known = out.get(fill.broker_id, Booked(0, 0))
        value = notional_micro(fill.price, fill.quantity)
        out[fill.broker_id] = Booked(known.quantity + fill.quantity, known.value_micro + value)
    return out

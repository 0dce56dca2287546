"""Where a start begins: what the journal knows, whether the process before ended well or not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from catalyst.data.calendar import day_to_date, sessions
from catalyst.data.state_codec import state_from, state_json
from catalyst.live.broker_desk import BrokerDesk
from catalyst.live.events import Alert, Body, Decided, Filled, SessionClosed, SessionOpened
from catalyst.live.fills import fill_of
from catalyst.live.folding import Folded
from catalyst.live.mirror import Mirror
from catalyst.strategy.decisions import Fill
from catalyst.strategy.portfolio import PortfolioState


@dataclass(frozen=True)
class Recovered:
    """Hold what a journal says about now, in the values of the live driver.

    Attributes
    ----------
    state
        After the last decision; None in a journal without one.
    mirror
        The broker's orders as last heard of, and what was sent.
    pending
        Fills that no decision has consumed.
    decided_ns, fills_seq
        The last decision, and up to which fill it knew.
    day
        The last session that was opened, ISO date; empty for none.
    opened_ns
        When it was first opened.
    closed
        Whether it was closed.
    paused
        Whether entries were paused by a person.
    """

    state: PortfolioState | None
    mirror: Mirror
    pending: list[tuple[int, Fill]]
    decided_ns: int
    fills_seq: int
    day: str
    opened_ns: int
    closed: bool
    paused: bool


def recovered(folded: Folded, index: Mapping[str, int]) -> Recovered:
    """Take up what the journal folds to.

    Parameters
    ----------
    folded
        From `catalyst.live.folding.fold`.
    index
        Position of each symbol in the run's table.

    Raises
    ------
    InputError
        If the table lacks a symbol that is held or working.
    """
    mirror = Mirror(index)
    for event in folded.air:
        mirror.replay(event.body, event.at_ns)
    decided = folded.decided.body if folded.decided is not None else None
    state, decided_ns, fills_seq = None, 0, 0
    if isinstance(decided, Decided):
        state = state_from(decided.state, index)
        decided_ns, fills_seq = decided.asof_ns, decided.fills_seq
    first = folded.first_opened
    day = first.body.day if first is not None and isinstance(first.body, SessionOpened) else ""
    return Recovered(
        state,
        mirror,
        [(e.seq, fill_of(e.body, index)) for e in folded.fills if isinstance(e.body, Filled)],
        decided_ns,
        fills_seq,
        day,
        first.at_ns if first is not None else 0,
        closed=folded.closed is not None,
        paused=folded.paused,
    )


def closed_day(folded: Folded) -> str:
    """Return the last day that was closed, ISO; empty for none."""
    closed = folded.closed
    return closed.body.day if closed is not None and isinstance(closed.body, SessionClosed) else ""


def opened_day(folded: Folded) -> str:
    """Return the last day that was opened, ISO; empty for none."""
    opened = folded.opened
    return opened.body.day if opened is not None and isinstance(opened.body, SessionOpened) else ""


def left_open(folded: Folded, day: dt.date, desk: BrokerDesk) -> list[Body]:
    """Close a session whose process ended before its close, and tell of those that nobody traded.

    Parameters
    ----------
    folded
        The journal.
    day
        The session that begins.
    desk
        Books and broker, compared.
    """
    last = opened_day(folded)
    if not last:
        return []
    bodies: list[Body] = []
    if folded.closed is None:
        state, account = desk.projected(), desk.account
        text = f"the session of {last} was not traded to its end: its process had ended"
        bodies = [
            Alert("missed_session", last, "critical", text),
            SessionClosed(
                last,
                state.cash_micro,
                state.equity_micro,
                account.cash_micro if account else state.cash_micro,
                account.equity_micro if account else state.equity_micro,
                {desk.names[e.symbol]: e.side * e.held for e in state.entries if e.held},
                state_json(desk.state, desk.names),
            ),
        ]
    first = dt.date.fromisoformat(last) + dt.timedelta(days=1)
    missed = sessions(first, day - dt.timedelta(days=1)).day.tolist() if first < day else []
    return bodies + [
        Alert(
            "missed_session",
            str(day_to_date(number)),
            "critical",
            f"nobody traded the session of {day_to_date(number)}",
        )
        for number in missed
    ]

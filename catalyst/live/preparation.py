"""What a session needs before its first instant: its place, its history, the cash to begin with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from catalyst.data.calendar import day_to_date, sessions
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.market import Market
from catalyst.live.bar_slots import BarArrival
from catalyst.live.database import Database
from catalyst.live.input_rows import InputRows
from catalyst.live.input_store import read_inputs
from catalyst.live.journal_reading import session_span
from catalyst.live.lake_seed import seed_lake
from catalyst.live.rehearsal import rehearse
from catalyst.live.seen import NewsRow, SeenSource
from catalyst.strategy.ledger import begin
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action, PortfolioState
from catalyst.strategy.values import Session

_FAR = 1 << 62


def session_of(day: dt.date) -> Session | None:
    """Return a day's session, None if the exchange is closed all day."""
    table = sessions(day, day)
    if not len(table.day):
        return None
    columns = (table.day, table.pre_ns, table.open_ns, table.close_ns, table.post_ns)
    return Session(*(int(column[0]) for column in columns))


def beginning(params: Params, cash_micro: int) -> PortfolioState:
    """Begin with the cash that the account has, whatever the parameters say."""
    return replace(begin(params), cash_micro=cash_micro, day_start_micro=cash_micro)


def inputs_of(database: Database, account_id: str, day: str) -> list[InputRows]:
    """Return what the processes of a session took in, in order; nothing before it was opened."""
    span = session_span(database, account_id, day)
    if span is None:
        return []
    first_seq, next_seq = span
    last_seq = _FAR if next_seq is None else next_seq - 1
    with database.connection() as connection:
        found = read_inputs(connection, account_id, first_seq=first_seq, last_seq=last_seq)
    return [rows for _, rows in found]


def arrivals(
    inputs: Sequence[InputRows],
) -> tuple[list[BarArrival], list[NewsRow]]:
    """Return what an earlier process of a session had seen, from the journal's rows."""
    bars = [BarArrival(*row) for rows in inputs for row in rows.bars.rows()]
    return bars, [row for rows in inputs for row in rows.news]


def due_actions(feed: Feed, state_day: int, session: Session) -> tuple[Action, ...]:
    """Return the splits and dividends since the state's last day, this session's included."""
    first = session.day if state_day < 0 else state_day + 1
    return tuple(a for a in feed.actions if first <= a.day <= session.day)


def seeded(
    base: Lake,
    root: Path,
    day: dt.date,
    until_ns: int,
    timeframe: str,
    symbols: Sequence[str] | None,
) -> Feed:
    """Bring live's own lake up to an instant before a session; return it in the order of time."""
    return Feed(seed_lake(base, root, day, until_ns=until_ns), timeframe, symbols)


def warmed(
    feed: Feed,
    seen: SeenSource,
    params: Params,
    session: Session,
    bars: Sequence[BarArrival],
    news: Sequence[NewsRow],
) -> Market:
    """Load history, compile what decides, and lay out what has been seen of the session."""
    market = Market(seen, params)
    seen.begin(session)
    seen.arrived(bars, news)
    market.warm_up(feed.before(day_to_date(session.day)))
    rehearse(market, params, session)
    return market

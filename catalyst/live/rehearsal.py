"""A decision on made-up bars and news before any stream opens, so that no real one waits for code.

numba compiles a kernel, or loads it from its cache, when it is first called with a kind of array:
a second or more on a first start, and 50 ms a kernel on any other.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np

from catalyst.data.codec import digest
from catalyst.data.market import Market
from catalyst.data.state_codec import decision_json, state_json
from catalyst.errors import ComponentError
from catalyst.live.finalist_indicators import finalist_indicators
from catalyst.strategy.clock import scan_instants
from catalyst.strategy.decisions import Decision, Order, Pattern, Signal
from catalyst.strategy.funnel import Finalists, finish, narrow
from catalyst.strategy.history import Rows
from catalyst.strategy.ledger import begin
from catalyst.strategy.params import Params
from catalyst.strategy.risk import serve
from catalyst.strategy.session import Look
from catalyst.strategy.signals import score
from catalyst.strategy.values import Floats, Grid, Indices, NewsBatch, Session

_SYMBOLS = 2
_PRICE_USD, _VOLUME = 50.0, 1e5


def rehearse(market: Market, params: Params, session: Session) -> None:
    """Call everything that a decision of a session may call, on a copy of the market.

    Parameters
    ----------
    market
        Warmed up to the session before, or not at all; it is the same afterwards.
    params
        What will be traded by.
    session
        The session that is to be traded.

    Notes
    -----
    The symbols pass every rule of the funnel, whatever their numbers are. What a component of the
    user's own makes of them is not held against it.
    """
    if not market.feed.names:
        return
    twin, params = market.twin(), params.on(session.day)
    twin.open_session(session)
    grid, instants = market.feed.grid, sorted(scan_instants(session, market.feed.grid, params))
    asof_ns = max([at for at in instants if at <= session.close_ns] or instants)
    symbols = np.arange(min(_SYMBOLS, len(market.feed.names)), dtype=np.int32)
    twin.survey(asof_ns)
    rows = _bars(symbols, session, grid, asof_ns)
    twin.history.push(rows, 0, len(rows.symbol))
    twin.history.news.push(_news(symbols, asof_ns))
    with contextlib.suppress(ComponentError):
        _decide(twin, params, symbols, asof_ns)


def _decide(twin: Market, params: Params, symbols: Indices, asof_ns: int) -> None:
    survey, state, names = twin.history.survey(asof_ns), begin(params), twin.feed.names
    narrowed = narrow(survey, state.active, params, choose=True)
    k = len(symbols)
    passed = (symbols, np.zeros(k, np.int8), np.zeros(k), np.full(k, np.nan))
    narrowed = replace(narrowed, validated=passed, passed=symbols)
    view = twin.look(Look(asof_ns, symbols, survey, scan=True, choose=True), params)
    screen, _ = finish(view, narrowed, params)
    finalists = Finalists(
        np.arange(k, dtype=np.int64), symbols, np.full(k, 100.0), np.full(k, 100.0)
    )
    patterns: list[Pattern] = []
    signals: list[Signal] = []
    orders: list[Order] = []
    for row, (signal, verdict) in enumerate(score(view, narrowed, finalists, params)):
        patterns += verdict.patterns
        signals.append(signal)
        if signal.side:
            state, _, sent = serve(state, view, signal, row, params)
            orders += sent
    decision = Decision(
        asof_ns,
        scan=True,
        screen=screen,
        patterns=tuple(patterns),
        signals=tuple(signals),
        orders=tuple(orders),
    )
    finalist_indicators(view, decision, params=params)
    digest(decision, names)
    decision_json(decision, names)
    state_json(state, names)


def _bars(symbols: Indices, session: Session, grid: Grid, asof_ns: int) -> Rows:
    length = grid.timeframe_ns
    first_ns = session.open_ns if grid.daily or grid.from_open else session.pre_ns
    ends = np.arange(first_ns + length, max(asof_ns, first_ns + length) + 1, length)
    starts = np.repeat(ends - length, len(symbols))
    n = len(starts)
    price: Floats = _PRICE_USD + 0.1 * (np.arange(n, dtype=np.float64) % 7)
    return Rows(
        symbol=np.tile(symbols, len(ends)),
        ts_ns=starts,
        open=price - 0.1,
        high=price + 0.2,
        low=price - 0.2,
        close=price,
        volume=np.full(n, _VOLUME),
        raw=np.ones(n, np.bool_),
    )


def _news(symbols: Indices, asof_ns: int) -> NewsBatch:
    k = len(symbols)
    known = np.full(k, asof_ns, np.int64)
    return NewsBatch(
        symbol=symbols,
        news_id=np.arange(1, k + 1, dtype=np.uint64),
        published_ns=known,
        known_ns=known,
        first_known_ns=known.copy(),
        tier=np.ones(k, np.int8),
        categories=np.ones(k, np.int32),
        state=np.ones(k, np.int8),
        sentiment=np.ones(k),
        cluster_rank=np.zeros(k, np.int32),
    )

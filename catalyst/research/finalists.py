"""What a span holds for every trial that differs in exits, weights, bands and limits only.

What is seen and scored doesn't depend on what is held: one pass keeps the finalists of each scan,
as the signals' components scored them, with the bars and news that positions are looked at with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from catalyst.data.feed import Feed, SessionBars
from catalyst.data.market import Market
from catalyst.data.market_path import MarketPath
from catalyst.data.metrics import Benchmarks
from catalyst.research.trade_kernels_layout import (
    ACTION,
    BAR,
    FINALIST,
    INSTANT,
    SESSION,
    News,
    Records,
    Tape,
)
from catalyst.strategy.clock import (
    DAY_NS,
    HOUR_NS,
    bar_ends,
    chooses_active,
    is_regular_bar,
    market_state,
    scan_instants,
)
from catalyst.strategy.funnel import Narrowed, finish, narrow
from catalyst.strategy.news import empty_news, sign
from catalyst.strategy.params import Params
from catalyst.strategy.patterns import judge
from catalyst.strategy.positions import in_regular_hours
from catalyst.strategy.session import Look
from catalyst.strategy.values import (
    Floats,
    Grid,
    Indices,
    Ints,
    MarketState,
    MarketView,
    NewsBatch,
    Session,
)

_LONGEST_BREAK_NS = 15 * DAY_NS
_NEVER = np.iinfo(np.int64).max
_BAR_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Finals:
    """Hold one span for all trials of a group.

    Attributes
    ----------
    feed
        What was read.
    sessions
        The sessions of the span.
    tape, news
        For the kernels; without the flatten, which is the trial's.
    n_patterns
        Different numbers of patterns in the finalists.
    depth
        Bars that a mean volume may rest on at most.
    equal_weight : float64[s]
        Growth of all symbols held equally.
    """

    feed: Feed
    sessions: tuple[Session, ...]
    tape: Tape
    news: News
    n_patterns: int
    depth: int
    equal_weight: Floats

    @property
    def grid(self) -> Grid:
        """Return the grid of base bars."""
        return self.feed.grid


def record_finals(
    feed: Feed,
    params: Params,
    span: tuple[list[Session], list[Session]],
    *,
    depth: int,
    progress: Callable[[int, int, Session], None] | None = None,
) -> Finals:
    """Go through a span once, without an account.

    Parameters
    ----------
    feed
        The lake, in the order of time.
    params
        A trial of the group.
    span
        Sessions before, and those to record, as `Feed.span` gives them.
    depth
        Most bars that a trial of the group takes the mean volume of.
    progress
        Called after each session with sessions done, sessions in all, and the session.
    """
    before, sessions = span
    market = Market(feed, params)
    news = [empty_news()]
    taken = _Taken(len(feed.names), depth)
    for k, session in enumerate(before):
        market.open_session(session)
        if k + 1 < len(before):
            market.read_ahead(before[k + 1])
        news.append(market.news_today)
        # A bar of a session before the first counts only if it comes late.
        taken.take_bars(-1, session, feed.grid, market.bars_today, after_ns=sessions[0].pre_ns)
        market.close_session()
    market.path = MarketPath()
    benchmarks = Benchmarks()
    growth = []
    active = np.empty(0, np.int32)
    for k, session in enumerate(sessions):
        market.open_session(session)
        if k + 1 < len(sessions):
            market.read_ahead(sessions[k + 1])
        news.append(market.news_today)
        taken.take_bars(k, session, feed.grid, market.bars_today)
        taken.take_actions(k, market)
        active = _record_session(taken, market, session, active, params)
        market.close_session()
        benchmarks.add(market.returns, market.closes)
        growth.append(benchmarks.growth[1])
        if progress is not None:
            progress(k + 1, len(sessions), session)
    return Finals(
        feed,
        tuple(sessions),
        taken.tape(feed.grid, len(sessions)),
        _news_of(news, len(feed.names), feed.grid, params),
        len(taken.patterns),
        depth,
        np.array(growth),
    )


def _record_session(
    taken: _Taken, market: Market, session: Session, active: Indices, params: Params
) -> Indices:
    grid = market.feed.grid
    scans = set(scan_instants(session, grid, params))
    first_scan = min(scans)
    ends = bar_ends(session, grid)
    nobody = np.empty(0, np.int32)
    empty = Look(session.pre_ns, nobody, market.survey(session.pre_ns), scan=False, choose=False)
    taken.open_session(market.look(empty), ends, scans, market.path)
    for asof_ns in sorted(scans):
        survey = market.survey(asof_ns)
        taken.news_after_ns(survey.news_after_ns)
        choose = grid.daily or chooses_active(session, asof_ns, params, first_scan)
        narrowed = narrow(survey, active, params, choose=choose)
        active = narrowed.active
        if len(narrowed.passed):
            view = market.look(Look(asof_ns, narrowed.passed, survey, scan=True, choose=choose))
            taken.take_finalists(view, narrowed, params)
        taken.end_scan()
    return active


@dataclass
class _Taken:
    n_symbols: int
    depth: int
    patterns: dict[tuple[int, int, int], int] = field(default_factory=dict)
    sessions: list[tuple[int, ...]] = field(default_factory=list)
    instants: list[tuple[float, ...]] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)
    scan_start: list[int] = field(default_factory=lambda: [0])
    finalists: list[tuple[float, ...]] = field(default_factory=list)
    volumes: list[Floats] = field(default_factory=list)
    bars: list[tuple[Indices, Records]] = field(default_factory=list)
    actions: list[tuple[int, int, int, float]] = field(default_factory=list)
    n_scans: int = 0

    def open_session(
        self, view: MarketView, ends: Sequence[int], scans: set[int], path: MarketPath
    ) -> None:
        session, grid = view.session, view.grid
        first, first_open = len(self.instants), len(self.opens)
        opens = [session.pre_ns, *ends]
        self.opens += opens
        for asof_ns in sorted(scans.union(ends)):
            state = market_state(session, asof_ns)
            at_market = in_regular_hours(replace(view, asof_ns=asof_ns, state=state))
            protects = at_market or (
                is_regular_bar(session, asof_ns, grid.timeframe_ns) and asof_ns < session.close_ns
            )
            # An entry lives from the first bar that opens at or after its decision.
            place = next((k for k, t in enumerate(opens) if t >= asof_ns), len(opens) - 1)
            scan = -1
            if asof_ns in scans:
                scan = self.n_scans
                self.n_scans += 1
            self.instants.append(
                (
                    asof_ns,
                    scan,
                    first_open + place,
                    int(at_market),
                    int(protects),
                    int(grid.daily or state is MarketState.REGULAR),
                    int(state is MarketState.PRE_MARKET),
                    path.at(asof_ns),
                )
            )
        last, last_open = len(self.instants), len(self.opens)
        self.sessions.append(
            (session.pre_ns, session.close_ns, 0, first, last, first_open, last_open)
        )

    def news_after_ns(self, after_ns: int) -> None:
        self.sessions[-1] = (*self.sessions[-1][:2], after_ns, *self.sessions[-1][3:])

    def end_scan(self) -> None:
        self.scan_start.append(len(self.finalists))

    def take_finalists(self, view: MarketView, narrowed: Narrowed, params: Params) -> None:
        _, finalists = finish(view, narrowed, params)
        if not len(finalists.row):
            return
        leanings = np.array([sign(float(narrowed.direction[s]), params) for s in finalists.symbol])
        verdicts = judge(view, finalists.row, leanings, params)
        for k, verdict in enumerate(verdicts):
            symbol, row = int(finalists.symbol[k]), int(finalists.row[k])
            best = verdict.best
            pattern, bar_ns = -1, -1
            if best is not None:
                key = (symbol, best.timeframe_ns, best.bar_ns)
                pattern = self.patterns.setdefault(key, len(self.patterns))
                bar_ns = best.bar_ns
            n = int(view.base.count[row])
            volumes = view.base.volume[row, max(0, n - self.depth) : n]
            padded = np.zeros(self.depth)
            padded[: len(volumes)] = volumes
            self.volumes.append(padded)
            self.finalists.append(
                (
                    symbol,
                    verdict.side,
                    int(leanings[k]),
                    pattern,
                    bar_ns,
                    int(view.base.ts_ns[row, n - 1]) if n else -1,
                    len(volumes),
                    float(view.survey.price[symbol]),
                    float(narrowed.score[symbol]),
                    float(narrowed.direction[symbol]),
                    verdict.score,
                    float(finalists.technical[k]),
                    float(finalists.volume[k]),
                )
            )

    def take_bars(
        self, place: int, session: Session, grid: Grid, today: SessionBars, *, after_ns: int = 0
    ) -> None:
        rows = today.rows
        at = np.lexsort((today.known_ns, rows.ts_ns, rows.symbol))
        at = at[today.known_ns[at] > after_ns]
        bars = np.zeros(len(at), BAR)
        symbol, ts = rows.symbol[at], rows.ts_ns[at]
        bars["ts"], bars["known"], bars["session"] = ts, today.known_ns[at], place
        for name in _BAR_COLUMNS:
            bars[name] = getattr(rows, name)[at]
        bars["regular"] = grid.daily | (
            (ts < session.close_ns) & (ts + grid.timeframe_ns > session.open_ns)
        )
        first = np.ones(len(at), np.bool_)
        first[1:] = (symbol[1:] != symbol[:-1]) | (ts[1:] != ts[:-1])
        if place >= 0:
            traded = today.traded
            bars["fills"] = first & np.isin(
                _keys(symbol, ts, session), _keys(traded.symbol, traded.ts_ns, session)
            )
        self.bars.append((symbol, bars))

    def take_actions(self, place: int, market: Market) -> None:
        for a in market.actions_of(tuple(range(self.n_symbols))):
            self.actions.append((place, a.symbol, int(a.kind == "split"), a.value))

    def tape(self, grid: Grid, n_sessions: int) -> Tape:
        finalists = np.array(self.finalists, FINALIST)
        wanted = np.zeros(self.n_symbols, np.bool_)
        wanted[finalists["symbol"]] = True
        symbols, parts = [], []
        while self.bars:
            symbol, bars = self.bars.pop()
            keep = wanted[symbol]
            symbols.append(symbol[keep])
            parts.append(bars[keep])
        symbol, bars = np.concatenate(symbols), np.concatenate(parts)
        order = np.lexsort((bars["known"], bars["ts"], symbol))
        symbol, bars = symbol[order], bars[order]
        bar_start = np.searchsorted(symbol, np.arange(self.n_symbols + 1)).astype(np.int64)
        actions = np.array(self.actions, ACTION)
        split = np.zeros(self.n_symbols, np.int8)
        split[actions["symbol"][actions["split"] == 1]] = 1
        places = np.arange(n_sessions + 1)
        starts = np.empty((n_sessions + 1, self.n_symbols), np.int64)
        for s in range(self.n_symbols):
            own = bars["session"][bar_start[s] : bar_start[s + 1]]
            starts[:, s] = bar_start[s] + np.searchsorted(own, places)
        return Tape(
            grid.daily,
            grid.timeframe_ns,
            np.array(self.sessions, SESSION),
            np.array(self.instants, INSTANT),
            np.array(self.opens, np.int64),
            np.empty((0, n_sessions), np.int64),
            np.array(self.scan_start, np.int64),
            finalists,
            np.array(self.volumes).reshape(len(finalists), self.depth),
            bars,
            bar_start,
            starts,
            split,
            actions,
            np.searchsorted(actions["session"], places).astype(np.int64),
        )


def _keys(symbol: Indices, ts_ns: Ints, session: Session) -> Ints:
    # A session's bars lie within two days of its 04:00, wherever their stamps are put.
    return symbol.astype(np.int64) * (4 * DAY_NS) + (ts_ns - session.pre_ns + 2 * DAY_NS)


def _news_of(batches: list[NewsBatch], n_symbols: int, grid: Grid, params: Params) -> News:
    columns = {
        name: np.concatenate([getattr(batch, name) for batch in batches])
        for name in vars(batches[0])
    }
    window_ns = int(params.catalyst.news_hours * HOUR_NS)
    # As `NewsHistory`: a version takes the place of an earlier one that isn't too old.
    reach_ns = 2 * window_ns + (_LONGEST_BREAK_NS if grid.daily else 0)
    known, first_known = columns["known_ns"], columns["first_known_ns"].copy()
    gone = np.full(len(known), _NEVER)
    latest: dict[tuple[int, int], int] = {}
    for k, key in enumerate(
        zip(columns["news_id"].tolist(), columns["symbol"].tolist(), strict=True)
    ):
        older = latest.get(key)
        if older is not None and known[older] >= known[k] - reach_ns:
            gone[older] = known[k]
            first_known[k] = first_known[older]
        latest[key] = k
    symbol = columns["symbol"]
    order = np.argsort(symbol, kind="stable")
    p = params.catalyst
    tiers, by_category, other, states, first_weight, copy_weight = p.arrays
    return News(
        np.searchsorted(symbol[order], np.arange(n_symbols + 1)).astype(np.int64),
        np.zeros(len(symbol), np.int32),
        known[order],
        gone[order],
        first_known[order],
        columns["published_ns"][order],
        columns["tier"][order],
        columns["categories"][order],
        columns["state"][order],
        columns["sentiment"][order],
        columns["cluster_rank"][order],
        window_ns,
        p.tau_hours * HOUR_NS,
        tiers,
        by_category,
        other,
        states,
        first_weight,
        copy_weight,
        p.neutral_band,
    )

"""What is known so far: own bars, session totals and news, fed as they became known.

Replay and live feed the same object; `survey` and `panel` copy out of it what a view may hold.
Prices and volumes stay as they came; splits in effect are applied when copying, as one product, so
that where a run began leaves no trace.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalyst.strategy.clock import HOUR_NS, MINUTE_NS, slot_of
from catalyst.strategy.history_kernels import panel_nb, push_nb, survey_nb
from catalyst.strategy.news import NewsHistory
from catalyst.strategy.params import Params
from catalyst.strategy.session_totals import close_session_nb, coarse_totals_nb, session_means_nb
from catalyst.strategy.stores import STORE_WINDOWS, Splits, empty_store, empty_totals, no_splits
from catalyst.strategy.values import BarPanel, Flags, Floats, Grid, Indices, Ints, Session, Survey

SLOT_NS = 5 * MINUTE_NS
"""Grid of the day's volume profile; scans fall on its multiples."""

SLOTS = 192
"""Slots from 04:00 to 20:00."""

KEPT_SESSIONS = 20
"""Sessions kept of totals and volume profiles."""

FRAME_BARS = 40
"""Bars copied of each pattern timeframe: 20 before a pattern's first, and room for a user's own."""

_FAR = np.iinfo(np.int64).max


def history_sessions(grid: Grid) -> int:
    """Return how many exchange sessions before today history reaches back.

    Enough for 250 own bars of a symbol that trades most of the day; older bars are out of reach for
    every run alike.
    """
    if grid.daily:
        return 512
    return 128 if grid.timeframe_ns >= HOUR_NS else 64


@dataclass(frozen=True)
class Rows:
    """Hold base bars that have just become known, ascending by (known, symbol, ts).

    Attributes
    ----------
    symbol : int32[n]; ts_ns : int64[n]
        Symbol's index and bar start.
    open, high, low, close, volume : float64[n]
        As they came, USD and shares.
    raw : bool[n]
        Whether prices are unadjusted, so that later splits apply to them.
    """

    symbol: Indices
    ts_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    raw: Flags


def history_key(params: Params) -> tuple[object, ...]:
    """Return what of a variant shapes what is known: equal for two, and they share a history.

    How long late bars are waited for belongs to it.
    """
    return (
        params.catalyst.news_hours,
        params.pattern.timeframes,
        params.technical.window,
        params.screen.mean_sessions,
        params.screen.rvol_sessions_min,
        params.execution.bar_grace_s,
    )


class History:
    """Keep what is known of ``n_symbols`` symbols, for one grid of base bars.

    Parameters
    ----------
    n_symbols
        Size of the run's symbol table.
    grid
        Length and anchor of base bars.
    params
        Windows and timeframes.
    """

    def __init__(self, n_symbols: int, grid: Grid, params: Params) -> None:
        self.n_symbols = n_symbols
        self.grid = grid
        self.params = params
        self.news = NewsHistory(grid, params)
        minutes = (1440,) if grid.daily else params.pattern.timeframes
        self.frame_ns = tuple(
            sorted(n * MINUTE_NS for n in minutes if n * MINUTE_NS >= grid.timeframe_ns)
        )
        self._lengths = np.array([n for n in self.frame_ns if n > grid.timeframe_ns], np.int64)
        self._base = empty_store(n_symbols, STORE_WINDOWS * params.technical.window)
        self._frames = empty_store(n_symbols * len(self._lengths), STORE_WINDOWS * FRAME_BARS)
        self._totals = empty_totals(n_symbols, KEPT_SESSIONS + 1, 1 if grid.daily else SLOTS)
        self._split_rows: list[tuple[int, int, float]] = []
        self._splits = no_splits(n_symbols)
        self._sessions: list[Session] = []
        self._bounds = np.zeros((0, 5), np.int64)
        self._member = np.zeros(n_symbols, np.bool_)
        self._means: tuple[Indices, Floats, Floats, Floats, Floats, Indices] | None = None

    @property
    def session(self) -> Session:
        """Return today's session."""
        return self._sessions[-1]

    @property
    def session_before(self) -> Session | None:
        """Return the exchange session before today's, None at the very first."""
        return self._sessions[-2] if len(self._sessions) > 1 else None

    def open_session(self, session: Session, *, member: Flags) -> None:
        """Begin a session: what was today becomes history.

        Parameters
        ----------
        session
            The session that begins; sessions come ascending, none left out.
        member : bool[m]
            Point-in-time universe of the session.
        """
        if self._sessions:
            close_session_nb(self._sessions[-1].day, self._totals)
        self._sessions = [*self._sessions, session][-(history_sessions(self.grid) + 1) :]
        self._bounds = np.array(
            [(s.day, s.pre_ns, s.open_ns, s.close_ns, s.post_ns) for s in self._sessions], np.int64
        )
        self._member = member
        self._means = None

    def add_coarse(
        self,
        session: Session,
        symbol: Indices,
        *,
        totals: tuple[Floats, Floats, Floats],
        raw: Flags,
    ) -> None:
        """Enter a past session's totals from coarser bars, for symbols without base bars in it.

        Parameters
        ----------
        session
            The session the totals belong to.
        symbol : int32[n]
            Symbols.
        totals : float64[n] each
            Volume (shares), sum of close x volume (USD), last close (USD).
        raw : bool[n]
            Whether they are unadjusted.
        """
        coarse_totals_nb(session.day, symbol, *totals, raw, self._totals)
        self._means = None

    def add_split(self, symbol: int, ex_ns: int, *, ratio: float) -> None:
        """Let a split take effect: bars that start before ``ex_ns`` are seen in new shares."""
        self._split_rows = sorted([*self._split_rows, (symbol, ex_ns, ratio)])
        symbols = np.array([row[0] for row in self._split_rows], np.int64)
        self._splits = Splits(
            np.searchsorted(symbols, np.arange(self.n_symbols + 1)).astype(np.int64),
            np.array([row[1] for row in self._split_rows], np.int64),
            np.array([row[2] for row in self._split_rows]),
        )
        self._means = None

    def push(self, rows: Rows, first: int, last: int) -> None:
        """Take in base bars ``first`` to ``last``, which have just become known.

        A bar start that a symbol has already is a correction and replaces the bar; one that comes
        late is put where it belongs, and the larger bar, totals and volume profile that contain it
        change from now on.
        """
        if last <= first:
            return
        push_nb(
            rows.symbol,
            rows.ts_ns,
            rows.open,
            rows.high,
            rows.low,
            rows.close,
            rows.volume,
            rows.raw,
            first,
            last,
            self._bounds,
            self.grid.timeframe_ns,
            SLOT_NS,
            self._lengths,
            self._base,
            self._frames,
            self._totals,
        )
        if len(self._bounds) and rows.ts_ns[first:last].min() < self._bounds[-1, 1]:
            self._means = None

    def survey(self, asof_ns: int) -> Survey:
        """Copy out the numbers of every symbol, and the news that counts, at an instant."""
        n_sessions, volume, dollars, closes, profile, profile_n = self._session_means()
        m = self.n_symbols
        price, n_bars, rvol = np.empty(m), np.empty(m, np.int32), np.empty(m)
        slot = 1 if self.grid.daily else (asof_ns - self.session.pre_ns) // SLOT_NS
        survey_nb(
            self._base,
            self._totals,
            self._splits,
            self.session.day,
            self._bounds[0, 1],
            slot,
            self.params.technical.window,
            self.params.screen.rvol_sessions_min,
            profile,
            profile_n,
            price,
            n_bars,
            rvol,
        )
        before = self.session_before
        after_ns = before.close_ns if self.grid.daily and before else 0
        news = self.news.known(asof_ns, after_ns=after_ns)
        return Survey(
            asof_ns=asof_ns,
            news=news,
            member=self._member,
            n_sessions=n_sessions,
            mean_volume=volume,
            mean_dollars=dollars,
            price=price,
            previous_close=closes[:, -1],
            n_bars=n_bars,
            rvol=rvol,
            rvol_sessions=profile_n,
            session_close=closes,
            news_after_ns=after_ns,
        )

    def panel(
        self, symbols: Indices, depth: int, *, asof_ns: int, frame_ns: int | None = None
    ) -> BarPanel:
        """Copy out the last ``depth`` own bars of some symbols.

        Parameters
        ----------
        symbols : int32[k]
            Ascending.
        depth
            Bars at most.
        asof_ns
            Larger bars that have not ended by then are left out.
        frame_ns
            Length of the bars, one of ``frame_ns``; None for base bars.
        """
        k = len(symbols)
        shape = (k, depth)
        ts, count = np.zeros(shape, np.int64), np.empty(k, np.int32)
        o, h, low, c, v = (np.empty(shape) for _ in range(5))
        store, offset, open_from = self._base, 0, _FAR
        if frame_ns is not None and frame_ns > self.grid.timeframe_ns:
            store = self._frames
            offset = int(np.searchsorted(self._lengths, frame_ns)) * self.n_symbols
            if self.session.pre_ns <= asof_ns < self.session.post_ns:
                open_from = slot_of(self.session, asof_ns, frame_ns)[0]
        panel_nb(
            store,
            offset,
            symbols,
            self._splits,
            self._bounds[0, 1],
            open_from,
            depth,
            ts,
            o,
            h,
            low,
            c,
            v,
            count,
        )
        return BarPanel(ts, o, h, low, c, v, count)

    def _session_means(self) -> tuple[Indices, Floats, Floats, Floats, Floats, Indices]:
        if self._means is None:
            m, slots = self.n_symbols, self._totals.prefix.shape[2]
            first = int(self._bounds[0, 0])
            pre_of_day = np.full(self.session.day - first + 1, -1, np.int64)
            pre_of_day[self._bounds[:, 0] - first] = self._bounds[:, 1]
            out = (
                np.empty(m, np.int32),
                np.empty(m),
                np.empty(m),
                np.empty((m, KEPT_SESSIONS)),
                np.empty((m, slots)),
                np.empty(m, np.int32),
            )
            session_means_nb(
                self._totals,
                self._splits,
                self.session.day,
                first,
                self.params.screen.mean_sessions,
                pre_of_day,
                first,
                *out,
            )
            for array in out:
                array.setflags(write=False)
            self._means = out
        return self._means

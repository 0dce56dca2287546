"""A lake, read session by session as things became known: what a replay is fed with."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from catalyst.data.bar_rows import BarRows
from catalyst.data.calendar import date_to_day, day_to_date, sessions
from catalyst.data.lake import Lake
from catalyst.data.news_batch import news_batch
from catalyst.data.series import Series, chosen_series, series_in, series_kept
from catalyst.data.session_bars import ROW_COLUMNS, SessionBars, known_bars, no_bars
from catalyst.data.timeframes import LENGTH_NS
from catalyst.errors import LakeError
from catalyst.strategy.clock import DAY_NS, HOUR_NS
from catalyst.strategy.history import history_sessions
from catalyst.strategy.news import empty_news
from catalyst.strategy.portfolio import Action
from catalyst.strategy.values import Flags, Floats, Grid, Indices, Ints, NewsBatch, Session

__all__ = ["Feed", "SessionBars"]

_BREAK = dt.timedelta(days=15)
"""Longer than any pause of the exchange, so that there is a session before the first."""

_FOR_EVER = 2**31


@dataclass
class Feed:
    """Read one timeframe of a lake in the order of time.

    Parameters
    ----------
    lake
        The lake.
    timeframe
        Base bars, such as ``5m``; None takes the finest there is.
    symbols
        Restrict bars and news to these; None takes all.
    sources
        Where bars may come from, best first; None takes the series that was known first, see
        `catalyst.data.series.chosen_series`.
    assumed_delay_ns
        How much later than stored an article became known whose time is an assumption.

    Attributes
    ----------
    names
        The run's symbol table: every symbol with base bars, ascending.
    grid
        Length and anchor of base bars.
    unpriced
        Symbols in the news that have no base bars; their news is left out.
    taken
        Sources of the base bars that are read, ascending.
    contested
        Symbols of which there are base bars of several sources or adjustments.
    articles, assumed_articles
        Rows of news read so far, and how many of their times are assumed.
    actions
        Splits and dividends of the symbols, by ex-date.

    Raises
    ------
    LakeError
        If there are no such bars, or a symbol has none.
    """

    lake: Lake
    timeframe: str | None = None
    symbols: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    assumed_delay_ns: int = 0
    names: tuple[str, ...] = field(init=False)
    grid: Grid = field(init=False)
    unpriced: int = field(init=False)
    taken: tuple[str, ...] = field(init=False)
    contested: int = field(init=False)
    articles: int = field(init=False, default=0)
    assumed_articles: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        available = sorted(self.lake.timeframes(), key=_length_ns)
        if not available:
            raise LakeError(
                f"the lake {self.lake.root} holds no bars; import some with "
                "catalyst data import bars"
            )
        self.timeframe = self.timeframe or available[0]
        if self.timeframe not in available:
            raise LakeError(
                f"the lake {self.lake.root} has no {self.timeframe} bars; it has "
                f"{', '.join(available)}: choose one with --timeframe"
            )
        present = series_in(self.lake, self.timeframe)
        base = chosen_series(present, sources=self.sources)
        traded = sorted(base)
        named = set(self.lake.news_symbols()) - {""}
        if self.symbols is not None:
            wanted = set(self.symbols)
            missing = sorted(wanted - set(traded))
            if missing:
                raise LakeError(
                    f"the lake {self.lake.root} has no {self.timeframe} bars of "
                    f"{', '.join(missing)}; catalyst data summary lists what it has"
                )
            named &= wanted
            traded = sorted(wanted)
        self.names = tuple(sorted(traded))
        self.unpriced = len(named - set(traded))
        self._index = {name: i for i, name in enumerate(self.names)}
        self._days = self.lake.days(self.timeframe)
        self._day_set = set(self._days)
        length = _length_ns(self.timeframe)
        self.grid = Grid(
            length, from_open=length >= HOUR_NS and length < DAY_NS and self._from_open(length)
        )
        coarser = [] if self.grid.daily else [t for t in available if _length_ns(t) > length]
        self._coarse_days = {t: set(self.lake.days(t)) for t in coarser}
        self._series = {self.timeframe: base} | {
            t: chosen_series(series_in(self.lake, t)) for t in coarser
        }
        self.taken = tuple(sorted({base[name].source for name in self.names}))
        several = present.group_by("symbol").len().filter(pl.col("len") > 1)["symbol"]
        self.contested = len(set(several) & set(self.names))
        self._universe, self._reread = self._read_universe(), False
        self.actions = self._read_actions()

    def reading(self, lake: Lake, *, anew: bool = False) -> Feed:
        """Return the same feed over another lake; `anew` chooses series that it doesn't have."""
        feed = copy.copy(self)
        feed.lake = lake
        if anew:
            name = str(self.timeframe)
            chosen = series_kept(self._series[name], lake, name)
            feed._series = {**self._series, name: chosen}  # noqa: SLF001 - its own class
        # Memberships are read when a session opens, and an audit reads anew far more often.
        feed._reread = self._universe is not None  # noqa: SLF001 - likewise
        feed.actions = feed._read_actions()  # noqa: SLF001 - likewise
        return feed

    def _from_open(self, length: int) -> bool:
        # Hourly bars lie on 09:30, 10:30, ... if any bar of the first session misses the clock.
        rows = self.lake.read_session(str(self.timeframe), self._days[0])
        session = self.session(self._days[0])
        midnight = session.pre_ns - 4 * HOUR_NS
        return bool(((rows.ts_ns - midnight) % length != 0).any())

    @staticmethod
    def session(day: dt.date) -> Session:
        """Return the session of a date."""
        return _sessions(day, day)[0]

    def span(
        self, start: dt.date | None, end: dt.date | None
    ) -> tuple[list[Session], list[Session]]:
        """Return the sessions before ``start`` that history needs, and those up to ``end``.

        Parameters
        ----------
        start, end
            Dates, both included; None for the first and last day with base bars.

        Raises
        ------
        LakeError
            If no session with bars lies between them.
        """
        first, last = self._days[0], self._days[-1]
        start_day, end_day = max(start or first, first), min(end or last, last)
        chosen = _sessions(start_day, end_day) if start_day <= end_day else []
        if not chosen:
            asked = f"{start or first} to {end or last}"
            raise LakeError(
                f"no session with {self.timeframe} bars in {asked}; the lake has them from {first} "
                f"to {last}"
            )
        return self.before(start_day), chosen

    @property
    def reach(self) -> tuple[dt.date, dt.date]:
        """Return the first and the last day with base bars."""
        return self._days[0], self._days[-1]

    def around(self, day: dt.date) -> tuple[list[Session], list[Session]]:
        """Return the sessions before a date that history needs, and its own; none on a holiday."""
        first, last = self.reach
        own = _sessions(day, day) if first <= day <= last else []
        return (self.before(day) if own else []), own

    def before(self, day: dt.date) -> list[Session]:
        """Return the sessions before a date that history needs, ascending."""
        coarse = [min(days) for days in self._coarse_days.values() if days]
        oldest = min([self._days[0], day - _BREAK, *coarse])
        return _sessions(oldest, day - dt.timedelta(days=1))[-history_sessions(self.grid) :]

    def bars(self, session: Session, *, grace_ns: int) -> SessionBars:
        """Read the base bars of a session.

        Of several series of a symbol one counts, the same in all sessions.

        Parameters
        ----------
        session
            The session.
        grace_ns
            A bar known this soon after its end counts as known at its end.
        """
        m = len(self.names)
        day = day_to_date(session.day)
        if day not in self._day_set:
            return no_bars(m)
        read = self.lake.read_session(str(self.timeframe), day)
        symbol, keep = self._placed(read, self._series[str(self.timeframe)])
        taken = {name: getattr(read, name)[keep] for name in ROW_COLUMNS}
        return known_bars(
            symbol,
            taken,
            known_ns=read.known_ns[keep],
            adjusted=read.adjusted[keep],
            assumed=int(read.known_is_assumed[keep].sum()),
            n_symbols=m,
            session=session,
            grid=self.grid,
            grace_ns=grace_ns,
        )

    def _placed(self, read: BarRows, series: Mapping[str, Series]) -> tuple[Indices, Ints]:
        # The rows that count are of one series a symbol; each with its symbol's index.
        table = np.array([self._index.get(name, -1) for name in read.symbols], np.int32)
        code = {name: place for place, name in enumerate(read.sources)}
        wanted = [series.get(name) for name in read.symbols]
        source = np.array([code.get(one.source, -1) if one else -1 for one in wanted], np.int32)
        adjusted = np.array([one.adjusted if one else -1 for one in wanted], np.int8)
        at = read.symbol
        rows = np.flatnonzero(
            (table[at] >= 0) & (source[at] == read.source_rank) & (adjusted[at] == read.adjusted)
        )
        return table[at[rows]], rows

    def coarse(
        self, session: Session, *, known_by_ns: int
    ) -> tuple[Indices, tuple[Floats, Floats, Floats], Flags] | None:
        """Sum a session up from coarser bars, each symbol from the finest that has it.

        Parameters
        ----------
        session
            A past session.
        known_by_ns
            Bars known later are left out.

        Returns
        -------
        symbol, (volume, dollars, close), raw
            Shares, sum of close x volume (USD), last close (USD) and whether unadjusted; None
            without coarser bars.
        """
        m = len(self.names)
        day = day_to_date(session.day)
        volume, dollars, close = np.zeros(m), np.zeros(m), np.full(m, np.nan)
        raw, found = np.zeros(m, np.bool_), np.zeros(m, np.bool_)
        for timeframe, days in self._coarse_days.items():
            if day not in days:
                continue
            read = self.lake.read_session(timeframe, day)
            symbol, rows = self._placed(read, self._series[timeframe])
            new = (read.known_ns[rows] <= known_by_ns) & ~found[symbol]
            symbol, rows = symbol[new], rows[new]
            last = np.ones(len(symbol), np.bool_)
            last[:-1] = (symbol[1:] != symbol[:-1]) | (
                read.ts_ns[rows][1:] != read.ts_ns[rows][:-1]
            )
            symbol, rows = symbol[last], rows[last]
            np.add.at(volume, symbol, read.volume[rows])
            np.add.at(dollars, symbol, read.volume[rows] * read.close[rows])
            close[symbol] = read.close[rows]
            raw[symbol] = read.adjusted[rows] == 0
            found[symbol] = True
        symbols = np.flatnonzero(found).astype(np.int32)
        if not len(symbols):
            return None
        return symbols, (volume[symbols], dollars[symbols], close[symbols]), raw[symbols]

    def news(self, after_ns: int, until_ns: int) -> NewsBatch:
        """Read the articles that became known after one instant and until another.

        Ascending by (known_ns, news_id).
        """
        delay = self.assumed_delay_ns
        first = dt.datetime.fromtimestamp((after_ns - delay) // 10**9, dt.UTC).date()
        last = dt.datetime.fromtimestamp(until_ns // 10**9, dt.UTC).date()
        frames = [
            self.lake.read_news(first + dt.timedelta(days=k))
            for k in range((last - first).days + 1)
        ]
        frames = [f for f in frames if f.height]
        if not frames:
            return empty_news()
        rows = pl.concat(frames)
        if delay:
            later = pl.col("known_at") + pl.duration(nanoseconds=delay)
            moved = pl.when("known_is_assumed").then(later).otherwise("known_at")
            rows = rows.with_columns(known_at=moved)
        rows = rows.with_columns(known=pl.col("known_at").cast(pl.Int64))
        rows = rows.filter((pl.col("known") > after_ns) & (pl.col("known") <= until_ns))
        if not rows.height:
            return empty_news()
        rows = rows.filter(pl.col("symbol").is_in(self.names))
        self.articles += rows.height
        self.assumed_articles += int(rows["known_is_assumed"].sum())
        return news_batch(rows, self._index)

    def members(self, session: Session, *, known_by_ns: int) -> Flags:
        """Tell which symbols are in a session's universe, as known by an instant: bool[m].

        All, where the lake has no universe.
        """
        m = len(self.names)
        if self._reread:
            # A lake without memberships has everyone in it; one whose lie ahead, nobody.
            self._universe, self._reread = self._read_universe() or [], False
        rows = self._universe
        if rows is None:
            return np.ones(m, np.bool_)
        latest: dict[tuple[int, int], int] = {}
        for symbol, first, last, known_ns in rows:
            if known_ns <= known_by_ns and first <= session.day:
                latest[symbol, first] = last
        out = np.zeros(m, np.bool_)
        for (symbol, _), last in latest.items():
            out[symbol] |= session.day <= last
        return out

    def _read_universe(self) -> list[tuple[int, int, int, int]] | None:
        frame = self.lake.universe()
        if not frame.height:
            return None
        rows = []
        for symbol, first, last, known in frame.select(
            "symbol", "from", "to", pl.col("known_at").cast(pl.Int64)
        ).rows():
            if symbol in self._index:
                until = date_to_day(last) if last else _FOR_EVER
                rows.append((self._index[symbol], date_to_day(first), until, known))
        # Of two rows known at once, the one that ends the membership is the later word.
        return sorted(rows, key=lambda row: (row[3], row[0], row[1], -row[2]))

    def _read_actions(self) -> list[Action]:
        frame = self.lake.actions()
        latest: dict[tuple[int, int, str], Action] = {}
        columns = ("symbol", "ex_date", "kind", "value", pl.col("known_at").cast(pl.Int64))
        for symbol, ex_date, kind, value, known in sorted(
            frame.select(*columns).rows(), key=lambda row: row[4]
        ):
            if symbol in self._index and kind in ("split", "dividend"):
                action = Action(
                    self._index[symbol], date_to_day(ex_date), kind, float(value), known
                )
                latest.setdefault((action.symbol, action.day, kind), action)
        return sorted(
            latest.values(), key=lambda a: (a.day, a.symbol, a.kind != "split", a.known_ns)
        )


def _sessions(first: dt.date, last: dt.date) -> list[Session]:
    table = sessions(first, last)
    columns = (table.day, table.pre_ns, table.open_ns, table.close_ns, table.post_ns)
    return [Session(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def _length_ns(timeframe: str) -> int:
    return LENGTH_NS.get(timeframe, DAY_NS)

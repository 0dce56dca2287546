"""What happens in a session of a lake, instant by instant, as the paper exchange plays it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from catalyst.data.enrichment.versions import Link
from catalyst.data.feed import Feed
from catalyst.data.session_bars import SessionBars
from catalyst.strategy.clock import is_regular_bar
from catalyst.strategy.exchange import Bar
from catalyst.strategy.values import Floats, Ints, Session

_SECOND_NS = 10**9


@dataclass(frozen=True)
class Quoted:
    """Hold one bar as it is published; ``again`` says that it corrects one that was."""

    symbol: str
    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    again: bool = False


@dataclass(frozen=True)
class Article:
    """Hold one version of an article as it is published: to whom its provider linked it, and when.

    Attributes
    ----------
    number
        A positive number made of the lake's id.
    published_ns, known_ns
        When it happened, and when this version could be known, ns UTC.
    """

    number: int
    headline: str
    source: str
    author: str
    url: str
    symbols: tuple[str, ...]
    published_ns: int
    known_ns: int


class Tape:
    """Play one session of a feed.

    Parameters
    ----------
    feed
        The lake's base bars.
    session
        The session.
    bars
        Its bars.
    articles
        What becomes known from its 03:55 (or the end of the session before) until its 20:00,
        ascending by time.
    late
        Bars of sessions before that are still to become known.

    Attributes
    ----------
    instants : int64[n]
        When something happens, ascending.
    """

    def __init__(
        self,
        feed: Feed,
        session: Session,
        bars: SessionBars,
        articles: list[Article],
        late: list[tuple[int, Quoted]],
    ) -> None:
        self.feed, self.session, self.bars = feed, session, bars
        self._articles, self._news_at = articles, 0
        self._late, self._late_at = sorted(late, key=lambda row: row[0]), 0
        self._at = 0
        self._seen: set[tuple[str, int]] = set()
        known = [a.known_ns for a in articles] + [at for at, _ in self._late]
        own = (session.pre_ns, session.open_ns, session.close_ns, session.post_ns)
        every = np.unique(
            np.concatenate([bars.ends_ns, bars.known_ns, np.array([*known, *own], np.int64)])
        )
        self.instants: Ints = every[every <= session.post_ns]

    def bar_of(self, symbol: int, end_ns: int) -> Bar | None:
        """Return the bar of a symbol that ended at an instant, None if it has none."""
        start, stop = int(self.bars.start[symbol]), int(self.bars.start[symbol + 1])
        ends = self.bars.ends_ns[start:stop]
        at = int(ends.searchsorted(end_ns))
        if at == len(ends) or int(ends[at]) != end_ns:
            return None
        rows, r = self.bars.traded, start + at
        ts = int(rows.ts_ns[r])
        grid = self.feed.grid
        return Bar(
            ts,
            end_ns,
            float(rows.open[r]),
            float(rows.high[r]),
            float(rows.low[r]),
            float(rows.close[r]),
            float(rows.volume[r]),
            grid.daily or is_regular_bar(self.session, ts, grid.timeframe_ns),
        )

    def published(self, now_ns: int) -> list[Quoted]:
        """Return the bars that become known by an instant and were not returned before."""
        stop = int(self.bars.known_ns.searchsorted(now_ns, side="right"))
        out = self._quoted(self._at, stop)
        self._at = max(stop, self._at)
        while self._late_at < len(self._late) and self._late[self._late_at][0] <= now_ns:
            out.append(self._late[self._late_at][1])
            self._late_at += 1
        for place, quoted in enumerate(out):
            bar = (quoted.symbol, quoted.ts_ns)
            if bar in self._seen:
                out[place] = replace(quoted, again=True)
            self._seen.add(bar)
        return out

    def articles(self, now_ns: int) -> list[Article]:
        """Return the articles that become known by an instant and were not returned before."""
        start = self._news_at
        while (
            self._news_at < len(self._articles) and self._articles[self._news_at].known_ns <= now_ns
        ):
            self._news_at += 1
        return self._articles[start : self._news_at]

    def unpublished(self) -> list[tuple[int, Quoted]]:
        """Return the bars that are still to become known after the session, with the instants."""
        known = self.bars.known_ns[self._at :].tolist()
        own = self._quoted(self._at, len(self.bars.known_ns))
        return [*zip(known, own, strict=True), *self._late[self._late_at :]]

    def _quoted(self, start: int, stop: int) -> list[Quoted]:
        if stop <= start:
            return []
        rows, names = self.bars.rows, self.feed.names
        part = slice(start, stop)
        columns = (rows.ts_ns, rows.open, rows.high, rows.low, rows.close, rows.volume)
        symbols = [names[i] for i in rows.symbol[part].tolist()]
        values = zip(*(c[part].tolist() for c in columns), strict=True)
        return [Quoted(s, *row) for s, row in zip(symbols, values, strict=True)]


def read_articles(feed: Feed, after_ns: int, until_ns: int) -> list[Article]:
    """Read the articles that became known after one instant and until another, ascending.

    An article is published to the symbols its provider linked it to; those its text names are for
    the reader to find, as with any vendor.
    """
    first = dt.datetime.fromtimestamp(after_ns // _SECOND_NS, dt.UTC).date()
    last = dt.datetime.fromtimestamp(until_ns // _SECOND_NS, dt.UTC).date()
    days = [first + dt.timedelta(days=k) for k in range((last - first).days + 1)]
    frames = [f for f in map(feed.lake.read_news, days) if f.height]
    if not frames:
        return []
    made = [Link.CASHTAG.label, Link.NAME.label]
    rows = pl.concat(frames).with_columns(
        known=pl.col("known_at").cast(pl.Int64), published=pl.col("published_at").cast(pl.Int64)
    )
    rows = rows.filter((pl.col("known") > after_ns) & (pl.col("known") <= until_ns))
    linked = pl.col("symbol").filter((pl.col("symbol") != "") & ~pl.col("link").is_in(made))
    columns = ("headline", "source", "author", "url", "published")
    table = (
        rows.group_by("news_id", "known")
        .agg(*(pl.col(c).first() for c in columns), symbols=linked.sort())
        .sort("known", "news_id")
    )
    return [
        Article(
            int(row["news_id"], 16) >> 1,
            row["headline"],
            row["source"] or "",
            row["author"] or "",
            row["url"] or "",
            tuple(row["symbols"]),
            row["published"],
            row["known"],
        )
        for row in table.iter_rows(named=True)
    ]


def opened(
    feed: Feed,
    session: Session,
    *,
    after_ns: int,
    grace_ns: int,
    late: list[tuple[int, Quoted]],
    closes: Floats,
    splits: list[tuple[int, float, int]],
) -> Tape:
    """Read a session.

    Parameters
    ----------
    feed, session
        What to read.
    after_ns
        Articles known until then have been published.
    grace_ns
        A bar known this soon after its end counts as known at its end.
    late
        Bars of before that are still to become known.
    closes : float64[m]
        Last closes of before, USD.
    splits
        Today's, as (symbol, ratio, known_ns): bars that still show old shares are left out.
    """
    bars = feed.bars(session, grace_ns=grace_ns)
    for symbol, ratio, known_ns in splits:
        bars, _ = bars.without_old_shares(symbol, float(closes[symbol]), ratio, known_ns=known_ns)
    articles = read_articles(feed, after_ns, session.post_ns)
    return Tape(feed, session, bars, articles, late)

"""Stored bars as they were known at an instant, a page at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from catalyst.data.calendar import NEW_YORK
from catalyst.data.calendar import sessions as calendar
from catalyst.data.feed import Feed
from catalyst.data.session_bars import SessionBars
from catalyst.live.paper.tape import Quoted
from catalyst.strategy.values import Ints

_KEPT_SESSIONS = 128


@dataclass(frozen=True)
class Asked:
    """Hold what bars are asked for.

    Attributes
    ----------
    timeframe
        As the lake names it.
    symbols
        Which.
    start_ns, end_ns
        Bounds of the bars' starts, both included, ns UTC.
    backwards
        Whether the newest come first.
    """

    timeframe: str
    symbols: tuple[str, ...]
    start_ns: int
    end_ns: int
    backwards: bool = False


class BarPages:
    """Read a lake's bars of any timeframe; the latest versions known by an instant.

    Parameters
    ----------
    base
        The feed that is played; other timeframes of its lake are opened when they are asked for.
    grace_ns
        A bar known this soon after its end counts as known at its end.
    halted
        Tells whether a symbol has no bar that starts at an instant.
    """

    def __init__(self, base: Feed, grace_ns: int, halted: Callable[[str, int], bool]) -> None:
        self._base, self._grace_ns, self._halted = base, grace_ns, halted
        self._feeds = {str(base.timeframe): base}
        self._session = lru_cache(_KEPT_SESSIONS)(self._read)

    def page(
        self, asked: Asked, now_ns: int, *, limit: int, token: str | None
    ) -> tuple[list[Quoted], str | None]:
        """Return at most `limit` bars known by an instant, by symbol and time, and the next token.

        Parameters
        ----------
        asked
            Which bars.
        now_ns
            What becomes known later is left out.
        limit
            At most so many.
        token
            Where the last page ended, None for the first.
        """
        after_symbol, _, after = (token or "").rpartition("|")
        symbols = sorted(s for s in set(asked.symbols) if s >= after_symbol)
        out: list[Quoted] = []
        for symbol in symbols:
            start, end = asked.start_ns, asked.end_ns
            if symbol == after_symbol and after.isdigit():
                start, end = (start, int(after) - 1) if asked.backwards else (int(after) + 1, end)
            for bar in self._bars(asked, symbol, start, end, now_ns):
                if len(out) == limit:
                    return out, f"{out[-1].symbol}|{out[-1].ts_ns}"
                out.append(bar)
        return out, None

    def latest(self, symbol: str, now_ns: int) -> Quoted | None:
        """Return the last bar of a symbol that is known by an instant, of the last week."""
        week = now_ns - 7 * 86_400 * 10**9
        asked = Asked(str(self._base.timeframe), (symbol,), week, now_ns, backwards=True)
        return next(self._bars(asked, symbol, week, now_ns, now_ns), None)

    def _bars(
        self, asked: Asked, symbol: str, start_ns: int, end_ns: int, now_ns: int
    ) -> Iterator[Quoted]:
        if start_ns > end_ns:
            return
        days = _days(start_ns, end_ns)
        for day in days[::-1] if asked.backwards else days:
            names, bars, order, first = self._session(asked.timeframe, day)
            at = names.get(symbol)
            if at is None:
                continue
            own = order[first[at] : first[at + 1]]
            rows, ts = bars.rows, bars.rows.ts_ns[own]
            own = own[(bars.known_ns[own] <= now_ns) & (ts >= start_ns) & (ts <= end_ns)]
            # In the order in which they became known: the last version of a bar stays.
            latest = dict(zip(rows.ts_ns[own].tolist(), own.tolist(), strict=True))
            for ts_ns in sorted(latest, reverse=asked.backwards):
                if self._halted(symbol, ts_ns):
                    continue
                r = latest[ts_ns]
                yield Quoted(
                    symbol,
                    ts_ns,
                    float(rows.open[r]),
                    float(rows.high[r]),
                    float(rows.low[r]),
                    float(rows.close[r]),
                    float(rows.volume[r]),
                )

    def _read(self, timeframe: str, day: dt.date) -> tuple[dict[str, int], SessionBars, Ints, Ints]:
        feed = self._feeds.get(timeframe)
        if feed is None:
            feed = self._feeds[timeframe] = Feed(self._base.lake, timeframe)
        bars = feed.bars(Feed.session(day), grace_ns=self._grace_ns)
        order = np.argsort(bars.rows.symbol, kind="stable")
        first = np.searchsorted(bars.rows.symbol[order], np.arange(len(feed.names) + 1))
        return {name: i for i, name in enumerate(feed.names)}, bars, order, first


def _days(start_ns: int, end_ns: int) -> list[dt.date]:
    first, last = (
        dt.datetime.fromtimestamp(ns // 10**9, NEW_YORK).date() for ns in (start_ns, end_ns)
    )
    return list(calendar(first, last))

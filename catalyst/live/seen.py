"""What live has seen of a session, in the shape in which a lake tells it: one rule for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data.feed import Feed
from catalyst.data.news_batch import news_batch
from catalyst.data.session_bars import ROW_COLUMNS, SessionBars, known_bars
from catalyst.live.bar_slots import BarArrival
from catalyst.live.news_reader import news_frame
from catalyst.strategy.news import empty_news
from catalyst.strategy.portfolio import Action
from catalyst.strategy.values import Flags, Floats, Grid, Indices, NewsBatch, Session

NewsRow = Mapping[str, Any]

_KINDS: dict[str, type[np.generic]] = {
    **{name: np.int64 if name == "ts_ns" else np.float64 for name in ROW_COLUMNS},
    "known_ns": np.int64,
    "adjusted": np.int8,
}


@dataclass
class SeenSource:
    """Tell the past from live's own lake, and the present from what has arrived.

    It is what `catalyst.data.market.Market` is fed from; `catalyst.data.feed.Feed` over the lake
    that the session is exported to gives the same.

    Parameters
    ----------
    feed
        Live's own lake.
    since_ns
        From here on facts arrive; what became known up to it stands in the lake.
    """

    feed: Feed
    since_ns: int
    _bars: dict[str, NDArray[Any]] = field(init=False)
    _news: list[NewsRow] = field(init=False, default_factory=list)
    _day: int = field(init=False, default=-1)
    _index: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._index = {name: i for i, name in enumerate(self.feed.names)}
        self._bars = self._columns(())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the run's symbol table."""
        return self.feed.names

    @property
    def grid(self) -> Grid:
        """Return length and anchor of base bars."""
        return self.feed.grid

    @property
    def actions(self) -> Sequence[Action]:
        """Return splits and dividends, as the lake knows them."""
        return self.feed.actions

    def begin(self, session: Session) -> None:
        """Begin a session: bars of the one before are the lake's."""
        self._day = session.day
        self._bars = self._columns(())

    def arrived(self, bars: Iterable[BarArrival], news: Iterable[NewsRow]) -> None:
        """Take in what a decision is about to rest on."""
        new = self._columns(bars)
        joined = {name: np.concatenate([self._bars[name], values]) for name, values in new.items()}
        # Sorted once when they arrive, and not by each decision anew.
        order = np.lexsort((joined["known_ns"], joined["ts_ns"], joined["symbol"]))
        self._bars = {name: values[order] for name, values in joined.items()}
        self._news += news

    def bars(self, session: Session, *, grace_ns: int) -> SessionBars:
        """Return the bars of a session that have been seen; see `Feed.bars`."""
        if session.day != self._day:
            return self.feed.bars(session, grace_ns=grace_ns)
        return known_bars(
            self._bars["symbol"],
            {name: self._bars[name] for name in ROW_COLUMNS},
            known_ns=self._bars["known_ns"],
            adjusted=self._bars["adjusted"],
            assumed=0,
            n_symbols=len(self.names),
            session=session,
            grid=self.grid,
            grace_ns=grace_ns,
        )

    def coarse(
        self, session: Session, *, known_by_ns: int
    ) -> tuple[Indices, tuple[Floats, Floats, Floats], Flags] | None:
        """Return a past session's sums from coarser bars of the lake."""
        return self.feed.coarse(session, known_by_ns=known_by_ns)

    def news(self, after_ns: int, until_ns: int) -> NewsBatch:
        """Return the articles that became known in between, of the lake and since."""
        seen = [row for row in self._news if after_ns < row["known_ns"] <= until_ns]
        if after_ns >= self.since_ns:
            return self._batch(seen)
        old = self.feed.news(after_ns, min(until_ns, self.since_ns))
        return _joined(old, self._batch(seen))

    def _columns(self, bars: Iterable[BarArrival]) -> dict[str, NDArray[Any]]:
        own = [bar for bar in bars if bar.symbol in self._index]
        columns = {
            name: np.array([getattr(bar, name) for bar in own], kind)
            for name, kind in _KINDS.items()
        }
        return {**columns, "symbol": np.array([self._index[bar.symbol] for bar in own], np.int32)}

    def _batch(self, rows: Sequence[NewsRow]) -> NewsBatch:
        return news_batch(news_frame(rows), self._index) if rows else empty_news()

    def members(self, session: Session, *, known_by_ns: int) -> Flags:
        """Tell which symbols are in a session's universe, as the lake knows it."""
        return self.feed.members(session, known_by_ns=known_by_ns)


def _joined(old: NewsBatch, new: NewsBatch) -> NewsBatch:
    return NewsBatch(
        **{name: np.concatenate([values, getattr(new, name)]) for name, values in vars(old).items()}
    )

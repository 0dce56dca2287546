"""One session's base bars: as they became known, and as the exchange traded them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalyst.strategy.history import Rows
from catalyst.strategy.values import (
    Bytes,
    Flags,
    Grid,
    Indices,
    Ints,
    Session,
)

ROW_COLUMNS = ("ts_ns", "open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class SessionBars:
    """Hold one session's base bars twice over: as they became known, and by symbol as they traded.

    Attributes
    ----------
    rows, known_ns
        What history is fed, ascending by (known_ns, symbol, ts).
    start : int64[m + 1]
        Rows of symbol i in ``traded`` and ``ends_ns`` are ``start[i]:start[i + 1]``, ascending by
        ts.
    traded, ends_ns
        First versions that were known in time; a bar known later fills nothing, as in a halt.
    adjusted : int8[m]
        How each symbol's bars are adjusted (0 raw, 1 split, 2 all), -1 without bars.
    late
        Number of bars known after their end and the grace.
    assumed
        Number of bars whose ``known_at`` is an assumption.
    """

    rows: Rows
    known_ns: Ints
    start: Ints
    traded: Rows
    ends_ns: Ints
    adjusted: Bytes
    late: int
    assumed: int

    def without_old_shares(
        self, symbol: int, close: float, ratio: float, *, known_ns: int = 0
    ) -> tuple[SessionBars, int]:
        """Leave out the bars of a split's ex-date that still show a price of old shares.

        Such bars exist: the first print before the open may repeat the last close in old shares,
        and an order would fill at a multiple of the price. A bar counts as one if any of its prices
        is nearer, as a ratio, to the last close than to the last close over the split's ratio.

        Parameters
        ----------
        symbol
            Index of an unadjusted symbol.
        close
            Its last close before the ex-date, USD.
        ratio
            New shares for one old; between 1/2 and 2 the two can't be told apart, and nothing is
            left out.
        known_ns
            When the split became known: bars known before stay in what is seen, but fill nothing.

        Returns
        -------
        bars, count
            The other bars, and how many of those that are seen were left out.
        """
        if 0.5 < ratio < 2.0 or not np.isfinite(close):
            return self, 0
        border = close / np.sqrt(ratio)
        rows, traded = (_old_shares(r, symbol, border, ratio) for r in (self.rows, self.traded))
        rows &= self.known_ns >= known_ns
        start = self.start.copy()
        start[symbol + 1 :] -= int(traded.sum())
        kept = replace(
            self,
            rows=rows_at(self.rows, np.flatnonzero(~rows)),
            known_ns=self.known_ns[~rows],
            start=start,
            traded=rows_at(self.traded, np.flatnonzero(~traded)),
            ends_ns=self.ends_ns[~traded],
        )
        return kept, int(rows.sum())


def _old_shares(rows: Rows, symbol: int, border: float, ratio: float) -> Flags:
    prices = np.stack([rows.open, rows.high, rows.low, rows.close])
    beyond: Flags = np.any(prices > border if ratio > 1 else prices < border, axis=0)
    own: Flags = rows.symbol == symbol
    return own & rows.raw & beyond


def rows_at(rows: Rows, at: Ints) -> Rows:
    """Return some of the rows: ``at`` is int64[n], their positions in the order wanted."""
    return Rows(*(getattr(rows, name)[at] for name in Rows.__dataclass_fields__))


def no_bars(n_symbols: int) -> SessionBars:
    """Return a session without bars."""
    floats, ints = np.empty(0), np.empty(0, np.int64)
    rows = Rows(
        symbol=np.empty(0, np.int32),
        ts_ns=ints,
        open=floats,
        high=floats,
        low=floats,
        close=floats,
        volume=floats,
        raw=np.empty(0, np.bool_),
    )
    return SessionBars(
        rows=rows,
        known_ns=ints,
        start=np.zeros(n_symbols + 1, np.int64),
        traded=rows,
        ends_ns=ints,
        adjusted=np.full(n_symbols, -1, np.int8),
        late=0,
        assumed=0,
    )


def known_bars(
    symbol: Indices,
    columns: Mapping[str, NDArray[Any]],
    *,
    known_ns: Ints,
    adjusted: Bytes,
    assumed: int,
    n_symbols: int,
    session: Session,
    grid: Grid,
    grace_ns: int,
) -> SessionBars:
    """Lay out a session's bars as they became known and as they traded.

    A first version known within the grace after its end counts as known at its end.

    Parameters
    ----------
    symbol : int32[n]
        Ascending; a symbol's rows by ts, and versions of one bar by when they were known.
    columns
        `ROW_COLUMNS`, n values each.
    known_ns, adjusted
        When each version became known; how it is adjusted.
    assumed
        How many of the times are assumptions.
    n_symbols, session, grid, grace_ns
        The run's table, and what the bars belong to.
    """
    rows = Rows(symbol=symbol, raw=adjusted == 0, **columns)
    ends = np.full(len(symbol), session.close_ns) if grid.daily else rows.ts_ns + grid.timeframe_ns
    first_of = np.ones(len(symbol), np.bool_)
    first_of[1:] = (symbol[1:] != symbol[:-1]) | (rows.ts_ns[1:] != rows.ts_ns[:-1])
    # The grace is for a bar's first version: a correction in the same seconds came after it.
    in_time = (known_ns <= ends + grace_ns) & first_of
    effective = np.where(in_time, ends, np.maximum(known_ns, ends))
    tradable = np.flatnonzero(in_time)
    order = np.lexsort((rows.ts_ns, symbol, effective))
    latest = np.full(n_symbols, -1, np.int8)
    latest[symbol] = adjusted
    return SessionBars(
        rows=rows_at(rows, order),
        known_ns=effective[order],
        start=np.searchsorted(symbol[tradable], np.arange(n_symbols + 1)),
        traded=rows_at(rows, tradable),
        ends_ns=ends[tradable],
        adjusted=latest,
        late=int((~in_time & first_of).sum()),
        assumed=assumed,
    )

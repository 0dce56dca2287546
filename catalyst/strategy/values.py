"""Values that travel between the drivers and the strategy: struct of arrays, never changed.

Symbols are ascending and referred to by their int32 index in the run's symbol table; instants are
int64 nanoseconds UTC; prices float64 US dollars; cash and fees int64 micro-dollars; NaN means "no
bar".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Indices = NDArray[np.int32]
Bytes = NDArray[np.int8]
Flags = NDArray[np.bool_]


class MarketState(IntEnum):
    """Name the four states of the exchange's day, New York time.

    Source: pre_market 04:00-09:30, regular 09:30-close, after_hours close-20:00, closed otherwise.
    """

    PRE_MARKET = 0
    REGULAR = 1
    AFTER_HOURS = 2
    CLOSED = 3

    @property
    def label(self) -> str:
        """Return the name used in files, such as ``pre_market``."""
        return self.name.lower()


@dataclass(frozen=True)
class Session:
    """Hold one session of the exchange.

    Attributes
    ----------
    day
        Days since 1970-01-01 of the New York date.
    pre_ns, open_ns, close_ns, post_ns
        04:00, the open, the close (early on half days) and 20:00 New York, ns UTC.
    """

    day: int
    pre_ns: int
    open_ns: int
    close_ns: int
    post_ns: int


@dataclass(frozen=True)
class Grid:
    """Say how base bars lie: their length, whether daily, and where intraday ones are anchored.

    Attributes
    ----------
    timeframe_ns
        Length of a base bar; a day for daily bars.
    from_open
        True if regular base bars are cut from the session's open (09:30, 10:30, ...), False if they
        lie on the clock (09:00, 10:00, ...).
    """

    timeframe_ns: int
    from_open: bool = False

    @property
    def daily(self) -> bool:
        """Tell whether base bars are daily."""
        return self.timeframe_ns >= 86_400_000_000_000


@dataclass(frozen=True)
class NewsBatch:
    """Hold article-symbol rows known at an instant, ascending by (known_ns, news_id).

    Attributes
    ----------
    symbol : int32[n]
        Index in the run's symbol table.
    news_id : uint64[n]
        The article; its 16 hexadecimal digits as a number.
    published_ns, known_ns, first_known_ns : int64[n]
        When it happened, when this version could be known, when the first version could.
    tier : int8[n]
        1 to 5.
    categories : int32[n]
        Bit mask in the order of `params.CATEGORIES`.
    state : int8[n]
        `MarketState` at publication.
    sentiment : float64[n]
        -1 to 1.
    cluster_rank : int32[n]
        0 for the first of its cluster.
    """

    symbol: Indices
    news_id: NDArray[np.uint64]
    published_ns: Ints
    known_ns: Ints
    first_known_ns: Ints
    tier: Bytes
    categories: Indices
    state: Bytes
    sentiment: Floats
    cluster_rank: Indices


@dataclass(frozen=True)
class BarPanel:
    """Hold the last own bars of some symbols, left-aligned, holes skipped.

    Attributes
    ----------
    ts_ns : int64[k, w]
        Bar start.
    open, high, low, close, volume : float64[k, w]
        USD and shares, adjusted for the splits known at asof; undefined from ``count`` on.
    count : int32[k]
        Number of bars of each row; the last is at ``count - 1``.
    """

    ts_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    count: Indices


@dataclass(frozen=True)
class Survey:
    """Hold what is known of every symbol at an instant, in numbers: enough to narrow the market.

    Attributes
    ----------
    asof_ns
        The instant.
    news
        Articles known by then and recent enough to count.
    member : bool[m]
        Whether the symbol is in the point-in-time universe.
    n_sessions : int32[m]
        Own sessions before today within reach, at most 20.
    mean_volume, mean_dollars : float64[m]
        Means over those sessions of volume (shares) and of the sum of close x volume (USD); NaN
        without any.
    price, previous_close : float64[m]
        Last known close, and the last close of the last own session before today (USD); NaN without
        bars.
    n_bars : int32[m]
        Own bars of the base timeframe within reach.
    rvol : float64[m]
        Relative volume; NaN where the history is too short.
    rvol_sessions : int32[m]
        Sessions that its mean rests on.
    session_close : float64[m, 20]
        Last closes of the own sessions before today, the newest last; NaN in front.
    news_after_ns
        Articles first known at or before this instant don't count (daily bars); 0 intraday.
    """

    asof_ns: int
    news: NewsBatch
    member: Flags
    n_sessions: Indices
    mean_volume: Floats
    mean_dollars: Floats
    price: Floats
    previous_close: Floats
    n_bars: Indices
    rvol: Floats
    rvol_sessions: Indices
    session_close: Floats
    news_after_ns: int


@dataclass(frozen=True)
class MarketView:
    """Hold what may be known at ``asof_ns`` and nothing else.

    Attributes
    ----------
    asof_ns, session, grid, state
        The instant, its session, the grid of base bars and the market state.
    names
        The run's symbol table, ascending.
    scan
        Whether this is a scan; else it is a look at positions and orders only.
    choose
        Whether the symbols of the first stage are chosen anew.
    survey
        Numbers of every symbol.
    symbols : int32[k]
        The symbols whose bars were asked for, ascending.
    base
        Their base bars.
    frames, frame_ns, frame_slot_ns
        Their bars in each pattern timeframe, its length, and the start of its last complete slot
        (-1: none).
    """

    asof_ns: int
    names: tuple[str, ...]
    session: Session
    grid: Grid
    state: MarketState
    scan: bool
    choose: bool
    survey: Survey
    symbols: Indices
    base: BarPanel
    frames: tuple[BarPanel, ...]
    frame_ns: tuple[int, ...]
    frame_slot_ns: tuple[int, ...]

"""Records of the compiled trials: one layout for what Python fills in and kernels work on.

Instants are int64 ns UTC, prices float64 USD, money int64 micro-dollars, NaN as in the values of
`catalyst.strategy`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalyst.strategy.reasons import Kind, Role
from catalyst.strategy.values import Bytes, Floats, Indices, Ints

Records = NDArray[np.void]


def _record(ints: str, floats: str) -> np.dtype[np.void]:
    fields = [(name, np.int64) for name in ints.split()]
    return np.dtype([*fields, *((name, np.float64) for name in floats.split())], align=True)


SESSION = _record("pre close news_after first last first_open last_open", "")
"""A session: its instants are ``first:last``, its opens ``first_open:last_open`` of the tape's.

``news_after``: articles first known by then don't count (daily bars).
"""

INSTANT = _record("asof scan opens at_market protects bracket pre_market", "market")
"""An instant at which bars may end, or a scan.

``scan`` is its number, -1 if it is none; ``opens`` the first place in the session's opens that is
not before it; ``at_market`` and ``protects`` as ``at_market`` and ``regular`` of a look;
``bracket`` says whether an entry takes its protection along; ``market`` is the growth of all
symbols held equally.
"""

FINALIST = _record(
    "symbol side leaning pattern pattern_bar last_bar volumes",
    "price catalyst direction pattern_score technical volume_score",
)
"""A finalist of a scan, before its side and its confidence are known.

``side`` is that of its patterns; ``pattern`` a number for (symbol, timeframe, last bar) of the best
one, -1 without; ``technical`` that of a long; ``last_bar`` the start of the last base bar seen;
``volumes`` how many bars its mean volume may rest on.
"""

BAR = np.dtype(
    [
        ("ts", np.int64),
        ("known", np.int64),
        *((name, np.float64) for name in ("open", "high", "low", "close", "volume")),
        ("session", np.int32),
        ("fills", np.int8),
        ("regular", np.int8),
    ],
    align=True,
)
"""A version of a base bar; ``fills`` says whether it meets the book (first version, in time)."""

ACTION = _record("session symbol split", "value")
"""A split or a dividend (USD a share) that the broker books when a session opens."""

TRIAL = _record(
    "initial direction_from_catalyst allow_short positions_max entries_a_day quiet_ns volume_bars"
    " time_stop_ns time_stop_bars entry_bars flatten n_scored n_exits",
    "full_above half_from quarter_from band_1 band_2 band_3 stop_frac stop_tight_from stop_tight"
    " stop_wide_below stop_wide target_1_r target_2_r cap_frac cap_frac_pre_market volume_frac"
    " daily_loss_frac trail_frac reversal_min entry_collar_bps extended_collar_bps watch_frac"
    " slippage_bps impact_bps participation_frac sec_fee_rate taf_fee_usd",
)
"""The numbers of a trial; names as in `Params`.

``flatten`` is a row of the table of flatten instants.
"""

ENTRY = _record(
    "number finalist symbol side decided quantity filled exited target_1_exited filled_1 filled_2"
    " exited_1 exited_2 cost first_fill last_bar bars_held expires exiting n_orders n_book"
    " next_seen next_fill next_news fresh full made cash proceeds fees exit_ns reasons",
    "limit stop target_1 target_2 trail extreme mark confidence",
)
"""An entry as `strategy.portfolio.Entry`, and its trade as `data.books.Trade`.

``number`` counts entries in the order they were made; ``exiting`` is a role, -1 for none;
``next_seen``, ``next_fill`` and ``next_news`` are places in bars and news; ``fresh`` says that a
bar came in, ``full`` that an order found no room; ``made`` counts orders; ``cash`` is what fills
have moved and the account hasn't taken yet; ``reasons`` are the roles of the exits that filled,
four bits each, the first in the highest.
"""

ORDER = _record(
    "id role kind side quantity given leg extended submitted parent left rest live triggered",
    "limit stop",
)
"""An order, in the strategy's list or in the book; ``parent`` is -1 without one.

In the list, ``given`` is the quantity before the fills of an instant; in the book, what a bar has
filled. ``left`` and what follows are the book's.
"""

FILL = _record("order role leg side quantity fee filled slippage", "price")
"""An execution, as `strategy.decisions.Fill`."""

TRADE = _record(
    "number finalist symbol side quantity entry_ns exit_ns decided cost proceeds fees pnl reasons",
    "confidence",
)
"""A closed trade, as a row of ``trades``; ``number`` counts entries in the order they were made."""

DAY = _record("equity fees slippage instants", "exposure beside")
"""A session of a trial: equity at its end, costs, the sum of exposure over its instants, and what
the market made of as much money."""

TOTAL = _record("status n_trades n_entries traded", "")
"""What a trial came to: `DONE` or why not, closed trades, entries that filled, value traded."""

DONE, SPLIT_HELD, OLD_SHARES, MANY_BARS, FULL, MANY_TRADES = range(6)
"""Ends of a trial: done; a split of what was held; a bar in old shares; many bars at once; no room
for orders; no room for trades."""

MOST_ORDERS = 24
MOST_FILLS = 64

# A kernel is compiled anew for each literal that it is given: these are none. To mypy a numpy
# integer is no int, so they are Any.
NO: Any = np.int64(0)
YES: Any = np.int64(1)
NONE: Any = np.int64(-1)
ENTRY_ROLE: Any = np.int64(Role.ENTRY)
STOP_ROLE: Any = np.int64(Role.STOP)
TRAIL_ROLE: Any = np.int64(Role.TRAILING_STOP)
TARGET_1_ROLE: Any = np.int64(Role.TARGET_1)
TARGET_2_ROLE: Any = np.int64(Role.TARGET_2)
NEWS_ROLE: Any = np.int64(Role.NEWS_REVERSAL)
TIME_ROLE: Any = np.int64(Role.TIME_STOP)
FLATTEN_ROLE: Any = np.int64(Role.FLATTEN)
MARKET: Any = np.int64(Kind.MARKET)
LIMIT: Any = np.int64(Kind.LIMIT)
STOP: Any = np.int64(Kind.STOP)


class Tape(NamedTuple):
    """Hold what all trials of a group share.

    Attributes
    ----------
    daily
        Whether base bars are daily.
    timeframe_ns
        Length of a base bar.
    sessions : SESSION[s]; instants : INSTANT[i]; opens : int64[o]
        Time.
    flatten : int64[f, s]
        Flatten instant of each session, -1 for none, one row for each way to set it.
    scan_start : int64[scans + 1]
        Finalists of scan k are ``scan_start[k]:scan_start[k + 1]``.
    finalists : FINALIST[n]; volumes : float64[n, v]
        Finalists, and their last volumes, left-aligned.
    bars : BAR[b]
        By symbol, then start, then known.
    bar_start : int64[m + 1]; session_start : int64[s + 1, m]
        Bars of a symbol, and its first one in a session or later.
    split : int8[m]
        Whether a symbol ever splits.
    actions : ACTION[a]; action_start : int64[s + 1]
        Splits and dividends by session.
    """

    daily: bool
    timeframe_ns: int
    sessions: Records
    instants: Records
    opens: Ints
    flatten: Ints
    scan_start: Ints
    finalists: Records
    volumes: Floats
    bars: Records
    bar_start: Ints
    session_start: Ints
    split: Bytes
    actions: Records
    action_start: Ints


class News(NamedTuple):
    """Hold every version of the news, by symbol, then known_ns, then article.

    Attributes
    ----------
    start : int64[m + 1]
        Rows of each symbol.
    symbol : int32[n]
        Zeros: rows are handed to kernels one symbol at a time.
    known, gone, first_known, published : int64[n]
        When a version became known, when a later one took its place, when the first was known,
        when it happened.
    tier, state : int8[n]; categories, rank : int32[n]; sentiment : float64[n]
        As in `catalyst.strategy.values.NewsBatch`.
    window_ns
        How old an article may be that counts.
    tau_ns, tiers, by_category, other, states, first_weight, copy_weight
        Weights, as `catalyst.strategy.news.catalyst_scores_nb` takes them.
    neutral_band
        Directions within it are neutral.
    """

    start: Ints
    symbol: Indices
    known: Ints
    gone: Ints
    first_known: Ints
    published: Ints
    tier: Bytes
    categories: Indices
    state: Bytes
    sentiment: Floats
    rank: Indices
    window_ns: int
    tau_ns: float
    tiers: Floats
    by_category: Floats
    other: float
    states: Floats
    first_weight: float
    copy_weight: float
    neutral_band: float

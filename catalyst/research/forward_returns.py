"""What prices did after an instant: from the next bar's open on, over a few horizons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalyst.data.report.values import Horizon
from catalyst.research.tape import Stretch, Tape
from catalyst.strategy.clock import HOUR_NS, MINUTE_NS
from catalyst.strategy.values import Floats, Indices, Ints

_SPANS = (
    (Horizon("15m", "15 minutes", 1), 15 * MINUTE_NS),
    (Horizon("30m", "30 minutes", 1), 30 * MINUTE_NS),
    (Horizon("1h", "1 hour", 1), HOUR_NS),
    (Horizon("2h", "2 hours", 1), 2 * HOUR_NS),
)
# The close of the entry's session, and of the ones after it.
_CLOSES = (
    (Horizon("close", "to the close", 1), 0),
    (Horizon("next", "to the next close", 2), 1),
    (Horizon("5s", "to the fifth close after", 6), 5),
)
_DAILY = (
    (Horizon("1d", "1 day", 1), 1),
    (Horizon("2d", "2 days", 2), 2),
    (Horizon("5d", "5 days", 5), 5),
    (Horizon("10d", "10 days", 10), 10),
    (Horizon("20d", "20 days", 20), 20),
)
#: Sessions read beyond the longest horizon: a symbol may rest for one or two.
_SLACK = 2
#: By bars a day or finer: the horizon of the test that is named beforehand.
NAMED = {True: "1d", False: "close"}


def horizons_of(tape: Tape) -> tuple[Horizon, ...]:
    """Name the horizons that a tape's bars are fine enough for."""
    grid = tape.feed.grid
    if grid.daily:
        return tuple(h for h, _ in _DAILY)
    spans = (h for h, span in _SPANS if span >= grid.timeframe_ns)
    return (*spans, *(h for h, _ in _CLOSES))


def named_horizon(tape: Tape) -> int:
    """Return the place of the horizon named beforehand among a tape's: the close, or one day."""
    keys = [horizon.key for horizon in horizons_of(tape)]
    return keys.index(NAMED[tape.feed.grid.daily])


@dataclass(frozen=True)
class Forward:
    """Hold what somebody gained who bought after an instant, fractions; NaN where it isn't known.

    Attributes
    ----------
    own : float64[n, horizons]
        The symbol's return.
    market : float64[n, horizons]
        Mean return of all symbols of the run after the same instant.
    """

    own: Floats
    market: Floats


def forward_returns(tape: Tape, symbol: Indices, decided_ns: Ints) -> Forward:
    """Return what each symbol, and the market, gained after each instant.

    Entered at the open of the symbol's next bar (one that opens at the instant itself counts, as
    an order would fill there), if it comes while an entry order would still work; with daily bars
    of the next session. Left at the last close that was known when the horizon ended; ``close``,
    ``next`` and ``5s`` are the closes of regular hours of the entry's session, the one after it and
    the fifth after it; daily horizons the closes of the first, second, fifth, ... bar. Splits are
    taken out, dividends left out.

    Parameters
    ----------
    tape
        The run's bars.
    symbol : int32[n]
        Index of each symbol.
    decided_ns : int64[n]
        Instants, ns UTC.
    """
    n, width = len(symbol), len(horizons_of(tape))
    own, market = np.full((n, width), np.nan), np.full((n, width), np.nan)
    place = tape.session_at(decided_ns)
    order = np.argsort(place, kind="stable")
    cuts = np.flatnonzero(np.diff(place[order])) + 1
    for rows in np.split(order, cuts):
        if len(rows) and place[rows[0]] < len(tape.sessions):
            times, at = np.unique(decided_ns[rows], return_inverse=True)
            found = _of_session(tape, int(place[rows[0]]), times, width)
            own[rows] = found[symbol[rows], at]
            known = np.isfinite(found)
            count = known.sum(axis=0)
            total = np.where(known, found, 0.0).sum(axis=0)
            mean = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
            market[rows] = mean[at]
    return Forward(own, market)


def _of_session(tape: Tape, k: int, times: Ints, width: int) -> Floats:
    """Return float64[m, times, horizons] of the instants of one session."""
    found = np.full((len(tape.feed.names), len(times), width), np.nan)
    reach = (_DAILY if tape.feed.grid.daily else _CLOSES)[-1][1]
    ahead = reach + (_SLACK if tape.feed.grid.daily else 1)
    for symbol in range(len(tape.feed.names)):
        bars = tape.stretch(symbol, k, k + ahead)
        if len(bars.ts_ns):
            found[symbol] = _returns(tape, bars, times, k)
    return found


def _returns(tape: Tape, bars: Stretch, decided_ns: Ints, k: int) -> Floats:
    daily = tape.feed.grid.daily
    entry = np.searchsorted(bars.ts_ns, decided_ns, side="left")
    n = len(bars.ts_ns)
    at = np.minimum(entry, n - 1)
    in_time = bars.session[at] == k + 1 if daily else bars.ts_ns[at] - decided_ns < tape.wait_ns
    exits = _daily_exits(at) if daily else _intraday_exits(tape, bars, at)
    sound = ((entry < n) & in_time)[:, None] & (exits >= at[:, None]) & (exits < n)
    price = bars.close[np.clip(exits, 0, n - 1)]
    found: Floats = np.where(sound, price / bars.open[at][:, None] - 1.0, np.nan)
    return found


def _daily_exits(at: Ints) -> Ints:
    return np.stack([at + days - 1 for _, days in _DAILY], axis=1)


def _intraday_exits(tape: Tape, bars: Stretch, at: Ints) -> Ints:
    spans = [span for _, span in _SPANS if span >= tape.feed.grid.timeframe_ns]
    columns = [_last_until(bars, bars.ts_ns[at] + span) for span in spans]
    own = bars.session[at]
    for _, later in _CLOSES:
        wanted = np.minimum(own + later, len(tape.closes_ns) - 1)
        last = _last_until(bars, tape.closes_ns[wanted])
        # A symbol that rests in that session, or a lake that ends, has no such close. In its own
        # session an entry after the last bar before the close has none either: it lies behind.
        columns.append(np.where((bars.session[last] == own + later) | (later == 0), last, -1))
    return np.stack(columns, axis=1)


def _last_until(bars: Stretch, until_ns: Ints) -> Ints:
    return np.searchsorted(bars.ends_ns, until_ns, side="right") - 1

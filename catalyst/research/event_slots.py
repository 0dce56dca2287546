"""One session's bars laid out on slots: prices and volumes of all symbols at equal times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalyst.data.session_bars import SessionBars
from catalyst.strategy.clock import MINUTE_NS
from catalyst.strategy.values import Floats, Grid, Ints, Session

_FRESH_NS = 30 * MINUTE_NS
"""A last price older than this (or than one bar, where bars are longer) is a halt, no price."""


@dataclass(frozen=True)
class Slots:
    """Hold a session of m symbols on S slots; prices in the shares of the study's first session.

    Attributes
    ----------
    starts_ns, ends_ns : int64[S]
        Begin and end of each slot.
    first, last : int
        Slots of regular hours are ``first:last``.
    open : float64[m, S]
        USD; NaN without a bar.
    volume : float64[m, S]
        Shares; 0 without a bar, NaN in all slots of a symbol that has no bar in this session.
    seen : float64[m, S + 1]
        Last close known at the start of slot s, however old; column S at the session's end.
    fresh : float64[m, S + 1]
        The same, NaN where it is older than half an hour or one bar: a halt.
    close : float64[m]
        Last close of regular hours; NaN without a bar in them.
    """

    starts_ns: Ints
    ends_ns: Ints
    first: int
    last: int
    open: Floats
    volume: Floats
    seen: Floats
    fresh: Floats
    close: Floats

    def entry_prices(self, slots: Ints) -> Floats:
        """Return what one pays at the start of slots, float64[m, n].

        The open of the bar there; of a symbol without one the last close of its session.
        """
        opened = self.open[:, slots]
        return np.where(np.isfinite(opened), opened, self.fresh[:, slots])


def slots_of(
    bars: SessionBars, session: Session, grid: Grid, *, factor: Floats, before: Floats
) -> Slots:
    """Lay a session out.

    Parameters
    ----------
    bars, session, grid
        The session's bars, its times and how bars lie.
    factor : float64[m]
        Shares of this session for one of the study's first; 1 where prices are adjusted.
    before : float64[m]
        Last close of earlier sessions, NaN if there was none.
    """
    starts, ends = _times(session, grid)
    m, n = len(factor), len(starts)
    rows = bars.traded
    at = np.searchsorted(starts, rows.ts_ns, side="right") - 1
    # With hours cut from the open, a bar that lies on the clock outside of them has no slot.
    fits = at >= 0
    fits[fits] = rows.ts_ns[fits] == starts[at[fits]] if not grid.daily else True
    symbol, at = rows.symbol[fits], at[fits]
    scale = factor[symbol]
    opened, closed = np.full((m, n), np.nan), np.full((m, n), np.nan)
    volume = np.where(np.diff(bars.start)[:, None] > 0, np.zeros((m, n)), np.nan)
    opened[symbol, at] = rows.open[fits] * scale
    closed[symbol, at] = rows.close[fits] * scale
    volume[symbol, at] = rows.volume[fits] / scale
    regular = np.flatnonzero((ends > session.open_ns) & (starts < session.close_ns))
    first, last = (int(regular[0]), int(regular[-1]) + 1) if len(regular) else (0, 0)
    traded = np.isfinite(closed)
    latest = np.maximum.accumulate(np.where(traded, np.arange(n), -1), axis=1)
    seen = np.concatenate([before[:, None], np.empty((m, n))], axis=1)
    found = np.take_along_axis(closed, np.maximum(latest, 0), axis=1)
    seen[:, 1:] = np.where(latest >= 0, found, before[:, None])
    oldest = max(_FRESH_NS // int(ends[0] - starts[0]), 1) if n else 1
    fresh = np.full((m, n + 1), np.nan)
    age = np.arange(n) - latest
    fresh[:, 1:] = np.where((latest >= 0) & (age < oldest), found, np.nan)
    in_hours = traded[:, first:last]
    place = last - 1 - np.argmax(in_hours[:, ::-1], axis=1) if last > first else np.zeros(m, int)
    close = np.where(in_hours.any(axis=1), closed[np.arange(m), place], np.nan)
    return Slots(starts, ends, first, last, opened, volume, seen, fresh, close)


def _times(session: Session, grid: Grid) -> tuple[Ints, Ints]:
    if grid.daily:
        return np.array([session.open_ns]), np.array([session.close_ns])
    step = grid.timeframe_ns
    first = session.pre_ns + (session.open_ns - session.pre_ns) % step * grid.from_open
    starts = np.arange(first, session.post_ns, step, dtype=np.int64)
    return starts, starts + step

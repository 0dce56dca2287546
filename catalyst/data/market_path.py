"""What all symbols held equally made from bar to bar: what an account is held against."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from catalyst.data.feed import SessionBars
from catalyst.strategy.portfolio import Action
from catalyst.strategy.values import Bytes, Floats


def opening_values(
    closes: Floats, actions: Sequence[Action], adjusted: Bytes
) -> tuple[Floats, Floats]:
    """Return yesterday's closes in today's shares, and the dividends of today, USD a share.

    Parameters
    ----------
    closes : float64[m]
        Last closes, USD; NaN without any.
    actions
        Those whose ex-date is today.
    adjusted : int8[m]
        How each symbol's bars are adjusted: 0 raw, 1 split, 2 all. What bars contain already is
        left out.
    """
    before, paid = closes.copy(), np.zeros(len(closes))
    for a in actions:
        if a.kind == "split" and adjusted[a.symbol] == 0:
            before[a.symbol] /= a.value
        elif a.kind == "dividend" and adjusted[a.symbol] in (0, 1):
            paid[a.symbol] += a.value
    return before, paid


class MarketPath:
    """Grow a dollar in all symbols held equally, from the end of one bar to the next.

    A session counts the symbols that trade in it and have a close before; one without a bar in
    between stays where it was.
    """

    def __init__(self) -> None:
        self._before = 1.0
        self._ends: list[int] = []
        self._values: list[float] = []

    def open_session(self, today: SessionBars, before: Floats, paid: Floats) -> None:
        """Take in a session's bars; `before` and `paid` are those of `opening_values`."""
        if self._values:
            self._before = self._values[-1]
        count = np.diff(today.start)
        first = today.start[:-1][count > 0]
        close = today.traded.close
        symbol = np.repeat(np.arange(len(count)), count)
        earlier = np.concatenate([[np.nan], close[:-1]]) if len(close) else close.copy()
        gained = close.copy()
        earlier[first] = before[count > 0]
        gained[first] += paid[count > 0]
        known = np.isfinite(before) & (count > 0)
        counts = known[symbol]
        ends, at = np.unique(today.ends_ns[counts], return_inverse=True)
        rates = gained[counts] / earlier[counts] - 1.0
        mean = np.bincount(at, weights=rates, minlength=len(ends)) / max(int(known.sum()), 1)
        self._ends = ends.tolist()
        self._values = (self._before * np.cumprod(1.0 + mean)).tolist()

    def at(self, asof_ns: int) -> float:
        """Return what the dollar has grown to by the bars that ended by an instant of today."""
        k = bisect_right(self._ends, asof_ns)
        return self._values[k - 1] if k else self._before

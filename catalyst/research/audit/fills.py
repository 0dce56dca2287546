"""Fills beside those that the fill model gives on the lake's own bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from catalyst.data.feed import Feed
from catalyst.data.session_bars import SessionBars
from catalyst.research.audit.differences import Difference, clock, fill_text
from catalyst.strategy.decisions import Fill
from catalyst.strategy.money import MICRO
from catalyst.strategy.values import Floats, Session

_NEAR = 1e-9
_SHOWN = 3


def better(
    given: Sequence[Fill], model: Sequence[Fill], names: Sequence[str], *, scale: Floats | None
) -> Iterator[Difference]:
    """Find fills that flatter: at a better price, earlier, of more shares, or out of nothing.

    Parameters
    ----------
    given
        The fills of the run.
    model
        What the fill model gives for the same orders.
    names
        The symbol table.
    scale : float64[m], optional
        Prices of the run's bars over those of the model's; NaN where they are not to be compared.
        Without it, fills that are missing, fewer or later count, too: who loses the losers
        flatters.
    """
    left = list(model)
    for fill in given:
        one = next((f for f in left if f.order_id == fill.order_id), None)
        factor = 1.0 if scale is None else float(scale[fill.symbol])
        if one is not None:
            left.remove(one)
        if np.isnan(factor):
            continue
        what = _flaw(fill, one, factor, strict=scale is None)
        if what:
            yield Difference(names[fill.symbol], what, fill_text(one), fill_text(fill))
    if scale is None:
        for one in left:
            yield Difference(names[one.symbol], "a fill that was left out", fill_text(one), "none")


def _flaw(fill: Fill, model: Fill | None, factor: float, *, strict: bool) -> str:
    if model is None:
        return "a fill that the lake's own bars don't give"
    # A loader that changes volumes changes slippage; only a price better than without any flatters.
    reference = model.price
    if not strict:
        reference -= fill.side * model.slippage_micro / MICRO / model.quantity
    gain = fill.side * (reference - fill.price / factor)
    if gain > _NEAR * model.price:
        return "a fill at a better price than the lake's own bars give"
    if strict and fill.fee_micro < model.fee_micro:
        return "a fill with a smaller fee"
    if fill.filled_ns < model.filled_ns:
        return "a fill before its time"
    if strict and fill.quantity > model.quantity:
        return "a fill of more shares than the lake's own bars give"
    if strict and (fill.quantity < model.quantity or fill.filled_ns > model.filled_ns):
        return "a fill made later or smaller than the fill model gives"
    return ""


class OwnBars:
    """Keep one session's bars of the lake beside those that a loader gives.

    Parameters
    ----------
    feed
        The run's feed, over the lake itself.
    """

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.altered = 0

    def open(self, session: Session, given: SessionBars, *, grace_ns: int) -> Iterator[Difference]:
        """Read a session; find opens at which orders would fill better than on the lake's bars."""
        self.bars = self.feed.bars(session, grace_ns=grace_ns)
        m = len(self.feed.names)
        self.scale: Floats = np.full(m, np.nan)
        mine, own = _both(given, self.bars)
        if not len(mine):
            return
        symbol = given.traded.symbol[mine]
        ratio = given.traded.close[mine] / self.bars.traded.close[own]
        first = np.searchsorted(symbol, np.arange(m))
        there = np.flatnonzero(np.searchsorted(symbol, np.arange(m), side="right") > first)
        steady = np.maximum.reduceat(ratio, first[there]) - np.minimum.reduceat(ratio, first[there])
        fit = steady <= _NEAR * ratio[first[there]]
        self.scale[there[fit]] = ratio[first[there]][fit]
        self.altered += int((~fit).sum())
        expected = self.bars.traded.open[own] * self.scale[symbol]
        far = np.abs(given.traded.open[mine] - expected) > _NEAR * expected
        for k in np.flatnonzero(far)[:_SHOWN].tolist():
            where = clock(int(given.traded.ts_ns[mine[k]]))
            yield Difference(
                self.feed.names[int(symbol[k])],
                f"the open of the bar at {where}, at which an order fills "
                f"({int(far.sum())} bars of the day)",
                f"{expected[k]:.10g} in the lake",
                f"{given.traded.open[mine[k]]:.10g}",
            )


def _both(given: SessionBars, own: SessionBars) -> tuple[np.ndarray, np.ndarray]:
    # Positions of the bars that both have, by symbol and start.
    a, b = (
        np.rec.fromarrays([one.traded.symbol.astype(np.int64), one.traded.ts_ns])
        for one in (given, own)
    )
    _, mine, theirs = np.intersect1d(a, b, return_indices=True)
    return mine, theirs

"""The built-in indicators as functions of one symbol's bars, at the last of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from catalyst.strategy.indicators import (
    atr_at_nb,
    bollinger_at_nb,
    ema_at_nb,
    macd_hist_at_nb,
    rsi_at_nb,
    sma_at_nb,
    technical_scores_nb,
    vwap_at_nb,
)
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats, MarketView

Indicator = Callable[["Series"], float | tuple[float, ...]]


@dataclass(frozen=True)
class Series:
    """Hold the last bars of a symbol.

    Attributes
    ----------
    high, low, close, volume : float64[n]
        USD and shares.
    since_open
        How many of the last bars lie in today's regular session.
    """

    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    since_open: int

    def last(self, n: int) -> Series:
        """Return the last ``n`` bars only."""
        start = max(0, len(self.close) - n)
        cut = (self.high[start:], self.low[start:], self.close[start:], self.volume[start:])
        return Series(*cut, self.since_open)


def series_of(view: MarketView) -> list[Series]:
    """List the base bars of a view's symbols."""
    out = []
    base = view.base
    for row, n in enumerate(base.count.tolist()):
        today = int((base.ts_ns[row, :n] >= view.session.open_ns).sum())
        bars = {name: getattr(base, name)[row, :n] for name in ("high", "low", "close", "volume")}
        out.append(Series(**bars, since_open=today))
    return out


def indicators(params: Params) -> dict[str, Indicator]:
    """Return each indicator by name, with the periods of a variant.

    Bollinger bands have the periods of the specification, section 6; no component reads them.
    """
    p = params.technical
    w = p.window

    def at(function: Callable[[Series, int], float | tuple[float, ...]]) -> Indicator:
        return lambda s: function(s, len(s.close) - 1) if len(s.close) else np.nan

    def bands(s: Series, t: int) -> tuple[float, ...]:
        return bollinger_at_nb(s.close, t, 20, 2.0)

    def vwap(s: Series, t: int) -> float:
        since = len(s.close) - s.since_open
        if not s.since_open:
            return float("nan")
        return vwap_at_nb(s.high, s.low, s.close, s.volume, t, max(0, since))

    return {
        f"RSI {p.rsi_bars}": at(lambda s, t: rsi_at_nb(s.close, t, p.rsi_bars, w)),
        f"MACD {p.macd_fast},{p.macd_slow},{p.macd_signal}": at(
            lambda s, t: macd_hist_at_nb(s.close, t, p.macd_fast, p.macd_slow, p.macd_signal, w)
        ),
        f"EMA {p.ema_bars}": at(lambda s, t: ema_at_nb(s.close, t, p.ema_bars, w)),
        f"SMA {p.sma_fast}": at(lambda s, t: sma_at_nb(s.close, t, p.sma_fast)),
        f"SMA {p.sma_slow}": at(lambda s, t: sma_at_nb(s.close, t, p.sma_slow)),
        "ATR 14": at(lambda s, t: atr_at_nb(s.high, s.low, s.close, t, 14, w)),
        "Bollinger 20": lambda s: bands(s, len(s.close) - 1) if len(s.close) else (np.nan,) * 3,
        "VWAP since the open": at(vwap),
        "technical score": lambda s: _technical(s, params),
    }


def _technical(s: Series, params: Params) -> float:
    p = params.technical
    if not len(s.close):
        return float("nan")
    found = technical_scores_nb(
        s.close[None, :],
        np.array([len(s.close)], np.int32),
        p.window,
        p.bars_min,
        p.base_score,
        p.rsi_bars,
        p.rsi_low,
        p.rsi_high,
        p.rsi_points,
        p.macd_fast,
        p.macd_slow,
        p.macd_signal,
        p.macd_points,
        p.sma_fast,
        p.sma_slow,
        p.sma_points,
        p.ema_bars,
        p.ema_points,
    )
    return float(found[0])

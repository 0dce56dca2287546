"""Technical indicators of the symbols that were scored, for people: no decision rests on them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from catalyst.strategy.clock import timeframe_label
from catalyst.strategy.decisions import Decision
from catalyst.strategy.indicators import (
    atr_at_nb,
    bollinger_at_nb,
    ema_at_nb,
    macd_hist_at_nb,
    rsi_at_nb,
    sma_at_nb,
    vwap_at_nb,
)
from catalyst.strategy.params import Params
from catalyst.strategy.values import MarketView

# The bands and the true range enter no score: the usual periods, as the specification names them.
_ATR_BARS, _BAND_BARS, _BAND_WIDTH = 14, 20, 2.0
# BUY above, SELL below, else NEUTRAL, of the technical score.
_BUY, _SELL = 60.0, 40.0


def finalist_indicators(
    view: MarketView, decision: Decision, *, params: Params
) -> list[dict[str, Any]]:
    """Return one row a signal: base timeframe, at the last bar; None where bars are too few."""
    rows = {int(s): k for k, s in enumerate(view.symbols)}
    return [
        _row(view, rows[signal.symbol], params, signal.symbol, signal.technical_score, signal.side)
        for signal in decision.signals
        if signal.symbol in rows and int(view.base.count[rows[signal.symbol]])
    ]


def _row(
    view: MarketView, row: int, params: Params, symbol: int, score: float, side: int
) -> dict[str, Any]:
    p, n = params.technical, int(view.base.count[row])
    base, t = view.base, n - 1
    high, low, close, volume = (
        np.ascontiguousarray(series[row, :n])
        for series in (base.high, base.low, base.close, base.volume)
    )
    since = int(np.searchsorted(base.ts_ns[row, :n], view.session.pre_ns))
    lower, _, upper = bollinger_at_nb(close, t, _BAND_BARS, _BAND_WIDTH)
    # A short's score is 100 less the symbol's.
    long_score = 100.0 - score if side < 0 else score
    word = "BUY" if long_score > _BUY else "SELL" if long_score < _SELL else "NEUTRAL"
    values = {
        "rsi": rsi_at_nb(close, t, p.rsi_bars, p.window),
        "macd_histogram": macd_hist_at_nb(
            close, t, p.macd_fast, p.macd_slow, p.macd_signal, p.window
        ),
        "sma20": sma_at_nb(close, t, p.sma_fast),
        "sma50": sma_at_nb(close, t, p.sma_slow),
        "ema9": ema_at_nb(close, t, p.ema_bars, p.window),
        "atr": atr_at_nb(high, low, close, t, _ATR_BARS, p.window),
        "bollinger_upper": upper,
        "bollinger_lower": lower,
        "vwap": vwap_at_nb(high, low, close, volume, t, since) if since <= t else math.nan,
    }
    return {
        "symbol": view.names[symbol],
        "timeframe": timeframe_label(view.grid.timeframe_ns),
        **{name: float(v) if math.isfinite(v) else None for name, v in values.items()},
        "technical_score": long_score,
        "signal": word,
    }

"""What a run's numbers come to, beside its benchmarks: what binds, and what to be wary of."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from catalyst.data.books import ClosedTrade
from catalyst.data.recorder import Recorder
from catalyst.strategy.money import MICRO
from catalyst.strategy.reasons import Reason
from catalyst.strategy.values import Floats

SESSIONS_A_YEAR = 252
CONDITIONS = {
    reason.label
    for reason in (
        Reason.NOT_IN_UNIVERSE,
        Reason.ENTRY_FILTER,
        Reason.NO_PATTERN,
        Reason.UNDIRECTED,
        Reason.CANCELLED_OUT,
        Reason.FIGHTS_CATALYST,
        Reason.NEUTRAL_CATALYST,
        Reason.ALLOW_SHORT,
        Reason.SYMBOL_BUSY,
        Reason.PATTERN_USED,
        Reason.STOPPED_OUT,
        Reason.SIZE_ZERO,
    )
}
"""Rules whose threshold is no number to be moved."""
_SHOWN_JUMPS = 3
_FEW_TRADES = 30
_FEW_SESSIONS = 60
_ONE_SYMBOL_SHARE = 0.5


@dataclass
class Curve:
    """Hold one value a session, starting from ``values[0]`` before the first."""

    values: list[float]

    def grow(self, rate: float) -> None:
        """Append the last value grown by a rate of return."""
        self.values.append(self.values[-1] * (1.0 + rate))

    def metrics(self) -> dict[str, float | None]:
        """Return net_return, sharpe and max_drawdown.

        Fractions; the drawdown is positive. The Sharpe ratio is annualised, None without variance.
        """
        values = np.array(self.values)
        returns = values[1:] / values[:-1] - 1.0
        spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
        sharpe = (
            float(returns.mean()) / spread * math.sqrt(SESSIONS_A_YEAR) if spread > 0.0 else None
        )
        peak = np.maximum.accumulate(values)
        return {
            "net_return": float(values[-1] / values[0] - 1.0),
            "sharpe": sharpe,
            "max_drawdown": float((1.0 - values / peak).max()),
        }


@dataclass
class Benchmarks:
    """Grow two portfolios of the run's symbols, session by session, without costs.

    ``buy_and_hold`` puts equal money into every symbol that traded in the first session and holds;
    ``equal_weight`` holds every symbol equally, rebalanced at each session's end. Both are given
    dividends.
    """

    equal_weight: Curve = field(default_factory=lambda: Curve([1.0]))
    buy_and_hold: Curve = field(default_factory=lambda: Curve([1.0]))
    _stakes: Floats | None = None

    def add(self, returns: Floats, closes: Floats) -> None:
        """Add a session.

        Parameters
        ----------
        returns : float64[m]
            Total returns, fractions; NaN without bars today or before.
        closes : float64[m]
            Last closes, USD.
        """
        if self._stakes is None:
            bought = np.isfinite(closes)
            self._stakes = np.where(bought, 1.0 / max(int(bought.sum()), 1), 0.0)
            return
        known = np.isfinite(returns)
        self._stakes = np.where(
            known, self._stakes * (1.0 + np.where(known, returns, 0.0)), self._stakes
        )
        total = float(self._stakes.sum())
        self.buy_and_hold.values.append(total if total > 0 else 1.0)
        self.equal_weight.grow(float(returns[known].mean()) if known.any() else 0.0)

    @property
    def growth(self) -> tuple[float, float]:
        """Return buy-and-hold and equal weight as they stand, growth of 1."""
        return self.buy_and_hold.values[-1], self.equal_weight.values[-1]

    def metrics(self) -> dict[str, dict[str, float | None]]:
        """Return the metrics of both."""
        return {
            "buy_and_hold": self.buy_and_hold.metrics(),
            "equal_weight": self.equal_weight.metrics(),
        }


def trade_metrics(
    closed: list[ClosedTrade], traded_micro: int, mean_equity: float
) -> dict[str, float | None]:
    """Return hit_rate, expectancy (USD a trade) and turnover (value traded over mean equity)."""
    wins = sum(t.pnl_micro > 0 for t in closed)
    return {
        "hit_rate": wins / len(closed) if closed else None,
        "expectancy": sum(t.pnl_micro for t in closed) / len(closed) / MICRO if closed else None,
        "turnover": traded_micro / MICRO / mean_equity if mean_equity > 0 else 0.0,
    }


def binding_rules(recorder: Recorder, n_sessions: int) -> list[dict[str, Any]]:
    """List what dropped, held or refused in a run, most often first; each with a sentence.

    A run in which no symbol ever had news is bound by ``no_news``.
    """
    total, n_trades = sum(recorder.signals.values()), recorder.entries
    out: list[dict[str, Any]] = []
    if not recorder.asked[50]:
        text = f"no trades: in none of {n_sessions:,} sessions had any symbol news to scan"
        nothing = {"stage": 50, "rule": "no_news", "threshold": None}
        out.append({**nothing, "count": n_sessions, "of": n_sessions, "text": text})
    drops = sorted(recorder.drops.items(), key=lambda item: (-item[1], item[0]))
    for (stage, rule), count in drops:
        of = recorder.asked[stage] if stage else total
        threshold = recorder.thresholds[stage, rule]
        limit = "" if math.isnan(threshold) or rule in CONDITIONS else f" {threshold:,g}"
        what = f"candidates of stage {stage}" if stage else "signals"
        lead = "no trades: " if not n_trades else ""
        out.append(
            {
                "stage": stage,
                "rule": rule,
                "threshold": None if math.isnan(threshold) else threshold,
                "count": count,
                "of": of,
                "text": f"{lead}{count:,} of {of:,} {what} failed {rule}{limit}",
            }
        )
    return out


@dataclass(frozen=True, slots=True)
class Jump:
    """Hold a session's return that looks like a split: symbol, ISO date, fraction, prices raw."""

    symbol: str
    day: str
    change: float
    raw: bool


_UNRECORDED = {
    True: "and no split is recorded: if it was one, import it with catalyst data import actions",
    False: "though its prices are adjusted: if it was a split, they are on two scales, as adjusted "
    "history fetched before and after it is; import all of it anew from one fetch",
}


def warnings(
    closed: list[ClosedTrade],
    n_sessions: int,
    shares: dict[str, float],
    *,
    bars: tuple[int, int],
    synthetic: bool,
    newsless: int,
    jumps: list[Jump],
    contested: int,
    open_positions: dict[str, int],
) -> list[str]:
    """List what a reader should know before believing the result.

    Parameters
    ----------
    closed
        Closed trades.
    n_sessions
        Sessions replayed.
    shares
        Fractions: ``adjusted`` and ``assumed_bars`` of the bars, ``assumed_news`` of the news.
    bars
        How many were known too late to fill anything, and how many showed a price of old shares on
        a split's ex-date.
    synthetic
        Whether the lake says that it is simulated.
    newsless
        Sessions without any news.
    jumps
        Prices that moved like a split where none is recorded.
    contested
        Symbols of which there are bars of several sources or adjustments.
    open_positions
        Shares still held, by symbol.
    """
    out = []
    if synthetic:
        out.append("synthetic: every company, price and headline of this lake is simulated")
    if len(closed) < _FEW_TRADES:
        out.append(f"only {len(closed)} closed trades: no conclusion about an edge is possible")
    if n_sessions < _FEW_SESSIONS:
        out.append(f"only {n_sessions} sessions")
    out += _market_warnings(n_sessions, newsless=newsless, jumps=jumps, contested=contested)
    gains: Counter[str] = Counter()
    for trade in closed:
        gains[trade.symbol] += trade.pnl_micro
    total = sum(abs(v) for v in gains.values())
    if total and len(closed) >= _FEW_TRADES:
        symbol, gain = max(gains.items(), key=lambda item: (abs(item[1]), item[0]))
        if abs(gain) > _ONE_SYMBOL_SHARE * total:
            out.append(f"{symbol} carries {abs(gain) / total:.0%} of all gains and losses")
    if shares["adjusted"]:
        out.append(
            f"{shares['adjusted']:.0%} of bars are adjusted by their vendor: they know later "
            "splits or dividends"
        )
    if shares["assumed_news"]:
        out.append(
            f"{shares['assumed_news']:.0%} of news times are assumed: publication plus a delay, "
            "not collection"
        )
    if shares["assumed_bars"]:
        out.append(f"{shares['assumed_bars']:.0%} of bar times are assumed: known at the bar's end")
    late_bars, old_share_bars = bars
    if old_share_bars:
        out.append(
            f"{old_share_bars:,} bars showed a price of old shares on the ex-date of a split and "
            "were left out"
        )
    if late_bars:
        out.append(f"{late_bars:,} bars were known too late to fill anything")
    if open_positions:
        held = ", ".join(
            f"{quantity:+,} {symbol}" for symbol, quantity in sorted(open_positions.items())
        )
        out.append(f"still held at the end, marked at the last close: {held}")
    return out


def _market_warnings(
    n_sessions: int, *, newsless: int, jumps: list[Jump], contested: int
) -> list[str]:
    out = [
        f"{jump.symbol} moved {jump.change:+.0%} to {jump.day} {_UNRECORDED[jump.raw]}"
        for jump in jumps[:_SHOWN_JUMPS]
    ]
    if contested:
        out.append(
            f"{contested:,} symbols have bars of several sources or adjustments: of each, the "
            "series that was known first was taken; choose with --sources"
        )
    if newsless:
        out.append(
            f"{newsless:,} of {n_sessions:,} sessions had no news of these symbols: nothing new "
            "was traded in them, but the benchmarks were held"
        )
    return out

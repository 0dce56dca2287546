"""The sections of the parameters: every number with its default, range and unit.

Source of the defaults: the strategy's specification (variant ``spec``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from catalyst.strategy.param_fields import number, numbers, switch
from catalyst.strategy.values import Floats

Weights: TypeAlias = tuple[Floats, Floats, float, Floats, float, float]
"""Weights of an article: tiers, categories, no category, states, first of a cluster, copy."""


CATEGORIES = (
    "earnings",
    "fda",
    "merger",
    "analyst",
    "insider",
    "legal",
    "product",
    "guidance",
    "partnership",
    "ipo",
    "bankruptcy",
    "dividend",
)
"""Catalyst categories in the order of the bits of a category mask."""


@dataclass(frozen=True)
class CatalystParams:
    """Weigh articles into a catalyst score (specification, section 3)."""

    news_hours: float = number(24, 0.25, 24 * 30, "hours since publication")
    tau_hours: float = number(4, 0.01, 24 * 30, "hours; e-folding time of an article's weight")
    tier_weights: tuple[float, ...] = number(
        (1.0, 0.8, 0.6, 0.4, 0.2), 0, 10, "weight of tiers 1..5"
    )
    earnings_weight: float = number(1.2, 0, 10, "weight")
    fda_weight: float = number(1.5, 0, 10, "weight")
    merger_weight: float = number(1.3, 0, 10, "weight")
    other_weight: float = number(1.0, 0, 10, "weight of any other category, or none")
    state_weights: tuple[float, ...] = number(
        (2.0, 1.0, 0.8, 1.0), 0, 10, "weight of pre_market, regular, after_hours, closed"
    )
    first_weight: float = number(1.0, 0, 10, "weight of the first of a cluster")
    copy_weight: float = number(0.25, 0, 10, "weight of a later copy")
    neutral_band: float = number(0.1, 0, 1, "direction within +- this is neutral")

    arrays: ClassVar[Weights]
    """`weights`, made once; set by `Params`."""

    def weights(self) -> Weights:
        """Return the weights as `arrays` holds them."""
        special = {
            "earnings": self.earnings_weight,
            "fda": self.fda_weight,
            "merger": self.merger_weight,
        }
        categories = [special.get(name, self.other_weight) for name in CATEGORIES]
        arrays = [
            np.array(x, np.float64) for x in (self.tier_weights, categories, self.state_weights)
        ]
        for array in arrays:
            array.setflags(write=False)
        tiers, by_category, states = arrays
        return tiers, by_category, self.other_weight, states, self.first_weight, self.copy_weight


@dataclass(frozen=True)
class ScreenParams:
    """Narrow the market 50 -> 20 -> 5 (specification, section 4)."""

    active_count: int = number(50, 1, 10_000, "symbols of the first stage")
    catalyst_count: int = number(20, 1, 10_000, "symbols of the second stage")
    final_count: int = number(5, 1, 1_000, "symbols of the last stage")
    scan_minutes: int = number(5, 5, 390, "minutes between scans")
    scan_minutes_after_hours: int = number(60, 5, 390, "minutes between scans after hours")
    active_minutes: int = number(30, 5, 1_440, "minutes between choices of the first stage")
    catalyst_required: bool = switch(True, "off only in control variants")
    catalyst_min: float = number(30, 0, 100, "catalyst score")
    sessions_min: int = number(5, 1, 20, "sessions of history")
    mean_sessions: int = number(20, 1, 20, "sessions of a daily mean")
    price_min: float = number(1, 0, 1e7, "USD")
    price_max: float = number(500, 0, 1e7, "USD")
    volume_min: float = number(500_000, 0, 1e12, "shares a day")
    rvol_min: float = number(1.5, 0, 1_000, "times the usual volume")
    rvol_sessions_min: int = number(5, 1, 20, "sessions of relative volume")
    rvol_history: bool = switch(True, "refuse symbols without a history of relative volume")
    combined_catalyst: float = number(0.5, 0, 1, "weight")
    combined_technical: float = number(0.3, 0, 1, "weight")
    combined_volume: float = number(0.2, 0, 1, "weight")


@dataclass(frozen=True)
class PatternParams:
    """Detect and weigh patterns (specification, section 5)."""

    timeframes: tuple[int, ...] = number((5, 15, 60), 1, 390, "minutes")
    gap_min: float = number(0.02, 0, 1, "fraction of the previous close")
    surge_min: float = number(2.0, 1, 1_000, "times the mean volume")
    surge_bars: int = number(20, 2, 30, "bars of the mean volume")
    trend_bars: int = number(20, 2, 30, "bars of the trend's SMA")
    doji_confidence: float = number(60, 0, 100, "score")
    hammer_confidence: float = number(65, 0, 100, "score")
    pair_confidence: float = number(70, 0, 100, "score of engulfing, harami, piercing, dark cloud")
    triple_confidence: float = number(75, 0, 100, "score of stars, soldiers, crows")
    gap_confidence: float = number(70, 0, 100, "score")
    surge_confidence: float = number(65, 0, 100, "score")
    custom_confidence: float = number(65, 0, 100, "score of a user's own pattern")
    aligned_boost: float = number(1.5, 1, 100, "boost of a pattern that agrees with the catalyst")
    opposed_factor: float = number(0.7, 0, 1, "factor of one that fights it")
    volume_boost: float = number(1.1, 1, 100, "boost")
    trend_boost: float = number(1.1, 1, 100, "boost")
    agree_boost: float = number(1.1, 1, 100, "boost of two or more directed, none opposed")
    events_alone: bool = switch(False, "let gaps and surges give a direction without a candlestick")


@dataclass(frozen=True)
class TechnicalParams:
    """Score trend and volume (specification, section 6)."""

    window: int = number(250, 60, 500, "bars of every recursive indicator")
    bars_min: int = number(60, 60, 500, "own bars of the base timeframe")
    base_score: float = number(50, 0, 100, "score")
    rsi_bars: int = number(14, 2, 50, "bars")
    rsi_low: float = number(30, 0, 100, "RSI")
    rsi_high: float = number(70, 0, 100, "RSI")
    rsi_points: float = number(20, 0, 100, "points")
    macd_fast: int = number(12, 2, 50, "bars")
    macd_slow: int = number(26, 3, 59, "bars")
    macd_signal: int = number(9, 2, 50, "bars")
    macd_points: float = number(15, 0, 100, "points")
    sma_fast: int = number(20, 2, 59, "bars")
    sma_slow: int = number(50, 2, 60, "bars")
    sma_points: float = number(15, 0, 100, "points")
    ema_bars: int = number(9, 2, 50, "bars")
    ema_points: float = number(10, 0, 100, "points")
    volume_levels: tuple[float, ...] = number(
        (2.0, 1.5, 1.0), 0, 1_000, "relative volume, descending"
    )
    volume_scores: tuple[float, ...] = number(
        (90, 70, 50, 30), 0, 100, "score at each level, and below"
    )


@dataclass(frozen=True)
class SignalParams:
    """Turn confidence into size and levels (specification, section 7)."""

    full_above: float = number(70, 0, 100, "confidence, exclusive")
    half_from: float = number(50, 0, 100, "confidence")
    quarter_from: float = number(30, 0, 100, "confidence")
    bands: tuple[float, ...] = number((1.0, 0.5, 0.25), 0, 1, "size bands")
    allow_short: bool = switch(False, "trade bearish signals")
    direction_from_catalyst: bool = switch(
        False, "take the direction from the catalyst, ask for no pattern"
    )


@dataclass(frozen=True)
class RiskParams:
    """Gate, size and leave positions (specification, sections 7 and 8)."""

    initial_equity_usd: float = number(100_000, 1, 1e12, "USD")
    stop_frac: float = number(0.02, 0.0001, 0.5, "fraction of the entry")
    stop_tight_from: float = number(70, 0, 101, "catalyst score")
    stop_tight: float = number(0.75, 0.01, 10, "factor")
    stop_wide_below: float = number(40, 0, 100, "catalyst score")
    stop_wide: float = number(1.5, 0.01, 10, "factor")
    target_1_r: float = number(1.5, 0.01, 100, "multiples of the risk")
    target_2_r: float = number(3.0, 0.01, 100, "multiples of the risk")
    cap_frac: float = number(0.20, 0, 1, "fraction of equity")
    cap_frac_pre_market: float = number(0.10, 0, 1, "fraction of equity")
    volume_frac: float = number(0.01, 0, 1, "fraction of the mean bar volume")
    volume_bars: int = number(20, 1, 60, "bars of that mean")
    positions_max: int = number(5, 1, 1_000, "positions and working entries")
    entries_a_day: int = number(20, 1, 100_000, "entries")
    daily_loss_frac: float = number(0.05, 0.0001, 1, "fraction of the last session's mark")
    quiet_minutes: int = number(30, 0, 390, "minutes before the flatten without entries")
    trail_frac: float = number(0.01, 0.0001, 0.5, "fraction below the high")
    reversal_min: float = number(30, 0, 100, "catalyst score of the news against a position")
    time_stop_hours: float = number(2, 0, 24 * 30, "hours")
    time_stop_bars: int = number(2, 1, 1_000, "daily bars")
    flatten_at_close: bool = switch(True, "leave every position before the close")
    flatten_minutes: int = number(5, 0, 390, "minutes before the close")


@dataclass(frozen=True)
class ExecutionParams:
    """Place and fill orders (specification, sections 8 and 9)."""

    entry_collar_bps: float = number(50, 0, 10_000, "bps around the signal's entry")
    extended_collar_bps: float = number(10, 0, 10_000, "bps outside regular hours")
    entry_bars: int = number(3, 1, 1_000, "base bars an entry lives")
    watch_frac: float = number(0.01, 0, 0.5, "fraction beyond the close of a watched exit's limit")
    slippage_bps: float = number(2, 0, 10_000, "bps")
    impact_bps: float = number(10, 0, 10_000, "bps times the root of quantity over bar volume")
    bar_grace_s: float = number(
        2, 0, 60, "seconds after its end within which a bar still counts as in time"
    )
    participation_frac: float = number(0.10, 0, 1, "fraction of a bar's volume that may fill")
    sec_fee_rate: float = number(0, 0, 0.01, "fraction of the value sold")
    taf_fee_usd: float = number(0, 0, 1, "USD a share sold")


@dataclass(frozen=True)
class MoveParams:
    """Score the move of some days (technical scores ``momentum_chase`` and ``pullback``)."""

    move_sessions: int = number(5, 1, 20, "own sessions")
    chase_points: float = number(500, 0, 100_000, "points a whole return, from the base score")
    move_low: float = number(0.03, 0, 1, "size of a move, fraction")
    move_high: float = number(0.07, 0, 1, "size of a move, fraction")
    move_points: float = number(25, 0, 100, "points inside, and off outside")
    calm_rsi_low: float = number(40, 0, 100, "RSI")
    calm_rsi_high: float = number(60, 0, 100, "RSI")
    calm_rsi_points: float = number(25, 0, 100, "points inside, and off outside")


@dataclass(frozen=True)
class ControlParams:
    """Draw the finalists by lot instead of choosing them (variant ``random``)."""

    seed: int = number(-1, -1, 2**31 - 1, "seed of the draw, -1 for no draw")
    entry_instants: tuple[int, ...] = numbers(
        0, 2**62, "ns; enter only as often as these; none: free"
    )


SECTIONS: dict[str, type] = {
    "catalyst": CatalystParams,
    "screen": ScreenParams,
    "pattern": PatternParams,
    "technical": TechnicalParams,
    "signal": SignalParams,
    "risk": RiskParams,
    "execution": ExecutionParams,
    "move": MoveParams,
    "control": ControlParams,
}
"""Class of each section, in the order of the hash."""

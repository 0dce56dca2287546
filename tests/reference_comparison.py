"""Run the strategy and its reference on one lake, and list what they decide differently."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import polars as pl
from reference.presets import INTRADAY, Numbers, replaced
from reference.run import Reference, run_reference

from catalyst.data.lake import Lake
from catalyst.research.replay import replay
from catalyst.research.result import Result
from catalyst.strategy.params import Params

Row = dict[str, Any]
Rows = list[Row]

RELATIVE = 1e-9

# What the reference calls the rules.
RULES = {
    "passed": "",
    "not_in_universe": "universe",
    "catalyst_min": "catalyst_score",
    "volume_min": "mean_volume",
    "rvol_min": "rvol",
    "bars_min": "window",
    "cancelled_out": "patterns_cancel",
    "undirected": "no_pattern",
    "confidence_min": "confidence",
    "positions_max": "max_positions",
    "symbol_busy": "one_per_symbol",
    "entries_a_day": "max_entries",
    "quiet_time": "no_entry_time",
}
# Rules for which the strategy's text names no two numbers: either may say what it likes.
NUMBERLESS = {
    "patterns_cancel", "no_pattern", "fights_catalyst", "allow_short", "daily_loss", "size_zero",
}  # fmt: skip

COMPARED = {
    "candidates": (
        ("decided_at", "stage", "symbol"),
        ("passed", "reason", "value", "threshold", "catalyst_score", "direction", "price", "volume",
         "change_frac", "rvol"),
    ),
    "patterns": (
        ("decided_at", "symbol", "timeframe", "pattern"),
        ("value", "confidence", "aligned", "last_ts"),
    ),
    "signals": (
        ("decided_at", "symbol"),
        ("side", "confidence", "catalyst_score", "pattern_score", "technical_score", "volume_score",
         "entry", "stop", "target_1", "target_2", "position_size_frac", "news_ids", "outcome",
         "rule", "value", "threshold"),
    ),
    "fills": (
        ("filled_at", "symbol", "side", "role", "place"),
        ("quantity", "price", "fee"),
    ),
    "trades": (
        ("decided_at", "symbol"),
        ("side", "quantity", "entry_ts", "entry_price", "exit_ts", "exit_price", "exit_reason",
         "pnl", "fees", "news_ids", "catalyst_score", "confidence"),
    ),
}  # fmt: skip


def numbers_of(params: Params) -> Numbers:
    """Say the numbers of `params` in the reference's words; those it can't change are left out."""
    news, screen, pattern, technical = (
        params.catalyst, params.screen, params.pattern, params.technical,
    )  # fmt: skip
    signal, risk, execution = params.signal, params.risk, params.execution
    return replaced(
        INTRADAY,
        {
            "known.bar_grace_s": execution.bar_grace_s,
            "news.window_hours": news.news_hours,
            "news.decay_hours": news.tau_hours,
            "news.tier_weights": dict(enumerate(news.tier_weights, 1)),
            "news.category_weights.fda": news.fda_weight,
            "news.category_weights.merger": news.merger_weight,
            "news.category_weights.earnings": news.earnings_weight,
            "news.other_category_weight": news.other_weight,
            "news.state_weights": dict(
                zip(INTRADAY["news"]["state_weights"], news.state_weights, strict=True)
            ),
            "news.first_weight": news.first_weight,
            "news.copy_weight": news.copy_weight,
            "news.neutral_band": news.neutral_band,
            "scan.every_min": screen.scan_minutes,
            "scan.after_hours_every_min": screen.scan_minutes_after_hours,
            "scan.choose_every_min": screen.active_minutes,
            "screen.history_sessions_min": screen.sessions_min,
            "screen.mean_sessions": screen.mean_sessions,
            "screen.active": screen.active_count,
            "screen.catalyst_active": screen.catalyst_count,
            "screen.candidates": screen.final_count,
            "screen.ask_for_catalyst": screen.catalyst_required,
            "screen.catalyst_min": screen.catalyst_min,
            "screen.price_min": screen.price_min,
            "screen.price_max": screen.price_max,
            "screen.mean_volume_min": screen.volume_min,
            "screen.rvol_min": screen.rvol_min,
            "screen.rvol_sessions": screen.mean_sessions,
            "screen.rvol_sessions_min": screen.rvol_sessions_min,
            "screen.rvol_history": screen.rvol_history,
            "screen.window_min": technical.bars_min,
            "screen.combined.catalyst": screen.combined_catalyst,
            "screen.combined.technical": screen.combined_technical,
            "screen.combined.volume": screen.combined_volume,
            "patterns.timeframes_min": list(pattern.timeframes),
            "patterns.gap_frac": pattern.gap_min,
            "patterns.surge_ratio": pattern.surge_min,
            "patterns.surge_bars": pattern.surge_bars,
            "patterns.events_alone": pattern.events_alone,
            "patterns.aligned_boost": pattern.aligned_boost,
            "patterns.opposed_factor": pattern.opposed_factor,
            "patterns.volume_boost": pattern.volume_boost,
            "patterns.trend_boost": pattern.trend_boost,
            "patterns.trend_bars": pattern.trend_bars,
            "patterns.agreement_boost": pattern.agree_boost,
            "technical.window": technical.window,
            "technical.window_min": technical.bars_min,
            "signal.weights": {component.name: weight for component, weight in params.scored},
            "signal.direction": "catalyst" if signal.direction_from_catalyst else "pattern",
            "signal.full_above": signal.full_above,
            "signal.half_from": signal.half_from,
            "signal.quarter_from": signal.quarter_from,
            "signal.bands": list(signal.bands),
            "signal.stop_frac": risk.stop_frac,
            "signal.strong_catalyst": risk.stop_tight_from,
            "signal.strong_factor": risk.stop_tight,
            "signal.weak_catalyst": risk.stop_wide_below,
            "signal.weak_factor": risk.stop_wide,
            "signal.target_1_risk": risk.target_1_r,
            "signal.target_2_risk": risk.target_2_r,
            "risk.initial_equity": risk.initial_equity_usd,
            "risk.allow_short": signal.allow_short,
            "risk.cap": risk.cap_frac,
            "risk.cap_pre_market": risk.cap_frac_pre_market,
            "risk.participation": risk.volume_frac,
            "risk.participation_bars": risk.volume_bars,
            "risk.max_positions": risk.positions_max,
            "risk.max_entries": risk.entries_a_day,
            "risk.daily_loss_frac": risk.daily_loss_frac,
            "risk.no_entry_before_flatten_min": risk.quiet_minutes,
            "orders.collar_bps": execution.entry_collar_bps,
            "orders.extended_bps": execution.extended_collar_bps,
            "orders.alive_bars": execution.entry_bars,
            "orders.beyond_frac": execution.watch_frac,
            "orders.trailing_frac": risk.trail_frac,
            "orders.reversal_score": risk.reversal_min,
            "orders.time_stop_hours": risk.time_stop_hours,
            "orders.time_stop_bars": risk.time_stop_bars,
            "orders.flatten_at_close": risk.flatten_at_close,
            "orders.flatten_before_close_min": risk.flatten_minutes,
            "fills.slippage_bps": execution.slippage_bps,
            "fills.impact_bps": execution.impact_bps,
            "fills.share_of_volume": execution.participation_frac,
        },
    )


def in_ns(frame: pl.DataFrame) -> pl.DataFrame:
    """Give instants as int64 ns UTC."""
    instants = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(instants).cast(pl.Datetime("ns", "UTC")).cast(pl.Int64))


def run_both(
    lake: Lake, params: Params, timeframe: str, start: dt.date | None = None
) -> tuple[Result, Reference]:
    """Run both on what a lake holds."""
    result = replay(lake, params, timeframe=timeframe, start=start)
    frames = [lake.bars(name) for name in lake.timeframes()]
    days = [day for day in lake.days(timeframe) if start is None or day >= start]
    reference = run_reference(
        in_ns(pl.concat(frames)),
        in_ns(lake.news().filter(pl.col("symbol") != "")),
        in_ns(lake.actions()),
        in_ns(lake.universe()),
        numbers_of(params),
        timeframe=timeframe,
        start=days[0],
        end=days[-1],
    )
    return result, reference


def decided(result: Result) -> dict[str, Rows]:
    """Give the core's tables with the reference's names."""

    def rows(frame: pl.DataFrame) -> Rows:
        return in_ns(frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))).to_dicts()

    patterns = rows(result.patterns)
    for row in patterns:
        if row["pattern"] == "GAP":
            row["pattern"] = "gap_up" if row["value"] > 0 else "gap_down"
        row["pattern"] = {"SURGE": "volume_surge"}.get(row["pattern"], row["pattern"])
        row["timeframe"] = {"1h": "60m"}.get(row["timeframe"], row["timeframe"])
        row["aligned"] = row["aligned"] > 0
        row["last_ts"] = row["bar_ts"]
    return {
        "candidates": rows(result.candidates.with_columns(pl.col("reason").replace(RULES))),
        "patterns": patterns,
        "signals": rows(result.signals.with_columns(pl.col("rule").replace(RULES))),
        "fills": rows(result.fills),
        "trades": rows(result.trades),
    }


def keyed(table: str, rows: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
    """Give rows by their key; fills of one instant, side and role by size, then price."""
    if table == "fills":
        seen: Counter[tuple[Any, ...]] = Counter()
        counted = []
        for row in sorted(rows, key=lambda row: (row["quantity"], row["price"])):
            of = (row["filled_at"], row["symbol"], row["side"], row["role"])
            counted.append({**row, "place": seen[of]})
            seen[of] += 1
        rows = counted
    if table == "signals":
        blank = {"value": math.nan, "threshold": math.nan}
        rows = [{**row, **blank} if row["rule"] in NUMBERLESS else row for row in rows]
    key, _ = COMPARED[table]
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        at = tuple(row[name] for name in key)
        assert at not in found, f"{table} has {at} twice"
        found[at] = row
    return found


def is_same(one: object, other: object) -> bool:
    """Compare exactly, floats to 1e-9 relative; NaN is NaN."""
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=RELATIVE)
    return one == other


def differences(result: Result, reference: Reference) -> list[str]:
    """List what the two decided differently, a line each, in the order of time by table."""
    found: list[str] = []
    for table, ours in decided(result).items():
        here, there = keyed(table, ours), keyed(table, getattr(reference, table))
        for at in sorted(here.keys() | there.keys()):
            if at not in here or at not in there:
                found.append(f"{table} {at}: only in the {'core' if at in here else 'reference'}")
                continue
            found += [
                f"{table} {at} {name}: core {here[at][name]!r}, reference {there[at][name]!r}"
                for name in COMPARED[table][1]
                if not is_same(here[at][name], there[at][name])
            ]
    cash, expected = result.equity["cash"][-1], reference.equity[-1]["cash"]
    if round(float(cash) * 1_000_000) != round(expected * 1_000_000):
        found.append(f"final cash: core {cash}, reference {expected}")
    return found


def exits(reference: Reference) -> set[str]:
    """Name the roles that filled, so that a comparison of nothing is noticed."""
    return {fill["role"] for fill in reference.fills}

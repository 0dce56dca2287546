"""What a search keeps of a run: its returns by session beside the market's, and its figures."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.data.calendar import date_to_day
from catalyst.research.result import Result
from catalyst.strategy.values import Floats, Ints

METRICS = (
    "net_return",
    "net_pnl",
    "sharpe",
    "max_drawdown",
    "hit_rate",
    "expectancy",
    "turnover",
    "exposure",
    "slippage_share",
    "slippage_usd",
    "fees_usd",
    "n_trades",
)
"""Names of an outcome's figures, as in ``summary.json`` where they are there."""


@dataclass(frozen=True)
class Outcome:
    """Hold what came of one trial, by session.

    Attributes
    ----------
    params_hash, variant
        What ran.
    days : int64[n]
        Sessions, days since 1970.
    returns : float64[n]
        Simple returns of equity, after costs.
    market : float64[n]
        Returns of all symbols held equally; 0 in the first session.
    exposure : float64[n]
        Part of the equity that was invested, the mean over the session's instants; negative where
        shorts outweigh longs.
    costs : float64[n]
        Fees and slippage as a part of the equity at the session's start.
    metrics
        The figures of `METRICS`; None where there are none, such as a hit rate without trades.
        ``slippage_share`` is slippage over the value traded.
    """

    params_hash: str
    variant: str
    days: Ints
    returns: Floats
    market: Floats
    exposure: Floats
    costs: Floats
    metrics: dict[str, float | None]

    @property
    def excess(self) -> Floats:
        """Return the returns beside the market held with as much money: float64[n]."""
        return self.returns - self.exposure * self.market

    @property
    def gross_excess(self) -> Floats:
        """Return `excess` as it would be without costs: float64[n]."""
        return self.excess + self.costs


def outcome_of(result: Result) -> Outcome:
    """Take the outcome of a run from its tables."""
    curve = result.benchmarks
    grown, market = (curve[name].to_numpy() for name in ("strategy", "equal_weight"))
    sessions = _days(curve, "ts")
    days = np.array([date_to_day(day) for day in sessions], np.int64)
    equity = np.concatenate([[1.0], grown[:-1]]) * result.params.risk.initial_equity_usd
    costs, traded, fees = _costs(result, sessions)
    exposure = exposure_by_session(result)
    summary = result.summary
    metrics = {name: summary.get(name) for name in METRICS}
    metrics["exposure"] = float(exposure.mean()) if len(exposure) else 0.0
    metrics["slippage_share"] = summary["slippage_usd"] / traded if traded else None
    metrics["fees_usd"] = fees
    return Outcome(
        summary["params_hash"],
        summary["variant"],
        days,
        grown / np.concatenate([[1.0], grown[:-1]]) - 1.0,
        market / np.concatenate([market[:1], market[:-1]]) - 1.0,
        exposure,
        costs / equity,
        metrics,
    )


def exposure_by_session(result: Result) -> Floats:
    """Return the part of the equity that was invested, a mean for each session: float64[n]."""
    curve = result.benchmarks
    share = pl.col("positions_value").cast(pl.Float64) / pl.col("equity").cast(pl.Float64)
    means = result.equity.group_by(day=_NEW_YORK_DATE).agg(share.mean().alias("share"))
    joined = curve.select(day=_NEW_YORK_DATE).join(
        means, on="day", how="left", maintain_order="left"
    )
    out: Floats = joined["share"].fill_null(0.0).to_numpy()
    if result.summary["timeframe"] == "1d" and len(out):
        # A daily row is the close: a day's exposure lies between the closes around it.
        out = (out + np.concatenate([[0.0], out[:-1]])) / 2
    return out


_NEW_YORK_DATE = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()


def _days(curve: pl.DataFrame, column: str) -> list[dt.date]:
    dates = curve.select(pl.col(column).dt.convert_time_zone("America/New_York").dt.date())
    out: list[dt.date] = dates[column].to_list()
    return out


def _costs(result: Result, sessions: list[dt.date]) -> tuple[Floats, float, float]:
    """Return fees and slippage of each session (USD), the value traded, and the fees."""
    date = pl.col("filled_at").dt.convert_time_zone("America/New_York").dt.date()
    fills = result.fills.select(
        date.alias("day"),
        pl.col("fee").cast(pl.Float64),
        (pl.col("fee") + pl.col("slippage")).cast(pl.Float64).alias("cost"),
        (pl.col("price") * pl.col("quantity")).alias("value"),
    )
    sums = fills.group_by("day").agg(pl.col("cost").sum()).sort("day")
    by_day = dict(sums.iter_rows())
    costs = np.array([by_day.get(day, 0.0) for day in sessions])
    return costs, float(fills["value"].sum()), float(fills["fee"].sum())

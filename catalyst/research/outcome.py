"""What a search keeps of a run: its returns by session beside the market's, and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.errors import InputError
from catalyst.research.result import Result
from catalyst.strategy.money import FILL_TICKS, MICRO
from catalyst.strategy.params import Params
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
    beside : float64[n]
        What the market would have made of as much money at the same times: between two looks, what
        all symbols held equally made, times the part of the equity that was invested at the first.
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
    beside: Floats
    costs: Floats
    metrics: dict[str, float | None]

    @property
    def excess(self) -> Floats:
        """Return the returns less the market held with as much money: float64[n]."""
        return self.returns - self.beside

    @property
    def gross_excess(self) -> Floats:
        """Return `excess` as it would be without costs: float64[n]."""
        return self.excess + self.costs


def outcome_of(result: Result) -> Outcome:
    """Take the outcome of a run from its tables."""
    curve = result.benchmarks
    grown, market = (curve[name].to_numpy() for name in ("strategy", "equal_weight"))
    days = _days(curve, "ts")
    costs, traded, fees = _costs(result, days)
    summary = result.summary
    return outcome_from(
        result.params,
        days,
        grown=grown,
        market=market,
        exposure=exposure_by_session(result),
        beside=beside_by_session(result),
        costs_micro=costs,
        fees_micro=fees,
        traded_micro=traded,
        metrics={name: summary.get(name) for name in METRICS},
    )


def outcome_from(
    params: Params,
    days: Ints,
    *,
    grown: Floats,
    market: Floats,
    exposure: Floats,
    beside: Floats,
    costs_micro: Ints,
    fees_micro: int,
    traded_micro: int,
    metrics: Mapping[str, float | None],
) -> Outcome:
    """Make an outcome of what a run came to by session.

    Parameters
    ----------
    params
        What ran.
    days : int64[n]
        Sessions, days since 1970.
    grown, market : float64[n]
        Growth of one dollar, in the account and in all symbols held equally.
    exposure, beside : float64[n]
        As the outcome has them.
    costs_micro : int64[n]
        Fees and slippage, micro-dollars.
    fees_micro, traded_micro
        Fees, and the value of all fills, micro-dollars.
    metrics
        Those of `METRICS` that a run's summary has.
    """
    before = np.concatenate([[1.0], grown[:-1]])
    own: dict[str, float | None] = {name: metrics.get(name) for name in METRICS}
    own["exposure"] = float(exposure.mean()) if len(exposure) else 0.0
    slippage = own["slippage_usd"] or 0.0
    own["slippage_share"] = slippage / (traded_micro / MICRO) if traded_micro else None
    own["fees_usd"] = fees_micro / MICRO
    return Outcome(
        params.hash,
        params.variant,
        days,
        grown / before - 1.0,
        market / np.concatenate([market[:1], market[:-1]]) - 1.0,
        exposure,
        beside,
        costs_micro / MICRO / (before * params.risk.initial_equity_usd),
        own,
    )


def beside_by_session(result: Result) -> Floats:
    """Return what the market would have made of as much money at the same times: float64[n].

    What was invested at a look is held against what came after it: a position that is left because
    the market fell has had its share of the fall.

    Raises
    ------
    InputError
        If the run is of an earlier version.
    """
    days, at, invested = _invested(result)
    if "market" not in result.equity.columns:
        raise InputError(
            f"the run {result.folder} was made by an earlier version, whose equity says nothing of "
            "the market; replay it again"
        )
    market = result.equity["market"].to_numpy()
    made = invested[:-1] * (market[1:] / market[:-1] - 1.0)
    return np.bincount(at[1:], weights=made, minlength=len(days)).astype(np.float64)


def _invested(result: Result) -> tuple[Ints, Ints, Floats]:
    """Return the sessions, the session of each look, and the part of the equity at work then."""
    days = _days(result.benchmarks, "ts")
    rows = result.equity
    value, equity = (
        rows[name].cast(pl.Float64).to_numpy() for name in ("positions_value", "equity")
    )
    return days, np.searchsorted(days, _days(rows, "ts")), value / equity


def exposure_by_session(result: Result) -> Floats:
    """Return the part of the equity that was invested, a mean for each session: float64[n]."""
    days, at, invested = _invested(result)
    # Summed in the order of the rows: a sum by another path may end on another bit.
    total = np.bincount(at, weights=invested, minlength=len(days))
    out: Floats = total / np.maximum(np.bincount(at, minlength=len(days)), 1)
    return between_closes(out) if result.summary["timeframe"] == "1d" else out


def between_closes(exposure: Floats) -> Floats:
    """Return a day's exposure from that at its close: it lies between the closes around it."""
    out: Floats = (exposure + np.concatenate([[0.0], exposure])[: len(exposure)]) / 2
    return out


def _days(rows: pl.DataFrame, column: str) -> Ints:
    local = pl.col(column).dt.convert_time_zone("America/New_York").dt.date()
    days: Ints = rows.select(local.cast(pl.Int32).cast(pl.Int64)).to_series().to_numpy()
    return days


def _costs(result: Result, days: Ints) -> tuple[Ints, int, int]:
    """Return costs of each session, the value traded, and fees, all in micro-dollars."""
    fills = result.fills
    fee, slippage = (
        np.rint(fills[name].cast(pl.Float64).to_numpy() * MICRO).astype(np.int64)
        for name in ("fee", "slippage")
    )
    ticks = np.rint(fills["price"].to_numpy() * FILL_TICKS).astype(np.int64)
    traded = ticks * (MICRO // FILL_TICKS) * fills["quantity"].to_numpy()
    costs = np.zeros(len(days), np.int64)
    np.add.at(costs, np.searchsorted(days, _days(fills, "filled_at")), fee + slippage)
    return costs, int(traded.sum()), int(fee.sum())

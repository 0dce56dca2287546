"""Every headline figure of a run with the interval in which it would lie by drawing again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.data.calendar import date_to_day
from catalyst.data.metrics import SESSIONS_A_YEAR
from catalyst.data.report.values import Interval
from catalyst.research.edge_leg import BPS
from catalyst.research.outcome import Outcome
from catalyst.research.result import Result
from catalyst.research.stationary import stationary_interval
from catalyst.strategy.values import Floats, Ints

_SEED = 1
Statistic = Callable[[Floats], float]


@dataclass(frozen=True, slots=True)
class _Figure:
    """Name the columns of a session that a figure is made of, and how."""

    columns: tuple[str, ...]
    of: Statistic


def headline_intervals(result: Result, outcome: Outcome) -> dict[str, Interval]:
    """Return the figures of a run by name, with 95 % intervals by stationary bootstrap of sessions.

    Returns of a session, its exposure, the trades that were closed in it and what was traded in it
    are drawn together. An interval says where the figure of another stretch of the same market
    would lie, not what is left after a search: that is the edge's to say.

    Parameters
    ----------
    result
        The run.
    outcome
        Of it.

    Returns
    -------
    dict
        net_return, sharpe (a year), max_drawdown, mean_excess_bps (a session, beside the market
        held with as much money), hit_rate, expectancy (USD), turnover, exposure, slippage_share;
        only those that exist, such as a hit rate where trades were closed.
    """
    columns = _columns(result, outcome)
    out = {}
    for name, figure in _FIGURES.items():
        rows = np.stack([columns[c] for c in figure.columns], axis=1)
        if not len(rows) or not math.isfinite(figure.of(rows)):
            continue
        out[name] = stationary_interval(rows, figure.of, seed=_SEED)
    return out


def _columns(result: Result, outcome: Outcome) -> dict[str, Floats]:
    equity = result.benchmarks["strategy"].to_numpy() * result.params.risk.initial_equity_usd
    date = pl.col("day").dt.convert_time_zone("America/New_York").dt.date()
    fills = result.fills.select(
        day="filled_at",
        traded=pl.col("price") * pl.col("quantity"),
        slippage=pl.col("slippage").cast(pl.Float64),
    )
    pnl = pl.col("pnl").cast(pl.Float64)
    trades = result.trades.select(
        day="exit_ts", pnl=pnl, won=(pnl > 0).cast(pl.Float64), closed=pl.lit(1.0)
    )
    sums = {}
    for frame in (fills, trades):
        dated = frame.with_columns(date)
        for name in frame.columns[1:]:
            sums[name] = _by_session(dated, name, outcome.days)
    start = result.params.risk.initial_equity_usd
    mean_equity = float(np.concatenate([[start], equity]).mean())
    return sums | {
        "returns": outcome.returns,
        "excess": outcome.excess * BPS,
        "exposure": outcome.exposure,
        "turnover": sums["traded"] / mean_equity,
    }


def _by_session(frame: pl.DataFrame, name: str, days: Ints) -> Floats:
    out = np.zeros(len(days))
    dates, values = frame["day"].to_list(), frame[name].to_numpy()
    place = np.searchsorted(days, [date_to_day(date) for date in dates])
    # In the order of rows: a sum must not depend on threads.
    np.add.at(out, np.minimum(place, len(days) - 1), values)
    return out


def _net_return(rows: Floats) -> float:
    return float(np.prod(1.0 + rows[:, 0]) - 1.0)


def _sharpe(rows: Floats) -> float:
    spread = float(rows[:, 0].std(ddof=1)) if len(rows) > 1 else 0.0
    return float(rows[:, 0].mean()) / spread * math.sqrt(SESSIONS_A_YEAR) if spread else math.nan


def _drawdown(rows: Floats) -> float:
    grown = np.concatenate([[1.0], np.cumprod(1.0 + rows[:, 0])])
    return float((1.0 - grown / np.maximum.accumulate(grown)).max())


def _mean(rows: Floats) -> float:
    return float(rows[:, 0].mean())


def _sum(rows: Floats) -> float:
    return float(rows[:, 0].sum())


def _share(rows: Floats) -> float:
    """Divide the sum of the first column by the second's."""
    part, whole = rows.sum(axis=0).tolist()
    return part / whole if whole else math.nan


_FIGURES = {
    "net_return": _Figure(("returns",), _net_return),
    "sharpe": _Figure(("returns",), _sharpe),
    "max_drawdown": _Figure(("returns",), _drawdown),
    "mean_excess_bps": _Figure(("excess",), _mean),
    "hit_rate": _Figure(("won", "closed"), _share),
    "expectancy": _Figure(("pnl", "closed"), _share),
    "turnover": _Figure(("turnover",), _sum),
    "exposure": _Figure(("exposure",), _mean),
    "slippage_share": _Figure(("slippage", "traded"), _share),
}

"""What a sweep says: a row for every trial, returns by session, and the best as one of so many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.calendar import day_to_date
from catalyst.data.metrics import SESSIONS_A_YEAR
from catalyst.errors import InputError
from catalyst.research.edge_luck import Question, luck_of, with_judged
from catalyst.research.outcome import METRICS, Outcome
from catalyst.research.sweep_axes import Axis
from catalyst.research.sweep_grid import OBJECTIVES, Grid
from catalyst.research.sweep_parts import Came
from catalyst.research.sweep_points import Point
from catalyst.research.trial_records import moments
from catalyst.strategy.param_content import score_hash
from catalyst.strategy.values import Floats

#: Of what is drawn to judge a sweep; fixed, so that the same sweep gives the same figures.
_SEED = 0
_LEAST_SESSIONS = 32


def objective_of(came: Came, objective: str) -> float | None:
    """Return the figure that a search goes by; None for a trial that has none."""
    return None if isinstance(came, str) else figures_of(came).get(objective)


def figures_of(one: Outcome) -> dict[str, float | None]:
    """Return an outcome's metrics, and the Sharpe ratio of its returns beside the market."""
    return {**one.metrics, "excess_sharpe": annual_sharpe(one.excess)}


def annual_sharpe(returns: Floats) -> float | None:
    """Return the annualised Sharpe ratio of returns by session; None without variance."""
    sharpe, _, _ = moments(returns)
    return None if sharpe is None else sharpe * math.sqrt(SESSIONS_A_YEAR)


def figures_by_session(returns: Floats, excess: Floats) -> dict[str, float | None]:
    """Return the figures that returns by session alone give.

    Parameters
    ----------
    returns, excess : float64[n]
        Simple returns, and those beside the market.
    """
    growth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return {
        "net_return": float(growth[-1] - 1.0),
        "sharpe": annual_sharpe(returns),
        "excess_sharpe": annual_sharpe(excess),
        "max_drawdown": float((1.0 - growth / np.maximum.accumulate(growth)).max()),
    }


def trials_table(
    axes: Sequence[Axis], points: Sequence[Point], came: Sequence[Came]
) -> pl.DataFrame:
    """Return a row for every trial.

    Parameters
    ----------
    axes
        What varied.
    points, came
        All trials, and what came of each.

    Returns
    -------
    DataFrame
        ``trial`` (from 0); each axis by its name, a number, a switch or words; ``params_hash``; the
        figures of `figures_of`; ``error``. Figures are null where there is an error.
    """
    columns: dict[str, Any] = {"trial": pl.Series([p.number for p in points], dtype=pl.Int64)}
    for k, axis in enumerate(axes):
        columns[axis.name] = pl.Series(_typed([axis.shown(p.values[k]) for p in points]))
    outcomes = [None if isinstance(one, str) else one for one in came]
    hashes = [None if p.params is None else p.params.hash for p in points]
    columns["params_hash"] = pl.Series(hashes, dtype=pl.String)
    figures = [{} if one is None else figures_of(one) for one in outcomes]
    for name in (*METRICS, "excess_sharpe"):
        values = [one.get(name) for one in figures]
        columns[name] = pl.Series(values, dtype=pl.Float64)
    columns["n_trades"] = columns["n_trades"].cast(pl.Int64)
    errors = [one if isinstance(one, str) else None for one in came]
    columns["error"] = pl.Series(errors, dtype=pl.String)
    return pl.DataFrame(columns)


def returns_table(came: Sequence[Came]) -> pl.DataFrame:
    """Return returns by session: ``day``, ``market``, and each trial's by its number.

    Trials that have none are left out. Simple returns, after costs.
    """
    outcomes = [(k, one) for k, one in enumerate(came) if isinstance(one, Outcome)]
    if not outcomes:
        return pl.DataFrame(schema={"day": pl.Date, "market": pl.Float64})
    _, first = outcomes[0]
    days = [day_to_date(int(day)) for day in first.days]
    columns = {"day": pl.Series(days, dtype=pl.Date), "market": pl.Series(first.market)}
    return pl.DataFrame(columns | {str(k): pl.Series(one.returns) for k, one in outcomes})


def best_first(came: Sequence[Came], objective: str) -> list[int]:
    """Return the places of all trials that have the objective, the best first, then by place."""
    values = [(k, objective_of(one, objective)) for k, one in enumerate(came)]
    known = [(-OBJECTIVES[objective] * value, k) for k, value in values if value is not None]
    return [k for _, k in sorted(known)]


def sweep_summary(
    plan: dict[str, Any],
    grid: Grid,
    points: Sequence[Point],
    came: Sequence[Came],
    *,
    synthetic: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return what ``sweep.json`` holds.

    Parameters
    ----------
    plan
        What the sweep is a function of.
    grid, points, came
        What was searched, all trials, and what came of each.
    synthetic
        What the lake says of itself if it is simulated.
    """
    outcomes = {one.params_hash: one for one in came if isinstance(one, Outcome)}
    scores = {p.params.hash: score_hash(p.params) for p in points if p.params is not None}
    order = best_first(came, grid.objective)
    first = next(iter(outcomes.values()), None)
    return {
        "name": grid.name,
        "synthetic": synthetic,
        **plan,
        "objective": grid.objective,
        "start": None if first is None else str(day_to_date(int(first.days[0]))),
        "end": None if first is None else str(day_to_date(int(first.days[-1]))),
        "sessions": 0 if first is None else len(first.days),
        "trials": len(points),
        "distinct": len(outcomes),
        "failed": sum(isinstance(one, str) for one in came),
        "best": None if not order else _best(grid, points[order[0]], came[order[0]]),
        "honesty": honesty_of(
            list(outcomes.values()),
            None if not order else came[order[0]],
            [scores[key] for key in outcomes],
        ),
    }


def honesty_of(
    outcomes: Sequence[Outcome], best: Came | None, scores: Sequence[str]
) -> dict[str, float | None]:
    """Judge the best trial of a sweep as what it is: the best of so many.

    Parameters
    ----------
    outcomes
        One for each set of parameters that ran.
    best
        The best of them.
    scores
        The score's hash of each outcome (`catalyst.strategy.param_content.score_hash`).

    Returns
    -------
    dict
        ``deflated_sharpe``: the probability that the best trial's Sharpe ratio beside the market is
        above what luck alone would reach in so many trials. ``luck_sharpe``: that, annualised.
        ``overfitting``: how often the best of one half of the sessions is below the median in the
        other. ``spa_p_value``: of no trial being better than the market held with as much money.
        None each where there are too few sessions or trials, or no variance. The count is this
        sweep's own: what else was tried on the same data is in the ledger, and
        ``catalyst edge`` counts it.
    """
    from catalyst.research import honesty
    from catalyst.research.overfitting import probability_of_backtest_overfitting

    out: dict[str, float | None] = dict.fromkeys(
        ("deflated_sharpe", "luck_sharpe", "overfitting", "spa_p_value")
    )
    if not isinstance(best, Outcome) or len(best.days) < _LEAST_SESSIONS:
        return out
    excess = np.column_stack([one.excess for one in outcomes])
    asked = [Question(score) for score in scores]
    luck = luck_of(with_judged([], outcomes, asked), len(best.days))
    sharpe, skewness, kurtosis = moments(best.excess)
    if sharpe is not None and skewness is not None and kurtosis is not None:
        out["deflated_sharpe"] = honesty.probabilistic_sharpe(
            sharpe,
            benchmark=luck.sharpe,
            n_observations=len(best.days),
            skewness=skewness,
            kurtosis=kurtosis,
        )
        out["luck_sharpe"] = luck.sharpe_annual
    if len(outcomes) > 1:
        varied = excess[:, excess.std(axis=0) > 0]
        try:
            out["overfitting"] = probability_of_backtest_overfitting(excess)
            out["spa_p_value"] = honesty.superior_predictive_ability(varied, seed=_SEED).p_value
        except InputError:
            return out
    return out


def _best(grid: Grid, point: Point, came: Came) -> dict[str, Any]:
    assert isinstance(came, Outcome)  # noqa: S101 - it has an objective
    shown = {a.name: a.shown(v) for a, v in zip(grid.axes, point.values, strict=True)}
    return {
        "trial": point.number,
        "values": shown,
        "params_hash": came.params_hash,
        "figures": figures_of(came),
    }


def _typed(values: list[str | float | bool]) -> list[Any]:
    kinds = {type(value) for value in values}
    return [float(v) for v in values] if kinds == {int, float} else values

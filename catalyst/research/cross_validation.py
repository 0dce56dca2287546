"""Combinatorial purged cross-validation of a sweep: many paths out of sample instead of one.

Every trial is replayed over each group of sessions on its own, from flat: then nothing that is held
or counted goes from one group into another, whether a variant holds overnight or not, and the
returns of a group are the same in every split.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting
from catalyst.data.synthetic import synthetic_note
from catalyst.errors import InputError
from catalyst.research.folds import (
    Fold,
    backtest_paths,
    combinatorial_folds,
    group_places,
)
from catalyst.research.label_reach import search_reach
from catalyst.research.outcome import Outcome
from catalyst.research.search_folder import SearchFolder
from catalyst.research.sweep import Span, Tell, Workers, plan_of, run_points
from catalyst.research.sweep_grid import OBJECTIVES, Grid
from catalyst.research.sweep_parts import Came, Parts
from catalyst.research.sweep_points import Point
from catalyst.research.sweep_spans import part_of, part_told, session_days
from catalyst.research.sweep_tables import figures_by_session
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats, Ints

CPCV = SearchFolder("walk-forward", "cpcv.json")
PATHS = "paths.parquet"
SPLITS = "splits.parquet"
RETURNS = "path_returns.parquet"
_GROUPS = ".groups"
_BY_SESSION = ("sharpe", "excess_sharpe", "net_return", "max_drawdown")


@dataclass(frozen=True)
class Groups:
    """Hold how sessions are cut; see `catalyst.research.folds.combinatorial_folds`."""

    groups: int
    held_out: int
    embargo: int = 0
    reach: int | None = None

    def as_mapping(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "groups": self.groups,
            "held_out": self.held_out,
            "embargo": self.embargo,
            "reach": self.reach,
        }


def cross_validate(
    lake: Lake,
    grid: Grid,
    base: Params,
    folder: str | Path,
    *,
    span: Span,
    groups: Groups,
    workers: Workers | None = None,
    resume: bool = False,
    force: bool = False,
    tell: Tell | None = None,
    ledger: Counting = DEFAULT,
) -> dict[str, Any]:
    """Choose in every set of groups, judge in the others, and put paths through all sessions.

    Parameters
    ----------
    lake, span
        What is cut into groups.
    grid, base
        What is searched, laid over which variant; a grid or a random search, by a figure that
        returns by session give.
    folder
        Where to.
    groups
        How sessions are cut.
    workers, resume, force, tell, ledger
        As in `catalyst.research.sweep_folder.sweep`.

    Returns
    -------
    dict
        Content of ``cpcv.json``: Sharpe ratios of the paths, their quantiles, and
        ``below_median``: in what part of the splits the chosen trial was below the median of all
        where it was judged, half of it where it was the median: the probability of overfitting.

    Raises
    ------
    InputError
        If the search adapts to what it sees, goes by a figure of trades, or no trial ran whole.
    OutputError
        If the folder holds something else, or another validation without `force`.
    """
    target = Path(folder)
    _check(grid)
    days = session_days(lake, span)
    reach = groups.reach or search_reach(grid, base, daily=span.timeframe == "1d")
    folds = combinatorial_folds(
        len(days),
        groups=groups.groups,
        held_out=groups.held_out,
        reach=reach,
        embargo=groups.embargo,
    )
    plan = {**plan_of(lake, grid, base, span), "cut": groups.as_mapping(), "reach": reach}
    if CPCV.prepare(target, plan, resume=resume, force=force):
        return CPCV.summary(target)
    top = Parts(target, plan)
    found: list[tuple[list[Point], list[Came]]] = []
    for k, places in enumerate(group_places(len(days), groups.groups)):
        part = part_of(span, days, places)
        parts = Parts(target / _GROUPS / f"{k:04d}", plan_of(lake, grid, base, part))
        found.append(
            run_points(
                lake,
                grid,
                base,
                part,
                parts=parts,
                workers=workers or Workers(),
                tell=part_told(tell, k, groups.groups),
                ledger=ledger,
            )
        )
    kept, returns, excess = whole_trials(found)
    choices = choose(folds, returns, excess, grid.objective)
    splits = _splits_table(grid, folds, found[0][0], kept, choices, returns, excess)
    paths, by_path = _paths(folds, groups.groups, choices, returns, excess)
    summary = {
        "name": grid.name,
        "synthetic": synthetic_note(lake.root),
        **plan,
        "objective": grid.objective,
        "start": str(days[0]),
        "end": str(days[-1]),
        "sessions": len(days),
        "trials": len(found[0][0]),
        "whole_trials": len(kept),
        "splits": len(folds),
        "paths": paths.height,
        **_distribution(paths),
        "below_median": float(splits["below_median"].to_numpy().mean()),
    }
    CPCV.write(target, PATHS, paths)
    CPCV.write(target, SPLITS, splits)
    columns = {str(k): pl.Series(one) for k, one in enumerate(by_path)}
    CPCV.write(target, RETURNS, pl.DataFrame({"day": pl.Series(days, dtype=pl.Date)} | columns))
    CPCV.write(target, CPCV.name, json.dumps(summary, indent=2) + "\n")
    shutil.rmtree(target / _GROUPS, ignore_errors=True)
    top.remove()
    return summary


def whole_trials(
    found: Sequence[tuple[Sequence[Point], Sequence[Came]]],
) -> tuple[Ints, Floats, Floats]:
    """Put the groups of each trial behind one another; trials that failed in one are left out.

    Parameters
    ----------
    found
        For each group in the order of time, all trials and what came of each.

    Returns
    -------
    (int64[k], float64[sessions, k], float64[sessions, k])
        Which trials; their returns by session; and those beside the market.

    Raises
    ------
    InputError
        If there is none.
    """
    count = len(found[0][0])
    by_trial = [[came[k] for _, came in found] for k in range(count)]
    kept = [k for k, parts in enumerate(by_trial) if all(isinstance(p, Outcome) for p in parts)]
    if not kept:
        raise InputError(
            "no trial ran in every group, so there is nothing to choose from; see what fails with "
            "catalyst sweep"
        )
    columns = [[p for p in by_trial[k] if isinstance(p, Outcome)] for k in kept]
    returns = np.column_stack([np.concatenate([p.returns for p in parts]) for parts in columns])
    excess = np.column_stack([np.concatenate([p.excess for p in parts]) for parts in columns])
    return np.array(kept, np.int64), returns, excess


def choose(folds: Sequence[Fold], returns: Floats, excess: Floats, objective: str) -> list[int]:
    """Return the column that is best in the sessions that choose, for each fold.

    Parameters
    ----------
    folds
        Which sessions choose.
    returns, excess : float64[sessions, trials]
        Of each trial; nothing but the rows that choose is looked at.
    objective
        One of the figures that returns by session give. Ties, and trials without the figure, go to
        the first.
    """
    sign = OBJECTIVES[objective]
    out = []
    for fold in folds:
        values = [
            _objective(returns[fold.train, k], excess[fold.train, k], objective)
            for k in range(returns.shape[1])
        ]
        ranked = [-np.inf if value is None else sign * value for value in values]
        out.append(int(np.argmax(ranked)))
    return out


def _check(grid: Grid) -> None:
    if grid.search == "optuna":
        raise InputError(
            "combinatorial cross-validation takes every trial in every group, but Optuna asks for "
            "other trials in each; use search: grid or random"
        )
    if grid.objective not in _BY_SESSION:
        raise InputError(
            f"combinatorial cross-validation puts sessions together, which gives no "
            f"{grid.objective}; expected one of {', '.join(_BY_SESSION)} as the objective"
        )


def _objective(returns: Floats, excess: Floats, objective: str) -> float | None:
    return figures_by_session(returns, excess)[objective]


def _splits_table(
    grid: Grid,
    folds: Sequence[Fold],
    points: Sequence[Point],
    kept: Ints,
    choices: Sequence[int],
    returns: Floats,
    excess: Floats,
) -> pl.DataFrame:
    rows = []
    for fold, choice in zip(folds, choices, strict=True):
        point = points[int(kept[choice])]
        row: dict[str, Any] = {"groups": ",".join(map(str, fold.groups)), "trial": point.number}
        row |= {a.name: a.shown(v) for a, v in zip(grid.axes, point.values, strict=True)}
        for side, places in (("in", fold.train), ("out", fold.test)):
            figures = figures_by_session(returns[places, choice], excess[places, choice])
            row |= {f"{side}_{name}": value for name, value in figures.items()}
        row["below_median"] = _below_median(fold, choice, returns, excess, grid.objective)
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def _below_median(
    fold: Fold, choice: int, returns: Floats, excess: Floats, objective: str
) -> float:
    """Return 1 if the chosen is below the median of all where it is judged, a half if at it."""
    sign = OBJECTIVES[objective]
    values = [
        _objective(returns[fold.test, k], excess[fold.test, k], objective) or 0.0
        for k in range(returns.shape[1])
    ]
    own, median = sign * values[choice], float(np.median([sign * v for v in values]))
    return 0.5 if own == median else float(own < median)


def _paths(
    folds: Sequence[Fold], groups: int, choices: Sequence[int], returns: Floats, excess: Floats
) -> tuple[pl.DataFrame, list[Floats]]:
    cut = group_places(len(returns), groups)
    rows, series = [], []
    for k, path in enumerate(backtest_paths(folds, groups)):
        parts = [(cut[g], choices[int(split)]) for g, split in enumerate(path)]
        own = np.concatenate([returns[places, column] for places, column in parts])
        beside = np.concatenate([excess[places, column] for places, column in parts])
        rows.append({"path": k, **figures_by_session(own, beside)})
        series.append(own)
    return pl.DataFrame(rows, infer_schema_length=None), series


def _distribution(paths: pl.DataFrame) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in ("sharpe", "excess_sharpe"):
        values = np.array([v for v in paths[name].to_list() if v is not None])
        shown = np.quantile(values, [0.05, 0.5, 0.95]).tolist() if len(values) else [None] * 3
        out[name] = dict(zip(("low", "median", "high"), shown, strict=True))
        out[name]["above_zero"] = float((values > 0).mean()) if len(values) else None
    return out

"""Walk-forward: chosen in one window, judged in the next, and told as one curve.

Each fold's search runs on its own window alone, from flat, so that nothing later can reach it. What
was chosen becomes one variant by date, and its replay over the sessions that judge is the curve.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from catalyst.data.calendar import day_to_date
from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting
from catalyst.data.synthetic import synthetic_note
from catalyst.errors import InputError
from catalyst.research.folds import Fold, walk_forward_folds
from catalyst.research.label_reach import search_reach
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.replay import replay
from catalyst.research.search_folder import SearchFolder
from catalyst.research.sweep import Span, Tell, Workers, plan_of, run_points
from catalyst.research.sweep_grid import Grid
from catalyst.research.sweep_parts import Came, Parts
from catalyst.research.sweep_points import Point, count_points
from catalyst.research.sweep_spans import part_of, part_told, session_days
from catalyst.research.sweep_tables import (
    best_first,
    figures_by_session,
    figures_of,
    trials_table,
)
from catalyst.research.walk_page import walk_page
from catalyst.strategy.param_dates import FIXED
from catalyst.strategy.params import Params

WALK = SearchFolder("walk-forward", "walk_forward.json")
EQUITY = "equity.parquet"
FOLDS = "folds.parquet"
TRIALS = "trials.parquet"
VARIANT = "variant.yaml"
PAGE = "walk_forward.html"
RUN = "out_of_sample"
_SEARCHES = ".folds"
_FIGURES = ("net_return", "sharpe", "excess_sharpe", "max_drawdown")


@dataclass(frozen=True)
class Windows:
    """Hold how a walk is cut, in sessions; see `catalyst.research.folds.walk_forward_folds`.

    Attributes
    ----------
    train, test, embargo, expanding
        As there.
    reach
        Sessions that a trade may span; None works it out from the variants.
    """

    train: int
    test: int
    embargo: int = 0
    expanding: bool = False
    reach: int | None = None

    def as_mapping(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "train": self.train,
            "test": self.test,
            "embargo": self.embargo,
            "expanding": self.expanding,
            "reach": self.reach,
        }


def walk_forward(
    lake: Lake,
    grid: Grid,
    base: Params,
    folder: str | Path,
    *,
    span: Span,
    windows: Windows,
    workers: Workers | None = None,
    resume: bool = False,
    force: bool = False,
    tell: Tell | None = None,
    ledger: Counting = DEFAULT,
) -> dict[str, Any]:
    """Walk a search forward through a lake.

    Parameters
    ----------
    lake, span
        What is walked through.
    grid, base
        What is searched in each window, laid over which variant.
    folder
        Where to: the search of each fold, the curve of what was chosen, and that as a variant.
    windows
        How sessions are cut.
    workers, resume, force, tell, ledger
        As in `catalyst.research.sweep_folder.sweep`.

    Returns
    -------
    dict
        Content of ``walk_forward.json``.

    Raises
    ------
    InputError
        If the sessions are too few, or something varies that can't change between two days.
    OutputError
        If the folder holds something else, or another walk without `force`.
    """
    target = Path(folder)
    check_by_date(grid, base)
    days = session_days(lake, span)
    reach = windows.reach or search_reach(grid, base, daily=span.timeframe == "1d")
    folds = walk_forward_folds(
        len(days),
        train=windows.train,
        test=windows.test,
        reach=reach,
        embargo=windows.embargo,
        expanding=windows.expanding,
    )
    plan = {**plan_of(lake, grid, base, span), "windows": windows.as_mapping(), "reach": reach}
    if WALK.prepare(target, plan, resume=resume, force=force):
        return WALK.summary(target)
    top = Parts(target, plan)
    found = [
        _search(
            lake,
            grid,
            base,
            part_of(span, days, fold.train),
            folder=target / _SEARCHES / f"{k:04d}",
            workers=workers or Workers(),
            tell=part_told(tell, k, len(folds)),
            ledger=ledger,
        )
        for k, fold in enumerate(folds)
    ]
    chosen = [_choice(points, came, grid, base) for points, came in found]
    params = _by_date(base, grid, days, folds, [one.params for one in chosen])
    first, last = int(folds[0].test[0]), int(folds[-1].test[-1])
    result = replay(
        lake,
        params,
        timeframe=span.timeframe,
        start=days[first],
        end=days[last],
        symbols=span.symbols,
        sources=span.sources,
        ledger=ledger,
    )
    outcome = outcome_of(result)
    table = _folds_table(grid, days, folds, chosen, outcome)
    equity = _equity_table(folds, outcome)
    summary = _summary(plan, grid, days, folds, chosen, outcome, table)
    summary["synthetic"] = synthetic_note(lake.root)
    WALK.write(target, EQUITY, equity)
    WALK.write(target, FOLDS, table)
    trials = [
        trials_table(grid.axes, points, came).insert_column(0, pl.lit(k).alias("fold"))
        for k, (points, came) in enumerate(found)
    ]
    WALK.write(target, TRIALS, pl.concat(trials))
    WALK.write(target, VARIANT, yaml.safe_dump(params.as_mapping(), sort_keys=False))
    WALK.write(target, PAGE, walk_page(summary, table, equity, [a.name for a in grid.axes]))
    result.save(target / RUN, force=True)
    WALK.write(target, WALK.name, json.dumps(summary, indent=2) + "\n")
    shutil.rmtree(target / _SEARCHES, ignore_errors=True)
    top.remove()
    return summary


def check_by_date(grid: Grid, base: Params) -> None:
    """Refuse a search whose choice could not change between two days.

    Raises
    ------
    InputError
        If it could not.
    """
    if base.by_date:
        raise InputError(
            f"{base.variant} changes by date already, and what it learns is out of sample as it "
            "stands; backtest it, or walk a variant that stays as it is"
        )
    fixed = {f"{section}.{name}" for section, name in FIXED}
    for axis in grid.axes:
        if axis.name in fixed:
            raise InputError(
                f"{axis.name} can't change between two days, because what is known before a day "
                "depends on it; walk without it, or compare it with catalyst sweep"
            )


def _search(
    lake: Lake,
    grid: Grid,
    base: Params,
    span: Span,
    *,
    folder: Path,
    workers: Workers,
    tell: Tell | None,
    ledger: Counting,
) -> tuple[list[Point], list[Came]]:
    parts = Parts(folder, plan_of(lake, grid, base, span))
    return run_points(
        lake, grid, base, span, parts=parts, workers=workers, tell=tell, ledger=ledger
    )


@dataclass(frozen=True)
class _Chosen:
    """What a fold's search chose: the variant as it was where no trial had the objective."""

    params: Params
    point: Point | None
    figures: dict[str, float | None]


def _choice(points: Sequence[Point], came: Sequence[Came], grid: Grid, base: Params) -> _Chosen:
    for place in best_first(came, grid.objective):
        point, one = points[place], came[place]
        if point.params is not None and isinstance(one, Outcome):
            return _Chosen(point.params, point, figures_of(one))
    return _Chosen(base, None, {})


def _by_date(
    base: Params,
    grid: Grid,
    days: Sequence[dt.date],
    folds: Sequence[Fold],
    chosen: Sequence[Params],
) -> Params:
    epoch = dt.date(1970, 1, 1)
    entries: list[tuple[int, Params]] = []
    for fold, params in zip(folds, chosen, strict=True):
        if not entries or entries[-1][1].hash != params.hash:
            entries.append(((days[int(fold.test[0])] - epoch).days, params))
    return replace(base, variant=f"{grid.name}-walk", by_date=tuple(entries))


def _equity_table(folds: Sequence[Fold], outcome: Outcome) -> pl.DataFrame:
    """Return the curve by session: date, fold, return, growth, and the market's."""
    sizes = [len(fold.test) for fold in folds]
    return pl.DataFrame(
        {
            "day": pl.Series([day_to_date(int(d)) for d in outcome.days], dtype=pl.Date),
            "fold": pl.Series(np.repeat(np.arange(len(folds)), sizes)),
            "returns": pl.Series(outcome.returns),
            "strategy": pl.Series(np.cumprod(1.0 + outcome.returns)),
            "market_returns": pl.Series(outcome.market),
            "market": pl.Series(np.cumprod(1.0 + outcome.market)),
            "exposure": pl.Series(outcome.exposure),
        }
    )


def _folds_table(
    grid: Grid,
    days: Sequence[dt.date],
    folds: Sequence[Fold],
    chosen: Sequence[_Chosen],
    outcome: Outcome,
) -> pl.DataFrame:
    rows = []
    at = 0
    for k, (fold, one) in enumerate(zip(folds, chosen, strict=True)):
        part = slice(at, at + len(fold.test))
        at += len(fold.test)
        row: dict[str, Any] = {"fold": k}
        for name, places in (("train", fold.train), ("test", fold.test)):
            row[f"{name}_start"], row[f"{name}_end"] = days[places[0]], days[places[-1]]
        row["trial"] = None if one.point is None else one.point.number
        for j, axis in enumerate(grid.axes):
            row[axis.name] = None if one.point is None else axis.shown(one.point.values[j])
        row["params_hash"] = one.params.hash
        row |= {f"in_{name}": one.figures.get(name) for name in _FIGURES}
        out = figures_by_session(outcome.returns[part], outcome.excess[part])
        row |= {f"out_{name}": out[name] for name in _FIGURES}
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def _summary(
    plan: dict[str, Any],
    grid: Grid,
    days: Sequence[dt.date],
    folds: Sequence[Fold],
    chosen: Sequence[_Chosen],
    outcome: Outcome,
    table: pl.DataFrame,
) -> dict[str, Any]:
    inside = [one.figures.get("excess_sharpe") for one in chosen]
    known = [value for value in inside if value is not None]
    out = figures_of(outcome)
    return {
        "name": grid.name,
        **plan,
        "objective": grid.objective,
        "start": str(days[int(folds[0].test[0])]),
        "end": str(days[int(folds[-1].test[-1])]),
        "folds": len(folds),
        "trials_a_fold": count_points(grid),
        "sessions_out_of_sample": len(outcome.days),
        "distinct_choices": table["params_hash"].n_unique(),
        "variant_hash": outcome.params_hash,
        "out_of_sample": out,
        "in_sample_excess_sharpe": float(np.mean(known)) if known else None,
        "out_of_sample_excess_sharpe": out["excess_sharpe"],
    }

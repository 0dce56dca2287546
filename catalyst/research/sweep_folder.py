"""The folder that a sweep leaves behind: whole, or resumable."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from catalyst.data.lake import Lake
from catalyst.data.metrics import SESSIONS_A_YEAR
from catalyst.data.search_ledger import DEFAULT, Counting, ledger_of
from catalyst.data.synthetic import synthetic_note
from catalyst.research.heatmap import sweep_page
from catalyst.research.search_folder import SearchFolder
from catalyst.research.sweep import Span, Tell, Workers, plan_of, run_points, summary_of_trial
from catalyst.research.sweep_grid import Grid
from catalyst.research.sweep_parts import Parts
from catalyst.research.sweep_points import points_again
from catalyst.research.sweep_tables import best_first, returns_table, sweep_summary, trials_table
from catalyst.research.trial_records import record, trial_of_returns
from catalyst.strategy.params import Params

SWEEP = SearchFolder("sweep", "sweep.json")
TRIALS = "trials.parquet"
RETURNS = "returns.parquet"
PAGE = "sweep.html"
BEST = "best.yaml"


@dataclass(frozen=True)
class Sweep:
    """Give access to a finished sweep.

    Attributes
    ----------
    folder
        Where it is.
    """

    folder: Path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Return the content of ``sweep.json``.

        Raises
        ------
        InputError
            If the folder is no finished sweep.
        """
        return SWEEP.summary(self.folder)

    @cached_property
    def trials(self) -> pl.DataFrame:
        """Return a row for every trial; see `catalyst.research.sweep_tables.trials_table`."""
        return pl.read_parquet(self.folder / TRIALS)

    @cached_property
    def returns(self) -> pl.DataFrame:
        """Return every trial's returns by session; see `returns_table`."""
        return pl.read_parquet(self.folder / RETURNS)


def sweep(
    lake: Lake,
    grid: Grid,
    base: Params,
    folder: str | Path,
    *,
    span: Span,
    workers: Workers | None = None,
    resume: bool = False,
    force: bool = False,
    tell: Tell | None = None,
    ledger: Counting = DEFAULT,
) -> Sweep:
    """Run a search over a lake and write what came of every trial.

    Parameters
    ----------
    lake
        Bars, news, actions and universe.
    grid
        What is searched.
    base
        The variant that the grid names.
    folder
        Where to; finished trials are kept in it from the start.
    span
        What of the lake is replayed.
    workers
        Where trials run; None for processes, one a core.
    resume
        Go on with what an interrupted run of the same sweep left in the folder, or return it if it
        was finished.
    force
        Replace what another sweep left there.
    tell
        Called with trials done and trials in all.
    ledger
        Where trials are counted; those of an earlier start, too, if they aren't yet.

    Returns
    -------
    Sweep
        The same bytes for the same grid, lake, span and code.

    Raises
    ------
    OutputError
        If the folder holds something else, or another sweep without `force`.
    LakeError
        If the lake has no such bars, symbols, sources or sessions, or is written to meanwhile.
    """
    target = Path(folder)
    plan = plan_of(lake, grid, base, span)
    if SWEEP.prepare(target, plan, resume=resume, force=force):
        _count_again(Sweep(target), lake, grid, base, span=span, ledger=ledger)
        return Sweep(target)
    parts = Parts(target, plan)
    points, came = run_points(
        lake,
        grid,
        base,
        span,
        parts=parts,
        workers=workers or Workers(),
        tell=tell,
        ledger=ledger,
    )
    table = trials_table(grid.axes, points, came)
    summary = sweep_summary(plan, grid, points, came, synthetic=synthetic_note(lake.root))
    SWEEP.write(target, TRIALS, table)
    SWEEP.write(target, RETURNS, returns_table(came))
    SWEEP.write(target, PAGE, sweep_page(grid.axes, table, summary))
    order = best_first(came, grid.objective)
    best = points[order[0]].params if order else None
    if best is not None:
        named = best.replace(variant=f"{grid.name}-best")
        SWEEP.write(target, BEST, yaml.safe_dump(named.as_mapping(), sort_keys=False))
    # Last: a folder with a summary is whole.
    SWEEP.write(target, SWEEP.name, json.dumps(summary, indent=2) + "\n")
    parts.remove()
    return Sweep(target)


def _count_again(
    done: Sweep, lake: Lake, grid: Grid, base: Params, *, span: Span, ledger: Counting
) -> None:
    """Count a finished sweep: it may come from another machine, or have been counted elsewhere."""
    counted = ledger_of(ledger)
    if counted is None:
        return
    days = (done.summary["start"], done.summary["end"])
    rows = done.trials.to_dicts()
    trials = []
    for point in points_again(grid, base, [row[grid.objective] for row in rows]):
        row = rows[point.number]
        if point.params is None or row["error"] is not None:
            continue
        excess = row["excess_sharpe"]
        trials.append(
            trial_of_returns(
                summary_of_trial(span, done.summary["data_digest"], days, row["n_trades"] or 0),
                point.params,
                lake,
                done.returns[str(point.number)].to_numpy(),
                None if excess is None else excess / math.sqrt(SESSIONS_A_YEAR),
            )
        )
    record(trials, lake, counted)

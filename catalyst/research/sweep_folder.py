"""The folder that a sweep leaves behind: whole, or resumable."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting
from catalyst.data.synthetic import synthetic_note
from catalyst.errors import InputError, OutputError
from catalyst.research.heatmap import sweep_page
from catalyst.research.result import check_output
from catalyst.research.sweep import Span, Tell, Workers, plan_of, run_points
from catalyst.research.sweep_grid import Grid
from catalyst.research.sweep_parts import PARTS, Parts, read_plan, write_whole
from catalyst.research.sweep_tables import best_first, returns_table, sweep_summary, trials_table
from catalyst.strategy.params import Params

SUMMARY = "sweep.json"
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
        try:
            content = json.loads((self.folder / SUMMARY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict) or "trials" not in content:
            raise InputError(
                f"{self.folder} is not the folder of a finished sweep: it has no {SUMMARY} that "
                "can be read; make one with catalyst sweep"
            )
        return content

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
        Where trials are counted.

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
    if _prepare(target, plan, resume=resume, force=force):
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
    write_whole(target / TRIALS, _parquet(table))
    write_whole(target / RETURNS, _parquet(returns_table(came)))
    write_whole(target / PAGE, sweep_page(grid.axes, table, summary).encode())
    order = best_first(came, grid.objective)
    best = points[order[0]].params if order else None
    if best is not None:
        text = yaml.safe_dump(best.replace(variant=f"{grid.name}-best").as_mapping())
        write_whole(target / BEST, text.encode())
    # Last: a folder with a summary is whole.
    write_whole(target / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    parts.remove()
    return Sweep(target)


def _prepare(target: Path, plan: dict[str, Any], *, resume: bool, force: bool) -> bool:
    """Make room for a sweep; True if it is there already, whole."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        _check_parent(target)
        return False
    finished, unfinished = (target / SUMMARY).exists(), read_plan(target) is not None
    if not (target.is_dir() and (finished or unfinished)):
        raise OutputError(f"{target} exists and is no sweep's folder; choose another with --out")
    if resume and finished:
        known = Sweep(target).summary
        if all(known.get(name) == value for name, value in plan.items()):
            shutil.rmtree(target / PARTS, ignore_errors=True)
            return True
        if not force:
            raise OutputError(
                f"{target} holds a finished sweep of another grid, data, span or code; pass "
                "--force to replace it, or choose another folder with --out"
            )
    if resume and not force:
        return False
    if not force:
        hint = "--resume to go on, or " if unfinished and not finished else ""
        kind = "a finished" if finished else "an unfinished"
        raise OutputError(
            f"{target} holds {kind} sweep; pass {hint}--force to start anew, or choose another "
            "folder with --out"
        )
    shutil.rmtree(target)
    return False


def _check_parent(target: Path) -> None:
    if not target.exists():
        check_output(target, force=False)


def _parquet(table: pl.DataFrame) -> bytes:
    held = io.BytesIO()
    table.write_parquet(held)
    return held.getvalue()

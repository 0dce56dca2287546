"""Runs, as commands are told of them: a folder, by default the newest, and its lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalyst.research.result import Result

RUNS = Path("runs")
LATEST = RUNS / "latest"


def open_run(run: Path | None, lake: Path | None) -> Result:
    """Open a saved run together with the lake that it was made from.

    Parameters
    ----------
    run
        Its folder; None for ``runs/latest``.
    lake
        Its lake; None looks where the run's data was last seen.

    Raises
    ------
    InputError
        If there is no such run, or its lake is not found.
    """
    from catalyst.data.lake_places import lake_of
    from catalyst.errors import InputError
    from catalyst.research.result import Result, summary_of

    folder = run or LATEST
    if run is None and not folder.exists():
        raise InputError(
            f"there is no run yet: {LATEST} is missing; make one with catalyst backtest, or name "
            "one"
        )
    return Result.open(folder, lake_of(summary_of(folder), lake))


def point_latest(target: Path) -> None:
    """Let ``runs/latest`` point to a folder beside it."""
    fresh = LATEST.with_name(f".{LATEST.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.name)
    fresh.replace(LATEST)

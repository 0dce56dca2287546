"""What a sweep has finished so far, on disk: whole parts, whatever kills the process."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from catalyst.errors import OutputError
from catalyst.research.outcome import METRICS, Outcome

Came: TypeAlias = Outcome | str
"""What came of a trial: its outcome, or the sentence with which it failed."""

PARTS = ".parts"
_PLAN = "plan.json"
_SERIES = ("days", "returns", "market", "exposure", "beside", "costs")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "params_hash": pl.String,
    "variant": pl.String,
    "error": pl.String,
    "days": pl.List(pl.Int64),
    **dict.fromkeys(_SERIES[1:], pl.List(pl.Float64)),
    # A figure may be called as a series is.
    **dict.fromkeys((f"metric_{name}" for name in METRICS), pl.Float64),
}


class Parts:
    """Keep the outcomes of finished trials beside where their sweep is to be written.

    Parameters
    ----------
    folder
        The sweep's.
    plan
        What is searched, in which data, by which code: parts of another plan are no use.

    Raises
    ------
    OutputError
        If the folder holds parts of another plan, or can't be written.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder = folder / PARTS
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder} can't be made ({error.strerror}); choose another with --out"
            ) from None
        known = read_plan(folder)
        if known is None:
            write_whole(self.folder / _PLAN, json.dumps(plan, indent=2).encode())
        elif known != plan:
            names = [name for name in plan if known.get(name) != plan[name]]
            raise OutputError(
                f"{folder} holds an unfinished sweep of another {' and '.join(names)}, which "
                "can't be resumed; pass --force to start anew, or choose another folder with --out"
            )

    def read(self) -> dict[str, Came]:
        """Return what came of the finished trials, by the hash of their parameters."""
        found: dict[str, Came] = {}
        for path in sorted(self.folder.glob("part-*.parquet")):
            for row in pl.read_parquet(path).iter_rows(named=True):
                found[row["params_hash"]] = row["error"] or _outcome(row)
        return found

    def write(self, came: Mapping[str, Came]) -> None:
        """Add finished trials: all of them or, if the process is killed, none."""
        rows = [
            {"params_hash": key, "error": one} if isinstance(one, str) else _row(key, one)
            for key, one in came.items()
        ]
        target = self.folder / f"part-{min(came)}.parquet"
        fresh = target.with_name(f".{target.name}.new")
        pl.DataFrame(rows, schema=_SCHEMA).write_parquet(fresh)
        _settle(fresh, target)

    def remove(self) -> None:
        """Remove the parts: the sweep is written."""
        shutil.rmtree(self.folder)


def read_plan(folder: Path) -> dict[str, Any] | None:
    """Return the plan of an unfinished sweep; None if there is none."""
    try:
        plan = json.loads((folder / PARTS / _PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return plan if isinstance(plan, dict) else None


def write_whole(target: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_bytes(content)
    _settle(fresh, target)


def _settle(fresh: Path, target: Path) -> None:
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(target)


def _row(key: str, one: Outcome) -> dict[str, Any]:
    series = {name: getattr(one, name).tolist() for name in _SERIES}
    figures = {f"metric_{name}": value for name, value in one.metrics.items()}
    return {"params_hash": key, "variant": one.variant, **series, **figures}


def _outcome(row: Mapping[str, Any]) -> Outcome:
    series = {name: np.array(row[name], np.float64) for name in _SERIES[1:]}
    return Outcome(
        params_hash=row["params_hash"],
        variant=row["variant"],
        days=np.array(row["days"], np.int64),
        metrics={name: row[f"metric_{name}"] for name in METRICS},
        **series,
    )

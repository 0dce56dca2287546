"""A sweep as MLflow keeps it: one run with all trials as a table, and the best nested in it."""

from __future__ import annotations

from typing import Any

from catalyst.research.outcome import METRICS
from catalyst.research.sweep_folder import BEST, PAGE, RETURNS, SWEEP, TRIALS, Sweep
from catalyst.research.sweep_grid import OBJECTIVES
from catalyst.research.track_record import TrackRecord, shortened, tags_of
from catalyst.research.tracking import EXPERIMENT, KIND, Tell, log_runs

#: A run costs MLflow 30 ms and its lists a row: a thousand of them would hide the best.
NESTED = 10
_FIGURES = (*METRICS, "excess_sharpe")


def log_sweep(
    sweep: Sweep, *, lake: str, experiment: str = EXPERIMENT, tell: Tell | None = None
) -> str:
    """Log a finished sweep in MLflow: its files, and the best trials as nested runs.

    Parameters
    ----------
    sweep
        What ran.
    lake
        The lake's name.
    experiment
        Name of MLflow's experiment.
    tell
        Called with what is being done, in a few words.

    Returns
    -------
    str
        MLflow's id of the parent run.

    Raises
    ------
    InputError
        If the store can't be reached or written.
    """
    parent, nested = sweep_records(sweep, lake=lake)
    return log_runs(parent, nested, experiment=experiment, tell=tell)


def sweep_records(sweep: Sweep, *, lake: str) -> tuple[TrackRecord, list[TrackRecord]]:
    """Return what MLflow is told of a sweep: the parent, and the best trials, the best first.

    Parameters
    ----------
    sweep
        What ran.
    lake
        The lake's name.
    """
    s = sweep.summary
    tags = tags_of(
        {**s, "timeframe": s["span"]["timeframe"], "variant": s["grid"]["variant"]}, lake=lake
    )
    names = list(s["grid"]["grid"])
    order = sweep.trials.drop_nulls(s["objective"]).sort(
        s["objective"], "trial", descending=[OBJECTIVES[s["objective"]] > 0, False]
    )
    nested = [_nested(row, names, tags) for row in order.head(NESTED).iter_rows(named=True)]
    searched = {name: shortened(str(values)) for name, values in s["grid"]["grid"].items()}
    told = {name: str(s["grid"][name]) for name in ("search", "trials", "seed", "objective")}
    best = {} if s["best"] is None else s["best"]["figures"]
    counts = {name: float(s[name]) for name in ("trials", "distinct", "failed", "sessions")}
    files = {name: sweep.folder / name for name in (TRIALS, RETURNS, PAGE, SWEEP.name, BEST)}
    return (
        TrackRecord(
            f"sweep {s['name']}: {s['trials']:,} trials",
            params=searched | told,
            metrics=_known({f"best_{k}": v for k, v in best.items()} | s["honesty"] | counts),
            tags=tags | {KIND: "sweep"},
            files={name: path for name, path in files.items() if path.exists()},
            note=f"All {s['trials']:,} trials are in {TRIALS}, with heatmaps in {PAGE}; nested are "
            f"the best {len(nested)} by {s['objective']}.",
        ),
        nested,
    )


def _nested(row: dict[str, Any], names: list[str], tags: dict[str, str]) -> TrackRecord:
    return TrackRecord(
        f"trial {row['trial']}",
        params={name: str(row[name]) for name in names},
        metrics=_known({name: row[name] for name in _FIGURES}),
        tags=tags | {"params_hash": row["params_hash"]},
    )


def _known(figures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if value is not None}

"""``catalyst ledger``: what was ever tried on a lake, and what luck alone would have reached."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli.asked import LakeOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalyst.data.search_ledger import Trial

EPILOG = """
**Examples**

    catalyst ledger                            # trials on the sample
    catalyst ledger --lake my-lake --limit 50
    catalyst ledger --lake my-lake --json
"""
_COLUMNS = ("variant", "bars", "from", "to", "sessions", "entries", "Sharpe, a year", "excess")


def command(
    *,
    lake: LakeOption = None,
    limit: Annotated[int, typer.Option(min=0, help="How many trials to list, best first.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the trials that this data has seen: those of its folder, or with the same bars.

    Every replay counts, on the command line or in a notebook, once for the same parameters and
    span. The best of many is good by luck alone: how good, stands beside the count.
    """
    from catalyst.data.lake import Lake
    from catalyst.data.search_ledger import default_ledger
    from catalyst.data.settings import resolve_lake
    from catalyst.research.trial_records import lake_trials

    ledger = default_ledger()
    opened = Lake(resolve_lake(lake))
    trials = lake_trials(opened, ledger)
    told = _told(trials, limit)
    if as_json:
        typer.echo(json.dumps({"ledger": str(ledger.path), **told}, indent=2, allow_nan=False))
    else:
        _show(told)


def _told(trials: Sequence[Trial], limit: int) -> dict[str, Any]:
    from catalyst.data.metrics import SESSIONS_A_YEAR
    from catalyst.research.edge_luck import luck_of, scores_tried, sentence_of

    year = math.sqrt(SESSIONS_A_YEAR)
    best = sorted(trials, key=_strength, reverse=True)
    longest = max((trial.n_sessions for trial in trials), default=0)
    told: dict[str, Any] = {"trials": len(trials), "scores": scores_tried(trials, longest)}
    if not trials:
        return told | {"sentence": "No trial has looked at this data yet.", "best": []}
    luck = luck_of(trials, longest)
    top = best[0].excess_sharpe
    return told | {
        "sessions": longest,
        "sharpe_of_luck_annual": luck.sharpe_annual,
        "best_excess_sharpe_annual": None if top is None else top * year,
        "best_sessions": best[0].n_sessions,
        "sentence": f"{sentence_of(luck)} That is over {longest:,} sessions, as the longest trial "
        "has; over fewer, luck reaches more.",
        "best": [_row(trial, year) for trial in best[:limit]],
    }


def _strength(trial: Trial) -> float:
    """Order by how far from chance: a high Sharpe ratio of few sessions is little."""
    if trial.excess_sharpe is None:
        return -math.inf
    return trial.excess_sharpe * math.sqrt(trial.n_sessions)


def _row(trial: Trial, year: float) -> dict[str, Any]:
    from catalyst.data.calendar import day_to_date

    sharpes = {
        name: None if value is None else value * year
        for name, value in (
            ("sharpe_annual", trial.sharpe),
            ("excess_sharpe_annual", trial.excess_sharpe),
        )
    }
    return {
        "trial_id": trial.trial_id,
        "variant": trial.variant,
        "params_hash": trial.params_hash,
        "timeframe": trial.timeframe,
        "start": str(day_to_date(trial.first_day)),
        "end": str(day_to_date(trial.last_day)),
        "sessions": trial.n_sessions,
        "n_trades": trial.n_trades,
        **sharpes,
    }


def _show(told: dict[str, Any]) -> None:
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown

    screen = stdout()
    screen.print(told["sentence"], markup=False)
    if not told["trials"]:
        return
    many = (_counted(told["trials"], "trial"), _counted(told["scores"], "different score"))
    screen.print(", ".join(many), markup=False)
    rows = told["best"]
    if not rows:
        return
    table = Table(title=f"the best {len(rows):,}, least likely luck first")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in _COLUMNS[:4] else "right")
    for row in rows:
        table.add_row(
            shown(row["variant"]),
            row["timeframe"],
            row["start"],
            row["end"],
            f"{row['sessions']:,}",
            f"{row['n_trades']:,}",
            *(_sharpe(row[name]) for name in ("sharpe_annual", "excess_sharpe_annual")),
        )
    screen.print(table)


def _sharpe(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")

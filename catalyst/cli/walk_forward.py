"""``catalyst walk-forward``: choose in one window, trade the next, and judge what was chosen."""

from __future__ import annotations

import gc
import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from catalyst.cli.asked import (
    EndOption,
    LakeOption,
    SettingsOption,
    SourcesOption,
    StartOption,
    SymbolsOption,
    TimeframeOption,
)
from catalyst.cli.runs import RUNS
from catalyst.cli.sweep import (
    ClusterOption,
    WorkersOption,
    asked_of,
    progress,
    search_hash,
    told_how_to_resume,
)

EPILOG = """
**Examples**

    catalyst walk-forward examples/sweep_exits.yaml --train 60 --test 20
    catalyst walk-forward grid.yaml --train 120 --test 40 --expanding --embargo 2
    catalyst walk-forward grid.yaml --lake my-lake --timeframe 1d --train 250 --test 60 --reach 10
    catalyst walk-forward grid.yaml --cpcv 6,2               # combinatorial purged cross-validation
"""


def command(
    grid: Annotated[Path, typer.Argument(help="YAML file: which parameters vary, and how.")],
    *,
    train: Annotated[
        int, typer.Option("--train", help="Sessions to choose in; the first window's, if growing.")
    ] = 60,
    test: Annotated[int, typer.Option("--test", help="Sessions after it that judge.")] = 20,
    expanding: Annotated[
        bool, typer.Option("--expanding", help="Choose in all sessions so far, not the last ones.")
    ] = False,
    embargo: Annotated[
        int, typer.Option("--embargo", min=0, help="Sessions kept aside between both.")
    ] = 0,
    reach: Annotated[
        int | None,
        typer.Option("--reach", min=1, help="Sessions a trade may span; default by its exits."),
    ] = None,
    cpcv: Annotated[
        str | None,
        typer.Option("--cpcv", help="Groups, and how many judge, such as 6,2, instead of windows."),
    ] = None,
    lake: LakeOption = None,
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    sources: SourcesOption = None,
    settings: SettingsOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Output folder; default runs/walk-GRID-HASH.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an interrupted walk left.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing walk, finished or not.")
    ] = False,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON instead of a table.")
    ] = False,
) -> None:
    """Run a grid in one window after the other, trade the best in the sessions that follow it.

    Nothing that judges is seen while choosing: windows are searched on their own, sessions that a
    trade may reach into are purged, and an embargo keeps more aside. What comes out is one curve
    out of sample, and the choice as a variant by date. With --cpcv, every set of groups judges
    once, which gives many curves, and how often the choice was worse than the median.
    """
    from catalyst.research.cross_validation import Groups, cross_validate
    from catalyst.research.sweep import Workers
    from catalyst.research.sweep_grid import read_grid
    from catalyst.research.walk_forward import Windows, walk_forward

    gc.set_threshold(200_000, 50, 100)
    groups = _groups(cpcv)
    read = read_grid(grid)
    asked, base, span = asked_of(read, lake, timeframe, start, end, symbols, sources, settings)
    windows = Windows(train, test, embargo, expanding, reach)
    cut = windows if groups is None else Groups(*groups, embargo, reach)
    kind = "walk" if groups is None else "cpcv"
    name = search_hash(asked, read, base, span, json.dumps(cut.as_mapping()))
    target = out or RUNS / f"{kind}-{read.name}-{name}"
    search = (
        partial(walk_forward, windows=windows)
        if isinstance(cut, Windows)
        else partial(cross_validate, groups=cut)
    )
    with progress("searching") as tell, told_how_to_resume(target):
        summary = search(
            asked.lake,
            read,
            base,
            target,
            span=span,
            workers=Workers(workers, cluster),
            resume=resume,
            force=force,
            tell=tell,
        )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    elif groups is None:
        _show_walk(summary, target)
    else:
        _show_paths(summary, target)


def _groups(text: str | None) -> tuple[int, int] | None:
    from catalyst.errors import InputError

    if text is None:
        return None
    try:
        count, held_out = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--cpcv is {text!r}; expected groups and how many of them judge, such as 6,2"
        ) from None
    return count, held_out


def _show_walk(s: dict[str, Any], target: Path) -> None:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from catalyst.research.walk_forward import FOLDS, PAGE, RUN, VARIANT

    console = Console()
    folds = pl.read_parquet(target / FOLDS)
    names = list(s["grid"]["grid"])
    heads = [name.rpartition(".")[2].replace("_", " ") for name in names]
    table = Table(title=f"{s['folds']} folds, {s['trials_a_fold']:,} trials in each")
    for head in ("judged from", *heads, "in: Sharpe", "out: Sharpe", "out: return"):
        table.add_column(head, justify="right", overflow="fold")
    for row in folds.iter_rows(named=True):
        table.add_row(
            str(row["test_start"]),
            *(_text(row[name]) for name in names),
            *(_ratio(row[f"{side}_sharpe"]) for side in ("in", "out")),
            f"{row['out_net_return']:+.2%}",
        )
    console.print(table)
    found = s["out_of_sample"]
    inside, outside = (_ratio(s[f"{side}_sample_excess_sharpe"]) for side in ("in", "out_of"))
    out = (
        f"Out of sample, {s['start']} to {s['end']}: net return {found['net_return']:+.2%}, Sharpe "
        f"ratio {_ratio(found['sharpe'])}, {found['n_trades']:,.0f} trades."
    )
    console.print(out, highlight=False)
    console.print(f"Beside the market: {inside} in sample, {outside} after it.", highlight=False)
    console.print(
        f"the curve: {target / PAGE}; the choice by date: {target / VARIANT}", highlight=False
    )
    console.print(f"judge it: catalyst edge {target / RUN}", highlight=False)


def _show_paths(s: dict[str, Any], target: Path) -> None:
    from rich.console import Console

    console = Console()
    found = s["excess_sharpe"]
    tried = (
        f"{s['splits']:,} splits of {s['whole_trials']:,} trials, {s['paths']:,} paths through "
        f"{s['sessions']:,} sessions, each out of sample"
    )
    below = (
        f"where it was judged, the choice was below the median of all in {s['below_median']:.0%} "
        "of the splits (50% is pure luck)"
    )
    console.print(tried, highlight=False)
    if found["median"] is not None:
        paths = (
            f"Sharpe ratio beside the market, over the paths: median {found['median']:.2f}, from "
            f"{found['low']:.2f} to {found['high']:.2f} (5% to 95%), above zero in "
            f"{found['above_zero']:.0%}"
        )
        console.print(paths, highlight=False)
    console.print(below, highlight=False)
    console.print(f"written to {target}", highlight=False)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _text(value: object) -> str:
    if value is None:
        return "as it was"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

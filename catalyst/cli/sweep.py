"""``catalyst sweep``: try many variants over one span, count them all, and show them all."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.asked import (
    EndOption,
    LakeOption,
    SettingsOption,
    SourcesOption,
    StartOption,
    SymbolsOption,
    TimeframeOption,
    ask,
    console,
)
from catalyst.cli.runs import RUNS

if TYPE_CHECKING:
    from catalyst.cli.asked import Asked
    from catalyst.research.sweep import Span
    from catalyst.research.sweep_folder import Sweep
    from catalyst.research.sweep_grid import Grid
    from catalyst.strategy.params import Params

EPILOG = """
**Examples**

    catalyst sweep examples/sweep_exits.yaml                 # over the bundled synthetic sample
    catalyst sweep grid.yaml --lake my-lake --timeframe 1d --out runs/my-sweep
    catalyst sweep grid.yaml --out runs/my-sweep --resume    # go on after an interrupt or a crash
    catalyst sweep grid.yaml --experiment exits              # and log it in MLflow
    catalyst sweep grid.yaml --cluster tcp://10.0.0.5:8786   # on the workers of a Dask scheduler
"""
_SHOWN = 5

OutOption = Annotated[
    Path | None, typer.Option("--out", help="Output folder; default runs/sweep-GRID-HASH.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Worker processes; default one a core.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="Dask scheduler in place of processes: tcp://HOST:PORT."),
]


def command(
    grid: Annotated[Path, typer.Argument(help="YAML file: which parameters vary, and how.")],
    *,
    lake: LakeOption = None,
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    sources: SourcesOption = None,
    settings: SettingsOption = None,
    out: OutOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an interrupted sweep left.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing sweep, finished or not.")
    ] = False,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", help="Log the sweep in this experiment of MLflow."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print sweep.json instead of a table.")
    ] = False,
) -> None:
    """Run every combination of a grid, or as many as it asks for, over one span of a lake.

    The lake, the span and the symbols may stand in the grid's file, too; options win over it.
    """
    from catalyst.research.sweep import Workers
    from catalyst.research.sweep_folder import sweep
    from catalyst.research.sweep_grid import read_grid

    gc.set_threshold(200_000, 50, 100)
    read = read_grid(grid)
    asked, base, span = asked_of(read, lake, timeframe, start, end, symbols, sources, settings)
    target = out or RUNS / f"sweep-{read.name}-{search_hash(asked, read, base, span)}"
    with progress("sweeping") as tell, told_how_to_resume(target):
        done = sweep(
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
    if experiment is not None:
        _log(done, asked, experiment)
    if as_json:
        typer.echo(json.dumps(done.summary, indent=2))
    else:
        _show(done)


def asked_of(
    grid: Grid,
    lake: Path | None,
    timeframe: str | None,
    start: str | None,
    end: str | None,
    symbols: str | None,
    sources: str | None,
    settings: list[str] | None,
) -> tuple[Asked, Params, Span]:
    """Return what a search is asked about: options first, then the grid's own span.

    Raises
    ------
    InputError
        If an option can't be read, or the lake has no bars.
    """
    from catalyst.errors import LakeError
    from catalyst.research.contenders import contender
    from catalyst.research.sweep import Span

    asked = ask(
        lake,
        timeframe=timeframe or grid.timeframe,
        start=start or (str(grid.start) if grid.start else None),
        end=end or (str(grid.end) if grid.end else None),
        symbols=symbols or (",".join(grid.symbols) if grid.symbols else None),
        sources=sources or (",".join(grid.sources) if grid.sources else None),
    )
    part = asked.extent
    length = part["timeframe"]
    if length is None:
        raise LakeError(
            f"the lake {asked.lake.root} holds no bars; import some with catalyst data import bars"
        )
    base = contender(grid.variant, asked.lake, **part, settings=settings or [])
    span = Span(
        length,
        part["start"],
        part["end"],
        None if part["symbols"] is None else tuple(part["symbols"]),
        None if part["sources"] is None else tuple(part["sources"]),
    )
    return asked, base, span


def search_hash(asked: Asked, grid: Grid, base: Params, span: Span, more: str = "") -> str:
    """Return the 12 hexadecimal digits that end the name of a search's folder."""
    told = (grid.digest, base.hash, asked.lake.digest(), json.dumps(span.as_mapping()), more)
    return hashlib.sha256("|".join(told).encode()).hexdigest()[:12]


@contextmanager
def progress(what: str) -> Iterator[Callable[[float, int], None]]:
    """Show a bar with the time left on stderr while trials are done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    people = console()
    with Progress(*columns, console=people, transient=True, disable=not people.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def report(done: float, total: int) -> None:
            words = f"{int(done):,} of {total:,} trials"
            bar.update(task, completed=done, total=total, description=words)

        yield report


@contextmanager
def told_how_to_resume(target: Path) -> Iterator[None]:
    """Say on an interrupt that what is finished stays."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(
            f"finished trials are kept in {target}: go on with --out {target} --resume", err=True
        )
        raise


def _log(done: Sweep, asked: Asked, experiment: str) -> None:
    from catalyst.research.sweep_records import log_sweep

    name = asked.lake.root.resolve().name
    with console().status("logging in MLflow ...") as status:
        log_sweep(
            done,
            lake=name,
            experiment=experiment,
            tell=lambda text: status.update(f"{text} ..."),
        )
    typer.echo(f"logged in MLflow, experiment {experiment}: see it with catalyst mlflow", err=True)


def _show(done: Sweep) -> None:
    from rich.console import Console
    from rich.table import Table

    from catalyst.research.sweep_folder import PAGE
    from catalyst.research.sweep_grid import OBJECTIVES

    s = done.summary
    out = Console()
    objective = s["objective"]
    names = list(s["grid"]["grid"])
    failed = f", {s['failed']:,} failed" if s["failed"] else ""
    table = Table(
        title=f"{s['trials']:,} trials{failed}; the best by {objective}, {s['start']} to {s['end']}"
    )
    heads = [name.rpartition(".")[2].replace("_", " ") for name in names]
    for name in ("trial", *heads, "net return", "Sharpe", "beside market", "drawdown", "trades"):
        table.add_column(name, justify="right", overflow="fold")
    order = done.trials.drop_nulls(objective).sort(
        objective, "trial", descending=[OBJECTIVES[objective] > 0, False]
    )
    for row in order.head(_SHOWN).iter_rows(named=True):
        table.add_row(
            str(row["trial"]),
            *(_text(row[name]) for name in names),
            f"{row['net_return']:+.2%}",
            *(_ratio(row[name]) for name in ("sharpe", "excess_sharpe")),
            f"{row['max_drawdown']:.2%}",
            f"{row['n_trades']:,}",
        )
    out.print(table)
    for line in _honest_lines(s):
        out.print(line, highlight=False)
    out.print(f"heatmaps of any two parameters: {done.folder / PAGE}", highlight=False)


def _honest_lines(s: dict[str, object]) -> list[str]:
    found = s["honesty"]
    assert isinstance(found, dict)  # noqa: S101 - as sweep_summary wrote it
    lines = []
    if found["deflated_sharpe"] is not None:
        lines.append(
            f"The best of {s['distinct']:,} would reach a Sharpe ratio of "
            f"{found['luck_sharpe']:.2f} beside the market by luck alone; that this one is better "
            f"than luck: {found['deflated_sharpe']:.0%}."
        )
    else:
        lines.append("Too little to judge the best by: few sessions, or no variance.")
    if found["overfitting"] is not None:
        lines.append(f"Probability of overfitting: {found['overfitting']:.0%} (50% is pure luck).")
    return lines


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

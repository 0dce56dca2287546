"""``catalyst calibrate``: how often the whole search claims an edge where there is none."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.asked import (
    EndOption,
    SettingsOption,
    StartOption,
    SymbolsOption,
    TimeframeOption,
)
from catalyst.cli.runs import RUNS

if TYPE_CHECKING:
    from catalyst.research.calibration import Calibration, Rate
    from catalyst.research.null_worlds import SimulatedSize
    from catalyst.research.world_search import Search, World

EPILOG = """
**Examples**

    catalyst calibrate --worlds 40                       # of simulated markets, small
    catalyst calibrate --worlds 200 --workers 8 --out runs/calibration
    catalyst calibrate --worlds 200 --out runs/calibration --resume
    catalyst calibrate --lake my-lake --timeframe 1d --kinds news,returns --json
    catalyst calibrate --power --worlds 20 --scales 0,1,2,4

In each world variants and a small sweep are run, counted in a ledger of their own, and judged. Exit
status 1: an edge is claimed more often than in 5 % of the worlds, and surely so (p < 0.01).
"""
_FILES = ("calibration.json", "calibration.html", "worlds.parquet", "edges.parquet")


def command(
    *,
    worlds: Annotated[
        int, typer.Option("--worlds", min=1, help="How many worlds; with --power, of each size.")
    ] = 40,
    lake: Annotated[
        Path | None,
        typer.Option(help="Lake that worlds are made of; default small simulated markets."),
    ] = None,
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    kinds: Annotated[
        str | None,
        typer.Option(help="Of worlds: news, returns, tickers, and without --lake simulated."),
    ] = None,
    variants: Annotated[
        str | None,
        typer.Option(help="What is tried, separated by commas; the first is swept, too."),
    ] = None,
    settings: SettingsOption = None,
    companies: Annotated[int, typer.Option(help="Symbols of a simulated market.")] = 20,
    sessions: Annotated[int, typer.Option(help="Sessions of a simulated market.")] = 50,
    bar_minutes: Annotated[int, typer.Option(help="Bars of a simulated market: 5 or 15.")] = 15,
    power: Annotated[
        bool, typer.Option("--power", help="Plant edges of several sizes, and see them found.")
    ] = False,
    scales: Annotated[
        str, typer.Option(help="With --power: sizes, 1 as in the bundled sample.")
    ] = "0,1,2,4",
    seed: Annotated[
        int, typer.Option(min=0, help="Of the first world; the next has one more.")
    ] = 1,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Worker processes; default one a core.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", help="Dask scheduler in place of processes: tcp://HOST:PORT."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder; default runs/calibrate-HASH.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the worlds that are left.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing calibration, finished or not.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
    ] = False,
) -> None:
    """Run the whole search in worlds without an edge, and count how often it claims one."""
    from catalyst.data.study_folder import check_study_folder, write_study
    from catalyst.research.calibration import PARTS, calibrate
    from catalyst.research.calibration_page import calibration_page
    from catalyst.research.null_worlds import SimulatedSize

    asked = _asked(
        worlds,
        _source(lake, timeframe, start, end, symbols),
        search=_search(variants, settings, simulated=lake is None),
        kinds=kinds,
        size=SimulatedSize(companies, sessions, bar_minutes),
        scales=_scales(scales) if power else None,
        seed=seed,
    )
    target = out or RUNS / f"calibrate-{_hash(asked)}"
    check_study_folder(target, {*_FILES, PARTS}, force=force or resume)
    if force and target.exists():
        shutil.rmtree(target)
    with _progress(target) as tell:
        found = calibrate(asked, folder=target, processes=workers, cluster=cluster, progress=tell)
    summary = found.as_mapping()
    texts = (json.dumps(summary, indent=2) + "\n", calibration_page(found))
    write_study(
        target,
        texts=dict(zip(_FILES, texts, strict=False)),
        tables=dict(zip(_FILES[2:], (found.worlds, found.edges), strict=True)),
        force=True,
        parts=PARTS,
    )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        _show(found, target)
    if found.is_finding:
        raise typer.Exit(1)


def _source(
    lake: Path | None,
    timeframe: str | None,
    start: str | None,
    end: str | None,
    symbols: str | None,
) -> World:
    """Return a world that names the lake, and which part of it is asked for."""
    from catalyst.cli.asked import ask
    from catalyst.errors import InputError
    from catalyst.research.world_search import SIMULATED, World

    if lake is None:
        told = [
            name
            for name, value in (
                ("--timeframe", timeframe),
                ("--start", start),
                ("--end", end),
                ("--symbols", symbols),
            )
            if value is not None
        ]
        if told:
            raise InputError(f"{told[0]} names a part of a lake; give the lake with --lake")
        return World(SIMULATED, 0)
    found = ask(lake, timeframe=timeframe, start=start, end=end, symbols=symbols, sources=None)
    extent = found.extent
    first, last, names = extent["start"], extent["end"], extent["symbols"]
    return World(
        "",
        0,
        lake=str(found.lake.root.absolute()),
        data_digest=found.lake.digest(),
        timeframe=extent["timeframe"],
        start=None if first is None else str(first),
        end=None if last is None else str(last),
        symbols=None if names is None else tuple(names),
    )


def _search(variants: str | None, settings: list[str] | None, *, simulated: bool) -> Search:
    from catalyst.research.world_search import OPENED, VARIANTS, Search

    # A small simulated market passes the usual gates too seldom for anything to be claimed.
    given = tuple(settings or ()) if settings or not simulated else OPENED
    return Search(_parts(variants) or VARIANTS, given)


def _asked(
    worlds: int,
    source: World,
    *,
    search: Search,
    kinds: str | None,
    size: SimulatedSize,
    scales: list[float] | None,
    seed: int,
) -> list[World]:
    from dataclasses import replace

    from catalyst.errors import InputError
    from catalyst.research.null_worlds import KINDS
    from catalyst.research.world_search import SIMULATED

    known = KINDS if source.lake else (*KINDS, SIMULATED)
    chosen = _parts(kinds) or known
    unknown = [kind for kind in chosen if kind not in known]
    if unknown:
        raise InputError(f"--kinds names {unknown[0]!r}; expected some of {', '.join(known)}")
    source = replace(source, search=search, size=size)
    if scales is None:
        return [replace(source, kind=chosen[k % len(chosen)], seed=seed + k) for k in range(worlds)]
    if source.lake or kinds:
        raise InputError("--power plants edges in simulated markets; leave --lake and --kinds out")
    return [
        replace(source, kind=SIMULATED, seed=seed + k, edge_scale=scale)
        for scale in scales
        for k in range(worlds)
    ]


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _scales(text: str) -> list[float]:
    from catalyst.errors import InputError

    try:
        found = sorted({float(part) for part in _parts(text)})
    except ValueError:
        found = []
    if not found or not 0.0 <= found[0] <= found[-1] <= 1_000.0:
        raise InputError(f"--scales is {text!r}; expected sizes from 0 to 1000, such as 0,1,2,4")
    return found


def _hash(asked: list[World]) -> str:
    return hashlib.sha256("".join(world.identity for world in asked).encode()).hexdigest()[:12]


@contextmanager
def _progress(target: Path) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the time left on stderr, and say on an interrupt that what is done stays."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    from catalyst.cli.asked import console

    people = console()
    columns = (TextColumn("searching worlds"), BarColumn(), MofNCompleteColumn(), Left())
    try:
        with Progress(
            *columns, console=people, transient=True, disable=not people.is_terminal
        ) as bar:
            task = bar.add_task("", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    except KeyboardInterrupt:
        typer.echo(
            f"finished worlds are kept in {target}: go on with --out {target} --resume", err=True
        )
        raise


def _show(found: Calibration, target: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown as plain

    console = stdout()
    console.print(escape(found.sentence), highlight=False)
    table = Table()
    for place, head in enumerate(
        ("worlds", "edge", "number", "claimed", "share", "95 %", "by money", "by score")
    ):
        table.add_column(head, justify="right" if place else "left")
    for kind, scale in (
        found.worlds.select("kind", "edge_scale").unique().sort("edge_scale", "kind").rows()
    ):
        table.add_row(kind, f"{scale:g}", *_cells(found.rate(kind=kind, edge_scale=scale)))
    console.print(table)
    console.print(escape(f"written to {plain(str(target))}"), highlight=False)


def _cells(rate: Rate) -> tuple[str, ...]:
    return (
        f"{rate.worlds:,}",
        f"{rate.claimed:,}",
        f"{rate.share:.1%}",
        f"{rate.low:.1%} to {rate.high:.1%}",
        f"{rate.claimed_money:,}",
        f"{rate.claimed_score:,}",
    )

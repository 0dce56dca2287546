"""``catalyst data``: fill a lake, look into it, take data out of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli import check, imports, pull, quarantine
from catalyst.cli.imports import JsonOption, LakeOption, Table, say
from catalyst.cli.lake_tables import show_summary
from catalyst.errors import InputError, OutputError

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import Progress

app = typer.Typer(
    name="data",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Fill a lake with bars and news, look into it, take data out of it.",
)
app.command("import", epilog=imports.EPILOG)(imports.command)
app.command("quarantine", epilog=quarantine.EPILOG)(quarantine.command)
app.command("pull", epilog=pull.EPILOG)(pull.command)
app.command("check", epilog=check.EPILOG)(check.command)

SUMMARY_EPILOG = """
**Examples**

    catalyst data summary
    catalyst data summary --lake my-lake --json
"""
EXPORT_EPILOG = """
**Examples**

    catalyst data export bars out.parquet --timeframe 1d --symbols AAPL,BAC
    catalyst data export bars out.csv --timeframe 5m --start 2024-01-02 --end 2024-01-05
    catalyst data export news news.parquet --start 2014-06-05 --end 2014-06-09
"""
ENRICH_EPILOG = """
**Examples**

    catalyst data enrich --lake my-lake      # after a change of the enrichment tables
"""
SAMPLE_EPILOG = """
**Examples**

    catalyst data sample                         # the bundled sample, where backtest looks for it
    catalyst data sample --null --lake null      # the same market without an edge
"""


@app.command("summary", epilog=SUMMARY_EPILOG)
def summary(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Say what is in a lake, from when to when, how adjusted, how much of it assumed."""
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake
    from catalyst.data.summaries import summarised

    root = resolve_lake(lake)
    found = summarised(Lake(root))
    if as_json:
        typer.echo(json.dumps({"lake": str(root), **found}))
        return
    show_summary(root, found)


@app.command("export", epilog=EXPORT_EPILOG)
def export(
    table: Annotated[Table, typer.Argument(help="Which table.")],
    out: Annotated[Path, typer.Argument(help="File to write; .csv or .parquet.")],
    *,
    lake: LakeOption = None,
    timeframe: Annotated[str | None, typer.Option(help="1m, 5m, 15m, 1h or 1d (bars).")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    start: Annotated[str | None, typer.Option(help="First date, or first instant.")] = None,
    end: Annotated[str | None, typer.Option(help="Last date, included, or an instant.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a table to a file: prices float64 US dollars, times UTC; import takes it back."""
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake

    if out.suffix not in {".csv", ".parquet"}:
        raise InputError(f"{out} must end in .csv or .parquet, which says the format to write")
    if out.exists() and not force:
        raise InputError(f"{out} exists; name another file or give --force")
    opened = Lake(resolve_lake(lake))
    wanted = None if symbols is None else [one for one in symbols.split(",") if one.strip()]
    frame = _table(opened, table, timeframe, wanted, start, end)
    _write(frame, out)
    if as_json:
        typer.echo(json.dumps({"file": str(out), "rows": frame.height}))
    else:
        say(f"wrote {frame.height:,} rows to {out}")


@app.command("enrich", epilog=ENRICH_EPILOG)
def enrich(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Read all news of a lake anew: tiers, categories, tickers, sentiment, clusters."""
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake

    root = resolve_lake(lake)
    opened = Lake(root)
    with _progress() as progress:
        task = progress.add_task("enriching", total=_news_rows(root))
        rows, files = opened.enrich(on_rows=lambda n: progress.advance(task, n))
    enrichment, data = opened.digests()
    if as_json:
        found = {"lake": str(root), "rows": rows, "files_changed": files}
        typer.echo(json.dumps(found | {"enrichment_hash": enrichment, "data_digest": data}))
    else:
        say(f"{rows:,} rows of news enriched in {root}, {files:,} files changed")


@app.command("sample", epilog=SAMPLE_EPILOG)
def sample(
    *,
    lake: Annotated[
        Path | None, typer.Option("--lake", help="Where to; default the bundled sample's place.")
    ] = None,
    null: Annotated[bool, typer.Option("--null", help="Plant no edge.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate the **synthetic** sample: every company, price and headline in it is made up."""
    from rich.console import Console

    from catalyst.data.sample_lake import fill_sample
    from catalyst.data.settings import sample_root

    default = sample_root()
    root = lake or (default.with_name(f"{default.name}-null") if null else default)
    with Console(file=sys.stderr).status("simulating ...") as status:
        fill_sample(root, null=null, tell=lambda text: status.update(f"{text} ..."))
    if as_json:
        typer.echo(json.dumps({"lake": str(root), "synthetic": True, "edge": not null}))
    else:
        say(f"wrote the synthetic sample {'without' if null else 'with'} an edge to {root}")


def _news_rows(root: Path) -> int:
    import polars as pl

    files = sorted((root / "news").rglob("*.parquet"))
    return sum(int(pl.scan_parquet(file).select(pl.len()).collect().item()) for file in files)


def _table(
    opened: Any,  # noqa: ANN401 - a Lake, imported lazily
    table: Table,
    timeframe: str | None,
    symbols: list[str] | None,
    start: str | None,
    end: str | None,
) -> pl.DataFrame:
    frame: pl.DataFrame
    if table is Table.BARS:
        present = opened.timeframes()
        if timeframe is None and len(present) != 1:
            raise InputError(
                f"the lake has bars of {', '.join(present) or 'no timeframe'}; "
                "name one with --timeframe"
            )
        frame = opened.bars(timeframe or present[0], start=start, end=end, symbols=symbols)
        return frame
    if table is Table.NEWS:
        frame = opened.news(start=start, end=end, symbols=symbols)
        return frame
    if start is not None or end is not None or symbols is not None:
        raise InputError(f"--start, --end and --symbols choose bars and news; {table} go out whole")
    frame = opened.actions() if table is Table.ACTIONS else opened.universe()
    return frame


def _write(frame: pl.DataFrame, out: Path) -> None:
    import polars as pl

    # Beside it first, so that no file is left by halves and none is lost.
    part = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                if out.suffix == ".csv":
                    _flat(frame).write_csv(file)
                else:
                    frame.write_parquet(file, compression="zstd")
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise OutputError(
            f"{out} can't be written: {reason}; name another file, or make room"
        ) from None


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl
    import polars.selectors as cs

    # A text file has no lists; import reads them back from this form.
    return frame.with_columns(cs.by_dtype(pl.List(pl.String)).list.join(";"))


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

"""``catalyst data``: fill a lake, look into it, take data out of it."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli import check, pull
from catalyst.cli.lake_tables import show_report, show_summary
from catalyst.errors import ImportFileError, InputError

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import Progress

    from catalyst.data.given import Given
    from catalyst.data.imports import OnRows
    from catalyst.data.reports import ImportReport

app = typer.Typer(
    name="data",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Fill a lake with bars and news, look into it, take data out of it.",
)
app.command("pull", epilog=pull.EPILOG)(pull.command)
app.command("check", epilog=check.EPILOG)(check.command)

IMPORT_EPILOG = """
**Examples**

    catalyst data import bars AAPL.csv --symbol AAPL --timeframe 1d --lake my-lake
    catalyst data import bars vendor/ --timeframe 5m --tz UTC --stamp end --source vendor
    catalyst data import bars daily/ --symbol @name --timeframe 1d --adjustment split
    catalyst data import bars x.txt --map ts=Date+Time,open=O,symbol=Ticker --timeframe 1m
    catalyst data import news headlines.parquet --source Benzinga
    catalyst data import actions splits.csv
    catalyst data import universe members.csv --json
"""
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

# Files are put together up to this size, so that many small ones are merged in one go.
_GROUP_BYTES = 64 * 2**20


class Table(StrEnum):
    """Name the tables that can be imported and exported."""

    BARS = "bars"
    NEWS = "news"
    ACTIONS = "actions"
    UNIVERSE = "universe"


LakeOption = Annotated[
    Path | None,
    typer.Option("--lake", help="Lake folder; default $CATALYST_LAKE, else the bundled sample."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
]


@app.command("import", epilog=IMPORT_EPILOG)
def import_(
    table: Annotated[Table, typer.Argument(help="What the files hold.", show_choices=True)],
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    *,
    lake: LakeOption = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="csv or parquet; guessed, and said, if left out.")
    ] = None,
    map_: Annotated[
        str | None,
        typer.Option("--map", help="Columns, as ts=datetime,open=o; two join as ts=Date+Time."),
    ] = None,
    symbol: Annotated[
        str | None,
        typer.Option(help="The ticker of all rows; @name takes each file's name (bars)."),
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="1m, 5m, 15m, 1h or 1d, unless a column says (bars).")
    ] = None,
    tz: Annotated[str, typer.Option(help="Zone of times that name none.")] = "America/New_York",
    stamp: Annotated[
        str, typer.Option(help="What an intraday time names of its bar: start or end.")
    ] = "start",
    source: Annotated[str | None, typer.Option(help="Who says so, where no column does.")] = None,
    adjustment: Annotated[
        str, typer.Option(help="What prices are adjusted for: raw, split or all.")
    ] = "raw",
    date_format: Annotated[
        str | None, typer.Option(help="strftime letters, for dates in a form not known here.")
    ] = None,
    latency: Annotated[
        float, typer.Option(help="Seconds from publication to knowledge, where unknown (news).")
    ] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Import files into a lake: nothing is lost, nothing is stored twice.

    Columns are found by name or with --map. A row that breaks a rule goes to the lake's quarantine,
    whole, with file, line and rule. Importing again changes nothing.
    """
    from catalyst.data.files import files_in
    from catalyst.data.reports import total
    from catalyst.data.settings import resolve_lake

    if format_ not in {None, "csv", "parquet"}:
        raise InputError(f"--format {format_} is unknown; expected csv or parquet")
    root = resolve_lake(lake)
    mapping = _mapping(map_)
    options = {
        "mapping": mapping,
        "symbol": symbol,
        "timeframe": timeframe,
        "tz": tz,
        "stamp": stamp,
        "source": source,
        "adjustment": adjustment,
        "date_format": date_format,
        "latency_s": latency,
    }
    files = files_in(paths, format_=format_)
    reports = []
    with _progress() as progress:
        task = progress.add_task(f"importing {table}", total=None)
        for given in _grouped(files, format_, whole=table is Table.UNIVERSE):
            rows = sum(len(one) for one in given)
            progress.update(task, description=f"importing {given[-1].file}")
            progress.update(task, total=(progress.tasks[0].total or 0) + rows)
            report = _import(
                table, root, given, options, on_rows=lambda n: progress.advance(task, n)
            )
            reports.append(report)
    report = total(reports, table=table.value)
    for note in report.notes:
        _say(note)
    if as_json:
        typer.echo(json.dumps({"lake": str(root), "files": len(files), **report.as_dict()}))
    else:
        show_report(report, root, len(files))
    if report.given and not report.imported and not report.duplicates:
        rule = max(sorted(report.by_rule), key=lambda name: report.by_rule[name])
        _say(
            f"no row was imported, most of them for the rule '{rule}': look at the rows in "
            f"{root / 'quarantine'}, and say what they are with --map, --tz or --date-format"
        )
        raise typer.Exit(1)


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
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".csv":
        _flat(frame).write_csv(out)
    else:
        frame.write_parquet(out, compression="zstd")
    if as_json:
        typer.echo(json.dumps({"file": str(out), "rows": frame.height}))
    else:
        _say(f"wrote {frame.height:,} rows to {out}")


@app.command("enrich", epilog=ENRICH_EPILOG)
def enrich(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Read all news of a lake anew: tiers, categories, tickers, sentiment, clusters."""
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake

    root = resolve_lake(lake)
    opened = Lake(root)
    with _progress() as progress:
        task = progress.add_task("enriching", total=None)
        rows, files = opened.enrich(on_rows=lambda n: progress.advance(task, n))
    enrichment, data = opened.digests()
    if as_json:
        found = {"lake": str(root), "rows": rows, "files_changed": files}
        typer.echo(json.dumps(found | {"enrichment_hash": enrichment, "data_digest": data}))
    else:
        _say(f"{rows:,} rows of news enriched in {root}, {files:,} files changed")


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
        _say(f"wrote the synthetic sample {'without' if null else 'with'} an edge to {root}")


def _mapping(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    found = {}
    for part in text.split(","):
        name, equals, column = part.partition("=")
        if not equals or not name.strip() or not column.strip():
            raise InputError(
                f"--map has the part '{part}'; expected pairs such as ts=datetime,open=o"
            )
        found[name.strip()] = column.strip()
    return found


def _grouped(files: list[Path], format_: str | None, *, whole: bool) -> Any:  # noqa: ANN401
    from catalyst.data.files import read_file

    group: list[Given] = []
    size = 0
    for file in files:
        if group and not whole and size + file.stat().st_size > _GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(read_file(file, format_=format_))
        size += file.stat().st_size
    if group:
        yield group


def _import(
    table: Table, root: Path, given: list[Given], options: dict[str, Any], *, on_rows: OnRows
) -> ImportReport:
    from catalyst.data.action_intake import ActionOptions
    from catalyst.data.bar_intake import BarOptions
    from catalyst.data.imports import import_actions, import_bars, import_news, import_universe
    from catalyst.data.news_intake import NewsOptions
    from catalyst.data.universe_intake import UniverseOptions

    def picked(*names: str) -> dict[str, Any]:
        return {name: options[name] for name in names}

    source = {} if options["source"] is None else {"source": options["source"]}
    shared = picked("mapping", "tz", "date_format")
    if table is Table.BARS:
        told = shared | source | picked("symbol", "timeframe", "stamp", "adjustment")
        return import_bars(root, given, BarOptions(**told), on_rows=on_rows)
    if options["timeframe"] is not None:
        raise ImportFileError(f"--timeframe is for bars; {table} have none")
    if table is Table.NEWS:
        told = shared | source | picked("symbol", "latency_s")
        return import_news(root, given, NewsOptions(**told), on_rows=on_rows)
    if table is Table.ACTIONS:
        return import_actions(root, given, ActionOptions(**shared, **source, **picked("symbol")))
    return import_universe(root, given, UniverseOptions(**shared))


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
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line's voice

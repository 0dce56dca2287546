"""``catalyst data import``: files into a lake, whatever their format, nothing lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli.lake_tables import show_report
from catalyst.errors import ImportFileError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalyst.data.formats import Opened
    from catalyst.data.quarantine import Selection
    from catalyst.data.reports import ImportReport

# The rule of bars outside the exchange's day, and the share of them that no honest file has: one
# that was read five hours late has a twentieth.
_OUTSIDE = "session"
_FEW_OUTSIDE = 0.01

EPILOG = """
**Examples**

    catalyst data import bars AAPL.csv --symbol AAPL --timeframe 1d --lake my-lake
    catalyst data import bars vendor/ --timeframe 5m --tz UTC --stamp end --source vendor
    catalyst data import bars daily/ --symbol @name --timeframe 1d --adjustment split
    catalyst data import bars x.txt --map ts=Date+Time,open=O,symbol=Ticker --timeframe 1m
    catalyst data import news headlines.parquet --source Benzinga
    catalyst data import news tweets/ --format twitter-jsonl --latency 5
    catalyst data import actions splits.csv
    catalyst data import universe members.csv --json

All files are one import: it is in the lake wholly, or not at all. What a format implies (its zone,
adjustment, columns) holds unless an option says otherwise.
"""
#: Exit status of a command that Ctrl-C ended, as shells have it.
INTERRUPTED = 130


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
MapOption = Annotated[
    str | None,
    typer.Option("--map", help="Columns, as ts=datetime,open=o; two join as ts=Date+Time."),
]
SymbolOption = Annotated[
    str | None,
    typer.Option(help="The ticker of all rows; @name takes each file's name (bars)."),
]
TimeframeOption = Annotated[
    str | None, typer.Option(help="1m, 5m, 15m, 1h or 1d, unless a column says (bars).")
]
ZoneOption = Annotated[
    str | None, typer.Option(help="Zone of times that name none; default America/New_York.")
]
StampOption = Annotated[
    str | None,
    typer.Option(help="What an intraday time names of its bar: start (default) or end."),
]
SourceOption = Annotated[str | None, typer.Option(help="Who says so, where no column does.")]
ProviderOption = Annotated[
    str | None, typer.Option(help="Who delivered it, where no column says (news).")
]
AdjustmentOption = Annotated[
    str | None,
    typer.Option(help="What prices are adjusted for: raw (default), split or all (bars)."),
]
DateFormatOption = Annotated[
    str | None, typer.Option(help="strftime letters, for dates in a form not known here.")
]
LatencyOption = Annotated[
    float | None,
    typer.Option(help="Seconds from publication to knowledge, where unknown; default 60 (news)."),
]
MidnightOption = Annotated[
    str | None,
    typer.Option(help="What a time of exactly midnight is: date (default) or time (news)."),
]


def command(
    table: Annotated[Table, typer.Argument(help="What the files hold.", show_choices=True)],
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    *,
    lake: LakeOption = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, parquet, yahoo-csv, lean, twitter-jsonl, benzinga-csv or fnspid-csv; "
            "guessed, and said, if left out.",
        ),
    ] = None,
    map_: MapOption = None,
    symbol: SymbolOption = None,
    timeframe: TimeframeOption = None,
    tz: ZoneOption = None,
    stamp: StampOption = None,
    source: SourceOption = None,
    provider: ProviderOption = None,
    adjustment: AdjustmentOption = None,
    date_format: DateFormatOption = None,
    latency: LatencyOption = None,
    midnight: MidnightOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import files into a lake: nothing is lost, nothing is stored twice.

    Columns are found by name or with --map. A row that breaks a rule goes to the lake's quarantine,
    whole, with file, line and rule; see `catalyst data quarantine`. Importing again changes
    nothing.
    """
    from catalyst.data.formats import FORMATS, files_in, open_file
    from catalyst.data.settings import resolve_lake

    if format_ not in {None, *FORMATS}:
        raise InputError(f"--format {format_} is unknown; expected one of {', '.join(FORMATS)}")
    root = resolve_lake(lake)
    said = {
        "mapping": mapping_of(map_),
        "symbol": symbol,
        "timeframe": timeframe,
        "tz": tz,
        "stamp": stamp,
        "source": source,
        "provider": provider,
        "adjustment": adjustment,
        "date_format": date_format,
        "latency_s": latency,
        "midnight": midnight,
    }
    checked = options_of(table, said)
    found = files_in(paths, table=table.value, format_=format_)
    with interruptible(root):
        opened = [open_file(file, table=table.value, format_=format_) for file in found.files]
        report = import_opened(table, root, opened, checked)
    for note in (*found.notes, *report.notes):
        say(note)
    if as_json:
        held = {"lake": str(root), "files": len(opened), **report.as_dict()}
        typer.echo(json.dumps(held | {"notes": [*found.notes, *report.notes]}))
    else:
        show_report(report, root, len(opened))
    outside = report.by_rule.get(_OUTSIDE, 0)
    if tz is None and outside > report.given * _FEW_OUTSIDE:
        say(
            f"{outside:,} rows lie on no session or outside 04:00 to 20:00 New York time, in which "
            "times without a zone are read: if the file has another zone, all its times are wrong; "
            "import it into a new lake with --tz"
        )
    if report.given and not report.imported and not report.duplicates:
        rule = max(sorted(report.by_rule), key=lambda name: report.by_rule[name])
        say(
            f"no row was imported, most of them for the rule '{rule}': look at them with "
            f"`catalyst data quarantine --lake {root}`, and say what they are with --map, --tz or "
            "--date-format"
        )
        raise typer.Exit(1)


def mapping_of(text: str | None) -> dict[str, str] | None:
    """Read ``ts=datetime,open=o``; raise InputError if it is not of that form."""
    if text is None:
        return None
    found = {}
    for part in text.split(","):
        name, equals, column = part.partition("=")
        if not equals or not name.strip() or not column.strip():
            raise InputError(
                f"--map has the part '{part}'; expected pairs such as ts=datetime,open=o"
            )
        if name.strip() in found:
            raise InputError(
                f"--map names {name.strip()} twice; expected each once, two columns of one time as "
                "ts=Date+Time"
            )
        found[name.strip()] = column.strip()
    return found


def options_of(table: Table, said: dict[str, Any]) -> Any:  # noqa: ANN401 - one class a table
    """Make the options of a table of what was said, by name of option, None if nothing was.

    Raises
    ------
    ImportFileError
        If something was said that the table has not, or is wrong.
    """
    from dataclasses import fields

    from catalyst.data.action_intake import ActionOptions
    from catalyst.data.bar_intake import BarOptions
    from catalyst.data.news_intake import NewsOptions
    from catalyst.data.universe_intake import UniverseOptions

    kinds = {
        Table.BARS: BarOptions,
        Table.NEWS: NewsOptions,
        Table.ACTIONS: ActionOptions,
        Table.UNIVERSE: UniverseOptions,
    }
    kind: Any = kinds[table]
    names = {one.name for one in fields(kind)}
    for name, value in said.items():
        if value is not None and name not in names:
            written = _FLAGS.get(name, name.replace("_", "-"))
            raise ImportFileError(f"--{written} is not for {table}; leave it out")
    return kind(**{name: value for name, value in said.items() if name in names})


_FLAGS = {"mapping": "map", "latency_s": "latency"}


def import_opened(
    table: Table,
    root: Path,
    opened: Sequence[Opened],
    options: Any,  # noqa: ANN401 - one class a table
    *,
    released: Selection | None = None,
) -> ImportReport:
    """Import opened files under a bar of progress, on stderr if that is a terminal."""
    from catalyst.data import imports

    run: Any = {
        Table.BARS: imports.import_bars,
        Table.NEWS: imports.import_news,
        Table.ACTIONS: imports.import_actions,
        Table.UNIVERSE: imports.import_universe,
    }[table]
    with _progress(f"importing {table}", sum(one.size_bytes for one in opened)) as (rows, size):
        report: ImportReport = run(
            root, opened, options, on_rows=rows, on_bytes=size, released=released
        )
    return report


@contextmanager
def interruptible(root: Path) -> Iterator[None]:
    """Say in one line what Ctrl-C left behind, which is nothing."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted: the lake {root} is as it was")
        raise typer.Exit(INTERRUPTED) from None


def say(text: str) -> None:
    """Print a line on stderr, control characters made visible."""
    from catalyst.data.messages import shown

    print(shown(text, longest=2_000), file=sys.stderr)  # noqa: T201 - the command line's voice


@contextmanager
def _progress(
    what: str, size: int
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} a second"),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=max(size, 1), rows=0, rate=0.0)

        def on_rows(rows: int) -> None:
            told = bar.tasks[0]
            done = told.fields["rows"] + rows
            bar.update(task, rows=done, rate=done / max(told.elapsed or 0.0, 0.1))

        yield on_rows, lambda more: bar.advance(task, more)

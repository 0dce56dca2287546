"""``catalyst data pull``: real history from a vendor, as far as the lake has it not yet."""

from __future__ import annotations

import datetime as dt
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from catalyst.data.vendors.protocol import Chunk, Request
    from catalyst.data.vendors.pull import PullReport

EPILOG = """
**Examples**

    catalyst data pull bars news actions --symbols AAPL,BAC --start 2024-01-02
    catalyst data pull bars news actions --symbols @my-symbols.txt --start 2015-01-02 --lake big
    catalyst data pull bars actions --source yfinance --symbols AAPL,BRK.B --start 1995-01-03
    catalyst data pull bars --symbols AAPL --timeframe 1d --feed iex --refresh

Run the same command again: it goes on where it was cut short, and later fetches what is new.
"""
_DEFAULT_DAYS = 365
_INTERRUPTED = 130


class Table(StrEnum):
    """Name the tables that vendors have."""

    BARS = "bars"
    NEWS = "news"
    ACTIONS = "actions"


def command(
    tables: Annotated[list[Table], typer.Argument(help="What to pull; several may be named.")],
    *,
    symbols: Annotated[
        str, typer.Option(help="Separated by commas, or @FILE with one a line (# is a comment).")
    ],
    source: Annotated[str, typer.Option(help="alpaca or yfinance.")] = "alpaca",
    start: Annotated[
        str | None, typer.Option(help="First date; default a year before the end.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Last date, included; default the last finished session.")
    ] = None,
    lake: Annotated[
        Path | None,
        typer.Option(help="Lake folder; default $CATALYST_LAKE, else .catalyst/lake/SOURCE."),
    ] = None,
    timeframe: Annotated[
        str | None,
        typer.Option(help="Of bars: 1m (alpaca's default), 5m, 15m, 1h or 1d (yfinance's)."),
    ] = None,
    feed: Annotated[
        str | None, typer.Option(help="Of alpaca's bars: sip, all exchanges (default), or iex.")
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Look for revisions of everything in the span.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
    ] = False,
) -> None:
    """Pull history from a vendor into a lake: only what is missing, and what may still change.

    alpaca has minute bars of all US exchanges since 2016 and Benzinga's news since 2015; it needs
    the keys of a free paper account in ALPACA_API_KEY and ALPACA_SECRET_KEY. yfinance needs none.
    A revision by the vendor becomes a row of its own, known from the pull that found it.
    """
    import time

    from catalyst.data.settings import settings
    from catalyst.data.vendors import vendor_named
    from catalyst.data.vendors.pull import pull

    environment = settings()
    root = lake or environment.catalyst_lake or environment.catalyst_home / "lake" / source
    _refuse_sample(root)
    now_ns = time.time_ns()
    screen = _Screen(tables)
    vendor = vendor_named(source, environment, screen)
    for table in tables:
        if table not in vendor.tables:
            raise InputError(
                f"{source} has no {table}; it has {', '.join(vendor.tables)}: leave {table} out or "
                "take another --source"
            )
    told = _request(tables, source, symbols, start, end, timeframe, feed, now_ns)
    try:
        with screen:
            report = pull(
                root,
                vendor,
                told,
                now_ns=time.time_ns,
                screen=screen,
                start_is_told=start is not None,
                end_is_told=end is not None,
                refresh=refresh,
            )
    except KeyboardInterrupt:
        _say(
            f"stopped; what is in {root} is whole, and the same command goes on where it was cut "
            "short"
        )
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(_as_dict(report, root, source, screen)))
    else:
        _show(report, root, source, screen)
    if not report.ok:
        raise typer.Exit(1)


def _request(
    tables: list[Table],
    source: str,
    symbols: str,
    start: str | None,
    end: str | None,
    timeframe: str | None,
    feed: str | None,
    now_ns: int,
) -> Request:
    from catalyst.data.timeframes import timeframe_named
    from catalyst.data.vendors.chunks import last_finished_session, span_of
    from catalyst.data.vendors.protocol import Request

    last = _date("--end", end) or last_finished_session(now_ns)
    first = _date("--start", start) or last - dt.timedelta(days=_DEFAULT_DAYS)
    if first > last:
        raise InputError(f"--start {first} is after --end {last}; expected an earlier start")
    default = "1d" if source == "yfinance" else "1m"
    return Request(
        tuple(dict.fromkeys(table.value for table in tables)),
        _symbols(symbols),
        span_of(first, last),
        timeframe_named(timeframe or default),
        feed or ("sip" if source == "alpaca" else ""),
    )


def _symbols(text: str) -> tuple[str, ...]:
    import polars as pl

    from catalyst.data.symbols import joined_symbols

    told = text
    if text.startswith("@"):
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"--symbols {text} can't be read ({type(error).__name__}); expected a text file "
                "with one symbol a line"
            ) from None
        told = ",".join(line.partition("#")[0] for line in lines)
    names = [part for part in told.split(",") if part.strip()]
    if not names:
        raise InputError(
            f"--symbols {text!r} names none; expected symbols separated by commas, such as AAPL,BAC"
        )
    spelled = pl.DataFrame({"symbol": names}).select(joined_symbols(pl.col("symbol")))
    for name, found in zip(names, spelled["symbol"], strict=True):
        if found is None:
            raise InputError(f"{name.strip()!r} is no ticker; expected one such as AAPL or BRK.B")
    return tuple(sorted(set(spelled["symbol"])))


def _date(option: str, text: str | None) -> dt.date | None:
    from catalyst.data import calendar

    if text is None:
        return None
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} is {text!r}; expected a date such as 2024-01-02") from None
    if not calendar.FIRST <= found <= calendar.LAST:
        raise InputError(
            f"{option} {found} is outside the exchange calendar; expected {calendar.FIRST} to "
            f"{calendar.LAST}"
        )
    return found


def _refuse_sample(root: Path) -> None:
    from catalyst.data.settings import sample_root

    if root.resolve() == sample_root().resolve():
        raise InputError(
            f"{root} is the bundled synthetic sample; real history next to invented prices would "
            "be neither: name another folder with --lake"
        )


class _Screen:
    """Show a pull on a terminal, and count its requests."""

    def __init__(self, tables: list[Table]) -> None:
        self.requests = self.retries = 0
        self._tables = tables
        self._rows = 0
        self._progress: Progress | None = None

    def __enter__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("chunks, {task.fields[rows]:,} rows"),
            TimeRemainingColumn(),
            TextColumn("[yellow]{task.fields[waits]}[/yellow]"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._progress.start()
        self._progress.add_task("planning ...", total=None, rows=0, waits="")

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def requested(self) -> None:
        self.requests += 1

    def retried(self, why: str) -> None:
        del why
        self.retries += 1

    def waiting(self, seconds: float, why: str) -> None:
        self._update(waits=f"waiting {seconds:.0f} s: {why}" if seconds else "")

    def planned(self, chunks: int) -> None:
        self._update(total=chunks)

    def began(self, chunk: Chunk) -> None:
        from catalyst.data.vendors.pull import described

        self._update(description=f"pulling {described(chunk)}")

    def paged(self, rows: int) -> None:
        self._rows += rows
        self._update(rows=self._rows)

    def ended(self, chunk: Chunk) -> None:
        del chunk
        self._update(advance=1)

    def _update(self, **changes: object) -> None:
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], **changes)  # type: ignore[arg-type]


def _as_dict(report: PullReport, root: Path, source: str, screen: _Screen) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "lake": str(root),
        "source": source,
        "tables": {table: asdict(counts) for table, counts in report.tables.items()},
        "requests": screen.requests,
        "retries": screen.retries,
        "unknown": report.unknown,
        "without_data": report.without_data,
        "failed": [{"chunk": chunk, "why": why} for chunk, why in report.failed],
        "left": report.left,
        "notes": report.notes,
    }


def _show(report: PullReport, root: Path, source: str, screen: _Screen) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(width=None if sys.stdout.isatty() else 160)
    shown = RichTable(title=f"{source} into {root}", title_justify="left")
    shown.add_column("table")
    names = ("given", "imported", "revised", "duplicates", "quarantined", "pages", "chunks")
    for name in names:
        shown.add_column(name, justify="right")
    for table, counts in report.tables.items():
        shown.add_row(table, *(f"{getattr(counts, name):,}" for name in names))
    console.print(shown)
    console.print(
        f"{screen.requests:,} requests, {screen.retries:,} of them again", highlight=False
    )
    for table, counts in report.tables.items():
        if counts.unfinished:
            _say(f"{counts.unfinished:,} bars had not ended, and are left to the next pull")
        for rule, count in sorted(counts.by_rule.items(), key=lambda item: (-item[1], item[0])):
            _say(f"{count:,} rows of {table} in quarantine for the rule '{rule}'")
    for note in report.notes:
        _say(note)
    for table, symbols in report.without_data.items():
        _say(f"no {table} of {_listed(symbols)} in this span")
    for table, symbols in report.unknown.items():
        _say(f"{source} does not know {_listed(symbols)} ({table})")
    for chunk, why in report.failed:
        _say(f"failed: {chunk}: {why}")
    if report.left:
        _say(f"{report.left:,} chunks were not tried after these failures")
    if report.failed or report.left:
        _say("run the same command again to go on with what is missing")
    elif any(counts.given for counts in report.tables.values()):
        _say(f"next: catalyst backtest --lake {root}")


def _listed(symbols: list[str], most: int = 20) -> str:
    rest = f" and {len(symbols) - most:,} more" if len(symbols) > most else ""
    return ", ".join(symbols[:most]) + rest


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line's voice

"""``catalyst study events``: abnormal return and volume around news."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.asked import (
    EndOption,
    LakeOption,
    SourcesOption,
    StartOption,
    SymbolsOption,
    TimeframeOption,
)

if TYPE_CHECKING:
    from catalyst.research.event_study import EventStudy

EPILOG = """
**Examples**

    catalyst study events                                  # the bundled synthetic sample
    catalyst study events --lake my-lake --timeframe 1d --out studies/events
    catalyst study events --by category,half_hour --adjust beta --json
    catalyst study events --start 2024-01-02 --end 2024-03-28 --hours extended

An event is the first row of a story about a symbol. Its time zero is the first bar that opens after
the news could be known. With --out: events.parquet, curves.parquet, table.parquet, events.html.

Groups for --by: category, tier, state, half_hour, sentiment, tercile, repeat.
"""


def command(
    *,
    lake: LakeOption = None,
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    sources: SourcesOption = None,
    by: Annotated[str | None, typer.Option(help="Groups, separated by commas; see below.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="News without a catalyst category counts, too.")
    ] = False,
    hours: Annotated[
        str, typer.Option(help="Where bar 0 may lie: regular or extended hours.")
    ] = "regular",
    adjust: Annotated[
        str, typer.Option(help="Less the market's return (market), beta times it (beta), none.")
    ] = "market",
    out: Annotated[Path | None, typer.Option(help="Folder for tables and page.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing study.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
    ] = False,
) -> None:
    """Show how price and volume move around news, before and after it could be known."""
    from catalyst.cli.asked import ask, console, progress
    from catalyst.data.study_folder import check_study_folder
    from catalyst.research.event_study import BY, FILES, event_study

    if out is not None:
        check_study_folder(out, FILES, force=force)
    asked = ask(lake, timeframe=timeframe, start=start, end=end, symbols=symbols, sources=sources)
    groups = BY if by is None else [part.strip() for part in by.split(",") if part.strip()]
    with progress("following the news") as tell:
        study = event_study(
            asked.lake,
            **asked.extent,
            by=groups,
            every=every,
            hours=hours,
            adjust=adjust,
            progress=tell,
        )
    if out is not None:
        with console().status("writing ..."):
            study.save(out, force=force)
    if as_json:
        typer.echo(json.dumps(study.as_mapping(), indent=2))
    else:
        _show(study, out)


def _show(study: EventStudy, out: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown as plain
    from catalyst.research.event_page import group_cells

    console = stdout()
    console.print(escape(study.named.sentence), highlight=False)
    for (grouping,), rows in study.table.group_by("grouping", maintain_order=True):
        table = Table(title=str(grouping).replace("_", " "), title_justify="left")
        table.add_column("")
        for head in ("events", "days", "gone before", "to the close", "95 %", "next close"):
            table.add_column(head, justify="right")
        for head in ("95 %", "5 sessions", "95 %", "volume", "stands"):
            table.add_column(head, justify="right")
        for row in rows.iter_rows(named=True):
            table.add_row(*map(escape, group_cells(row)))
        console.print(table)
    left = ", ".join(f"{name} {n:,}" for name, n in study.dropped.items() if n)
    console.print(
        escape(
            "Abnormal returns in bps before costs; volume as a multiple of the usual; stands: "
            f"after Benjamini and Hochberg. {study.count:,} events of {study.rows:,} rows of news; "
            f"left out: {left or 'none'}; {study.overlapping:,} had another event of their "
            "symbol within ten sessions."
        ),
        highlight=False,
    )
    if out is not None:
        console.print(escape(f"written to {plain(out)}"), highlight=False)

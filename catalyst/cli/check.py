"""``catalyst data check``: say what is in a lake and what is suspicious, worst first."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.data.checks.kinds import KINDS

if TYPE_CHECKING:
    import datetime as dt

    from catalyst.data.checks.report import Check

EPILOG = (
    """
**Examples**

    catalyst data check --lake my-lake
    catalyst data check --table bars --symbols AAPL,BAC --start 2024-01-02
    catalyst data check --only split_unrecorded,split_unadjusted --json
    catalyst data check --limit 0          # every finding

Exit status: 0 nothing found, 1 something found, 2 wrong use.

**Kinds of findings**

"""
    + "\n".join(f"- `{kind}`: {meaning}" for kind, meaning in KINDS.items())
    + "\n"
)
_SHOWN = 40


def command(
    *,
    lake: Annotated[
        Path | None,
        typer.Option(
            "--lake", help="Lake folder; default $CATALYST_LAKE, else the bundled sample."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="Only these, separated by commas: bars, news, quarantine.")
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    only: Annotated[str | None, typer.Option(help="Only these kinds of findings.")] = None,
    start: Annotated[str | None, typer.Option(help="First date.")] = None,
    end: Annotated[str | None, typer.Option(help="Last date, included.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Findings shown: 40 in the table, all in JSON; 0 shows all."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
    ] = False,
) -> None:
    """Say what is in a lake and what is suspicious, by source and symbol, worst first.

    Nothing is changed. A finding is a suspicion: gaps, copies, splits, prices off by a factor,
    volumes of another feed, outages, floods, wrong links, impersonators, stale news.
    """
    from rich.console import Console

    from catalyst.data.checks.report import TABLES, check
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake

    root = resolve_lake(lake)
    with Console(file=sys.stderr).status("opening the lake ...") as status:
        found = check(
            Lake(root),
            tables=_list(table) or TABLES,
            symbols=_list(symbols),
            kinds=_list(only),
            start=_date(start, "--start"),
            end=_date(end, "--end"),
            tell=lambda text: status.update(f"{text} ..."),
        )
    if as_json:
        shown = found.findings[: limit or None]
        told = {
            "lake": str(root),
            "in_lake": found.in_lake,
            "findings": [one.as_dict() for one in shown],
            "by_kind": found.by_kind,
        }
        typer.echo(json.dumps(told))
    else:
        _show(root, found, _SHOWN if limit is None else limit)
    if found.findings:
        raise typer.Exit(1)


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _date(text: str | None, option: str) -> dt.date | None:
    import datetime as dt

    from catalyst.errors import InputError

    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text} is no date; expected one such as 2014-06-09") from None


def _show(root: Path, found: Check, limit: int) -> None:
    from rich.markup import escape
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown as plain

    console = stdout()
    console.print(f"lake {escape(str(root))}", highlight=False)
    for line in _contents(found):
        console.print(f"  {escape(line)}", highlight=False)
    if not found.findings:
        console.print("nothing suspicious found", highlight=False)
        return
    counts = ", ".join(f"{kind} {n}" for kind, n in found.by_kind.items())
    console.print(f"{len(found.findings):,} finding(s): {counts}", highlight=False)
    shown = Table(show_lines=False)
    shown.add_column("bad", justify="right")
    shown.add_column("kind", no_wrap=True)
    shown.add_column("where")
    shown.add_column("when", no_wrap=True)
    shown.add_column("n", justify="right")
    shown.add_column("what")
    for one in found.findings[: limit or None]:
        where = " ".join(part for part in (one.symbol, one.timeframe, one.source) if part)
        when = "\n".join(dict.fromkeys((one.first[:10], one.last[:10])))
        # What a file says must not reach the terminal as a control sequence or as markup.
        text = plain(one.text, longest=len(one.text))
        cells = (str(one.severity), one.kind, plain(where), when, f"{one.count:,}", text)
        shown.add_row(*map(escape, cells))
    console.print(shown)
    hidden = len(found.findings) - (limit or len(found.findings))
    if hidden > 0:
        console.print(f"{hidden:,} more: --limit 0 shows all", highlight=False)


def _contents(found: Check) -> list[str]:
    lines = []
    for one in found.in_lake["bars"]:
        adjusted = ", ".join(f"{name} {share:.0%}" for name, share in one["adjustment"].items())
        lines.append(
            f"{one['timeframe']} bars: {one['rows']:,} of {one['symbols']:,} symbol(s), "
            f"{one['first']} to {one['last']}, from {', '.join(one['sources'])}; {adjusted}; "
            f"{one['assumed_share']:.0%} with an assumed time of knowledge"
        )
    providers: dict[str, list[dict[str, object]]] = {}
    for one in found.in_lake["news"]:
        providers.setdefault(str(one["provider"]), []).append(one)
    for provider, rows in providers.items():
        total = sum(int(str(row["rows"])) for row in rows)
        assumed = sum(int(str(row["rows"])) * float(str(row["assumed_share"])) for row in rows)
        first, last = min(str(row["first"]) for row in rows), max(str(row["last"]) for row in rows)
        lines.append(
            f"news: {total:,} rows from {provider}, {first} to {last} UTC; "
            f"{assumed / max(total, 1):.0%} with an assumed time of knowledge"
        )
    lines += [
        f"actions: {one['rows']:,} {one['kind']}(s) of {one['symbols']:,} symbol(s)"
        for one in found.in_lake["actions"]
    ]
    if not found.in_lake["universe"] and found.in_lake["bars"]:
        lines.append(
            "universe: none, so only symbols that were imported can be traded (survivors?)"
        )
    lines += [
        f"universe: {one['rows']:,} membership(s) of {one['symbols']:,} symbol(s)"
        for one in found.in_lake["universe"]
    ]
    rejected = sum(int(one["rows"]) for one in found.in_lake["quarantine"])
    if rejected:
        lines.append(f"quarantine: {rejected:,} row(s)")
    return lines

"""``catalyst data quarantine``: the rows that were rejected, why, and how to take them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli.imports import (
    AdjustmentOption,
    DateFormatOption,
    JsonOption,
    LakeOption,
    LatencyOption,
    MapOption,
    MidnightOption,
    ProviderOption,
    SourceOption,
    StampOption,
    SymbolOption,
    Table,
    TimeframeOption,
    ZoneOption,
    import_opened,
    interruptible,
    mapping_of,
    options_of,
    say,
)
from catalyst.errors import InputError

if TYPE_CHECKING:
    from catalyst.data.quarantine import Selection
    from catalyst.data.reports import ImportReport

EPILOG = """
**Examples**

    catalyst data quarantine --lake my-lake                      # how many, and the first 20 rows
    catalyst data quarantine --table bars --rule stamp --limit 5
    catalyst data quarantine --file FICO.csv --rule stamp --release --date-format "%d.%m.%Y %H:%M"
    catalyst data quarantine --rule mislinked --release          # after `catalyst data enrich`
    catalyst data quarantine --accept mislinked --file tweets.jsonl --line 17
    catalyst data quarantine --accept conflict --known-at 2024-03-05T08:00 --file late.csv

**Rules of bars**: columns, timeframe, symbol, stamp, calendar, session, grid, missing, number,
price, range, volume, adjustment, known_at, conflict. **News**: columns, stamp, calendar, headline,
length, symbol, mislinked, conflict. **Actions**: columns, symbol, stamp, session, kind, value,
no_action, conflict. **Universe**: columns, symbol, stamp, calendar, range, conflict.

--release imports the chosen rows again, read as they were but for what is said now. What passes
leaves quarantine, the rest stays. A row of the rule `columns` could not be split into columns: mend
its file and import that. --accept mislinked keeps the provider's link although the text speaks
against it; --accept conflict stores a bar that contradicts another as its correction, known from
--known-at. No other rule can be waived.
"""


def command(
    *,
    lake: LakeOption = None,
    table: Annotated[Table | None, typer.Option(help="Rows of this table.")] = None,
    file: Annotated[str | None, typer.Option(help="Rows of this file, as it was named.")] = None,
    rule: Annotated[str | None, typer.Option(help="Rows that broke this rule; see below.")] = None,
    line: Annotated[int | None, typer.Option(help="The row of this line.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many rows to show.")] = 20,
    release: Annotated[
        bool, typer.Option("--release", help="Import the chosen rows again.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option(help="Take rows of this rule as they are: mislinked or conflict."),
    ] = None,
    known_at: Annotated[
        str | None, typer.Option(help="With --accept conflict: when the correction was known.")
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
    """Show rejected rows, whole, and why; import them again, or take them as they are."""
    from catalyst.data.partition import finish_interrupted
    from catalyst.data.quarantine import Selection
    from catalyst.data.settings import resolve_lake

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
    if accept is not None:
        rule = _accepted(said, table, rule, accept, known_at)
        table = Table.NEWS if accept == "mislinked" else Table.BARS
    elif known_at is not None:
        raise InputError(
            "--known-at says when a correction was known; give it with --accept conflict"
        )
    elif not release and any(value is not None for value in said.values()):
        raise InputError(
            "options that say how rows are to be read need --release, which imports them again"
        )
    root = resolve_lake(lake)
    if not root.is_dir():
        raise InputError(f"there is no lake at {root}; name another with --lake")
    finish_interrupted(root)
    if file is not None:
        # As quarantine writes the name of a file that is no UTF-8.
        file = file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    selection = Selection(None if table is None else table.value, file, rule, line)
    found = (
        _released(root, selection, said)
        if release or accept is not None
        else _shown(root, selection, limit, as_json=as_json)
    )
    if found is None:
        if as_json:
            names = ("released",) if release or accept is not None else ("counts", "rows")
            typer.echo(json.dumps({"lake": str(root)} | {name: [] for name in names}))
        say(
            f"no row in quarantine of {root} is so chosen; leave out --table, --file, --rule or "
            "--line"
        )
        raise typer.Exit(1)
    if isinstance(found, list):
        _tell(found, root, as_json=as_json)


def _accepted(
    said: dict[str, Any], table: Table | None, rule: str | None, accept: str, known_at: str | None
) -> str:
    from catalyst.data.release import check_acceptable
    from catalyst.data.stamps import stamp_ns

    check_acceptable(None if table is None else table.value, accept)
    if rule not in {None, accept}:
        raise InputError(f"--accept {accept} takes rows of that rule; leave out --rule {rule}")
    if accept == "mislinked":
        if known_at is not None:
            raise InputError("--known-at is for --accept conflict; leave it out")
        said["accept_links"] = True
    elif known_at is None:
        raise InputError(
            "--accept conflict stores a correction; say with --known-at 2024-03-05T08:00 from when "
            "it was known"
        )
    else:
        said["known_at_ns"] = stamp_ns(known_at)
    return accept


def _shown(root: Path, selection: Selection, limit: int, *, as_json: bool) -> dict[str, Any] | None:
    from rich.table import Table as RichTable
    from rich.text import Text

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown
    from catalyst.data.quarantine import counted_by_rule, first_rows

    counts = counted_by_rule(root, selection).to_dicts()
    if not counts:
        return None
    rows = first_rows(root, selection, limit).to_dicts()
    found = {"lake": str(root), "counts": counts, "rows": rows}
    if as_json:
        typer.echo(json.dumps(found))
        return found
    drawn = RichTable(title=Text(f"quarantine of {shown(root)}"), title_justify="left")
    for name in ("table", "file", "rule"):
        drawn.add_column(name, overflow="fold")
    drawn.add_column("rows", justify="right")
    for count in counts:
        # Text, because what stands in square brackets would be taken for a style.
        names = [Text(shown(count[name])) for name in ("table", "file", "rule")]
        drawn.add_row(*names, f"{count['rows']:,}")
    stdout().print(drawn)
    for row in rows:
        place = shown(f"{row['table']} {row['file']}:{row['line']} {row['rule']}")
        typer.echo(f"{place}\n    {shown(row['row'], longest=len(row['row']))}")
    hidden = sum(count["rows"] for count in counts) - len(rows)
    if hidden:
        say(f"{hidden:,} more; show them with --limit")
    return found


def _released(root: Path, selection: Selection, said: dict[str, Any]) -> list[ImportReport] | None:
    from catalyst.data.quarantine import counted
    from catalyst.data.release import release

    tables = counted(root, selection)["table"].unique().to_list()
    # Options are asked for every table before the first is changed.
    options = {name: options_of(Table(name), said) for name in tables}
    with interruptible(root):
        reports = release(
            root,
            selection,
            lambda table, opened, chosen: import_opened(
                Table(table), root, opened, options[table], released=chosen
            ),
        )
    return reports or None


def _tell(reports: list[ImportReport], root: Path, *, as_json: bool) -> None:
    told = [
        {
            "table": report.table,
            "selected": report.given,
            "imported": report.imported,
            "duplicates": report.duplicates,
            "stayed": report.quarantined,
            "by_rule": report.by_rule,
        }
        for report in reports
    ]
    if as_json:
        typer.echo(json.dumps({"lake": str(root), "released": told}))
        return
    for report in reports:
        left = report.imported + report.duplicates
        stayed = ", ".join(f"{count:,} {name}" for name, count in report.by_rule.items())
        typer.echo(
            f"{report.table}: {left:,} of {report.given:,} rows left quarantine "
            f"({report.imported:,} imported, {report.duplicates:,} known already)"
            + (f"; {report.quarantined:,} stay: {stayed}" if stayed else "")
        )
        if report.by_rule.get("columns"):
            say(
                "a row of more or fewer columns than its header can't be read again by itself: "
                "mend its file and import that"
            )

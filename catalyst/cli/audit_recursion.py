"""``catalyst audit recursion``: how much history a run needs before its first day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from catalyst.research.audit.recursion import RecursionAudit

EPILOG = """
**Examples**

    catalyst audit recursion
    catalyst audit recursion --run runs/latest
    catalyst audit recursion --lake my-lake --components my_ideas.py
    catalyst audit recursion --json

Each indicator, component and decision is computed with all history of the lake, and again with the
last bars or sessions of it only. "Exact from" is the least length from which on no bit changes.

Exit status: 0 measured, 1 a component's result never comes to rest, 2 wrong use.
"""
_STEPS = 20


def command(
    *,
    run: Annotated[
        Path | None, typer.Option("--run", help="Take variant and lake from this run.")
    ] = None,
    lake: Annotated[
        Path | None,
        typer.Option(
            "--lake", help="Lake folder; default $CATALYST_LAKE, else the bundled sample."
        ),
    ] = None,
    components: Annotated[
        str | None,
        typer.Option(help="Python files with components of your own, separated by commas."),
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="Base bars, such as 5m; default the finest.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of tables.")
    ] = False,
) -> None:
    """Measure how much history indicators, components and decisions need before them."""
    from catalyst.cli.audit_components import components_of, market_of, progress
    from catalyst.data.timeframes import timeframe_named
    from catalyst.research.audit.recursion import audit_recursion

    length = timeframe_named(timeframe) if timeframe else None
    own = components_of(components)[0] if components else []
    opened, params, length = market_of(run, lake, length)
    with progress(_STEPS) as tell:
        audit = audit_recursion(opened, params, own=own, timeframe=length, tell=tell)
    if as_json:
        typer.echo(json.dumps(audit.as_dict(), indent=2))
    else:
        _show(audit)
    if not audit.ok:
        raise typer.Exit(1)


def _show(audit: RecursionAudit) -> None:
    from rich.markup import escape
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout
    from catalyst.research.audit.recursion import decision_text

    console = stdout()
    console.print(escape(audit.sentence))
    table = Table()
    for name in ("", "unit"):
        table.add_column(name)
    for name in ("exact from", "1e-6 from"):
        table.add_column(name, justify="right")
    table.add_column("shorter: share that differs, by median to largest", overflow="fold")
    for row in audit.table():
        table.add_row(*map(escape, row))
    console.print(table)
    for one in audit.decisions:
        console.print(decision_text(one))
    console.print(escape(audit.coverage))

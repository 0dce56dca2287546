"""``catalyst audit --components``: what is wrong with components of one's own, and their cost."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from catalyst.data.lake import Lake
    from catalyst.research.audit.component_files import Found
    from catalyst.research.audit.component_verdicts import ComponentsAudit
    from catalyst.strategy.params import Params

EPILOG = """
**Examples**

    catalyst audit --components my_ideas.py
    catalyst audit --components my_ideas.py,exits.py --lake my-lake --json
    catalyst audit --components my_ideas.py --run runs/latest
    catalyst audit lookahead                 # does a decision know what came after it?
    catalyst audit recursion                 # how much history does a run need before it?

A component is found by the names of its arguments, see docs/audit.md. It is read (files, clocks,
chance, memory, data held in globals) and tried on real views of the lake and on hostile ones.

Exit status: 0 nothing found, 1 something found, 2 wrong use.
"""
#: Of the last session; a component of equal views can't differ, so this guards the machinery.
_INSTANTS = 12


def command(
    components: str,
    run: Path | None,
    lake: Path | None,
    timeframe: str | None,
    *,
    as_json: bool,
) -> None:
    """Audit the components of some files and print a table for each."""
    from catalyst.data.timeframes import timeframe_named
    from catalyst.errors import ParamsError
    from catalyst.research.audit.component_files import near_text
    from catalyst.research.audit.components import audit_components

    found, near = components_of(components)
    length = timeframe_named(timeframe) if timeframe else None
    opened, params, length = market_of(run, lake, length)
    try:
        with progress(len(found) + 2) as tell:
            audit = audit_components(
                found,
                opened,
                params=params,
                timeframe=length,
                lookahead=_INSTANTS,
                clock=time.perf_counter,
                tell=tell,
            )
    except RecursionError:
        raise ParamsError(
            f"a component of {components} calls itself without end; mend it"
        ) from None
    missed = [near_text(one) for one in near]
    if as_json:
        told = {
            "ok": audit.ok,
            "components": [one.as_dict() for one in audit.components],
            "near_misses": missed,
            "lookahead": audit.lookahead.as_mapping() if audit.lookahead else None,
            "coverage": audit.coverage,
        }
        typer.echo(json.dumps(told, indent=2))
    else:
        _show(audit, missed)
    if not audit.ok:
        raise typer.Exit(1)


def components_of(text: str) -> tuple[list[Found], list[Found]]:
    """Find the components of files separated by commas, and what nearly is one."""
    from catalyst.errors import InputError
    from catalyst.research.audit.component_files import components_in

    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise InputError(f"--components is {text!r}; expected Python files, such as my_ideas.py")
    found: list[Found] = []
    near: list[Found] = []
    for name in names:
        components, missed = components_in(Path(name))
        found += components
        near += missed
    return found, near


def market_of(
    run: Path | None, lake: Path | None, timeframe: str | None
) -> tuple[Lake, Params, str | None]:
    """Return lake, variant and base bars: a run's, or those named and the strategy as specified."""
    from catalyst.cli.runs import open_run
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake
    from catalyst.data.variants import load

    if run is not None:
        result = open_run(run, lake)
        assert result.lake is not None  # noqa: S101 - open_run opened it
        return result.lake, result.params, timeframe or str(result.summary["timeframe"])
    opened = Lake(resolve_lake(lake))
    if timeframe is None and opened.timeframes() == ["1d"]:
        timeframe = "1d"
    return opened, load("spec", timeframe=timeframe), timeframe


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar with the time left on stderr; yield what moves it on and names the next part."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Left())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("...", total=total)
        begun = False

        def tell(text: str) -> None:
            nonlocal begun
            bar.update(task, description=text, advance=1 if begun else 0)
            begun = True

        yield tell


def _show(audit: ComponentsAudit, missed: list[str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout

    console = stdout()
    for one in audit.components:
        verdict = "ok" if one.ok else f"{len(one.findings)} found"
        table = Table(title=f"{escape(one.name)} · {one.kind} · {verdict}", title_justify="left")
        table.add_column("law")
        table.add_column("verdict", overflow="fold")
        for law, told in one.rows():
            style = "red" if told != "ok" and any(f.law == law for f in one.findings) else ""
            table.add_row(law, escape(told), style=style)
        console.print(table)
    for text in missed:
        console.print(f"not audited: {escape(text)}")
    for text in (audit.lookahead_text, *audit.leaks, audit.coverage):
        if text:
            console.print(escape(text))

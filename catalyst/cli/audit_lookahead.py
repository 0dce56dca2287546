"""``catalyst audit lookahead``: whether a run knew what came later."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

if TYPE_CHECKING:
    from catalyst.research.audit import LookaheadAudit

EPILOG = """
**Examples**

    catalyst audit lookahead                                  # the latest run, every decision time
    catalyst audit lookahead --sample 500
    catalyst audit lookahead --run runs/mine --lake my-lake --json
    catalyst audit lookahead --loader mine.py:load --sample 60
    catalyst audit lookahead --view-builder mine.py:build

Before each decision, all that was not yet known is cut off, and in a second world made otherwise;
what was seen, filled and decided must stay the same. docs/audit.md says what can be plugged in.

Exit status: 0 nothing found, 1 a violation, 2 wrong use.
"""
_SHOWN = 12


def command(
    *,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of a run; default runs/latest.")
    ] = None,
    lake: Annotated[
        Path | None, typer.Option("--lake", help="The run's lake, if it has moved.")
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(help="How many decision times, or all; default all (60 with --loader)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the values in the other world.")] = 0,
    loader: Annotated[
        str | None, typer.Option(help="Your loader, as FILE.py:FUNCTION; f(lake).")
    ] = None,
    view_builder: Annotated[
        str | None, typer.Option(help="Your view builder, as FILE.py:FUNCTION; f(seen, lake).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
    ] = False,
) -> None:
    """Put another future behind every decision of a run, and see that nothing changes."""
    from catalyst.cli.runs import open_run
    from catalyst.errors import InputError
    from catalyst.research.audit import audit_lookahead
    from catalyst.research.audit.plugs import function_of

    opened = open_run(run, lake)
    if opened.lake is None:
        raise InputError("the run's lake is not known; name it with --lake")
    plugs: dict[str, Any] = {
        name: function_of(text, option=option)
        for name, option, text in (
            ("loader", "--loader", loader),
            ("view_builder", "--view-builder", view_builder),
        )
        if text is not None
    }
    summary = opened.summary
    asked = summary.get("asked", {})
    began = time.perf_counter()
    with _Progress(quiet=as_json) as bar:
        audit = audit_lookahead(
            opened.lake,
            opened.params,
            timeframe=summary["timeframe"],
            start=summary["start"],
            end=summary["end"],
            symbols=asked.get("symbols"),
            sources=asked.get("sources"),
            sample=sample,
            seed=seed,
            progress=bar.tell,
            **plugs,
        )
    seconds = time.perf_counter() - began
    if not plugs and audit.decision_digest != summary["decision_digest"]:
        raise InputError(
            f"the run {opened.folder} decided otherwise than this code does over the same lake "
            f"({summary['decision_digest'][:12]}, now {audit.decision_digest[:12]}): it was made "
            f"by {summary['code_version']}; repeat it with catalyst backtest, then audit it"
        )
    if as_json:
        typer.echo(json.dumps(audit.as_mapping() | {"runtime_s": round(seconds, 2)}, indent=2))
    else:
        _show(audit, seconds)
    if not audit.ok:
        raise typer.Exit(1)


class _Progress:
    # A bar on stderr, with the time that is left, if somebody looks.
    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        console = Console(file=sys.stderr)
        self._bar = Progress(
            TextColumn("auditing {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet and not console.is_terminal,
        )
        self._task = self._bar.add_task("...", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, done: int, total: int, day: dt.date) -> None:
        self._bar.update(self._task, completed=done, total=total, description=str(day))


def _show(audit: LookaheadAudit, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from catalyst.data.visible import visible

    console = Console()
    n = len(audit.violations) + audit.unlisted
    head = "no violation" if audit.ok else f"{n:,} violation{'s' if n > 1 else ''}"
    console.print(
        f"{head} at {audit.instants:,} of {audit.decision_times:,} decision times, "
        f"{audit.perturbations:,} perturbations, in {seconds:,.0f} s: {audit.verdict}",
        highlight=False,
        markup=False,
    )
    if audit.violations:
        table = Table("New York time", "layer", "tried", "symbol", "what", "was", "became")
        for one in audit.violations[:_SHOWN]:
            local = "" if one.instant is None else _local(one.instant)
            texts = (one.symbol, one.what, one.was, one.became)
            table.add_row(local, one.layer, one.perturbation, *(visible(text) for text in texts))
        console.print(table)
        if n > _SHOWN:
            console.print(f"{n - _SHOWN:,} more; --json lists up to 20 of a kind", markup=False)
    for line in audit.coverage.splitlines():
        console.print(f"  {line}", highlight=False, markup=False)


def _local(instant: dt.datetime) -> str:
    from catalyst.data.calendar import NEW_YORK

    return f"{instant.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}"

"""``catalyst edge``: whether a run has an edge, after costs and after all that was tried."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from catalyst.data.report.values import Interval
    from catalyst.research.edge import Edge

EPILOG = """
**Examples**

    catalyst edge                              # of runs/latest
    catalyst edge runs/mine --lake my-lake     # a run whose lake has moved
    catalyst edge runs/mine --json
"""
_COLOURS = {"supported": "green", "not shown": "yellow", "contradicted": "red"}
_FORMS = {
    "net_return": ("net return", "{:+.2%}"),
    "sharpe": ("Sharpe ratio, a year", "{:+.2f}"),
    "max_drawdown": ("largest drawdown", "{:.2%}"),
    "mean_excess_bps": ("beside the market, bps a session", "{:+.2f}"),
    "hit_rate": ("hit rate", "{:.1%}"),
    "expectancy": ("expectancy, USD a trade", "{:+.2f}"),
    "turnover": ("turnover", "{:.1f}"),
    "exposure": ("exposure", "{:.1%}"),
    "slippage_share": ("slippage of the value traded", "{:.3%}"),
}


def command(
    run: Annotated[
        Path | None,
        typer.Argument(help="Folder of a run; default runs/latest.", show_default=False),
    ] = None,
    *,
    lake: Annotated[
        Path | None, typer.Option(help="Its lake; default where its data was last seen.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Judge a run by its money and its score, corrected for every trial its data has seen.

    The count is read from the ledger now: the same run may be judged otherwise after more trials.
    Nothing is written into its folder.
    """
    from catalyst.cli.asked import console
    from catalyst.cli.runs import open_run
    from catalyst.data.search_ledger import default_ledger
    from catalyst.research.edge import edge_of
    from catalyst.research.tape import lake_of_run
    from catalyst.research.trial_records import bearing_trials

    result = open_run(run, lake)
    with console().status("looking at what followed each score ..."):
        trials = bearing_trials(result.summary, lake_of_run(result), default_ledger())
        edge = edge_of(result, trials=trials)
    if as_json:
        told = {"run": str(result.folder), "variant": result.summary["variant"]}
        typer.echo(json.dumps(told | edge.as_mapping(), indent=2, allow_nan=False))
    else:
        _show(edge, result.summary["variant"])


def _show(edge: Edge, variant: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown

    screen = stdout()
    headline = Text(f"{shown(variant)}: edge after costs: ", "bold")
    screen.print(headline.append(edge.word, _COLOURS[edge.word]))
    screen.print(Text("score before costs: ").append(edge.score.word, _COLOURS[edge.score.word]))
    for reason in edge.reasons:
        screen.print(f"  {reason}", markup=False)
    if not edge.intervals:
        return
    table = Table(title="figures of this run, and 95 % of other draws of its sessions")
    for name in ("", "value", "from", "to"):
        table.add_column(name, justify="right" if name else "left")
    for name, interval in edge.intervals.items():
        label, form = _FORMS[name]
        table.add_row(label, *_cells(interval, form))
    screen.print(table)


def _cells(found: Interval, form: str) -> list[str]:
    values = (found.value, found.low, found.high)
    return [form.format(value) if math.isfinite(value) else "-" for value in values]

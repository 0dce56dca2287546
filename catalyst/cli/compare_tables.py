"""Tables for people: variants beside each other, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalyst.cli.lake_tables import stdout

if TYPE_CHECKING:
    from rich.console import Console

    from catalyst.research.comparison import Compared, Comparison

_ROWS = (
    ("net return", "net_return", "{:+.2%}"),
    ("Sharpe ratio", "sharpe", "{:.2f}"),
    ("largest drawdown", "max_drawdown", "{:.2%}"),
    ("hit rate", "hit_rate", "{:.1%}"),
    ("expectancy, USD a trade", "expectancy", "{:+,.2f}"),
    ("turnover", "turnover", "{:.1f}"),
    ("exposure", "exposure", "{:.1%}"),
    ("information coefficient", "information_coefficient", "{:+.3f}"),
    ("slippage, part of traded", "slippage_share", "{:.3%}"),
    ("trades", "n_trades", "{:,.0f}"),
)
_BENCHMARKS = (("buy and hold", "buy_and_hold"), ("equal weight", "equal_weight"))
_FIRST_COLUMN, _COLUMN = 26, 21


def show(comparison: Comparison, folders: Mapping[str, Path]) -> None:
    """Print what variants show, their figures, and where their reports are.

    Parameters
    ----------
    comparison
        What ran.
    folders
        Where each run was saved, by its name.
    """
    out = stdout()
    out.print(comparison.headline, style="bold", highlight=False, markup=False)
    for reason in comparison.edges.reasons if comparison.edges else ():
        out.print(f"  {reason}", highlight=False, markup=False)
    whole = comparison.whole
    if whole:
        _table(out, comparison, whole)
        _edges(out, whole)
    for name, folder in folders.items():
        out.print(f"{name}: {folder}", highlight=False, markup=False, soft_wrap=True)


def _table(out: Console, comparison: Comparison, whole: Sequence[Compared]) -> None:
    """Print figures with their intervals, as many variants beside each other as there is room."""
    from rich.table import Table

    first = whole[0].result
    assert first is not None  # noqa: S101 - whole ones have their run
    s = first.summary
    title = (
        f"{'SYNTHETIC ' if s['synthetic'] else ''}{s['timeframe']} bars, {s['start']} to "
        f"{s['end']}, {s['symbols']} symbols; below a figure its 95 % interval"
    )
    columns: list[tuple[str, Compared | None, Mapping[str, float | None]]] = [
        *((one.name, one, one.figures) for one in whole),
        *((label, None, comparison.benchmarks[name]) for label, name in _BENCHMARKS),
    ]
    room = max((out.width - _FIRST_COLUMN) // _COLUMN, 1)
    for k in range(0, len(columns), room):
        shown = columns[k : k + room]
        table = Table(title=title if k == 0 else None)
        table.add_column("")
        for label, _, _ in shown:
            table.add_column(label, justify="right", overflow="fold")
        for label, name, form in _ROWS:
            cells = [_cell(form, figures.get(name), one, name) for _, one, figures in shown]
            table.add_row(label, *cells)
        if any(one is not None and one.controls for _, one, _ in shown):
            table.add_row("random trades instead", *(_luck(one) for _, one, _ in shown))
            table.add_row("", *(_beaten(one) for _, one, _ in shown))
        table.add_row("edge", *(one.word if one else "" for _, one, _ in shown))
        out.print(table)


def _cell(form: str, value: float | None, one: Compared | None, name: str) -> str:
    if value is None:
        return "-" if one is not None else ""
    text = form.format(value)
    interval = one.intervals.get(name) if one is not None else None
    if interval is None:
        return text
    return f"{text}\n{form.format(interval.low)} .. {form.format(interval.high)}"


def _luck(one: Compared | None) -> str:
    found = one.luck if one is not None else {}
    return f"{found['net_return']:+.2%}" if found else ""


def _beaten(one: Compared | None) -> str:
    found = one.luck if one is not None else {}
    return f"beats {found['beaten']:.0f} of {found['count']:.0f}" if found else ""


def _edges(out: Console, whole: Sequence[Compared]) -> None:
    for one in whole:
        if one.edge is not None:
            out.print(f"{one.name}: {one.edge.headline}", highlight=False, markup=False)
            for reason in one.edge.reasons:
                out.print(f"  {reason}", highlight=False, markup=False)

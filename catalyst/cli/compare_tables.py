"""Tables for people: variants beside each other, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalyst.cli.lake_tables import stdout

if TYPE_CHECKING:
    from rich.console import Console

    from catalyst.research.compared import Compared, Comparison

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

    from catalyst.research.comparison_table import BENCHMARKS, ROWS, cell, luck, title_of

    title = title_of(comparison)
    columns: list[tuple[str, Compared | None, Mapping[str, float | None]]] = [
        *((one.name, one, one.figures) for one in whole),
        *((label, None, comparison.benchmarks[name]) for name, label in BENCHMARKS.items()),
    ]
    room = max((out.width - _FIRST_COLUMN) // _COLUMN, 1)
    for k in range(0, len(columns), room):
        shown = columns[k : k + room]
        table = Table(title=title if k == 0 else None)
        table.add_column("")
        for label, _, _ in shown:
            table.add_column(label, justify="right", overflow="fold")
        for label, name, form in ROWS:
            cells = ["\n".join(cell(form, name, figures, one)) for _, one, figures in shown]
            table.add_row(label, *cells)
        if any(one is not None and one.controls for _, one, _ in shown):
            table.add_row("random trades instead", *("\n".join(luck(one)) for _, one, _ in shown))
        table.add_row("edge", *(one.word if one else "" for _, one, _ in shown))
        out.print(table)


def _edges(out: Console, whole: Sequence[Compared]) -> None:
    for one in whole:
        if one.edge is not None:
            out.print(f"{one.name}: {one.edge.headline}", highlight=False, markup=False)
            for reason in one.edge.reasons:
                out.print(f"  {reason}", highlight=False, markup=False)

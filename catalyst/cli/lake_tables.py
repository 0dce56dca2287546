"""Tables for people: what an import did, what a lake holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from catalyst.data.reports import ImportReport

_PIPE_WIDTH = 160
_LONGEST_ROW = 2_000


def show_report(report: ImportReport, root: Path, n_files: int) -> None:
    """Print what an import did with its rows."""
    from rich.table import Table as RichTable

    from catalyst.data.messages import shown as plain

    console = stdout()
    what = f"{report.table} from {n_files} file(s) into {plain(root)}"
    console.print(what, highlight=False, markup=False)
    shown = RichTable()
    shown.add_column("rows")
    shown.add_column("count", justify="right")
    shown.add_row("given", f"{report.given:,}")
    shown.add_row("imported", f"{report.imported:,}")
    shown.add_row("exact duplicates", f"{report.duplicates:,}")
    shown.add_row("quarantined", f"{report.quarantined:,}")
    for rule, count in sorted(report.by_rule.items(), key=lambda item: (-item[1], item[0])):
        shown.add_row(f"  {rule}", f"{count:,}")
    if report.table == "news":
        shown.add_row("links added by the text", f"{report.links_added:,}")
        shown.add_row("wrong links dropped", f"{report.links_dropped:,}")
    console.print(shown)


def show_summary(root: Path, found: dict[str, Any]) -> None:
    """Print the summary of a lake, as `catalyst.data.summaries.summarised` gives it."""
    from rich.table import Table as RichTable
    from rich.text import Text

    from catalyst.data.messages import shown as plain

    console = stdout()
    console.print(f"lake {plain(root)}", highlight=False, markup=False)
    for name, rows in found.items():
        if not isinstance(rows, list) or not rows:
            continue
        shown = RichTable(title=name.replace("_", " "), title_justify="left")
        for column in rows[0]:
            numeric = isinstance(rows[0][column], int | float)
            shown.add_column(column.replace("_", " "), justify="right" if numeric else "left")
        for row in rows:
            # Text, because what stands in square brackets would be taken for a style.
            shown.add_row(*(Text(plain(_cell(name, value))) for name, value in row.items()))
        unbounded = console.options.update(max_width=_LONGEST_ROW)
        if console.measure(shown, options=unbounded).maximum <= console.width:
            console.print(shown)
            continue
        # On a terminal this narrow a table would lose the ends of its headers.
        console.print(name.replace("_", " "), style="italic")
        for row in rows:
            cells = (f"{key.replace('_', ' ')} {_cell(key, value)}" for key, value in row.items())
            console.print(Text(plain(f"  {', '.join(cells)}", longest=_LONGEST_ROW)))
    console.print(f"data digest {found['data_digest']}", highlight=False)


def _cell(column: str, value: object) -> str:
    if column.endswith("_share") and isinstance(value, float):
        return f"{value:.1%}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {share:.1%}" for name, share in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def stdout() -> Console:
    """Give the console of stdout."""
    from rich.console import Console

    # A terminal that can't show a letter gets its number, not a traceback.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    # A pipe has no width; tables are wider than the 80 letters that rich would assume.
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, emoji=False)

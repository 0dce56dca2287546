"""``catalyst study pays``: which patterns and sources paid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from catalyst.research.pays import Pays

EPILOG = """
**Examples**

    catalyst study pays                                 # of runs/latest
    catalyst study pays runs/mine --out studies/pays
    catalyst study pays runs/mine --lake my-lake --json

Signals and trades are joined to patterns and articles by their ids, never by symbol and day. With
several articles a signal counts in each by the weight that the article had in its score. With
--out: pays.parquet, pays.html.
"""
_FILES = ("pays.parquet", "pays.html")
_LONGEST = 2_000


def command(
    *,
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a run; default runs/latest.")
    ] = None,
    lake: Annotated[
        Path | None, typer.Option(help="Its lake; default where its data was last seen.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for table and page.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing study.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
    ] = False,
) -> None:
    """Show what followed a run's signals by pattern, source, tier, category and keyword."""
    from catalyst.cli.asked import console
    from catalyst.cli.runs import open_run
    from catalyst.data.study_folder import check_study_folder, write_study
    from catalyst.research.pays import what_pays
    from catalyst.research.pays_page import pays_page

    if out is not None:
        check_study_folder(out, _FILES, force=force)
    result = open_run(run, lake)
    with console().status("following the signals ...") as status:
        found = what_pays(
            result, tell=lambda text: status.update(f"following the signals: {text} ...")
        )
        if out is not None:
            write_study(
                out,
                tables={_FILES[0]: found.rows},
                texts={_FILES[1]: pays_page(found, result.summary)},
                force=force,
            )
    if as_json:
        typer.echo(json.dumps(found.as_mapping(), indent=2))
    else:
        _show(found, out)


def _show(found: Pays, out: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown as plain
    from catalyst.research.pays_page import HEADS, cells_of

    console = stdout()
    for sentence in found.sentences:
        console.print(escape(plain(sentence, longest=_LONGEST)), highlight=False)
    for (kind,), rows in found.rows.group_by("kind", maintain_order=True):
        table = Table(title=str(kind), title_justify="left")
        for place, head in enumerate(HEADS):
            table.add_column(head, justify="left" if place < 2 else "right")
        for row in rows.iter_rows(named=True):
            table.add_row(*(escape(plain(cell)) for cell in cells_of(row)))
        console.print(table)
    left = ", ".join(f"{name} {n:,}" for name, n in found.counted.items() if n)
    console.print(
        escape(
            f"Moved: return {found.horizon} in the signal's or pattern's direction, beside the "
            f"market, before costs; worth: signals shared among their articles. {left}."
        ),
        highlight=False,
    )
    if out is not None:
        console.print(escape(f"written to {plain(str(out))}"), highlight=False)

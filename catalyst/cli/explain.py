"""``catalyst explain``: why a trade was made, or was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from catalyst.data.story import Story

EPILOG = """
**Examples**

    catalyst explain 3f2a91c07b                          # a trade, by its id or the first digits
    catalyst explain AAPL@2015-03-02T10:05               # a symbol at an instant, New York time
    catalyst explain --why-not AAPL@2015-03-02T10:05     # what stopped it, and what it lacked
    catalyst explain --why-not AAPL@2015-03-02           # its whole day, scan by scan
    catalyst explain --session 2015-03-02                # why no trades that day?
    catalyst explain 3f2a91c07b --run runs/mine --json   # every number to the bit
"""

_STYLES = {
    "headline": "bold",
    "title": "bold",
    "columns": "dim",
    "passed": "",
    "stopped": "red",
    "gain": "green",
    "loss": "red",
    "warning": "yellow",
    "quiet": "dim",
}


def command(
    subject: Annotated[
        str | None,
        typer.Argument(
            help="A trade_id (or the id of a signal, order, fill, pattern or article), its first 6 "
            "digits or more, or SYMBOL@INSTANT.",
            show_default=False,
        ),
    ] = None,
    *,
    why_not: Annotated[
        bool, typer.Option("--why-not", help="Tell what stopped SYMBOL@INSTANT, or its day.")
    ] = False,
    session: Annotated[
        str | None, typer.Option(help="Tell a whole session, such as 2015-03-02.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="The run's folder; default runs/latest.")] = None,
    lake: Annotated[
        Path | None, typer.Option(help="The run's lake; default where its data was last seen.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the story as JSON, every number to the bit.")
    ] = False,
) -> None:
    """Tell why a trade was made, what stopped another, or what happened in a session."""
    from catalyst.cli.runs import open_run
    from catalyst.errors import InputError

    if (subject is None) == (session is None):
        raise InputError(
            "explain needs one subject: a trade_id, SYMBOL@INSTANT such as "
            "AAPL@2015-03-02T10:05, or --session 2015-03-02; trades.parquet of the run lists the "
            "trades"
        )
    story = open_run(run, lake).explain(subject, why_not=why_not, session=session)
    if as_json:
        typer.echo(json.dumps(story.as_json(), indent=2, allow_nan=False))
    else:
        _show(story)


def _show(story: Story) -> None:
    from rich.text import Text

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.story import WIDTH
    from catalyst.data.story_text import lines

    console = stdout()
    for line in lines(story, min(console.width, WIDTH)):
        # Text, not str: rich would read what stands in square brackets as markup.
        styled = Text(line.text, style=_STYLES.get(line.style, ""))
        console.print(styled, soft_wrap=True)

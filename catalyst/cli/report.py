"""``catalyst report``: write the report of a saved run anew."""

from __future__ import annotations

import json
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

EPILOG = """
**Examples**

    catalyst report                                     # of runs/latest, into its folder
    catalyst report --run runs/mine --open              # and show it in the browser
    catalyst report --run runs/mine --lake my-lake --out report-of-mine.html
"""


def command(
    *,
    run: Annotated[Path | None, typer.Option(help="Folder of a run; default runs/latest.")] = None,
    lake: Annotated[
        Path | None, typer.Option(help="Its lake; default where its data was last seen.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file; default report.html in the run's folder.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print path and size as JSON.")] = False,
) -> None:
    """Write the report of a run: one file that opens anywhere, without a network."""
    from rich.console import Console

    from catalyst.cli.runs import open_run
    from catalyst.errors import OutputError

    if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise OutputError(
            f"--out {out} is a folder, or in none that exists; expected a file such as report.html"
        )
    result = open_run(run, lake)
    with Console(file=sys.stderr).status("writing the report ...") as status:
        path = result.report(out, tell=lambda text: status.update(f"writing: {text} ..."))
    if as_json:
        typer.echo(json.dumps({"report": str(path), "bytes": path.stat().st_size}, indent=2))
    else:
        typer.echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    if show:
        webbrowser.open(path.absolute().as_uri())
